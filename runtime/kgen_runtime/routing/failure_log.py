"""The policy that logs failures."""

from __future__ import annotations

import logging
import threading
from typing import Final

from ..messages import Failure
from ..reporting.call_site import wrong_argument
from ..reporting.shown_argument import shown
from .policy import Policy, described

log = logging.getLogger("kgen_runtime.errs")

MOST_KINDS: Final = 100
"""Fingerprints with lines of their own; all others share one."""
_OTHERS: Final = "others"


class Log(Policy):
    """Log failures, `level` high, and go on without the messages.

    The first failure of a fingerprint is logged with its traceback, and the fingerprint again each time its
    count has doubled. Past `MOST_KINDS` fingerprints the others count as one. So the log grows with the
    number of kinds, and hardly with that of failures.

    Ordering: messages that did not fail keep theirs. Delivery: the message is not written anywhere, so it is
    lost but for this line; after a crash failures of the last epoch are counted again. Together with another
    policy, `(rt.Log(), rt.DeadLetter(...))`, it says what that one puts aside.

    Raises `FlowError` for a level that is not one of `logging`'s numbers.
    """

    name = "log"

    def __init__(self, level: int = logging.ERROR) -> None:
        if isinstance(level, bool) or not isinstance(level, int):
            raise wrong_argument(
                f"rt.Log: invalid level={shown(level)}: expected a number", "logging.WARNING, for example."
            )
        self._level = level
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._logged: dict[str, int] = {}

    def handle(self, failures: list[Failure]) -> None:
        """Count them; log those whose turn it is."""
        latest: dict[str, Failure] = {}
        with self._lock:
            for failure in failures:
                kind = self._kind(failure.fingerprint)
                self._counts[kind] = self._counts.get(kind, 0) + 1
                latest.setdefault(kind, failure)
            due = [
                (kind, self._counts[kind], failure)
                for kind, failure in latest.items()
                if self._counts[kind] >= 2 * self._logged.get(kind, 0)
            ]
            self._logged.update((kind, number) for kind, number, _ in due)
        for kind, number, failure in due:
            log.log(self._level, "%s", described(failure, _so_far(kind, number)))

    def _kind(self, fingerprint: str) -> str:
        known = fingerprint in self._counts or len(self._counts) < MOST_KINDS
        return fingerprint if known else _OTHERS


def _so_far(kind: str, number: int) -> str:
    if kind == _OTHERS:
        return f" ({number} of further kinds so far)"
    return f" ({number} of {kind} so far)" if number > 1 else ""
