"""A request to stop that a handler of signals can make."""

from __future__ import annotations

import queue


class StopRequest:
    """Like `threading.Event`, whose `set` in a handler would wait for ever if the signal came within the same
    thread's `wait`: both take its lock.
    """

    def __init__(self) -> None:
        self._made: queue.SimpleQueue[None] = queue.SimpleQueue()  # `put` may be called in a handler

    def set(self) -> None:
        """Make the request."""
        self._made.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is made, now or within `timeout` seconds; without a timeout, not before it is."""
        try:
            self._made.get(timeout=timeout)
        except queue.Empty:
            return False
        self._made.put(None)  # it stays made
        return True
