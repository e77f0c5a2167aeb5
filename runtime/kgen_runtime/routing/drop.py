"""The policy that goes on without what failed."""

from __future__ import annotations

import logging
from collections import Counter

from bytewax.dataflow import Stream

from ..flow.failures import shown_class
from ..messages import Failure
from ..reporting.progress import PROGRESS
from .policy import Policy, consume, count

log = logging.getLogger("kgen_runtime.errs")


class Drop(Policy):
    """Go on without the message. What was dropped is counted by stage and error, and logged,
    less and less often.
    """

    name = "drop"

    def __init__(self) -> None:
        self.dropped: Counter[tuple[str, str]] = Counter()
        self._said = 0

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps."""
        consume(step_id, up, self._drop)

    def _drop(self, failures: list[Failure]) -> None:
        count(self, failures)
        self.dropped.update((failure.stage.value, failure.error_class) for failure in failures)
        total = sum(self.dropped.values())
        if failures and total >= 2 * self._said and not PROGRESS.wanted:  # else the runner's report says it
            self._said = total
            kinds = ", ".join(
                f"{count} {stage} {shown_class(name)}" for (stage, name), count in self.dropped.most_common(5)
            )
            log.warning("%s message(s) dropped so far: %s", total, kinds)
