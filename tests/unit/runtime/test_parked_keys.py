"""`rt.DeadLetter(park_key=True)`: later messages of a dead-lettered key follow it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.errors import causes
from kgen_runtime.routing import parked_keys
from kgen_runtime.routing.letter_headers import REPLAY_COUNT
from kgen_runtime.routing.parked_keys import ParkedKeys

from .test_retries import ORDERS, OUT, Service, by_key, inputs, values

BAD = frozenset({"13", "40", "41"})


def refuse(value: str) -> str:
    if value in BAD:
        raise ValueError(f"no {value}")
    return value


def build(kafka: testing.Memory, act: Any = refuse, policy: Any = lambda p: p, **more: Any) -> Dataflow:
    flow = Dataflow("flow")
    read = rt.source("in", flow, ORDERS, kafka, batch_size=10)
    first = rt.map("first", read.oks, lambda message: message)
    asked = rt.map_value("ask", first.oks, act)
    errs = rt.sink("out", asked.oks, OUT, kafka, **more)
    letters = rt.DeadLetter("dlq", kafka, park_key=True)
    rt.route("errs", read.errs, first.errs, asked.errs, errs, policy=policy(letters))
    return rt.check(flow)


def headers(message: rt.RawMessage) -> dict[str, bytes | None]:
    return dict(message.headers)


POLICIES = pytest.mark.parametrize(
    "policy",
    [
        lambda letters: letters,
        lambda letters: rt.Retry(2, timedelta(0), on=ValueError, then=letters),
        lambda letters: rt.ByStage({"process": rt.Breaker(0.99, 1000, then=letters), "*": rt.Crash()}),
        lambda letters: (rt.Log(), letters),
    ],
)


@POLICIES
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_later_messages_of_a_key_follow_its_dead_letter(policy: Any, delivery: str) -> None:
    kafka = testing.Memory({ORDERS: inputs(100)})  # 5 keys
    testing.run(build(kafka, policy=policy, delivery=delivery))
    parked = {*range(13, 100, 5), *range(40, 100, 5), *range(41, 100, 5)}
    assert sorted(map(int, values(kafka, "dlq"))) == sorted(parked)
    assert sorted(map(int, values(kafka, "out"))) == sorted({*range(100)} - parked)
    assert all(found == sorted(found) for found in by_key(kafka, "dlq").values())
    for letter in kafka.produced["dlq"]:
        said, value = headers(letter), (letter.value or b"").decode()
        if value in BAD:
            assert "__kgen.error.parked-by" not in said
            assert said["__kgen.error.class"] == b"ValueError"
        else:
            assert said["__kgen.error.parked-by"] == said["__kgen.error.fingerprint"]
            assert said["__kgen.error.class"] == b"kgen_runtime.errors.ParkedError"
    assert len({headers(letter)["__kgen.error.fingerprint"] for letter in kafka.produced["dlq"]}) == 1


def test_a_message_without_a_key_parks_nothing() -> None:
    raw = [rt.RawMessage(key=None, value=b"%d" % i, topic="orders", partition=0) for i in range(50)]
    kafka = testing.Memory({ORDERS: raw})
    testing.run(build(kafka))
    assert values(kafka, "dlq") == ["13", "40", "41"]


def test_what_cannot_be_decoded_parks_its_key_for_what_comes_after_its_epoch() -> None:
    raw = inputs(100)
    raw[3].value = b"\xff"
    kafka = testing.Memory({ORDERS: raw})
    testing.run(build(kafka, str), epoch_interval=timedelta(0))
    letters = [m.value for m in kafka.produced["dlq"] if m.key == b"k3"]
    assert letters[0] == b"\xff"
    assert letters[-1] == b"98"
    assert len(letters) + len(by_key(kafka, "out")[b"k3"]) == 20


def test_steps_with_state_park_too() -> None:
    kafka = testing.Memory({ORDERS: inputs(50)})
    flow = Dataflow("flow")
    read = rt.source("in", flow, ORDERS, kafka, batch_size=10)
    keyed = op.key_on("key", read.oks, lambda message: str(message.key))
    seen: list[int] = []

    def count(state: Any, message: rt.Message[str, str]) -> Any:
        refuse(message.value or "")
        seen.append(int(message.value or ""))
        return state, message

    kept = rt.stateful_map("count", keyed, count)
    errs = rt.sink("out", op.map("unkey", kept.oks, lambda pair: pair[1]), OUT, kafka)
    rt.route("errs", read.errs, kept.errs, errs, policy=rt.DeadLetter("dlq", kafka, park_key=True))
    testing.run(rt.check(flow))
    parked = {*range(13, 50, 5), *range(40, 50, 5), *range(41, 50, 5)}
    assert sorted(map(int, values(kafka, "dlq"))) == sorted(parked)
    assert sorted(seen) == sorted({*range(50)} - parked)


def test_a_replayed_message_is_tried_and_frees_its_key() -> None:
    raw = [
        rt.RawMessage(key=b"k", value=b"%d" % i, topic="orders", partition=0, headers=more)
        for i, more in [
            (12, ()),
            (13, ()),  # parks
            (14, ()),
            (13, ((REPLAY_COUNT, b"1"),)),  # fails again
            (15, ()),
            (16, ((REPLAY_COUNT, b"1"),)),  # passes
            (17, ()),
        ]
    ]
    kafka = testing.Memory({ORDERS: raw})
    testing.run(build(kafka))
    assert values(kafka, "dlq") == ["13", "14", "13", "15"]
    assert values(kafka, "out") == ["12", "16", "17"]


def test_the_next_run_tries_again() -> None:
    kafka = testing.Memory({ORDERS: inputs(20)})
    testing.run(build(kafka, Service({"3": 1}, ValueError)))
    assert sorted(map(int, values(kafka, "dlq"))) == [3, 8, 13, 18]
    again = testing.Memory({ORDERS: inputs(20)})
    testing.run(build(again, Service()))
    assert values(again, "dlq") == []


def test_more_keys_than_can_be_remembered_stop_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parked_keys, "MOST", 10)
    kafka = testing.Memory({ORDERS: inputs(100, keys=100)})
    with pytest.raises(RuntimeError) as caught:
        testing.run(build(kafka, int))  # whose values cannot be written, so the sink's failures park
    assert any("10 keys are parked" in str(each) for each in causes(caught.value))


def test_the_first_failure_of_a_key_is_remembered() -> None:
    keys = ParkedKeys()
    keys.park(("t", b"k"), "one")
    keys.park(("t", b"k"), "two")
    keys.park(None, "three")
    assert (keys.by(("t", b"k")), keys.by(None), keys.by(("u", b"k"))) == ("one", None, None)
