"""The policy that goes on without what failed."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import Final

from ..flow.failures import shown_class
from ..messages import Failure
from ..reporting.progress import PROGRESS
from .policy import Policy

log = logging.getLogger("kgen_runtime.errs")

_MOST_KINDS: Final = 1_000
_OTHERS: Final = ("others", "others")


class Drop(Policy):
    """Go on without the message. What was dropped is counted by stage and error class (`dropped`, past 1,000
    of these under `("others", "others")`; in the metrics by stage) and logged, less and less often.

    Ordering: messages that did not fail keep theirs. Delivery: what is dropped is gone; after a crash
    failures of the last epoch are counted again.
    """

    name = "drop"

    def __init__(self) -> None:
        self.dropped: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._logged = 0

    def handle(self, failures: list[Failure]) -> None:
        """Count them."""
        with self._lock:
            for failure in failures:
                kind = (failure.stage.value, failure.error_class)
                known = kind in self.dropped or len(self.dropped) < _MOST_KINDS
                self.dropped[kind if known else _OTHERS] += 1
            total = self.dropped.total()
            if total < 2 * self._logged or PROGRESS.reported:  # then it is in the runner's report
                return
            self._logged = total
            kinds = self.dropped.most_common(5)
        each = ", ".join(f"{count} {stage} {shown_class(name)}" for (stage, name), count in kinds)
        log.warning("%s message(s) dropped so far: %s", total, each)
