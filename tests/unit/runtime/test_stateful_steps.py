"""Steps with state: what fails leaves it as it was, whatever it is made of and however large."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import AbortExecution
from bytewax.testing import TestingSink, TestingSource
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.errors import causes
from kgen_runtime.flow import retry
from kgen_runtime.flow.guards import guard_of
from kgen_runtime.steps.kept_state import LARGE, KeptState
from kgen_runtime.steps.state_copies import KeptStateError


def build(step: Any, source: TestingSource[Any], function: Any, oks: list[Any], errs: list[Any]) -> Dataflow:
    flow = Dataflow("flow")
    split = step("step", op.input("in", flow, source), function)
    op.output("oks", split.oks, TestingSink(oks))
    op.output("errs", split.errs, TestingSink(errs))
    return rt.check(flow)


def through(step: Any, items: list[Any], function: Any, batch: int = 3) -> tuple[list[Any], list[rt.Failure]]:
    oks: list[Any] = []
    errs: list[rt.Failure] = []
    testing.run(build(step, TestingSource(items, batch), function, oks, errs))
    return oks, errs


def message(value: int, offset: int = 0) -> rt.Message[str, int]:
    raw = str(value).encode()
    return rt.Message("k", value, "t", 1, offset, value_schema_id=9, origin=(b"k", raw, (), None))


@dataclass
class Totals:
    count: int = 0
    seen: list[int] = field(default_factory=list)


def total(state: Totals | None, value: int) -> tuple[Totals | None, Any]:
    """Changes the state in place before it fails."""
    state = state or Totals()
    state.count += 1
    state.seen.append(value)
    if value < 0:
        raise ValueError(value)
    if value == 9:
        return None, "forgotten"
    return state, (state.count, tuple(state.seen))


def test_what_fails_leaves_the_state_as_it_was() -> None:
    oks, errs = through(rt.stateful_map, [("a", v) for v in (1, -1, 2, -2, -3, 3)], total)
    assert oks == [("a", (1, (1,))), ("a", (2, (1, 2))), ("a", (3, (1, 2, 3)))]
    assert [(e.message, e.original.key, e.original.value) for e in errs] == [
        (v, b"'a'", v.encode()) for v in ("-1", "-2", "-3")
    ]
    assert {(e.stage, e.error_class, e.step) for e in errs} == {(rt.Stage.PROCESS, "ValueError", "flow.step")}
    assert len({e.fingerprint for e in errs}) == 1
    assert "in total" in errs[0].traceback
    assert "kgen_runtime" not in errs[0].traceback


def test_a_key_whose_first_message_fails_has_no_state() -> None:
    oks, errs = through(rt.stateful_map, [("a", -1), ("a", 1)], total, batch=1)
    assert oks == [("a", (1, (1,)))]
    assert len(errs) == 1


def test_a_key_without_state_begins_again() -> None:
    oks, _ = through(rt.stateful_map, [("a", v) for v in (1, 9, -1, 2)], total)
    assert oks == [("a", (1, (1,))), ("a", "forgotten"), ("a", (1, (2,)))]


def test_the_message_of_a_failure_is_there_as_it_was_read() -> None:
    def fails(state: Any, value: rt.Message[str, int]) -> Any:
        raise rt.Reject("no")

    _, (err,) = through(rt.stateful_map, [("a", message(7, 5))], fails)
    assert (err.original.value, err.original.offset, err.schema_id) == (b"7", 5, 9)
    assert (err.error_class, err.message, err.traceback) == ("kgen_runtime.errors.Reject", "no", "")


def test_none_goes_nowhere_and_the_state_stays() -> None:
    def every_second(state: int | None, value: int) -> tuple[int, int | None]:
        state = (state or 0) + 1
        return state, value if state % 2 == 0 else None

    oks, errs = through(rt.stateful_map, [("a", v) for v in range(5)], every_second)
    assert (oks, errs) == ([("a", 1), ("a", 3)], [])


@pytest.mark.parametrize("step", [rt.stateful_map, rt.stateful_flat_map])
@pytest.mark.parametrize("made", [None, 7, (1,), (1, 2, 3)])
def test_what_is_not_a_pair_is_a_failure_and_changes_nothing(step: Any, made: Any) -> None:
    def mapper(state: list[int] | None, value: int) -> Any:
        state = state or []
        state.append(value)
        if value == 0:
            return made
        return state, [list(state)]

    oks, (err,) = through(step, [("a", v) for v in (1, 0, 2)], mapper)
    assert [ok[1] for ok in oks][-1] in ([[1, 2]], [1, 2])
    assert err.error_class == "kgen_runtime.flow.guards.WrongReturn"
    assert "mapper returned " in err.message
    assert err.traceback == ""


def test_flat_map_gives_all_or_nothing_of_a_value() -> None:
    def mapper(state: int | None, value: int) -> Any:
        def each() -> Any:
            yield value
            if value < 0:
                raise ValueError("half way")
            yield value

        return (state or 0) + 1, None if value == 0 else each()

    oks, (err,) = through(rt.stateful_flat_map, [("a", v) for v in (1, -1, 0, 2)], mapper)
    assert [value for _, value in oks] == [1, 1, 2, 2]
    assert "half way" in err.traceback


def test_an_abort_of_bytewaxs_passes_through() -> None:
    def aborts(state: Any, value: Any) -> Any:
        raise AbortExecution

    with pytest.raises(Exception, match="on_batch") as raised:
        through(rt.stateful_map, [("a", 1)], aborts)
    assert any(isinstance(each, AbortExecution) for each in causes(raised.value))


def test_state_that_cannot_be_copied_stops_the_flow() -> None:
    with pytest.raises(Exception, match="on_batch") as raised:
        through(rt.stateful_map, [("a", 1), ("a", 2)], lambda state, value: ([(n for n in ())], value))
    assert any(isinstance(each, KeptStateError) for each in causes(raised.value))


def test_async_functions_are_refused() -> None:
    async def awaited(state: Any, value: Any) -> Any:
        return state, value

    mapper: Any = awaited
    flow = Dataflow("flow")
    up = op.input("in", flow, TestingSource([("a", 1)]))
    with pytest.raises(rt.FlowError, match=r"rt\.stateful_map: mapper is async"):
        rt.stateful_map("step", up, mapper)


@pytest.mark.parametrize("flat", [False, True])
def test_what_is_unavailable_holds_the_message_until_it_answers(
    flat: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_LEAST", 0.0)
    answers = [rt.RegistryUnavailable("down"), rt.RegistryUnavailable("down")]

    def asks(state: list[int] | None, value: int) -> Any:
        state = state or []
        state.append(value)
        if value == 2 and answers:
            raise answers.pop()
        return state, [tuple(state)] if flat else tuple(state)

    step = rt.stateful_flat_map if flat else rt.stateful_map
    oks, errs = through(step, [("a", v) for v in (1, 2, 3)], asks)
    assert (oks, errs) == ([("a", (1,)), ("a", (1, 2)), ("a", (1, 2, 3))], [])
    assert not answers


def test_what_answers_with_a_refusal_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_LEAST", 0.0)
    answers: list[Exception] = [ValueError("refused"), rt.RegistryUnavailable("down")]

    def asks(state: Any, value: int) -> Any:
        if answers:
            raise answers.pop()
        return value, value

    oks, (err,) = through(rt.stateful_map, [("a", 1), ("a", 2)], asks)
    assert (oks, err.message) == ([("a", 2)], "refused")


def test_the_guard() -> None:
    flow = Dataflow("flow")
    split = rt.stateful_map("step", op.input("in", flow, TestingSource([("a", 1)])), total)
    guard = guard_of(split.errs)
    assert guard is not None
    assert guard.step_id == "flow.step"


def run_twice(tmp_path: Path, items: list[Any], step: Any, function: Any) -> tuple[list[Any], list[Any]]:
    """With an end in the middle, where `TestingSource.EOF()` is: two executions with recovery between."""
    oks: list[Any] = []
    errs: list[Any] = []
    source = TestingSource(items, 2)
    recovery = rt.Recovery(tmp_path / "recovery")
    for _ in range(2):
        testing.run(build(step, source, function, oks, errs), recovery=recovery)
    return oks, errs


def test_a_resumed_flow_goes_on_with_the_state_before_the_failure(tmp_path: Path) -> None:
    values = [1, -1, 2, -2, TestingSource.EOF(), -3, 3]
    items = [v if isinstance(v, TestingSource.EOF) else ("a", v) for v in values]
    oks, errs = run_twice(tmp_path, items, rt.stateful_map, total)
    assert oks[-1] == ("a", (3, (1, 2, 3)))
    assert len(errs) == 3


def test_large_state_is_resumed_too(tmp_path: Path) -> None:
    values = [*range(10, 10 + LARGE), -1, TestingSource.EOF(), -2, *range(500, 600), -3, 700]
    items = [v if isinstance(v, TestingSource.EOF) else ("a", v) for v in values]
    oks, errs = run_twice(tmp_path, items, rt.stateful_map, total)
    seen = [*range(10, 10 + LARGE), *range(500, 600), 700]
    assert oks[-1] == ("a", (len(seen), tuple(seen)))
    assert len(errs) == 3


KEYED = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-2, 9)), max_size=30)


@settings(max_examples=examples(50), deadline=None)
@given(KEYED, st.integers(1, 9))
def test_failures_are_as_if_they_had_not_been_there(items: list[Any], batch: int) -> None:
    oks, errs = through(rt.stateful_map, items, total, batch)
    others, _ = through(rt.stateful_map, [item for item in items if item[1] >= 0], total, batch)
    for key in "ab":
        assert [ok for ok in oks if ok[0] == key] == [ok for ok in others if ok[0] == key]
    assert len(errs) == sum(item[1] < 0 for item in items)


def of_bytewax(step: Any, items: list[Any], function: Any) -> list[Any]:
    out: list[Any] = []
    flow = Dataflow("flow")
    op.output("out", step("step", op.input("in", flow, TestingSource(items, 3)), function), TestingSink(out))
    testing.run(flow)
    return out


GOOD = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), max_size=30)


@settings(max_examples=examples(50), deadline=None)
@given(GOOD)
def test_stateful_map_is_bytewaxs_where_nothing_fails(items: list[Any]) -> None:
    assert through(rt.stateful_map, items, total) == (of_bytewax(op.stateful_map, items, total), [])


@settings(max_examples=examples(50), deadline=None)
@given(GOOD)
def test_stateful_flat_map_is_bytewaxs_where_nothing_fails(items: list[Any]) -> None:
    def flat(state: Any, value: int) -> tuple[Any, list[Any]]:
        kept, made = total(state, value)
        return kept, [value] * (value % 3) + [made]

    assert through(rt.stateful_flat_map, items, flat) == (of_bytewax(op.stateful_flat_map, items, flat), [])


def append(state: list[int], value: int) -> tuple[list[int], int]:
    state.append(value)
    if value < 0:
        raise ValueError(value)
    if value == 0:
        state.clear()
    return state, len(state)


@settings(max_examples=examples(50), deadline=None)
@given(st.integers(0, 2 * LARGE), st.lists(st.integers(-1, 40), max_size=200))
def test_state_of_any_size_goes_back(size: int, values: list[int]) -> None:
    kept = KeptState(list(range(size)), append)
    judge = list(range(size))
    for value in values:
        if value < 0:
            with pytest.raises(ValueError, match="-1"):
                kept.apply(value)
        else:
            assert kept.apply(value) == append(judge, value)[1]
        assert kept.value == judge
        assert kept.copy() == judge
        assert kept.copy() is not kept.value


def test_a_message_costs_the_same_however_large_the_state_is() -> None:
    """Copies of a large state are as many as messages are a share of its size, not one for each."""
    copies = 0

    class Counted(list[int]):
        def __deepcopy__(self, memo: Any) -> Counted:
            nonlocal copies
            copies += 1
            return Counted(self)

    kept = KeptState([Counted(), *range(10_000)], lambda state, value: (state, value))
    for value in range(3_000):
        kept.apply(value)
    assert copies == 3


def test_a_large_state_that_becomes_a_small_one_and_large_again() -> None:
    kept: KeptState[Any, Any, Any] = KeptState([0] * LARGE, lambda state, value: (value(state), None))

    def fails(state: list[int]) -> Any:
        state.append(1)
        raise ValueError

    kept.apply(lambda state: [*state, 1])
    kept.apply(lambda state: 7)
    kept.apply(lambda state: [state] * LARGE)
    with pytest.raises(ValueError):
        kept.apply(fails)
    assert kept.value == [7] * LARGE


def test_a_function_that_takes_a_message_only_once_is_named() -> None:
    taken: set[int] = set()

    def once(state: list[int], value: int) -> tuple[list[int], int]:
        if value < 0 or value in taken:
            raise ValueError(value)
        taken.add(value)
        return state, value

    kept = KeptState([0] * LARGE, once)
    kept.apply(1)
    with pytest.raises(KeptStateError, match="failed for a message that it had taken"):
        kept.apply(-1)


def test_a_tuple_of_another_size_is_not_the_pair_that_is_wanted() -> None:
    _, (err,) = through(rt.stateful_map, [("k", message(1))], lambda state, value: (1, 2, 3))
    assert err.message.endswith("returned tuple, not a pair of state and value")
