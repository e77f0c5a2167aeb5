"""The steps on single items: each way in which the user's function can fail, and Bytewax's own as the judge
where it does not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.errors import BytewaxRuntimeError
from bytewax.inputs import AbortExecution
from bytewax.testing import TestingSink, TestingSource
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from tests.examples import examples

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.errors import causes
from kgen_runtime.flow.guards import guard_of


def trues(step_id: str, up: Stream[Any], predicate: Any) -> rt.Split[Any]:
    branch = rt.branch(step_id, up, predicate)
    return rt.Split(branch.trues, branch.errs)


def falses(step_id: str, up: Stream[Any], predicate: Any) -> rt.Split[Any]:
    branch = rt.branch(step_id, up, predicate)
    return rt.Split(branch.falses, branch.errs)


Step = Callable[..., rt.Split[Any]]
GOOD: dict[str, tuple[Step, Callable[[Any], Any]]] = {
    "map": (rt.map, lambda item: item),
    "flat_map": (rt.flat_map, lambda item: [item]),
    "filter": (rt.filter, lambda item: True),
    "filter_map": (rt.filter_map, lambda item: item),
    "key_on": (rt.key_on, lambda item: "k"),
    "trues": (trues, lambda item: True),
    "falses": (falses, lambda item: False),
}


NAMES = {"trues": "branch", "falses": "branch"}
ORDERS = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
LONG = rt.Topic("long", key=rt.StringSerde(), value=rt.StringSerde())


def message(value: str | None, offset: int = 2) -> rt.Message[str, str]:
    raw = None if value is None else value.encode()
    return rt.Message("k", value, "orders", 1, offset, 3, value_schema_id=9, origin=(b"k", raw, (), 3))


def through(step: Step, items: list[Any], function: Any) -> tuple[list[Any], list[rt.Failure]]:
    oks: list[Any] = []
    errs: list[rt.Failure] = []
    flow = Dataflow("flow")
    split = step("step", op.input("in", flow, TestingSource(items, 3)), function)
    op.output("oks", split.oks, TestingSink(oks))
    op.output("errs", split.errs, TestingSink(errs))
    testing.run(rt.check(flow))
    return oks, errs


def values(oks: list[Any]) -> list[Any]:
    return [(ok[1] if isinstance(ok, tuple) else ok).value for ok in oks]


@pytest.mark.parametrize("name", GOOD)
def test_what_the_function_raises_goes_to_errs_and_the_others_go_on(name: str) -> None:
    step, good = GOOD[name]

    def fails(item: Any) -> Any:
        if item.value.startswith("bad"):
            raise KeyError(item.value)
        return good(item)

    items = [message(v, n) for n, v in enumerate(["a", "bad1", "b", "bad2", "c", "bad3", "bad4"])]
    oks, errs = through(step, items, fails)
    assert values(oks) == ["a", "b", "c"]
    assert [(e.original, e.message) for e in errs] == [
        (items[n].raw(), f"'{items[n].value}'") for n in (1, 3, 5, 6)
    ]
    assert {(e.stage, e.error_class, e.step, e.schema_id) for e in errs} == {
        (rt.Stage.PROCESS, "KeyError", "flow.step", 9)
    }
    assert len({e.fingerprint for e in errs}) == 1
    assert "in fails" in errs[0].traceback
    assert "kgen_runtime" not in errs[0].traceback


@pytest.mark.parametrize("name", GOOD)
def test_a_message_can_be_rejected(name: str) -> None:
    def rejects(item: Any) -> Any:
        raise rt.Reject("no such customer")

    oks, (err,) = through(GOOD[name][0], [message("a")], rejects)
    assert not oks
    assert (err.error_class, err.message) == ("kgen_runtime.errors.Reject", "no such customer")
    assert (err.stage, err.transient, err.traceback) == (rt.Stage.PROCESS, False, "")


@pytest.mark.parametrize("name", GOOD)
def test_stop_iteration_is_a_failure_and_not_the_end_of_the_batch(name: str) -> None:
    step, good = GOOD[name]

    def stops(item: Any) -> Any:
        if item.value == "b":
            raise StopIteration
        return good(item)

    oks, (err,) = through(step, [message(v) for v in "abc"], stops)
    assert values(oks) == ["a", "c"]
    assert err.error_class == "StopIteration"


@pytest.mark.parametrize("name", GOOD)
def test_an_abort_of_bytewaxs_passes_through(name: str) -> None:
    def aborts(item: Any) -> Any:
        raise AbortExecution

    oks: list[Any] = []
    errs: list[rt.Failure] = []
    flow = Dataflow("flow")
    split = GOOD[name][0]("step", op.input("in", flow, TestingSource([message("a")])), aborts)
    op.output("oks", split.oks, TestingSink(oks))
    op.output("errs", split.errs, TestingSink(errs))
    with pytest.raises(BytewaxRuntimeError) as raised:
        testing.run(flow)
    assert any(isinstance(each, AbortExecution) for each in causes(raised.value))
    assert (oks, errs) == ([], [])


async def awaited(item: Any) -> Any:
    return item


async def iterated(item: Any) -> AsyncIterator[Any]:
    yield item


class Awaited:
    async def __call__(self, item: Any) -> Any:
        return item


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("function", [awaited, iterated, Awaited()])
def test_async_functions_are_refused(name: str, function: Any) -> None:
    flow = Dataflow("flow")
    up = op.input("in", flow, TestingSource([1]))
    with pytest.raises(rt.FlowError, match=f"rt.{NAMES.get(name, name)}: .* is async") as raised:
        GOOD[name][0]("step", up, function)
    assert raised.value.hint == "Pass a function without async."
    assert "test_item_steps.py" in (raised.value.where or "")


@pytest.mark.parametrize("name", GOOD)
def test_what_cannot_be_called_is_refused(name: str) -> None:
    flow = Dataflow("flow")
    up = op.input("in", flow, TestingSource([1]))
    with pytest.raises(rt.FlowError, match=f"rt.{NAMES.get(name, name)}: .* is 'value', not a function"):
        GOOD[name][0]("step", up, "value")


@pytest.mark.parametrize("name", ["map", "flat_map", "filter_map"])
def test_none_leaves_a_message_out_and_is_counted(name: str) -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("kgen_filtered_messages_total", {"step": "flow.step"}) or 0

    step, good = GOOD[name]
    before = count()
    oks, errs = through(step, [message(v) for v in "abc"], lambda m: None if m.value == "b" else good(m))
    assert (values(oks), errs) == (["a", "c"], [])
    assert count() == before + 1


def test_tombstones_are_made_by_name() -> None:
    (ok,), errs = through(rt.map, [message("a")], lambda m: m.tombstone())
    assert (ok.key, ok.value, ok.offset, errs) == ("k", None, 2, [])


def wrong(item: Any) -> Any:
    return {"a": 1, "b": None}[item.value]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("filter", ["wrong returned int, not a bool", "wrong returned NoneType, not a bool"]),
        ("trues", ["wrong returned int, not a bool", "wrong returned NoneType, not a bool"]),
        ("key_on", ["wrong returned int, not a str", "wrong returned NoneType, not a str"]),
        ("flat_map", ["wrong returned int, not something to iterate over"]),
    ],
)
def test_what_a_step_cannot_use_is_a_failure(name: str, texts: list[str]) -> None:
    oks, errs = through(GOOD[name][0], [message("a"), message("b")], wrong)
    assert not oks
    assert [e.message for e in errs] == texts
    assert {(e.error_class, e.traceback, e.stage) for e in errs} == {
        ("kgen_runtime.flow.guards.WrongReturn", "", rt.Stage.PROCESS)
    }
    assert len({e.fingerprint for e in errs}) == 1


def test_a_generator_that_fails_late_gives_nothing_of_its_item() -> None:
    def halves(item: Any) -> Iterator[Any]:
        yield item
        if item.value == "b":
            raise ValueError("half way")
        yield item

    oks, (err,) = through(rt.flat_map, [message(v) for v in "abc"], halves)
    assert values(oks) == ["a", "a", "c", "c"]
    assert "half way" in err.traceback


class Unshown:
    def __repr__(self) -> str:
        raise ValueError("no repr")

    def __call__(self, item: Any) -> Any:
        raise Unprintable


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def fails(item: Any) -> Any:
    raise ValueError("bad")


@pytest.mark.parametrize(
    ("item", "key", "value"),
    [
        (17, None, b"17"),
        (("k", 17), b"'k'", b"17"),
        (("k", message("v")), b"k", b"v"),
        (("k", (0, message("v"))), b"k", b"v"),
        ((1, message("v"), message("w")), b"k", b"v"),
        (rt.RawMessage(key=b"x", value=b"y", topic="t"), b"x", b"y"),
        (Unshown(), None, b"<Unshown, whose repr fails>"),
        ("\udcff", None, b"'\\udcff'"),
    ],
)
def test_provenance(item: Any, key: bytes | None, value: bytes) -> None:
    _, (err,) = through(rt.map, [item], fails)
    assert (err.original.key, err.original.value) == (key, value)


def test_an_error_without_a_text() -> None:
    _, (err,) = through(rt.map, [1], Unshown())
    assert err.message == "Unprintable, whose __str__ raises"


def test_the_fingerprint_of_a_function_of_pythons_own_is_not_a_line_of_kgens() -> None:
    _, errs = through(rt.map, [1, None], len)
    _, (other,) = through(rt.map, [1], iter)
    assert errs[0].fingerprint == errs[1].fingerprint == "97294c8ae066d131"
    assert other.fingerprint != errs[0].fingerprint


def test_the_guard_of_a_stream_of_failures() -> None:
    flow = Dataflow("flow")
    up: Stream[Any] = op.input("in", flow, TestingSource([]))
    split = rt.map("step", up, fails)
    guard = guard_of(split.errs)
    assert guard is not None
    assert guard.step_id == "flow.step"
    assert guard_of(split.oks) is None
    assert guard_of(op.map("other", split.errs, lambda failure: failure)) is None


ITEMS = st.lists(st.integers(0, 4), max_size=12)


def answers(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """What the function returns of 0, 1, 2, 3 and 4."""
    return st.lists(of, min_size=5, max_size=5)


def of_bytewax(step: Any, items: list[Any], function: Any) -> list[Any]:
    out: list[Any] = []
    flow = Dataflow("flow")
    op.output("out", step("step", op.input("in", flow, TestingSource(items, 3)), function), TestingSink(out))
    testing.run(flow)
    return out


@settings(max_examples=examples(50), deadline=None)
@given(ITEMS, answers(st.integers() | st.text(max_size=2)))
def test_map_is_bytewaxs_where_nothing_fails(items: list[Any], made: list[Any]) -> None:
    assert through(rt.map, items, made.__getitem__) == (of_bytewax(op.map, items, made.__getitem__), [])


@settings(max_examples=examples(50), deadline=None)
@given(ITEMS, answers(st.integers() | st.none()))
def test_filter_map_is_bytewaxs_where_nothing_fails(items: list[Any], made: list[Any]) -> None:
    assert through(rt.filter_map, items, made.__getitem__) == (
        of_bytewax(op.filter_map, items, made.__getitem__),
        [],
    )


@settings(max_examples=examples(50), deadline=None)
@given(ITEMS, answers(st.lists(st.integers() | st.none())))
def test_flat_map_is_bytewaxs_where_nothing_fails(items: list[Any], made: list[Any]) -> None:
    assert through(rt.flat_map, items, made.__getitem__) == (
        of_bytewax(op.flat_map, items, made.__getitem__),
        [],
    )


@settings(max_examples=examples(50), deadline=None)
@given(ITEMS, answers(st.booleans()))
def test_filter_is_bytewaxs_where_nothing_fails(items: list[Any], made: list[Any]) -> None:
    assert through(rt.filter, items, made.__getitem__) == (of_bytewax(op.filter, items, made.__getitem__), [])


@settings(max_examples=examples(25), deadline=None)
@given(ITEMS, answers(st.booleans()))
def test_branch_is_bytewaxs_where_nothing_fails(items: list[Any], made: list[Any]) -> None:
    assert through(trues, items, made.__getitem__) == (
        of_bytewax(lambda *given: op.branch(*given).trues, items, made.__getitem__),
        [],
    )
    assert through(falses, items, made.__getitem__) == (
        of_bytewax(lambda *given: op.branch(*given).falses, items, made.__getitem__),
        [],
    )


def test_a_branch_is_tried_again_and_its_items_go_to_their_side() -> None:
    tried: list[str] = []

    def long(item: rt.Message[str, str]) -> bool:
        text = item.value_or_reject()
        tried.append(text)
        if text == "later" and tried.count(text) == 1:
            raise ConnectionError
        return len(text) > 3

    kafka = testing.Memory({ORDERS: ["a", "later", "long", "b", rt.Message("k", None)]})
    flow = Dataflow("flow")
    read = rt.source("in", flow, ORDERS, kafka)
    branch = rt.branch("long", read.oks, long)
    other = rt.Topic("short", key=ORDERS.key, value=ORDERS.value)
    short = rt.sink("short", branch.falses, other, kafka, delivery="exactly-once")
    unsent = rt.sink("out", branch.trues, LONG, kafka, delivery="exactly-once")
    policy = rt.Retry(3, timedelta(milliseconds=1), on=(ConnectionError,), then=rt.DeadLetter("dlq", kafka))
    rt.route("errs", read.errs, branch.errs, short, unsent, policy=policy)
    testing.run(rt.check(flow))
    assert sorted(m.value_or_reject() for m in kafka.messages(LONG)) == ["later", "long"]
    assert [m.value for m in kafka.produced["short"]] == [b"a", b"b"]
    assert [dict(m.headers)["__kgen.error.message"] for m in kafka.dead_letters] == [
        b"the message is a tombstone"
    ]


def test_a_branch_given_as_a_stream_is_a_clear_error() -> None:
    flow = Dataflow("flow")
    up: Stream[Any] = op.input("in", flow, TestingSource([]))
    branch: Any = rt.branch("step", up, bool)
    with pytest.raises(rt.FlowError) as caught:
        rt.map("other", branch, str)
    assert caught.value.hint == "It has several streams: pass .trues or .falses of it."
    with pytest.raises(rt.FlowError, match=r"nothing reads the failures of flow\.step"):
        rt.check(flow)


@settings(max_examples=examples(50), deadline=None)
@given(ITEMS, answers(st.text(max_size=3)))
def test_key_on_is_bytewaxs_where_nothing_fails(items: list[Any], made: list[Any]) -> None:
    assert through(rt.key_on, items, made.__getitem__) == (of_bytewax(op.key_on, items, made.__getitem__), [])


class Delegates(Exception):
    """Looks everything up in a part that it does not have."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.response, name)


class NoStock(rt.Reject):
    def __init__(self, sku: str) -> None:
        self.sku = sku


class MuteObject:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (lambda: rt.Reject(5), "5"),  # type: ignore[arg-type]
        (lambda: rt.Reject(""), "Reject"),
        (lambda: rt.Reject(MuteObject()), "Reject, whose __str__ raises"),  # type: ignore[arg-type]
        (lambda: NoStock("sku-1"), "sku-1"),
        (lambda: Delegates("no response"), "no response"),
    ],
    ids=["number", "empty", "mute", "own __init__", "__getattr__"],
)
def test_an_error_of_any_make_becomes_a_failure(error: Callable[[], Exception], text: str) -> None:
    def fails(item: Any) -> Any:
        if item.value == "bad":
            raise error()
        return item

    oks, errs = through(rt.map, [message("bad"), message("good")], fails)
    assert values(oks) == ["good"]
    assert [each.message for each in errs] == [text]


def test_a_key_that_no_step_with_state_could_take_goes_to_errs() -> None:
    """JSON has such texts, and one of them would stop the flow at the next step, in each run again."""
    bad: Any = rt.Message("k", "\ud800", "orders", 1, 2, 3)
    counts: list[Any] = []
    flow = Dataflow("flow")
    keyed = rt.key_on(
        "key", op.input("in", flow, TestingSource([bad, message("\u00e9"), message("a")])), _value
    )
    errs: list[rt.Failure] = []
    op.output("errs", keyed.errs, TestingSink(errs))
    op.output("counts", op.count_final("count", op.map("pair", keyed.oks, _first), str), TestingSink(counts))
    testing.run(rt.check(flow))
    assert sorted(counts) == [("a", 1), ("\u00e9", 1)]
    assert [each.error_class for each in errs] == ["UnicodeEncodeError"]


def _value(item: Any) -> str:
    return str(item.value)


def _first(pair: tuple[str, Any]) -> str:
    return pair[0]


def test_order_is_kept_around_one_that_has_to_wait() -> None:
    """What is unavailable holds up the worker: the item passes in its place, or fails in it."""
    tried: list[str] = []

    def waits(item: rt.Message[str, str]) -> rt.Message[str, str]:
        text = item.value or ""
        tried.append(text)
        if text.startswith("bad"):
            raise ValueError(text)
        if text.startswith("later") and tried.count(text) == 1:
            raise rt.RegistryUnavailable("the registry restarts")
        if text == "later bad":
            raise ValueError(text)
        return item

    texts = ["a", "bad 1", "later", "b", "bad 2", "later bad", "bad 3", "c"]
    items = [message(text, offset) for offset, text in enumerate(texts)]
    oks: list[Any] = []
    errs: list[rt.Failure] = []
    flow = Dataflow("flow")
    split = rt.map("step", op.input("in", flow, TestingSource(items, len(items))), waits)
    op.output("oks", split.oks, TestingSink(oks))
    op.output("errs", split.errs, TestingSink(errs))
    testing.run(rt.check(flow))
    assert values(oks) == ["a", "later", "b", "c"]
    assert [failure.message for failure in errs] == ["bad 1", "bad 2", "later bad", "bad 3"]
    assert list(dict.fromkeys(tried)) == texts
