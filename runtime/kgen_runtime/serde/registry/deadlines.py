"""How long requests may take, what ends them before, and who is notified that they take long."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ...stop import STOP

_LOOK_EVERY: Final = 0.05
_GRACE: Final = 0.5
"""Seconds that a request may still take once the flow is asked to stop."""
_SILENCE: Final = 2.0
"""Seconds of a request before it is said that it is waited for."""
_SAY_EVERY: Final = 10.0


class GivenUpError(Exception):
    """A request was not waited for to its end; the text says why."""


@dataclass(frozen=True)
class Limit:
    """A time (`time.monotonic`) by which all has to be done, and in how many seconds that was to be."""

    until: float
    seconds: float

    @classmethod
    def of(cls, seconds: float) -> Limit:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds, seconds)


@dataclass
class Patience:
    """Shared by all requests of a client. `say` gets a line where one takes long, and seldom more."""

    say: Callable[[str], None]
    closed: threading.Event = field(default_factory=threading.Event)
    _said_at: float = -_SAY_EVERY

    def report(self, what: str) -> None:
        """Say what is waited for, unless something was said just now."""
        now = time.monotonic()
        if now - self._said_at >= _SAY_EVERY:
            self._said_at = now
            self.say(what)


class RequestWait:
    """The waits of one request, retries and redirects included."""

    def __init__(self, patience: Patience, what: str, limit: Limit) -> None:
        self._patience = patience
        self._what = what
        self._limit = limit
        self._began = time.monotonic()
        self._stopping: float | None = None

    @property
    def left(self) -> float:
        """Seconds, never below 0."""
        return max(0.0, self._limit.until - time.monotonic())

    def check(self) -> None:
        """Raises `GivenUpError` if there is no time for anything more."""
        self._go_on(self._what)

    def until_set(self, event: threading.Event, seconds: float = math.inf) -> None:
        """Wait for an answer, `seconds` at most. Raises `GivenUpError`."""
        end = time.monotonic() + seconds
        while not event.wait(_LOOK_EVERY) and time.monotonic() < end:
            self._go_on(self._what)

    def pause(self, seconds: float, why: str) -> None:
        """Wait before another try. Raises `GivenUpError`, at once where it would be too late for one."""
        if seconds >= self.left:
            raise GivenUpError(f"{why}; not answered within {self._limit.seconds:g} s")
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._patience.closed.wait(min(left, _LOOK_EVERY))
            if STOP.requested:
                raise GivenUpError(f"{why}; the flow is asked to stop")
            self._go_on(f"{self._what}: {why}, next try in {left:.0f} s", soon=seconds > _SILENCE)

    def _go_on(self, what: str, *, soon: bool = False) -> None:
        now = time.monotonic()
        if self._patience.closed.is_set():
            raise GivenUpError("the client was closed")
        if now >= self._limit.until:
            raise GivenUpError(f"no complete answer within {self._limit.seconds:g} s")
        if STOP.requested:
            self._stopping = self._stopping or now
            if now >= self._stopping + _GRACE:
                raise GivenUpError("the flow is asked to stop")
        if soon or now >= self._began + _SILENCE:
            self._patience.report(f"waiting for the schema registry ({now - self._began:.0f} s): {what}")
