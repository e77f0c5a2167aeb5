"""The policy that tries again."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from bytewax.dataflow import Stream

from ..errors import FlowError
from ..flow.argument_checks import check_policies, checked
from ..messages import Failure
from ..reporting.shown_argument import shown
from .key_queues import RetryRule
from .policy import Policy, joined_wishes, pass_on
from .step_keeper import StepWishes

_MOST_ATTEMPTS: Final = 1_000
_LONGEST: Final = timedelta(hours=1)


class Retry(Policy):
    """Have the step that failed try the message again, up to `attempts` times in all, when what it raised is
    of one of the classes in `on`. What fails for good, or in another way, goes to `then`.

    `backoff` is the pause after the first attempt; each one is twice as long as that before, up to `most`,
    less a random part of up to `jitter` of it. What says that registry or broker are unavailable
    (`rt.RegistryUnavailable`, `rt.DeliveryError`) is tried for as long as that lasts.

    It acts in steps that run code of the user's and feed the route directly (`rt.map`, `rt.map_value`, …):
    failures of the others go to `then` at once. The function is called again for the same item, so what it
    did before it raised must bear repetition.

    Ordering: messages of a key stay in order: later ones of it wait behind the one that is tried again, in
    this step. A message without a key waits alone. Nothing else waits: not other keys, not other partitions,
    not the worker. But when 5,000 messages of a worker wait, the sources of the process read nothing until
    half of them are done with. After a restart with another number of workers or processes, new messages of a
    key may go ahead of those that wait from before.

    Delivery: at least once. What waits is in the recovery store, durable with its epoch: a crash or a stop
    loses nothing, and the next run tries it again. Without a recovery folder the attempts that are left are
    made at once when the flow is asked to stop. In a flow with a sink or dead letters that deliver exactly
    once, and in steps that keep state, a message waits in its place: its worker waits with it, with all its
    partitions, and the epoch is not closed; keep the sum of the pauses below `transaction.timeout.ms` (60 s)
    there.

    Raises `FlowError` for invalid arguments, and if no step that feeds the route can be tried again.
    """

    name = "retry"

    @checked
    def __init__(
        self,
        attempts: int = 5,
        backoff: timedelta = timedelta(seconds=1),
        most: timedelta = timedelta(seconds=30),
        jitter: float = 0.5,
        *,
        on: type[Exception] | Sequence[type[Exception]] = (ConnectionError, TimeoutError),
        then: Policy | Sequence[Policy],
    ) -> None:
        if isinstance(attempts, bool) or not isinstance(attempts, int) or not 1 <= attempts <= _MOST_ATTEMPTS:
            raise FlowError(
                f"rt.Retry: invalid attempts={shown(attempts)}: expected 1 to {_MOST_ATTEMPTS}",
                hint="The first attempt counts: attempts=5 tries again four times.",
            )
        for name, value in (("backoff", backoff), ("most", most)):
            if not isinstance(value, timedelta) or not timedelta(0) <= value <= _LONGEST:
                raise FlowError(
                    f"rt.Retry: invalid {name}={shown(value)}: expected a timedelta of up to an hour",
                    hint=f"{name}=timedelta(seconds=1), for example.",
                )
        if isinstance(jitter, bool) or not isinstance(jitter, (int, float)) or not 0 <= jitter <= 1:
            raise FlowError(
                f"rt.Retry: invalid jitter={shown(jitter)}: expected 0 to 1",
                hint="0.5 makes a pause of 2 s one of 1 to 2 s.",
            )
        self._rule = RetryRule(
            attempts, backoff.total_seconds(), most.total_seconds(), float(jitter), _classes(on)
        )
        self._then: list[Policy] = check_policies(then, "rt.Retry: then=")

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """What arrives here has failed for good."""
        pass_on(self._then, up)

    def wishes(self) -> StepWishes:
        """Attempts by this rule."""
        inner = joined_wishes(self._then)
        if inner.rule is not None:
            raise FlowError("rt.Retry: then= has another rt.Retry", hint="Give one of them more attempts.")
        return replace(inner, rule=self._rule)


def _classes(on: Any) -> tuple[type[Exception], ...]:
    given = (on,) if inspect.isclass(on) else on
    several = isinstance(given, Sequence) and not isinstance(given, str) and len(given) > 0
    if several and all(inspect.isclass(each) and issubclass(each, Exception) for each in given):
        return tuple(given)
    raise FlowError(
        f"rt.Retry: invalid on={shown(on)}: expected classes of exceptions",
        hint="on=(TimeoutError, ConnectionError), for example: what the step raises when it may pass.",
    )
