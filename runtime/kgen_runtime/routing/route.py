"""Routing what failed, and refusing flows that would lose it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Operator, Stream, operator
from bytewax.operators import windowing

from ..consumer.source import source
from ..errors import FlowError
from ..flow.argument_checks import POLICIES, check_policies, checked
from ..messages import Failure
from ..producer.eligibility import check_flow
from ..producer.sink import sink
from ..reporting.call_site import note_step
from ..steps import deserialize, late, map_value, serialize
from .policies import Policy

_PORTS: Final[dict[Any, str]] = {
    getattr(step, "_op_cls"): port  # noqa: B009 - Bytewax's decorator puts it there, unseen by type checkers
    for step, port in (
        (source, "errs"),
        (deserialize, "errs"),
        (serialize, "errs"),
        (map_value, "errs"),
        (late, "down"),
        (sink, "down"),
    )
}
"""Which output of kgen's steps carries the failures."""


@checked
@operator
def route(step_id: str, *errs: Stream[Failure], policy: Policy | Sequence[Policy]) -> None:
    """Do with failures what the policy says. Several policies each get every failure, for example
    `(rt.Log(), rt.DeadLetter(...))`.

    Raises `FlowError` without a stream or a policy.
    """
    note_step(step_id)
    policies: list[Policy] = check_policies(policy)
    if not policies:
        raise FlowError("rt.route: policy=[] names no policy", hint=f"Pass {POLICIES}.")
    up = op.merge("merge", *errs)
    names: Counter[str] = Counter()
    for each in policies:
        names[each.name] += 1
        number = names[each.name]
        each.build(each.name if number == 1 else f"{each.name}_{number}", up)


@checked
def check(flow: Dataflow) -> Dataflow:
    """The flow itself, if something reads every `errs` stream of kgen's steps, and every `late` stream of
    Bytewax's windows of event time.

    Raises `FlowError` naming the steps whose failures or late messages nobody would see, and where something
    cannot be delivered exactly once.
    """
    check_flow(flow)
    steps = list(_steps(flow.substeps))
    read = {stream for step in steps for stream in _inputs(step)}
    lost = [step.step_id for step in steps if (errs := _failures(step)) is not None and errs not in read]
    if lost:
        raise FlowError(
            f"nothing reads the failures of {', '.join(lost)}",
            where=f"flow {flow.flow_id}",
            hint='rt.route("errs", <step>.errs, policy=rt.Crash()) is the strictest way to read them.',
        )
    late_ones = [step for stream, step in _late_streams(steps).items() if stream not in read]
    if late_ones:
        raise FlowError(
            f"nothing reads what comes too late for {', '.join(late_ones)}",
            where=f"flow {flow.flow_id}",
            hint='rt.route("late", rt.late("too_late", <step>.late), policy=rt.Drop()) counts it; '
            "rt.DeadLetter keeps it.",
        )
    return flow


def _late_streams(steps: Sequence[Operator]) -> dict[str, str]:
    """Late streams of windows of event time, and the step that a user wrote for each."""
    found: dict[str, str] = {}
    for step in steps:  # those that others consist of come after these
        if type(step).__module__ == windowing.__name__ and isinstance(
            getattr(step, "clock", None), windowing.EventClock
        ):
            found.setdefault(getattr(step, "late").stream_id, step.step_id)  # noqa: B009
    return found


def _steps(substeps: Sequence[Operator]) -> Iterator[Operator]:
    for step in substeps:
        yield step
        yield from _steps(step.substeps)


def _inputs(step: Operator) -> Iterator[str]:
    for port in step.ups_names:
        yield from getattr(step, port).stream_ids.values()


def _failures(step: Operator) -> str | None:
    port = _PORTS.get(type(step))
    return None if port is None else getattr(step, port).stream_id
