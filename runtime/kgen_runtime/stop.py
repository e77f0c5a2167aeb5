"""Leaving cleanly: how the runner asks the sources of this process to stop, and how they answer.

Two ways. Without recovery the sources end, as if their topics did: what is under way is flushed and windows
give what they hold. With recovery that would be wrong: Bytewax closes every open window at the end of
input, so each would come out in two parts. There the sources go quiet instead, wait until a snapshot taken
after their last message is durable, and say so; the runner then leaves without an end of input, and the
next run goes on where this one was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal, TypeAlias

How: TypeAlias = Literal["end", "drain"]


class Stop:
    """One per process (`STOP`). The runner's signal handler writes it, the partitions of all workers read
    it.
    """

    def __init__(self) -> None:
        self.how: How | None = None  # read without the lock on every batch
        self.restart = False
        self._lock = threading.RLock()  # a signal handler may come while the main thread holds it
        self.reset()

    def reset(
        self,
        way: How = "end",
        on_request: Callable[[], None] = lambda: None,
        on_drained: Callable[[], None] = lambda: None,
        on_nobody: Callable[[], None] = lambda: None,
        held: bool = False,
    ) -> None:
        """Forget earlier requests; the next one will be answered in this `way`. Until `release`, if it is
        `held`.
        """
        with self._lock:
            self._held = held
            self.how = None
            self.restart = False
            self._way: How = way
            self._on_request = on_request
            self._on_drained = on_drained
            self._on_nobody = on_nobody
            self._reading: set[object] = set()
            self.listed = False
            self.joined = False

    def release(self) -> None:
        """The runner's run is over: the next one in this process, by whatever, has its own requests."""
        self._held = False

    def request(self, *, restart: bool = False) -> None:
        """Ask the sources to stop; `restart` says that a supervisor should start the flow again."""
        with self._lock:
            self.restart |= restart
            if self.how is not None:
                return
            self.how = self._way
            self._on_request()
            if self.joined:
                self._check()
            else:
                self._on_nobody()

    def list(self) -> None:
        """A source has looked which partitions there are: the run has begun. What was asked of an earlier one
        of this process is forgotten where no runner does that (`run_main`).
        """
        if not self._held:
            self.reset()
        self.listed = True

    def join(self, partition: object) -> None:
        """A partition is being read."""
        with self._lock:
            self._reading.add(partition)
            self.joined = True

    def leave(self, partition: object) -> None:
        """A partition is at its end, closed, or quiet with everything it gave durable. May be said twice."""
        with self._lock:
            if partition in self._reading:
                self._reading.remove(partition)
                self._check()

    def _check(self) -> None:
        if self.how == "drain" and not self._reading:
            self._on_drained()


STOP = Stop()
