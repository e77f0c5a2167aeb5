"""One poison of every kind in each stage among some thousand good messages, for every policy: what went in is
what came out, what became a dead letter and what was dropped, by id.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bytewax.dataflow import Dataflow
from confluent_kafka import KafkaError

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.errors import causes

from .conftest import Broker

COUNT = 3_000
SCHEMAS = rt.Schemas("in-value", (rt.WriterSchema(version=1, id=1, text='"string"'),))
IN: rt.Topic[str, str] = rt.Topic("in", key=rt.StringSerde(), value=rt.AvroSerde(SCHEMAS, {}))
OUT: rt.Topic[str, str] = rt.Topic("out", key=rt.StringSerde(), value=rt.StringSerde())


def framed(text: bytes, schema_id: int = 1, length: int | None = None) -> bytes:
    return struct.pack(">bIb", 0, schema_id, 2 * (len(text) if length is None else length)) + text


POISON: dict[int, tuple[bytes, str]] = {
    101: (b"", "framing"),
    202: (b"\x07 not a frame", "framing"),
    303: (framed(b"x", schema_id=77), "unknown-schema"),
    404: (framed(b"short", length=9), "decode"),
    505: (framed(b"\xff\xfe"), "decode"),
    606: (framed(b"raise"), "process"),
    707: (framed(b"reject"), "process"),
    808: (framed(b"passing"), "process"),
    909: (framed(b"number"), "serialize"),
    1010: (framed(b"surrogate"), "serialize"),
    1111: (framed(b"huge"), "oversize"),
    1212: (framed(b"refused"), "produce"),
}
"""By the number of the message (its key): the value, and the stage in which it fails."""
PASSES = 808
"""This one passes in its second attempt."""


def handle(message: rt.Message[str, str]) -> rt.Message[str, Any]:
    if message.value == "raise":
        raise KeyError("no such thing")
    if message.value == "reject":
        raise rt.Reject("not wanted")
    made: dict[str, Any] = {"number": 5, "surrogate": "\ud800", "huge": "x" * 50_000}
    return message.with_value(made.get(message.value or "", message.value))


def inputs() -> list[rt.RawMessage]:
    return [
        rt.RawMessage(
            key=b"%d" % i,
            value=POISON[i][0] if i in POISON else framed(b"v%d" % i),
            topic="in",
            partition=i % 3,
        )
        for i in range(COUNT)
    ]


class Kept(rt.Policy):
    """Remembers, as a policy of a user's."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def handle(self, failures: list[rt.Failure]) -> None:
        self.ids += [int(failure.original.key or b"") for failure in failures]


Make = Callable[[rt.Policy, rt.Policy], Any]
"""Of a policy that writes dead letters and one that remembers what it dropped: the policy of the flow."""

POLICIES: dict[str, tuple[Make, str]] = {
    "dead-letter": (lambda letters, kept: letters, "letters"),
    "drop": (lambda letters, kept: (rt.Drop(), kept), "kept"),
    "log": (lambda letters, kept: (rt.Log(), kept), "kept"),
    "own": (lambda letters, kept: kept, "kept"),
    "sequence": (lambda letters, kept: (rt.Log(), rt.Drop(), letters, kept), "each"),
    "retry": (lambda letters, kept: rt.Retry(2, timedelta(0), on=OSError, then=letters), "letters"),
    "breaker": (lambda letters, kept: rt.Breaker(0.5, 100, then=letters), "letters"),
    "by-stage": (
        lambda letters, kept: rt.ByStage(
            {
                "process": rt.Retry(2, timedelta(0), on=OSError, then=(letters, rt.Log())),
                "decode": kept,
                "oversize": rt.Breaker(0.9, then=kept),
                "*": letters,
            }
        ),
        "both",
    ),
}


def build(kafka: testing.Memory, make: Make, kept: Kept, delivery: Any) -> Dataflow:
    failed: Counter[str] = Counter()

    def passing(message: rt.Message[str, Any]) -> rt.Message[str, Any]:
        if message.value == "passing" and not failed["passing"]:
            failed["passing"] += 1
            raise ConnectionError("try again")
        return message

    flow = Dataflow("matrix")
    read = rt.source("in", flow, IN, kafka)
    handled = rt.map("handle", read.oks, handle)
    passed = rt.map("pass", handled.oks, passing)
    errs = rt.sink("out", passed.oks, OUT, kafka, delivery=delivery)
    letters = rt.DeadLetter("dlq", kafka, park_key=True)
    rt.route("errs", read.errs, handled.errs, passed.errs, errs, policy=make(letters, kept))
    return rt.check(flow)


def memory(delivery: str, only: Sequence[int] = range(COUNT)) -> Any:
    """A broker that refuses one message; of which exactly once would stop the flow."""
    raw = [each for i, each in enumerate(inputs()) if i in only]
    if delivery == "exactly-once":
        kafka: testing.Memory = testing.Memory({IN: [each for each in raw if each.key != b"1212"]})
    else:
        refused = KafkaError.INVALID_RECORD
        kafka = Broker({IN: raw}, verdict=lambda value: refused if value == b"refused" else None)
    return kafka.with_config({"message.max.bytes": "20000"})


def ids(messages: list[rt.RawMessage]) -> list[int]:
    return sorted(int(message.key or b"") for message in messages)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("epoch", [0, 10])
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_in_is_out_and_dead_letters_and_drops(name: str, epoch: int, delivery: str, tmp_path: Path) -> None:
    make, where = POLICIES[name]
    kafka, kept = memory(delivery), Kept()
    recovery = rt.Recovery(tmp_path / "recovery")
    testing.run(
        build(kafka, make, kept, delivery), recovery=recovery, epoch_interval=timedelta(seconds=epoch)
    )
    out, letters = ids(kafka.produced["out"]), ids(kafka.produced.get("dlq", []))
    fine = {PASSES} if "retry" in name or name == "by-stage" else set()
    poison = set(POISON) - fine - ({1212} if delivery == "exactly-once" else set())
    expected = [i for i in range(COUNT) if i not in {*poison, 1212}]
    if delivery == "exactly-once":
        assert out == expected
    assert sorted(set(out)) == expected
    if where == "letters":
        assert sorted(letters) == sorted(poison)
        assert not kept.ids
    elif where == "kept":
        assert sorted(kept.ids) == sorted(poison)
        assert not letters
    elif where == "each":
        assert sorted(letters) == sorted(kept.ids) == sorted(poison)
    else:
        assert sorted(letters + kept.ids) == sorted(poison)
        assert sorted(kept.ids) == [i for i, (_, stage) in POISON.items() if stage in ("decode", "oversize")]
    for letter in kafka.produced.get("dlq", []):
        value, stage = POISON[int(letter.key or b"")]
        assert letter.value == value
        assert dict(letter.headers)["__kgen.error.stage"] == stage.encode()


@pytest.mark.parametrize("number", POISON)
def test_crash_stops_at_each_of_them(number: int) -> None:
    kafka = memory("at-least-once", [*range(5), number])
    with pytest.raises(RuntimeError) as caught:
        testing.run(build(kafka, lambda letters, kept: rt.Crash(), Kept(), "at-least-once"))
    (error,) = [each for each in causes(caught.value) if isinstance(each, rt.ProcessingError)]
    assert "topic in" in str(error)


def test_a_flow_of_which_everything_fails_ends_with_everything_as_a_dead_letter() -> None:
    raw = [
        rt.RawMessage(key=b"%d" % i, value=framed(b"raise"), topic="in", partition=i % 3)
        for i in range(20_000)
    ]
    kafka, kept = testing.Memory({IN: raw}), Kept()
    testing.run(build(kafka, lambda letters, kept: letters, kept, "at-least-once"))
    assert ids(kafka.produced["dlq"]) == list(range(20_000))
    assert "out" not in kafka.produced
