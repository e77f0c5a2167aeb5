"""Bytewax's own connections between the processes of a cluster, found among the open files of this process,
and whether they can be made.

There is one for each pair of processes, which the one with the higher number opens: to the other's address,
where this one listens. Bytewax sets nothing on them: of a host that is cut off, or has lost its power,
neither side would ever know. Linux alone shows what is needed for this; elsewhere none is found.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, NamedTuple

from .peer_link import guard

VISIBLE: Final = sys.platform == "linux"
"""Whether they can be found."""
_FILES: Final = "/proc/self/fd"
_TABLES: Final = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
_MOMENT: Final = 2.0
_PAUSE: Final = 0.01
_LISTENS: Final = 10
"""TCP_LISTEN."""
_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)
_CLOSED: Final = 7
"""TCP_CLOSE, of a connection that the kernel has given up, or both sides have ended."""


def listens(port: int) -> bool:
    """Whether this process takes connections at that port by now."""
    for opened in _sockets().values():
        with suppress(OSError), _borrowed(opened[0]) as connection:
            if (
                connection.family in _INTERNET
                and connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                and connection.getsockname()[1] == port
            ):
                return True
    return False


def wait_for_local(ports: Sequence[int]) -> None:
    """Until processes of this machine listen at all of these ports, or a moment: Bytewax, which connects to
    them, would try again after a second.
    """
    deadline = time.monotonic() + _MOMENT
    while VISIBLE and not _listened_at().issuperset(ports) and time.monotonic() < deadline:
        time.sleep(_PAUSE)


def _listened_at() -> set[int]:
    """The ports at which anything listens here."""
    found = set()
    for table in _TABLES:
        with suppress(OSError, ValueError, IndexError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                _, local, _, state = line.split()[:4]
                if int(state, 16) == _LISTENS:
                    found.add(int(local.rpartition(":")[2], 16))
    return found


class PeerConnection(NamedTuple):
    """One of them; `place` has the addresses of both ends. Bytewax opens its file twice, for the thread that
    sends and the one that receives: one may be closed before the other.
    """

    inode: int
    files: tuple[int, ...]
    place: tuple[Any, Any]

    def state(self) -> ConnectionState:
        """As the kernel has it."""
        for file in self.files:
            with suppress(OSError):
                if os.fstat(file).st_ino == self.inode:
                    with _borrowed(file) as connection:
                        return _state(connection)
        return ConnectionState.ENDED


class ConnectionState(Enum):
    """`UNANSWERED`: what was sent, or the question whether anybody is there, had to be sent again. `ENDED`:
    none of the files is open any more.
    """

    WHOLE = auto()
    UNANSWERED = auto()
    BROKEN = auto()
    ENDED = auto()


def find_connections(
    port: int, targets: Mapping[Any, int], links: Set[tuple[Any, Any]]
) -> Iterator[tuple[int | None, PeerConnection]]:
    """Those of the process that listens at `port`, but for `links`, with the process at the other end if this
    one has opened it: `targets` has the addresses of these. Each is guarded (`guard`) as it is found.
    """
    for inode, opened in _sockets().items():
        with suppress(OSError), _borrowed(opened[0]) as connection:
            if connection.family not in _INTERNET:
                continue
            place = connection.getsockname(), connection.getpeername()
            process = targets.get(place[1][:2])
            if place not in links and (process is not None or place[0][1] == port):
                guard(connection)
                yield process, PeerConnection(inode, tuple(opened), place)


def _sockets() -> dict[int, list[int]]:
    """Those that are open here: inode -> files."""
    files: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir(_FILES) if VISIBLE else ():  # noqa: PTH208 - only names are wanted
        with suppress(OSError):
            found = os.fstat(int(name))
            if stat.S_ISSOCK(found.st_mode):
                files[found.st_ino].append(int(name))
    return files


class _borrowed:  # noqa: N801 - a context manager
    """A socket of an open file that stays open. Raises `OSError` if it is none."""

    def __init__(self, file: int) -> None:
        self._socket = socket.socket(fileno=file)

    def __enter__(self) -> socket.socket:
        return self._socket

    def __exit__(self, *error: object) -> None:
        self._socket.detach()


def _state(connection: socket.socket) -> ConnectionState:
    if sys.platform != "linux":
        return ConnectionState.WHOLE
    # The first bytes of struct tcp_info: tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes.
    state, _, retransmits, probes = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 4)
    if state == _CLOSED:
        return ConnectionState.BROKEN
    return ConnectionState.UNANSWERED if retransmits or probes else ConnectionState.WHOLE
