"""What `kgen_runtime._bytewax` assumes of Bytewax, asserted on the installed one."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import windowing
from bytewax.testing import TestingSink, TestingSource, run_main

BEGIN = datetime(2024, 1, 1, tzinfo=timezone.utc)


def flow_of_one_map(given: list[int], taken: list[int]) -> Dataflow:
    flow = Dataflow("flow")
    read = op.input("read", flow, TestingSource(given))
    op.output("out", op.map("twice", read, lambda number: number * 2), TestingSink(taken))
    return flow


def windowed(flow: Dataflow) -> windowing.WindowOut[Any, Any]:
    """Windows of a minute; what comes after an hour's message is late."""
    read = op.input("read", flow, TestingSource([BEGIN + timedelta(hours=1), BEGIN, BEGIN]))
    clock = windowing.EventClock(lambda time: time, timedelta(0))
    tumbling = windowing.TumblingWindower(length=timedelta(minutes=1), align_to=BEGIN)
    return windowing.count_window("count", read, clock, tumbling, lambda time: "key")


def test_a_flow_and_its_steps_list_the_steps_that_they_consist_of() -> None:
    read, twice, out = flow_of_one_map([], []).substeps
    assert [step.step_id for step in (read, twice, out)] == ["flow.read", "flow.twice", "flow.out"]
    assert [step.step_id for step in twice.substeps] == ["flow.twice.flat_map_batch"]
    assert [list(step.substeps) for step in (read, twice.substeps[0], out)] == [[], [], []]


def test_a_step_has_its_arguments_and_its_streams_as_attributes() -> None:
    source = TestingSource([1])
    flow = Dataflow("flow")
    stream = op.input("read", flow, source)
    op.output("out", stream, TestingSink([]))
    read, out = flow.substeps
    assert getattr(read, "source") is source  # noqa: B009
    assert (list(read.ups_names), list(read.dwn_names)) == ([], ["down"])
    assert (list(out.ups_names), list(out.dwn_names)) == (["up"], [])
    for port in (getattr(read, "down"), getattr(out, "up")):  # noqa: B009
        assert list(port.stream_ids.values()) == [stream.stream_id]


def test_a_port_of_one_stream_has_its_id() -> None:
    flow = Dataflow("flow")
    late = windowed(flow).late
    step = flow.substeps[-1]
    assert getattr(step, "late").stream_id == late.stream_id  # noqa: B009


@pytest.mark.parametrize("operator", [op.input, op.flat_map_batch, op.branch, op.merge, op.inspect_debug])
def test_an_operator_has_the_class_of_its_steps(operator: Any) -> None:
    assert operator._op_cls.__name__ == operator.__name__
    read = flow_of_one_map([], []).substeps[0]
    assert isinstance(read, operator._op_cls) is (operator is op.input)


def test_a_windows_step_has_its_clock_and_is_of_the_module_of_windows() -> None:
    flow = Dataflow("flow")
    windowed(flow)
    step = flow.substeps[-1]
    assert type(step).__module__ == windowing.__name__ == "bytewax.operators.windowing"
    assert isinstance(getattr(step, "clock"), windowing.EventClock)  # noqa: B009


def test_a_window_has_a_core_step_that_picks_out_what_was_late() -> None:
    flow = Dataflow("flow")
    windowed(flow)
    found = [step for step in inside(flow) if ".unwrap_late" in step.step_id and not step.substeps]
    assert len(found) == 1
    assert callable(getattr(found[0], "mapper"))  # noqa: B009


def test_the_mapper_of_a_frozen_step_can_be_replaced_until_the_flow_runs() -> None:
    taken: list[int] = []
    flow = flow_of_one_map([1, 2, 3], taken)
    step = flow.substeps[1].substeps[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.mapper = list  # type: ignore[attr-defined]
    object.__setattr__(step, "mapper", lambda items: [item * 100 for item in items])
    run_main(flow)
    assert taken == [100, 200, 300]


def test_what_is_late_goes_through_that_mapper_as_lists() -> None:
    seen: list[Any] = []
    flow = Dataflow("flow")
    op.output("late", windowed(flow).late, TestingSink([]))
    (step,) = (step for step in inside(flow) if ".unwrap_late" in step.step_id and not step.substeps)
    before = getattr(step, "mapper")  # noqa: B009

    def noted(items: list[Any]) -> list[Any]:
        given = list(before(items))
        seen.extend(given)
        return given

    object.__setattr__(step, "mapper", noted)
    run_main(flow)
    assert [item[0] for item in seen] == ["key", "key"]


def inside(flow: Any) -> list[Any]:
    return [found for step in flow.substeps for found in (step, *inside(step))]
