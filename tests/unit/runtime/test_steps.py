"""map_value, deserialize and serialize."""

from __future__ import annotations

import threading
import time
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.flow import retry
from kgen_runtime.stop import STOP

from .conftest import RecordedActions

Orders = rt.Topic[str, str]


def through(step: Any, items: list[Any], *args: Any) -> tuple[list[Any], list[rt.Failure]]:
    oks: list[Any] = []
    errs: list[rt.Failure] = []
    flow = Dataflow("flow")
    split = step("step", op.input("in", flow, TestingSource(items, 3)), *args)
    op.output("oks", split.oks, TestingSink(oks))
    op.output("errs", split.errs, TestingSink(errs))
    testing.run(rt.check(flow))
    return oks, errs


def message(value: str | None, **more: Any) -> rt.Message[str, str]:
    raw = None if value is None else value.encode()
    given = {"topic": "orders", "partition": 1, "offset": 2, "timestamp": 3, "value_schema_id": 9, **more}
    return rt.Message("k", value, origin=(b"k", raw, (("h", b"1"),), 3), **given)


def test_map_value_keeps_all_but_the_value() -> None:
    ((ok,), errs) = through(rt.map_value, [message("v", headers=(("h", b"1"),))], len)
    assert ok == message("v", headers=(("h", b"1"),)).with_value(1)
    assert ok.raw() is not None
    assert not errs


def test_tombstones_pass_map_value_untouched() -> None:
    (ok,), _ = through(rt.map_value, [message(None)], len)
    assert ok.value is None


def even(value: str) -> int | rt.Tombstone | None:
    return None if int(value) % 2 else int(value) or rt.TOMBSTONE


def test_none_leaves_a_message_out_and_tombstones_are_made_by_name() -> None:
    oks, errs = through(rt.map_value, [message(str(n)) for n in range(5)], even)
    assert [(ok.key, ok.value, ok.offset) for ok in oks] == [("k", None, 2), ("k", 2, 2), ("k", 4, 2)]
    assert [ok.raw().value for ok in oks] == [b"0", b"2", b"4"]
    assert not errs


def refuse(value: str) -> str:
    """Two lines above the line that raises."""
    if value == "bad":
        raise KeyError("no such thing")
    return value


def test_what_map_value_raises_goes_to_errs_with_the_original() -> None:
    oks, (err,) = through(rt.map_value, [message("good"), message("bad")], refuse)
    assert [ok.value for ok in oks] == ["good"]
    assert (err.stage, err.error_class, err.step, err.part) == (
        rt.Stage.PROCESS,
        "KeyError",
        "flow.step",
        "value",
    )
    assert err.original == rt.RawMessage(
        key=b"k", value=b"bad", topic="orders", partition=1, offset=2, timestamp=3, headers=(("h", b"1"),)
    )
    assert err.schema_id == 9
    assert "in refuse" in err.traceback
    assert "kgen_runtime" not in err.traceback


def test_failures_at_the_same_place_have_the_same_fingerprint() -> None:
    _, errs = through(rt.map_value, [message("bad"), message("bad", offset=7)], refuse)
    assert errs[0].fingerprint == errs[1].fingerprint
    _, (other,) = through(rt.map_value, [message("bad")], lambda value: int(value))
    assert other.fingerprint != errs[0].fingerprint


@pytest.mark.parametrize("error", [rt.RegistryUnavailable("out"), rt.DeliveryError("out")])
@pytest.mark.parametrize("then", ["fine", "bad"])
def test_a_registry_or_broker_that_is_unavailable_is_waited_for(
    error: Exception, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_LEAST", 0)
    answers = [error] * 3

    def ask(value: str) -> str:
        if value == then and answers:
            raise answers.pop()
        return refuse(value)

    oks, errs = through(rt.map_value, [message("a"), message(then), message("b")], ask)
    assert [ok.value for ok in oks] == [refuse(v) for v in ("a", then, "b") if v != "bad"]
    assert [err.error_class for err in errs] == ["KeyError"] * (then == "bad")
    assert not answers


def test_deserialize_takes_what_other_sources_give(orders: Orders) -> None:
    stock = KafkaSourceMessage(
        key=b"k", value=b"v", topic="t", headers=[("h", b"1")], offset=4, partition=2, timestamp=(1, 77)
    )
    bare = KafkaSourceMessage(key=None, value=b"w", timestamp=(0, -1))
    raw = rt.RawMessage(key=b"k", value=None, topic="t", timestamp=5)
    oks, errs = through(rt.deserialize, [stock, bare, raw], orders, testing.Memory())
    assert not errs
    assert oks[0] == rt.Message(
        "k", "v", topic="t", partition=2, offset=4, timestamp=77, headers=(("h", b"1"),)
    )
    assert oks[1] == rt.Message(None, "w", topic="orders")
    assert (oks[2].value, oks[2].timestamp) == (None, 5)


def test_deserialize_sends_poison_to_errs(orders: Orders) -> None:
    poison = rt.RawMessage(key=b"k", value=b"\xff", topic="t", offset=3)
    oks, (err,) = through(rt.deserialize, [poison], orders, testing.Memory())
    assert not oks
    assert err.original == poison
    assert err.step == "flow.step"


def test_serialize_gives_what_other_sinks_take(orders: Orders) -> None:
    moved = message("w", target_topic="other", target_partition=4)
    oks, errs = through(rt.serialize, [message("v", headers=(("h", b"1"),)), moved], orders, testing.Memory())
    assert not errs
    assert oks[0] == KafkaSinkMessage(b"k", b"v", topic="orders", headers=[("h", b"1")], timestamp=3)
    assert (oks[1].topic, oks[1].partition) == ("other", 4)


def test_serialize_sends_what_is_not_a_header_to_errs(orders: Orders) -> None:
    bad = message("v", headers=(("a\udcff", b"x"),))
    oks, (err,) = through(rt.serialize, [bad, message("w")], orders, testing.Memory())
    assert len(oks) == 1
    assert (err.stage, err.part) == (rt.Stage.SERIALIZE, None)


def test_serialize_sends_what_it_cannot_encode_to_errs(orders: Orders) -> None:
    bad: Any = 17
    oks, (err,) = through(rt.serialize, [message("v").with_value(bad)], orders, testing.Memory())
    assert not oks
    assert (err.stage, err.part, err.original.value) == (rt.Stage.SERIALIZE, "value", b"v")


def test_waiting_for_the_registry_doubles_and_ends() -> None:
    answers = [rt.RegistryUnavailable("away")] * 8
    slept: list[float] = []

    def call() -> str:
        if answers:
            raise answers.pop()
        return "there"

    assert retry.retry_until_available("step", call, slept.append) == "there"
    assert slept == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_stop_ends_the_waiting(runner: RecordedActions) -> None:
    def call() -> str:
        STOP.request()
        raise rt.RegistryUnavailable("away")

    with pytest.raises(rt.RegistryUnavailable):
        retry.retry_until_available("step", call, lambda seconds: pytest.fail("it waits"))
    assert runner.reports == ["stuck"]


def test_a_stop_cuts_a_pause_short() -> None:
    calls = 0

    def call() -> str:
        nonlocal calls
        calls += 1
        raise rt.RegistryUnavailable("away")

    threading.Timer(0.7, STOP.request).start()
    begun = time.monotonic()
    with pytest.raises(rt.RegistryUnavailable):
        retry.retry_until_available("step", call)
    assert calls == 2  # a pause of half a second, then one of a second
    assert time.monotonic() - begun < 1.4
