"""The policy that stops the flow when too much fails."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream

from .._bytewax import operator_class, walk
from ..consumer.source import source
from ..errors import FlowError, ProcessingError
from ..flow.argument_checks import check_failure, check_policies, checked, explaining
from ..flow.failures import shown_class
from ..messages import Failure
from ..metrics import messages_read
from ..reporting.printable import bounded, escaped
from ..reporting.shown_argument import shown
from ..steps.wire_steps import deserialize
from ..stop import STOP
from .policy import Policy, joined_wishes, pass_on
from .step_keeper import StepWishes

MOST_WINDOW: Final = 10_000_000
_MOST_SHOWN: Final = 5
_MOST_TEXT: Final = 200
_MOST_SAMPLES: Final = 1_000
_COUNTED: Final = tuple(operator_class(step) for step in (source, deserialize))


class Breaker(Policy):
    """Stop the flow when of `window` messages in a row more than the share `ratio` has failed. Until then,
    and for what still comes while the flow stops, `then` is the policy, or the policies.

    `rt.Breaker(0.05, 10_000, then=rt.DeadLetter(...))`: the 501st failure within 10,000 messages stops the
    flow, so a release that cannot read what is there fills no dead-letter topic. Messages are counted as
    `rt.source` and `rt.deserialize` read them, failed ones too, in each process of a cluster for itself, and
    from 0 again with each run. A window in messages and not in time means the same at each speed.

    kgen's runner stops it as on SIGTERM: sources go quiet, what was read is handled and committed, and no
    message is lost or repeated. Then it exits with 65, after an error that names the most frequent
    fingerprints; started again the flow goes on behind what it has read. Under another runner, or if nothing
    is read by an `rt.source`, the step raises: nothing of the epoch is committed.

    Ordering and delivery: those of `then`. Raises `FlowError` for a ratio that is not between 0 and 1, for a
    window that is not positive, and if the flow reads nothing that is counted.
    """

    name = "breaker"

    @checked
    def __init__(self, ratio: float, window: int = 1_000, *, then: Policy | Sequence[Policy]) -> None:
        if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 <= ratio < 1:
            hint = "0.05: more than 5 % of the messages; 0: the first failure."
            raise FlowError(f"rt.Breaker: invalid ratio={shown(ratio)}: expected 0 to below 1", hint=hint)
        if isinstance(window, bool) or not isinstance(window, int) or not 0 < window <= MOST_WINDOW:
            raise FlowError(
                f"rt.Breaker: invalid window={shown(window)}: expected a number of messages",
                hint=f"From 1 to {MOST_WINDOW}.",
            )
        self._most = int(ratio * window + 1e-9)  # 0.29 * 100 is 28.999…
        self._ratio, self._window = ratio, window
        self._then: list[Policy] = check_policies(then, "rt.Breaker: then=")
        self._lock = threading.Lock()
        self._recent: deque[tuple[int, str]] = deque()
        self._counts: Counter[str] = Counter()
        self._samples: dict[str, Failure] = {}
        self._broken = False

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """A step that counts and passes on."""
        _check_counted(up.flow())
        watch = explaining(step_id, self._watch, check_failure)
        pass_on(self._then, op.flat_map_batch(step_id, up, watch))

    def wishes(self) -> StepWishes:
        """Those of `then`."""
        return joined_wishes(self._then)

    def _watch(self, failures: list[Failure]) -> list[Failure]:
        with self._lock:
            self._note(failures, messages_read())
            error = None if self._broken or len(self._recent) <= self._most else self._error()
            self._broken |= error is not None
        if error is not None and not STOP.fail(error):
            self._reset()
            raise error
        return failures

    def _reset(self) -> None:
        """The flow may run again in this process."""
        with self._lock:
            self._broken = False
            self._recent.clear()
            self._counts.clear()
            self._samples.clear()

    def _note(self, failures: list[Failure], position: int) -> None:
        """These failed before so many messages were read."""
        while self._recent and self._recent[0][0] <= position - self._window:
            self._forget(self._recent.popleft()[1])
        if self._broken:
            return  # the flow is about to stop
        for failure in failures:
            self._recent.append((position, failure.fingerprint))
            self._counts[failure.fingerprint] += 1
            if failure.fingerprint not in self._samples and len(self._samples) < _MOST_SAMPLES:
                self._samples[failure.fingerprint] = failure.without_payload()

    def _forget(self, fingerprint: str) -> None:
        self._counts[fingerprint] -= 1
        if not self._counts[fingerprint]:
            del self._counts[fingerprint]
            self._samples.pop(fingerprint, None)

    def _error(self) -> ProcessingError:
        ranked = self._counts.most_common()
        each = [f"{count} of {self._described(kind)}" for kind, count in ranked[:_MOST_SHOWN]]
        more = f"; and {len(ranked) - len(each)} more kinds" if len(ranked) > len(each) else ""
        return ProcessingError(
            f"{len(self._recent)} messages failed within {self._window}, more than {self._ratio:.4g} of "
            f"them: {'; '.join(each)}{more}",
            where="rt.Breaker",
            hint="Find out what changed: the messages, or the code. Started again, the flow goes on behind "
            "what it has read; what failed is where the breaker's policy put it.",
        )

    def _described(self, fingerprint: str) -> str:
        failure = self._samples.get(fingerprint)
        if failure is None:
            return fingerprint
        why = bounded(escaped(failure.message), _MOST_TEXT)
        return f"{fingerprint} ({failure.stage.value}, {shown_class(failure.error_class)}: {why})"


def _check_counted(flow: Dataflow) -> None:
    if not any(isinstance(step, _COUNTED) for step in walk(flow)):
        raise FlowError(
            "rt.Breaker: nothing in the flow counts what is read",
            hint="Read with rt.source, or decode with rt.deserialize.",
        )
