"""A wall clock that is set back under a running flow.

Bytewax wakes sources and timers at times of the wall clock. Set back by an hour, an idle flow would sleep for
that hour, and could not even be asked to leave cleanly. So the runner watches for it, and leaves at once for
a restart; what was not yet committed comes again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from .shutdown import RESTART

_EVERY: Final = 1.0
_TOLERATED: Final = 5.0
"""Seconds: a source that is idle is late by as much, no more."""

log = logging.getLogger("kgen_runtime.run")


class Drift:
    """How far the wall clock was set back since the last look, in seconds."""

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead = self._now()

    def back(self) -> float:
        """More than nothing where the clock went back; slow corrections (NTP slewing) stay near nothing."""
        before, self._ahead = self._ahead, self._now()
        return max(before - self._ahead, 0.0)

    def _now(self) -> float:
        return self._wall() - self._steady()


def watch() -> None:
    """Watch from a thread of its own until the process ends; if the clock is set back, leave with 75."""
    threading.Thread(target=_watch, args=(Drift(),), name="kgen-clock", daemon=True).start()


def _watch(drift: Drift) -> None:
    while True:
        time.sleep(_EVERY)
        back = drift.back()
        if back > _TOLERATED:
            log.error("the clock was set back by %.0f s: stopping for a restart (exit code 75)", back)
            logging.shutdown()
            os._exit(RESTART)  # nothing can be drained: the sources are asleep
