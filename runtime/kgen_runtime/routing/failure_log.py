"""The policy that logs failures."""

from __future__ import annotations

import logging

from bytewax.dataflow import Stream

from ..messages import Failure
from .policy import Policy, consume, count, described

log = logging.getLogger("kgen_runtime.errs")


class Log(Policy):
    """Write a line to the log for each failure, `level` high, and go on without the message."""

    name = "log"

    def __init__(self, level: int = logging.ERROR) -> None:
        self._level = level

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps."""
        consume(step_id, up, self._log)

    def _log(self, failures: list[Failure]) -> None:
        count(self, failures)
        for failure in failures:
            log.log(self._level, "%s", described(failure))
