"""Log lines that come again and again: librdkafka repeats some of them many times a second."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Final

_NUMBERS: Final = re.compile(r"\d+")
_MOST: Final = 1_000


class OncePer(logging.Filter):
    """Lets a line through once in so many seconds; lines that differ in numbers alone count as the same.

    The next one that comes through says how many were left out.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}  # the line: when it came through, how many since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be logged."""
        line = _NUMBERS.sub("#", record.getMessage())
        now = self._clock()
        at, left_out = self._seen.get(line, (-self._seconds, 0))
        if now - at < self._seconds:
            self._seen[line] = at, left_out + 1
            return False
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[line] = now, 0
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like it)", ()
        return True
