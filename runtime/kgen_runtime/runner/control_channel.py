"""The control channel between the process that starts a local cluster and each process of it.

A pair of connected sockets: one end stays with the process that starts the others, the other is inherited. A
message is one byte that says which it is, the length of its text in four bytes (big-endian), and the text in
UTF-8; all but `ERROR` have none. Messages arrive in their order and whole, or not at all: what a process
has sent before it died is read, but for a message that it did not finish.

    the starting process                      a process of the cluster
                          ◀── STOPPING ───    it was asked to stop, by a signal or by a source of its own
    all are to stop       ──── STOP ─────▶
                          ◀── DRAINED ────    everything that it read is durable
    all have drained      ──── LEAVE ────▶
                          ◀──── STUCK ────    it cannot drain, or had nothing to drain and would be missed
    one is stuck          ──── EXIT ─────▶
                          ◀──── ERROR ────    why it failed; equal errors of several processes are shown once
                          ◀── CUT_OFF ────    it failed because another one did, which knows why

STOP comes before LEAVE and EXIT, STOPPING before DRAINED and STUCK. Each may come once. The end of a channel
says that the process at its other end is gone: those of a cluster then exit too.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
from argparse import ArgumentTypeError
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final, Generic, TypeAlias, TypeVar


class Command(Enum):
    """From the process that starts the others."""

    STOP = b"s"
    LEAVE = b"l"
    EXIT = b"x"


class ProcessReport(Enum):
    """From a process of the cluster."""

    STOPPING = b"S"
    DRAINED = b"D"
    STUCK = b"X"
    ERROR = b"E"
    CUT_OFF = b"C"


Sent = TypeVar("Sent", bound=Enum)
Received = TypeVar("Received", bound=Enum)

MOST: Final = 1 << 20
"""Bytes of a message's text."""
_PATIENCE: Final = 5.0
"""Seconds that a process of the cluster waits for one that does not read."""
_HEAD: Final = struct.Struct(">cI")


class ControlChannelError(Exception):
    """Something else than a message came: the other end is not of this version."""


class ChannelClosedError(ControlChannelError):
    """The other end is closed: its process is gone."""

    def __init__(self) -> None:
        super().__init__("the other end of the control channel is closed")


class ControlChannel(Generic[Sent, Received]):
    """One end. Any thread may send, one receives."""

    def __init__(self, end: socket.socket, receives: type[Received], patience: float) -> None:
        end.settimeout(patience)
        self._end = end
        self._receives = receives
        self._lock = threading.Lock()
        self._broken = False
        self._read = bytearray()

    def send(self, message: Sent, text: str = "") -> bool:
        """Whether it is on its way: not if the other end is closed or does not read, or the text is too long
        (`MOST`).
        """
        data = text.encode("utf-8", "backslashreplace")
        if len(data) > MOST:
            return False
        with self._lock:
            if self._broken:
                return False
            try:
                self._end.sendall(_HEAD.pack(message.value, len(data)) + data)
            except OSError:
                self._broken = True  # part of it may have been sent: what followed would not be understood
            return not self._broken

    def messages(self) -> Iterator[tuple[Received, str]]:
        """What has come or comes, until nothing did within the channel's patience; then call it again.

        Raises `ChannelClosedError` after the last message of an end that was closed, and
        `ControlChannelError`.
        """
        while True:
            while (message := self._next()) is not None:
                yield message
            try:
                read = self._end.recv(1 << 16)
            except (BlockingIOError, TimeoutError):
                return
            except OSError:
                raise ChannelClosedError from None
            if not read:
                raise ChannelClosedError
            self._read += read

    def close(self) -> None:
        """Both ways."""
        self._end.close()

    def _next(self) -> tuple[Received, str] | None:
        if len(self._read) < _HEAD.size:
            return None
        kind, length = _HEAD.unpack_from(self._read)
        try:
            message = self._receives(kind)
        except ValueError:
            raise ControlChannelError(f"the control channel brought {kind!r}, which is unknown") from None
        if length > MOST:
            raise ControlChannelError(f"the control channel announced {length} bytes of {message.name}")
        end = _HEAD.size + length
        if len(self._read) < end:
            return None
        text = self._read[_HEAD.size : end].decode("utf-8", "replace")
        del self._read[:end]
        return message, text


ClusterEnd: TypeAlias = "ControlChannel[Command, ProcessReport]"
"""Of the process that starts the others. Never waits."""
ProcessEnd: TypeAlias = "ControlChannel[ProcessReport, Command]"
"""Of a process of the cluster."""


class Inheritance:
    """The end that a process to be started inherits: close it once it has been started."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.set_inheritable(True)

    @property
    def argument(self) -> str:
        """From which `inherited` makes the channel in that process."""
        return str(self._end.fileno())

    @property
    def options(self) -> dict[str, Any]:
        """For `subprocess.Popen`."""
        if sys.platform == "win32":
            return {
                "startupinfo": subprocess.STARTUPINFO(lpAttributeList={"handle_list": [self._end.fileno()]})
            }
        return {"pass_fds": [self._end.fileno()]}

    def close(self) -> None:
        """In this process."""
        self._end.close()


def open_channel() -> tuple[ClusterEnd, Inheritance]:
    """A channel to a process that is about to be started."""
    ours, others = socket.socketpair()
    return ControlChannel(ours, ProcessReport, 0.0), Inheritance(others)


def inherited(argument: str) -> ProcessEnd:
    """The channel of a process that was started with one. Raises `ArgumentTypeError` if there is none."""
    try:
        end = socket.socket(fileno=int(argument))
    except (ValueError, OSError):
        raise ArgumentTypeError(
            f"{argument!r} is not a control channel; only the runner itself gives one, to its own processes"
        ) from None
    end.set_inheritable(False)  # a process that the flow starts must not keep it open
    return ControlChannel(end, Command, _PATIENCE)
