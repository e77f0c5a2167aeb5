"""Routing what failed, and refusing flows that would lose it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Operator, Stream, operator

from .._bytewax import inputs, late_streams, outer_scope, walk
from ..errors import FlowError
from ..flow.argument_checks import check_policies, checked
from ..flow.failure_ports import FAILURE_PORTS
from ..flow.guards import Guard, guard_of
from ..messages import Failure
from ..producer.eligibility import check_flow
from ..reporting.call_site import note_step, step_line, users_line
from .fix_lines import UnreadStream, fix_for, rest_for
from .policy import Policy, build_all, joined_wishes, policies_in_force
from .step_keeper import StepKeeper, StepWishes

_CLOCKS: Final = "bytewax.operators.windowing"
_WINDOWS: Final = "kgen_runtime.windowing"


@checked
@operator
def route(step_id: str, *errs: Stream[Failure], policy: Policy | Sequence[Policy]) -> None:
    """Do with failures what the policy says. Several policies each get every failure, for example
    `(rt.Log(), rt.DeadLetter(...))`.

    Raises `FlowError` without a stream or a policy.
    """
    note_step(step_id)
    policies: list[Policy] = policies_in_force(check_policies(policy, "rt.route: policy="))
    _arm([guard for each in errs if (guard := guard_of(each)) is not None], errs[0].flow(), policies)
    build_all(policies, op.merge("merge", *errs))


@checked
def route_rest(step_id: str, flow: Dataflow, *, policy: Policy | Sequence[Policy]) -> None:
    """`route` of all streams of failures of the flow that nothing reads yet: of every step so far, those of
    `rt.sink` and `rt.late` among them. What else a flow has to read, late messages of windows, `check` names.

    Call it once, after the steps and ahead of `check`. It gives the same step as `route` with these streams
    written out, so one may take the place of the other in a flow that has a recovery folder.

    Raises `FlowError` if there is no such stream, and without a policy.
    """
    steps = list(walk(flow))
    read = {stream for step in steps for stream in inputs(step)}
    unread = [stream for stream in _failures(steps) if stream not in read]
    if not unread:
        raise FlowError(
            f"rt.route_rest: flow {flow.flow_id} has no failures that nothing reads",
            hint="Call it after the steps whose failures it is to route, and once in a flow.",
        )
    scope = outer_scope(flow)
    route(step_id, *(Stream(stream, scope) for stream in unread), policy=policy)


def _arm(guards: Sequence[Guard], flow: Dataflow, policies: Sequence[Policy]) -> None:
    """Have the steps that feed the route do their part of the policies."""
    wishes = joined_wishes(policies)
    if wishes.rule is not None and not guards:
        raise FlowError(
            "rt.Retry: no step that feeds the route can be tried again",
            hint="Pass the .errs of rt.map, rt.map_value, … themselves, not what another step made of them.",
        )
    if wishes == StepWishes():
        return
    for guard in guards:
        if guard.keeper is not None:
            raise FlowError(
                f"rt.route: another route has an rt.Retry or park_key=True for step {guard.step_id}",
                hint="Give one of them alone the failures of this step.",
            )
        guard.keeper = StepKeeper(guard, flow, wishes)


@checked
def check(flow: Dataflow) -> Dataflow:
    """The flow itself, if something reads every `errs` stream of kgen's steps, and every `late` stream of
    windows of event time.

    Raises `FlowError` naming the steps whose failures or late messages nobody would see, the lines that made
    them, and the line of code that would read them; and where something cannot be delivered exactly once.
    """
    check_flow(flow)
    steps = list(walk(flow))
    read = {stream for step in steps for stream in inputs(step)}
    outer = len(flow.flow_id) + 1
    taken = [step.step_id[outer:] for step in steps]  # those inside others have periods
    lost = [unread for stream, unread in _failures(steps).items() if stream not in read]
    if lost:
        fix = f"{fix_for(lost, taken)}{rest_for(lost, taken, users_line())}"
        raise FlowError(
            f"nothing reads the failures of {', '.join(map(str, lost))}",
            where=f"flow {flow.flow_id}",
            hint=f"{fix}: it stops the flow, other policies do not.",
        )
    late_ones = [unread for stream, unread in _late(flow, steps).items() if stream not in read]
    if late_ones:
        raise FlowError(
            f"nothing reads what comes too late for {', '.join(map(str, late_ones))}",
            where=f"flow {flow.flow_id}",
            hint=f"{fix_for(late_ones, taken, late=True)}: it counts them, rt.DeadLetter keeps them.",
        )
    return flow


def _failures(steps: list[Operator]) -> dict[str, UnreadStream]:
    """The ids of the streams of failures."""
    return {
        getattr(step, port).stream_id: _stream(step.step_id, type(step).__name__, port)
        for step in steps
        if (port := FAILURE_PORTS.get(type(step)))
    }


def _late(flow: Dataflow, steps: list[Operator]) -> dict[str, UnreadStream]:
    """The ids of the late streams of windows with a clock of event time. kgen's windows read the one of
    Bytewax's that they consist of, and have their own.
    """
    if _CLOCKS not in sys.modules:  # nothing in the flow has a clock
        return {}
    from bytewax.operators.windowing import EventClock

    own = {
        getattr(step, "late").stream_id: _stream(step.step_id, type(step).__name__, "late")  # noqa: B009
        for step in steps
        if type(step).__module__ == _WINDOWS and isinstance(getattr(step, "clock"), EventClock)  # noqa: B009
    }
    of_bytewax = late_streams(flow, EventClock).items()
    return {**{stream: _stream(step, "", "late") for stream, step in of_bytewax}, **own}


def _stream(step_id: str, operator: str, port: str) -> UnreadStream:
    return UnreadStream(step_id, operator, step_line(step_id), "" if port == "down" else port)
