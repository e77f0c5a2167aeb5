"""The policy that stops the flow."""

from __future__ import annotations

from ..errors import ProcessingError
from ..flow.failures import shown_class
from ..messages import Failure
from ..reporting.call_site import failed_line, step_line
from .policy import Policy


class Crash(Policy):
    """Stop the flow at the first failure.

    Delivery: nothing of its epoch is committed, so the next run begins with the messages of that epoch, and
    stops again at this one unless something has changed. Nothing is lost and nothing left out.
    """

    name = "crash"

    def handle(self, failures: list[Failure]) -> None:
        """Raise the first one as `ProcessingError`."""
        for failure in failures:
            raise crashed(failure)


def crashed(failure: Failure) -> ProcessingError:
    """A failure as the error that ends the run."""
    raw = failure.original
    line = failed_line(failure.traceback) or step_line(failure.step)
    place = f"step {failure.step}, topic {raw.topic}, partition {raw.partition}, offset {raw.offset}"
    error = ProcessingError(
        f"{shown_class(failure.error_class)}: {failure.message}",
        where=f"{line}, {place}" if line else place,
        hint="rt.DeadLetter(...) as the policy would put such messages aside.",
    )
    error.traceback = failure.traceback
    return error
