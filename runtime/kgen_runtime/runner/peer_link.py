"""A connection between process 0 of a cluster and another process of it, and how both notice that it is cut.

A message is a JSON object in one line of at most `MOST` bytes. What comes is not trusted: anybody who reaches
the port may have sent it.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

MOST: Final = 1 << 20
"""Bytes of a message: the steps and modules of a large flow are some 100 KiB."""
SILENCE: Final = 5.0
"""Seconds without an answer of the peer's kernel after which a connection is given up."""
_PATIENCE: Final = 5.0
"""Seconds for a peer to take what is sent."""
_PAUSE: Final = 0.01
_PROBES: Final = 3


class PeerLinkError(Exception):
    """What came is not a message of this version."""


def guard(connection: socket.socket) -> None:
    """Have the kernel give a connection up after `SILENCE` without an answer: the end of a host that is cut
    off, or has lost its power, sends nothing. By itself Linux tries for a quarter of an hour to deliver what
    was sent, and waits without end if nothing was.
    """
    with suppress(OSError):  # it may be closed by now
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        tcp = socket.IPPROTO_TCP
        if sys.platform == "linux":
            connection.setsockopt(tcp, socket.TCP_KEEPIDLE, round(SILENCE / _PROBES))
            connection.setsockopt(tcp, socket.TCP_USER_TIMEOUT, round(SILENCE * 1000))
        if sys.platform == "darwin":
            connection.setsockopt(tcp, 0x10, round(SILENCE / _PROBES))  # TCP_KEEPALIVE
        if sys.platform != "win32":
            connection.setsockopt(tcp, socket.TCP_KEEPINTVL, round(SILENCE / _PROBES))
            connection.setsockopt(tcp, socket.TCP_KEEPCNT, _PROBES)


class PeerLink:
    """One end. Any thread may send, one receives. `process` is the one at the other end, if it is known."""

    def __init__(self, connection: socket.socket, process: int | None = None) -> None:
        guard(connection)
        connection.setblocking(False)
        self.process = process
        self._connection = connection
        self._lock = threading.Lock()
        self._read = bytearray()

    def fileno(self) -> int:
        """For a selector: readable when a message may have come."""
        return self._connection.fileno()

    def places(self) -> tuple[Any, Any]:
        """The addresses of both ends, which no other connection has. Raises `OSError`."""
        return self._connection.getsockname(), self._connection.getpeername()

    def send(self, message: Mapping[str, Any]) -> bool:
        """Whether it is on its way: not if the other end is closed, or takes nothing."""
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            deadline = time.monotonic() + _PATIENCE
            while data and time.monotonic() < deadline:
                try:
                    data = data[self._connection.send(data) :]
                except BlockingIOError:
                    time.sleep(_PAUSE)
                except OSError:
                    break
            return not data

    def messages(self) -> Iterator[dict[str, Any]]:
        """Those that have come. Never waits. Raises `EOFError` if the other end is closed, `OSError` if it is
        cut off, and `PeerLinkError`.
        """
        with suppress(BlockingIOError, TimeoutError):
            while True:
                try:
                    data = self._connection.recv(1 << 16)
                except (ConnectionResetError, BrokenPipeError):  # closed, before it had read everything
                    data = b""
                if not data:
                    yield from self._lines()
                    raise EOFError
                self._read += data
                if len(self._read) > MOST:
                    break
        yield from self._lines()
        if len(self._read) > MOST:
            raise PeerLinkError(f"a message of more than {MOST} bytes")

    def _lines(self) -> Iterator[dict[str, Any]]:
        while (end := self._read.find(b"\n")) >= 0:
            line = bytes(self._read[:end])
            del self._read[: end + 1]
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                raise PeerLinkError("not JSON") from None
            if not isinstance(message, dict):
                raise PeerLinkError("not a JSON object")
            yield message

    def close(self) -> None:
        """Both ways."""
        self._connection.close()
