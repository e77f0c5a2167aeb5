"""The policy that stops the flow."""

from __future__ import annotations

from bytewax.dataflow import Stream

from ..errors import ProcessingError
from ..flow.failures import shown_class
from ..messages import Failure
from ..reporting.call_site import failed_line, step_line
from .policy import Policy, consume, count


class Crash(Policy):
    """Stop the flow at the first failure, with nothing of its epoch committed."""

    name = "crash"

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps."""
        consume(step_id, up, self._crash)

    def _crash(self, failures: list[Failure]) -> None:
        count(self, failures)
        _crash(failures)


def _crash(failures: list[Failure]) -> None:
    for failure in failures:
        raw = failure.original
        line = failed_line(failure.traceback) or step_line(failure.step)
        place = f"step {failure.step}, topic {raw.topic}, partition {raw.partition}, offset {raw.offset}"
        error = ProcessingError(
            f"{shown_class(failure.error_class)}: {failure.message}",
            where=f"{line}, {place}" if line else place,
            hint="rt.DeadLetter(...) as the policy would put such messages aside.",
        )
        error.traceback = failure.traceback
        raise error
