"""Windows: what the user's functions raise, and Bytewax's own windows as the judge where they do not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import AbortExecution
from bytewax.operators import windowing as win
from bytewax.testing import TestingSink, TestingSource
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.errors import causes
from kgen_runtime.flow import retry
from kgen_runtime.flow.guards import guard_of

Item = tuple[str, tuple[int, Any]]
"""A key, and a value of seconds and what it is."""
EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)
TEN = timedelta(seconds=10)
WINDOWERS: dict[str, win.Windower[Any]] = {
    "tumbling": win.TumblingWindower(length=TEN, align_to=EPOCH),
    "sliding": win.SlidingWindower(length=TEN, offset=TEN / 2, align_to=EPOCH),
    "session": win.SessionWindower(gap=TEN / 2),
}


def at(value: Any) -> datetime:
    return EPOCH + timedelta(seconds=value[0])


def clock(getter: Callable[[Any], Any] = at, wait: float = 0) -> win.EventClock[Any]:
    # The time that passes while a test runs counts as time: the clock stands still.
    return win.EventClock(getter, timedelta(seconds=wait), now_getter=lambda: EPOCH)


def bad(value: Any) -> bool:
    return bool(value[1] == "bad")


def reads(value: Any) -> Any:
    if bad(value):
        raise KeyError("bad")
    return value[1]


def add(state: list[Any], value: Any) -> list[Any]:
    """Changes the state before it fails."""
    state.append(value[1])
    reads(value)
    return state


def joined(one: list[Any], other: list[Any]) -> list[Any]:
    return [*one, *other]


def larger(one: Any, other: Any) -> Any:
    reads(other)
    return max(one, other)


def as_read(value: Any) -> datetime:
    reads(value)
    return at(value)


def by_first(item: Any) -> str:
    reads(item[1])
    return str(item[0])


Step = Callable[[Any, str, Any, win.EventClock[Any], Any], Any]
STEPS: dict[str, Step] = {
    "fold": lambda of, name, up, ticks, windower: of.fold_window(
        name, up, ticks, windower, list, add, joined
    ),
    "fold_unordered": lambda of, name, up, ticks, windower: of.fold_window(
        name, up, ticks, windower, list, add, joined, ordered=False
    ),
    "reduce": lambda of, name, up, ticks, windower: of.reduce_window(name, up, ticks, windower, larger),
    "max": lambda of, name, up, ticks, windower: of.max_window(name, up, ticks, windower, by=reads),
    "min": lambda of, name, up, ticks, windower: of.min_window(name, up, ticks, windower, by=reads),
    "collect": lambda of, name, up, ticks, windower: of.collect_window(name, up, ticks, windower),
    "collect_set": lambda of, name, up, ticks, windower: of.collect_window(
        name, up, ticks, windower, into=set
    ),
    "collect_dict": lambda of, name, up, ticks, windower: of.collect_window(
        name, up, ticks, windower, into=dict, ordered=False
    ),
}


def through(
    step: Step, items: list[Item], windower: Any, ticks: Any = None, of: Any = rt.windowing
) -> tuple[list[Any], list[Any], list[Any], list[rt.Failure]]:
    down: list[Any] = []
    late: list[Any] = []
    meta: list[Any] = []
    errs: list[rt.Failure] = []
    flow = Dataflow("flow")
    out = step(of, "step", op.input("in", flow, TestingSource(items, 3)), ticks or clock(), windower)
    op.output("down", out.down, TestingSink(down))
    op.output("late", out.late, TestingSink(late))
    op.output("meta", out.meta, TestingSink(meta))
    if hasattr(out, "errs"):
        op.output("errs", out.errs, TestingSink(errs))
    testing.run(rt.check(flow))
    return down, late, meta, errs


def items_of(*values: tuple[int, Any]) -> list[Item]:
    return [("k", value) for value in values]


@pytest.mark.parametrize("name", ["fold", "fold_unordered", "max", "min", "reduce"])
@pytest.mark.parametrize("windower", WINDOWERS)
def test_what_fails_goes_to_errs_and_the_window_is_as_if_it_had_not_come(name: str, windower: str) -> None:
    good = items_of((0, 3), (1, 7), (2, 5), (12, 1))
    poisoned = [*good[:1], *items_of((1, "bad")), *good[1:], *items_of((12, "bad"), (13, "bad"))]
    down, late, _, errs = through(STEPS[name], poisoned, WINDOWERS[windower])
    assert (down, late) == through(STEPS[name], good, WINDOWERS[windower])[:2]
    windows = {"tumbling": 1, "sliding": 2, "session": 1}[windower]
    assert len(errs) == 3 * windows
    assert {(e.stage, e.error_class, e.step) for e in errs} == {(rt.Stage.PROCESS, "KeyError", "flow.step")}
    assert {e.original.value for e in errs} == {b"(1, 'bad')", b"(12, 'bad')", b"(13, 'bad')"}
    assert {e.original.key for e in errs} == {b"'k'"}
    assert {tuple(e.attributes) for e in errs} == {("key", "window")}
    assert "in reads" in errs[0].traceback
    assert "kgen_runtime" not in errs[0].traceback


def test_the_first_value_of_a_window_can_fail() -> None:
    for name in ("fold", "max"):
        down, _, meta, errs = through(
            STEPS[name], items_of((0, "bad"), (1, 4), (20, "bad")), WINDOWERS["tumbling"]
        )
        assert [window for _, (window, _) in down] == [0]
        assert [window for _, (window, _) in meta] == [0, 2]  # it was open, and nothing was folded in
        assert len(errs) == 2


def test_a_message_is_there_as_it_was_read() -> None:
    def fails(state: Any, message: Any) -> Any:
        raise rt.Reject("no")

    message = rt.Message("k", "v", "t", 1, 7, value_schema_id=9, origin=(b"k", b"v", (), None))
    step: Step = lambda of, name, up, ticks, windower: of.fold_window(  # noqa: E731
        name, up, ticks, windower, list, fails, joined
    )
    ticks = clock(lambda message: EPOCH)
    *_, (err,) = through(step, [("k", message)], WINDOWERS["tumbling"], ticks)  # type: ignore[list-item]
    assert (err.original.value, err.original.offset, err.schema_id, err.traceback) == (b"v", 7, 9, "")
    assert err.attributes == {"key": "k", "window": 0}


@pytest.mark.parametrize("name", STEPS)
def test_a_time_that_cannot_be_found_is_a_failure(name: str) -> None:
    good = items_of((0, 3), (1, 7))
    poisoned = [good[0], *items_of((5, "bad")), good[1]]
    down, late, meta, (err,) = through(STEPS[name], poisoned, WINDOWERS["tumbling"], clock(as_read))
    assert (down, late, meta) == through(STEPS[name], good, WINDOWERS["tumbling"])[:3]
    assert (err.error_class, err.original.value) == ("KeyError", b"(5, 'bad')")


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (None, "returned NoneType, not a datetime"),
        (7, "returned int, not a datetime"),
        (datetime(2026, 1, 1), "returned a datetime without a time zone, not one with a time zone"),
        (datetime.max.replace(tzinfo=timezone.utc), "not between 0001-01-01 and 9899"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=9))), "not between 0001-01-01 and 9899"),
    ],
)
@pytest.mark.parametrize("windower", WINDOWERS)
def test_what_is_not_a_time_for_windows_is_a_failure(time: Any, text: str, windower: str) -> None:
    def getter(value: Any) -> Any:
        return time if bad(value) else at(value)

    good = items_of((0, 3), (1, 7))
    poisoned = [good[0], *items_of((5, "bad")), good[1]]
    down, *_, (err,) = through(STEPS["collect"], poisoned, WINDOWERS[windower], clock(getter))
    assert down == through(STEPS["collect"], good, WINDOWERS[windower])[0]
    assert text in err.message
    assert (err.error_class, err.traceback) == ("kgen_runtime.flow.guards.WrongReturn", "")


def test_the_earliest_and_latest_times_that_are_taken() -> None:
    first = datetime.min.replace(tzinfo=timezone.utc) + 2 * TEN
    last = datetime.max.replace(tzinfo=timezone.utc) - timedelta(days=36_525) - 2 * TEN
    for windower in WINDOWERS.values():
        for time in (first, last):
            ticks = clock(lambda value, time=time: time)  # type: ignore[misc]
            down, *_, errs = through(STEPS["collect"], items_of((0, 1)), windower, ticks)
            assert down
            assert not errs


@pytest.mark.parametrize(("into", "value"), [(set, [1]), (dict, (1, 2, 3)), (dict, 7), (dict, ([1], 2))])
def test_what_a_container_cannot_take_is_a_failure(into: Any, value: Any) -> None:
    step: Step = lambda of, name, up, ticks, windower: of.collect_window(  # noqa: E731
        name, up, ticks, windower, into=into
    )
    ticks = clock(lambda value: EPOCH)
    given = [("k", (1, 2)), ("k", value), ("k", (3, 4))]
    down, *_, (err,) = through(step, given, WINDOWERS["tumbling"], ticks)
    assert down == [("k", (0, into([(1, 2), (3, 4)])))]
    assert (err.error_class, err.traceback) == ("TypeError", "")


def test_another_container_is_refused() -> None:
    flow = Dataflow("flow")
    up: Any = op.input("in", flow, TestingSource([("k", 1)]))
    with pytest.raises(rt.FlowError, match="into is the class str, not list, set or dict"):
        rt.windowing.collect_window("step", up, clock(), WINDOWERS["tumbling"], str)  # type: ignore[arg-type]


def test_sessions_that_cannot_become_one() -> None:
    def refuses(one: list[Any], other: list[Any]) -> list[Any]:
        one.append("half")
        raise ValueError("cannot merge")

    step: Step = lambda of, name, up, ticks, windower: of.fold_window(  # noqa: E731
        name, up, ticks, windower, list, add, refuses, ordered=False
    )
    items = items_of((0, 1), (8, 2), (4, 3))
    down, _, meta, (err,) = through(step, items, WINDOWERS["session"], clock(wait=60))
    assert down == [("k", (0, [1, 3]))]
    assert len(meta) == 1
    assert (err.message, err.original.value) == ("cannot merge", b"[2]")


def test_what_is_unavailable_holds_the_window_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_LEAST", 0.0)
    answers = [rt.RegistryUnavailable("down"), rt.RegistryUnavailable("down")]

    def asks(state: list[Any], value: Any) -> list[Any]:
        state.append(value[1])
        if value[1] == 2 and answers:
            raise answers.pop()
        return state

    step: Step = lambda of, name, up, ticks, windower: of.fold_window(  # noqa: E731
        name, up, ticks, windower, list, asks, joined
    )
    down, _, _, errs = through(step, items_of((0, 1), (1, 2), (2, 3)), WINDOWERS["tumbling"])
    assert (down, errs, answers) == ([("k", (0, [1, 2, 3]))], [], [])


def test_count_window_takes_the_key_from_each_item() -> None:
    step: Step = lambda of, name, up, ticks, windower: of.count_window(  # noqa: E731
        name, up, ticks, windower, by_first
    )
    ticks = clock(lambda item: at(item[1]))
    good = [("a", (0, 1)), ("b", (1, 1)), ("a", (2, 1))]
    down, *_, errs = through(step, [good[0], ("a", (1, "bad")), *good[1:]], WINDOWERS["tumbling"], ticks)
    assert sorted(down) == [("a", (0, 2)), ("b", (0, 1))]
    assert [e.error_class for e in errs] == ["KeyError"]
    down, *_, errs = through(
        lambda of, name, up, ticks, windower: of.count_window(name, up, ticks, windower, lambda item: 7),
        list(good),
        WINDOWERS["tumbling"],
        ticks,
    )
    assert (len(errs), down) == (3, [])
    assert "returned int, not a str" in errs[0].message


def join(modes: dict[str, Any]) -> Step:
    def step(of: Any, name: str, up: Any, ticks: Any, windower: Any) -> Any:
        left = op.filter_value("left", up, lambda value: value[0] % 2 == 0)
        right = op.filter_value("right", up, lambda value: value[0] % 2 == 1)
        return of.join_window(name, ticks, windower, left, right, **modes)

    return step


def test_join_window_goes_on_without_what_has_no_time() -> None:
    good = items_of((0, 3), (1, 7))
    poisoned = [good[0], *items_of((4, "bad"), (5, "bad")), good[1]]
    down, late, _, errs = through(join({}), poisoned, WINDOWERS["tumbling"], clock(as_read))
    assert (down, late) == ([("k", (0, ((0, 3), (1, 7))))], [])
    assert [e.original.value for e in errs] == [b"(4, 'bad')", b"(5, 'bad')"]


def test_the_clock_of_the_system_has_no_function_to_fail() -> None:
    def step(of: Any, name: str, up: Any, ticks: Any, windower: Any) -> Any:
        return of.fold_window(name, up, win.SystemClock(), windower, list, add, joined)

    far = win.TumblingWindower(length=timedelta(days=9_999), align_to=EPOCH - 4_000 * timedelta(days=1))
    down, late, _, errs = through(step, items_of((0, 1), (1, "bad"), (2, 2)), far)
    assert (down, late, len(errs)) == ([("k", (0, [1, 2]))], [], 1)

    def joining(of: Any, name: str, up: Any, ticks: Any, windower: Any) -> Any:
        return of.join_window(name, win.SystemClock(), windower, up, up)

    down, late, _, errs = through(joining, items_of((0, 1)), far)
    assert (down, late, errs) == ([("k", (0, ((0, 1), (0, 1))))], [], [])


@pytest.mark.parametrize("name", ["fold", "reduce", "max"])
def test_an_abort_of_bytewaxs_passes_through(name: str) -> None:
    def aborts(*values: Any) -> Any:
        raise AbortExecution

    steps: dict[str, Step] = {
        "fold": lambda of, name, up, ticks, windower: of.fold_window(
            name, up, ticks, windower, list, aborts, joined
        ),
        "reduce": lambda of, name, up, ticks, windower: of.reduce_window(name, up, ticks, windower, aborts),
        "max": lambda of, name, up, ticks, windower: of.max_window(name, up, ticks, windower, aborts),
    }
    with pytest.raises(Exception, match="on_batch") as raised:
        through(steps[name], items_of((0, 1), (1, 2)), WINDOWERS["tumbling"])
    assert any(isinstance(each, AbortExecution) for each in causes(raised.value))


def test_what_is_not_keyed_stops_the_flow() -> None:
    with pytest.raises(Exception, match="mapper") as raised:
        through(STEPS["fold"], [7], WINDOWERS["tumbling"])  # type: ignore[list-item]
    (error,) = (each for each in causes(raised.value) if isinstance(each, rt.FlowError))
    assert "the step was given 7, not a tuple (key, value)" in error.what


@pytest.mark.parametrize("argument", ["builder", "folder", "merger"])
def test_async_functions_are_refused(argument: str) -> None:
    async def awaited(*values: Any) -> Any:
        return None

    flow = Dataflow("flow")
    up: Any = op.input("in", flow, TestingSource([("k", 1)]))
    given: dict[str, Any] = {"builder": list, "folder": add, "merger": joined, argument: awaited}
    with pytest.raises(rt.FlowError, match=rf"rt\.windowing\.fold_window: {argument} is async"):
        rt.windowing.fold_window("step", up, clock(), WINDOWERS["tumbling"], **given)


def test_a_window_for_a_stream_is_named() -> None:
    flow = Dataflow("flow")
    up: Any = op.input("in", flow, TestingSource([("k", 1)]))
    out: Any = rt.windowing.collect_window("step", up, clock(), WINDOWERS["tumbling"])
    with pytest.raises(rt.FlowError, match="up is a WindowSplit, not a Stream") as raised:
        rt.map("next", out, at)
    assert raised.value.hint == "It has several streams: pass .down of it."


def test_wrong_clocks_and_windowers_are_named() -> None:
    flow = Dataflow("flow")
    up: Any = op.input("in", flow, TestingSource([("k", 1)]))
    wrong: Any = at
    with pytest.raises(rt.FlowError, match=r"rt\.windowing\.collect_window: clock is .*, not a Clock"):
        rt.windowing.collect_window("step", up, wrong, WINDOWERS["tumbling"])
    with pytest.raises(rt.FlowError, match=r"windower is .*, not a Windower"):
        rt.windowing.collect_window("step", up, clock(), wrong)


def test_the_guard_and_the_check() -> None:
    flow = Dataflow("flow")
    up: Any = op.input("in", flow, TestingSource([("k", 1)]))
    out = rt.windowing.collect_window("step", up, clock(), WINDOWERS["tumbling"])
    guard = guard_of(out.errs)
    assert guard is not None
    assert guard.step_id == "flow.step"
    with pytest.raises(rt.FlowError, match=r"failures of .*flow\.step"):
        rt.check(flow)
    rt.route("errs", out.errs, policy=rt.Crash())
    with pytest.raises(rt.FlowError, match=r"too late for .*flow\.step"):
        rt.check(flow)
    rt.route("late", rt.late("too_late", out.late), policy=rt.Drop())
    rt.check(flow)


def test_a_resumed_window_goes_on_with_what_it_had_before_the_failure(tmp_path: Path) -> None:
    values: list[Any] = [(0, 1), (1, "bad"), (2, 2), TestingSource.ABORT(), (3, "bad"), (4, 3), (11, 9)]
    source = TestingSource([v if isinstance(v, TestingSource.ABORT) else ("k", v) for v in values], 1)
    down: list[Any] = []
    errs: list[Any] = []
    for _ in range(2):
        flow = Dataflow("flow")
        up: Any = op.input("in", flow, source)
        out = rt.windowing.fold_window("step", up, clock(), WINDOWERS["tumbling"], list, add, joined)
        op.output("down", out.down, TestingSink(down))
        op.output("errs", out.errs, TestingSink(errs))
        rt.route("late", rt.late("too_late", out.late), policy=rt.Crash())
        testing.run(flow, recovery=rt.Recovery(tmp_path / "r"), epoch_interval=timedelta(0))
    assert down == [("k", (0, [1, 2, 3])), ("k", (1, [9]))]
    assert len(errs) == 2


VALUES = st.lists(
    st.tuples(st.sampled_from("ab"), st.tuples(st.integers(0, 60), st.integers(-9, 9))), max_size=25
)


def in_order(given: tuple[list[Any], list[Any], list[Any], list[Any]]) -> list[Any]:
    """By key: between keys there is no order. Of sessions the numbers too."""
    return [[each for each in stream if each[0] == key] for key in "ab" for stream in given[:3]]


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("windower", WINDOWERS)
@settings(max_examples=examples(25), deadline=None)
@given(items=VALUES, wait=st.integers(0, 30))
def test_windows_are_bytewaxs_where_nothing_fails(
    name: str, windower: str, items: list[Item], wait: int
) -> None:
    ours = through(STEPS[name], items, WINDOWERS[windower], clock(wait=wait))
    theirs = through(STEPS[name], items, WINDOWERS[windower], clock(wait=wait), win)
    assert in_order(ours) == in_order(theirs)
    assert not ours[3]


@pytest.mark.parametrize("insert", ["first", "last", "product"])
@pytest.mark.parametrize("emit", ["complete", "final", "running"])
@settings(max_examples=examples(25), deadline=None)
@given(items=VALUES)
def test_joins_are_bytewaxs_where_nothing_fails(insert: str, emit: str, items: list[Item]) -> None:
    # Which side comes first is not promised, and would decide what is late: nothing is.
    ticks = clock(wait=61)
    step = join({"insert_mode": insert, "emit_mode": emit})
    ours = through(step, items, WINDOWERS["tumbling"], ticks)
    assert in_order(ours) == in_order(through(step, items, WINDOWERS["tumbling"], ticks, win))


@settings(max_examples=examples(25), deadline=None)
@given(items=VALUES)
def test_counts_are_bytewaxs_where_nothing_fails(items: list[Item]) -> None:
    def step(of: Any, name: str, up: Any, ticks: Any, windower: Any) -> Any:
        return of.count_window(name, up, ticks, windower, by_first)

    ticks = clock(lambda item: at(item[1]), 30)
    ours = through(step, items, WINDOWERS["session"], ticks)
    assert in_order(ours) == in_order(through(step, items, WINDOWERS["session"], ticks, win))
