"""Bytewax's own connections between the processes of a cluster, found among the open files of this process.

There is one for each pair of processes, which the one with the higher number opens: to the other's address,
where this one listens. Bytewax sets nothing on them: of a host that is cut off, or has lost its power,
neither side would ever know. Linux alone shows what is needed for this; elsewhere none is found.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from .peer_link import guard

VISIBLE: Final = sys.platform == "linux"
"""Whether they can be found."""
_FILES: Final = "/proc/self/fd"
_CLOSED: Final = 7
"""TCP_CLOSE, of a connection that the kernel has given up, or both sides have ended."""


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
                        return ConnectionState.BROKEN if _is_closed(connection) else ConnectionState.WHOLE
        return ConnectionState.ENDED


class ConnectionState(Enum):
    """`ENDED`: none of the files is open any more."""

    WHOLE = auto()
    BROKEN = auto()
    ENDED = auto()


def find_connections(
    port: int, targets: Mapping[Any, int], links: Set[tuple[Any, Any]]
) -> Iterator[tuple[int | None, PeerConnection]]:
    """Those of the process that listens at `port`, but for `links`, with the process at the other end if this
    one has opened it: `targets` has the addresses of these. Each is guarded (`guard`) as it is found.
    """
    files: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir(_FILES) if VISIBLE else ():  # noqa: PTH208 - only names are wanted
        with suppress(OSError):
            found = os.fstat(int(name))
            if stat.S_ISSOCK(found.st_mode):
                files[found.st_ino].append(int(name))
    for inode, opened in files.items():
        with suppress(OSError), _borrowed(opened[0]) as connection:
            if connection.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            place = connection.getsockname(), connection.getpeername()
            process = targets.get(place[1][:2])
            if place not in links and (process is not None or place[0][1] == port):
                guard(connection)
                yield process, PeerConnection(inode, tuple(opened), place)


class _borrowed:  # noqa: N801 - a context manager
    """A socket of an open file that stays open. Raises `OSError` if it is none."""

    def __init__(self, file: int) -> None:
        self._socket = socket.socket(fileno=file)

    def __enter__(self) -> socket.socket:
        return self._socket

    def __exit__(self, *error: object) -> None:
        self._socket.detach()


def _is_closed(connection: socket.socket) -> bool:
    if sys.platform != "linux":
        return False
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _CLOSED
