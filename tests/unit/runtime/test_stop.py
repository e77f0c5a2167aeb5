"""Stopping a run: what requests, partitions and runners make of the controller's state."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen_runtime.states import StateError
from kgen_runtime.stop import STOP, ShutdownController, ShutdownState

from .conftest import RecordedActions


def begun(way: Any) -> tuple[ShutdownController, RecordedActions]:
    controller, actions = ShutdownController(), RecordedActions()
    controller.load(actions)
    controller.begin(way, actions)
    return controller, actions


def test_a_drain_is_reported_once_all_partitions_have_left() -> None:
    controller, actions = begun("drain")
    controller.list()
    for partition in "ab":
        controller.join(partition)
    controller.leave("c")
    controller.request()
    controller.request()
    controller.leave("a")
    assert (actions.requests, actions.reports) == ([ShutdownState.DRAINING], [])
    controller.leave("b")
    controller.leave("b")
    controller.join("c")
    controller.leave("c")
    assert actions.reports == ["drained"]
    assert controller.state is ShutdownState.DRAINED


def test_a_drain_with_all_partitions_at_their_end_is_reported_at_once() -> None:
    controller, actions = begun("drain")
    controller.list()
    controller.join("a")
    controller.leave("a")
    controller.request()
    assert actions.reports == ["drained"]


def test_a_partition_may_still_be_built_when_a_drain_is_asked_for() -> None:
    controller, actions = begun("drain")
    controller.list()
    controller.request()
    assert controller.state is ShutdownState.UNREAD
    controller.join("a")
    assert controller.state is ShutdownState.DRAINING
    assert not controller.advance(ShutdownState.DRAINED, ShutdownState.UNREAD)
    controller.leave("a")
    assert actions.reports == ["drained"]


@pytest.mark.parametrize("read", [False, True])
def test_without_recovery_the_sources_end(read: bool) -> None:
    controller, actions = begun("end")
    controller.list()
    if read:
        controller.join("a")
    controller.request()
    assert (controller.state, controller.way) == (ShutdownState.ENDING, "end")
    controller.leave("a")
    assert (actions.requests, actions.reports) == ([ShutdownState.ENDING], [])


@pytest.mark.parametrize("way", ["end", "drain"])
def test_a_request_before_a_source_has_looked_is_not_a_drain(way: Any) -> None:
    controller, actions = begun(way)
    controller.request()
    controller.list()
    controller.join("a")
    controller.leave("a")
    assert controller.state is ShutdownState.UNBEGUN
    assert not controller.listed
    assert actions.reports == []


def test_a_request_while_the_flow_is_loaded_is_the_loaders() -> None:
    controller, actions = ShutdownController(), RecordedActions()
    controller.load(actions)
    controller.request()
    assert actions.requests == [ShutdownState.UNBEGUN]
    with pytest.raises(StateError):
        controller.begin("end", actions)


def test_after_the_run_nothing_changes_and_the_next_has_its_own_requests() -> None:
    controller, actions = begun("drain")
    controller.list()
    controller.join("a")
    controller.request(restart=True)
    controller.over()
    controller.over()
    controller.leave("a")
    controller.stuck()
    for state in ShutdownState:
        assert not controller.advance(state)
    assert actions.reports == []
    assert (controller.requested, controller.restart) == (False, True)
    controller.list()  # of a run without a runner
    assert (controller.state, controller.restart) == (ShutdownState.BUILDING, False)


def test_a_run_without_a_runner_ends_and_returns_from_a_stuck_step() -> None:
    controller = ShutdownController()
    controller.list()
    controller.join("a")
    controller.request()
    assert controller.state is ShutdownState.ENDING
    controller.stuck()
    controller.list()
    assert not controller.requested


def test_a_run_of_a_runner_is_one_for_all_its_sources() -> None:
    controller, _ = begun("end")
    controller.list()
    controller.request()
    controller.list()
    assert controller.requested


def test_a_step_that_is_stuck_is_the_runners(runner: RecordedActions) -> None:
    STOP.stuck()
    assert runner.reports == ["stuck"]


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["request", "list", "stuck"])),
        st.tuples(st.sampled_from(["join", "leave"]), st.sampled_from("abc")),
        st.tuples(st.just("advance"), st.sampled_from(sorted(ShutdownState, key=lambda s: s.name))),
    ),
    max_size=12,
)
_RUNNERS = {
    *(ShutdownState.DRAINED, ShutdownState.LEAVING, ShutdownState.UNDRAINED, ShutdownState.EXITING),
    ShutdownState.OVER,
}


@given(st.sampled_from(["end", "drain"]), OPERATIONS)
def test_no_order_of_calls_breaks_it(way: Any, operations: list[tuple[Any, ...]]) -> None:
    """The judge keeps sets of what is read, and of what was asked."""
    controller, actions = begun(way)
    reading: set[str] = set()
    asked = False
    for name, *args in operations:
        if name == "advance" and args[0] not in _RUNNERS:
            continue
        if name == "advance" and args[0] is ShutdownState.DRAINED:
            args.append(ShutdownState.UNREAD)
        over = controller.state is ShutdownState.OVER
        getattr(controller, name)(*args)
        if name == "join":
            reading.add(args[0])
        elif name == "leave":
            reading.discard(args[0])
        asked |= name == "request" and not over
        if "drained" in actions.reports and name != "stuck":
            assert actions.reports.count("drained") == 1
        assert len(actions.requests) == (1 if asked else 0)
        assert controller.requested == (asked and controller.state is not ShutdownState.OVER)
        if controller.state is ShutdownState.DRAINING:
            assert reading
            assert "drained" not in actions.reports
