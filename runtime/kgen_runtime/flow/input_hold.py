"""Holding the input: sources of this process read nothing while a step has more than it can keep."""

from __future__ import annotations

import threading
from typing import Final
from weakref import WeakSet


class InputHold:
    """One per process (`INPUT`). Holders are known weakly: what a run that failed has left holds nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: WeakSet[object] = WeakSet()

    @property
    def held(self) -> bool:
        """Whether sources wait. Asked with every batch."""
        return len(self._holders) > 0

    def holds(self, holder: object) -> bool:
        """Whether this one is among those who hold it."""
        return holder in self._holders

    def hold(self, holder: object, on: bool) -> None:
        """From now on, or no longer."""
        with self._lock:
            if on:
                self._holders.add(holder)
            else:
                self._holders.discard(holder)


INPUT: Final = InputHold()
