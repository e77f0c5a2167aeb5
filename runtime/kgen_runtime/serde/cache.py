"""A bounded cache whose entries may run out; shared by threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cache(Generic[T]):
    """At most `size` entries, the least recently used one given up first.

    Times are those of the caller's clock, in seconds.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, tuple[T, float | None]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, now: float) -> T | None:
        """What was put there, unless its time has run out."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            value, until = entry
            if until is not None and now >= until:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def put(self, key: Hashable, value: T, until: float | None = None) -> None:
        """Keep `value` for good, or until a time."""
        with self._lock:
            self._entries[key] = (value, until)
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
