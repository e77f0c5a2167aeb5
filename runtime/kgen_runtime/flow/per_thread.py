"""One of something for each worker of a step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

R = TypeVar("R")


class PerThread(Generic[R]):
    """One of something for each worker: Bytewax runs a worker in a thread of its own."""

    def __init__(self, make: Callable[[], R]) -> None:
        self._make = make
        self._made: dict[int, R] = {}

    def get(self) -> R:
        """This thread's."""
        thread = threading.get_ident()
        if thread not in self._made:
            self._made[thread] = self._make()
        return self._made[thread]
