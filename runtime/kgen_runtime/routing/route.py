"""Routing what failed, and refusing flows that would lose it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Operator, Stream, operator
from bytewax.operators.windowing import EventClock

from .. import windowing
from .._bytewax import inputs, late_streams, operator_class, walk
from ..consumer.source import source
from ..errors import FlowError
from ..flow.argument_checks import check_policies, checked
from ..messages import Failure
from ..producer.eligibility import check_flow
from ..producer.sink import sink
from ..reporting.call_site import note_step
from ..steps import item_steps, stateful_steps
from ..steps.lateness import late
from ..steps.value_steps import map_value
from ..steps.wire_steps import deserialize, serialize
from .policy import Policy, build_all

_PORTS: Final[dict[Any, str]] = {
    operator_class(step): port
    for step, port in (
        (source, "errs"),
        (deserialize, "errs"),
        (serialize, "errs"),
        (map_value, "errs"),
        *((step, "errs") for step in (*item_steps.STEPS, *stateful_steps.STEPS, *windowing.STEPS)),
        (late, "down"),
        (sink, "down"),
    )
}
"""Which output of kgen's steps carries the failures."""
_WINDOWS: Final = {operator_class(step) for step in windowing.STEPS}


@checked
@operator
def route(step_id: str, *errs: Stream[Failure], policy: Policy | Sequence[Policy]) -> None:
    """Do with failures what the policy says. Several policies each get every failure, for example
    `(rt.Log(), rt.DeadLetter(...))`.

    Raises `FlowError` without a stream or a policy.
    """
    note_step(step_id)
    policies: list[Policy] = check_policies(policy, "rt.route: policy=")
    build_all(policies, op.merge("merge", *errs))


@checked
def check(flow: Dataflow) -> Dataflow:
    """The flow itself, if something reads every `errs` stream of kgen's steps, and every `late` stream of
    Bytewax's windows of event time.

    Raises `FlowError` naming the steps whose failures or late messages nobody would see, and where something
    cannot be delivered exactly once.
    """
    check_flow(flow)
    steps = list(walk(flow))
    read = {stream for step in steps for stream in inputs(step)}
    lost = [step.step_id for step in steps if (errs := _failures(step)) is not None and errs not in read]
    if lost:
        raise FlowError(
            f"nothing reads the failures of {', '.join(lost)}",
            where=f"flow {flow.flow_id}",
            hint='rt.route("errs", <step>.errs, policy=rt.Crash()) is the strictest way to read them.',
        )
    late_of = {**late_streams(flow, EventClock), **_late_streams(steps)}
    late_ones = [step for stream, step in late_of.items() if stream not in read]
    if late_ones:
        raise FlowError(
            f"nothing reads what comes too late for {', '.join(late_ones)}",
            where=f"flow {flow.flow_id}",
            hint='rt.route("late", rt.late("too_late", <step>.late), policy=rt.Drop()) counts it; '
            "rt.DeadLetter keeps it.",
        )
    return flow


def _failures(step: Operator) -> str | None:
    port = _PORTS.get(type(step))
    return None if port is None else getattr(step, port).stream_id


def _late_streams(steps: list[Operator]) -> dict[str, str]:
    """As `late_streams`, of kgen's windows: they read those of the Bytewax's that they consist of."""
    return {
        getattr(step, "late").stream_id: step.step_id  # noqa: B009
        for step in steps
        if type(step) in _WINDOWS and isinstance(getattr(step, "clock"), EventClock)  # noqa: B009
    }
