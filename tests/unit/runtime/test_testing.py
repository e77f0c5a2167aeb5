"""Samples and topics in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.errors import causes

V1 = '{"type": "record", "name": "shop.Order", "fields": [{"name": "id", "type": "string"}]}'
V2 = V1.replace("]}", ', {"name": "n", "type": "int", "default": 7}]}')


@dataclass(slots=True, kw_only=True)
class Order:
    id: str
    n: int = 7


SCHEMAS = rt.Schemas(
    "orders-value", (rt.WriterSchema(version=1, id=3, text=V1), rt.WriterSchema(version=2, id=9, text=V2))
)
TOPIC: rt.Topic[str, Order] = rt.Topic(
    "orders", key=rt.StringSerde(), value=rt.AvroSerde(SCHEMAS, {"shop.Order": Order})
)


def test_samples_are_of_every_version_and_always_the_same() -> None:
    made = testing.samples(TOPIC, n=6)
    assert [int.from_bytes((m.value or b"")[1:5], "big") for m in made] == [3, 9, 3, 9, 3, 9]
    assert made == testing.samples(TOPIC, n=6)
    assert made != testing.samples(TOPIC, n=6, seed=1)


@pytest.mark.parametrize(
    "arguments", [{"n": 1.5}, {"n": -1}, {"n": "3"}, {"n": True}, {"n": None}, {"seed": []}, {"seed": 0.5}]
)
def test_numbers_of_samples_are_integers(arguments: Any) -> None:
    (name,) = arguments
    with pytest.raises(rt.ConfigError, match=f"invalid {name}=") as caught:
        testing.samples(TOPIC, **arguments)
    assert caught.value.hint == f"testing.samples(topic, {name}=10), for example."


def test_versions_that_the_latest_cannot_read_have_no_samples() -> None:
    """They were let in on purpose, and would only end among the dead letters."""
    other = rt.WriterSchema(version=1, id=2, text=V1.replace('"string"', '"boolean"'))
    schemas = rt.Schemas("orders-value", (other, rt.WriterSchema(version=2, id=9, text=V2)))
    value: rt.Serde[Order] = rt.AvroSerde(schemas, {"shop.Order": Order})
    made = testing.samples(rt.Topic("orders", key=rt.StringSerde(), value=value), n=3)
    assert [int.from_bytes((m.value or b"")[1:5], "big") for m in made] == [9, 9, 9]


def test_samples_are_read_as_the_latest_version() -> None:
    flow = Dataflow("flow")
    read = rt.source("read", flow, TOPIC, testing.Memory({TOPIC: testing.samples(TOPIC, n=4)}))
    oks: list[rt.Message[str, Order]] = []
    op.output("out", read.oks, TestingSink(oks))
    rt.route("errs", read.errs, policy=rt.Crash())
    testing.run(flow)
    assert [message.value_schema_id for message in oks] == [3, 9, 3, 9]
    assert oks[0].value is not None
    assert oks[0].value.n == 7


@pytest.mark.parametrize(
    "serde",
    [rt.StringSerde(), rt.LongSerde(), rt.IntSerde(), rt.DoubleSerde(), rt.BytesSerde(), rt.NoneSerde()],
    ids=repr,
)
def test_unframed_keys_have_samples(serde: rt.Serde[object]) -> None:
    assert len(testing.samples(rt.Topic("t", key=serde, value=serde), n=3)) == 3


def test_a_serde_of_the_users_has_none() -> None:
    class Mine(rt.Serde[str]):
        def decoder(self, store: object, role: object) -> rt.Serde[str]:  # type: ignore[override]
            raise NotImplementedError

        def encoder(self, store: object, role: object) -> rt.Serde[str]:  # type: ignore[override]
            raise NotImplementedError

    with pytest.raises(rt.ConfigError, match="no samples"):
        testing.samples(rt.Topic("t", key=Mine(), value=Mine()))


def test_offsets_must_ascend() -> None:
    twice = [rt.RawMessage(key=None, value=b"v", topic="t", offset=3)] * 2
    with pytest.raises(rt.ConfigError, match="offset 3"):
        testing.Memory({TOPIC: twice})


def echo(kafka: testing.Memory, source: rt.Topic[str, Order] = TOPIC) -> Dataflow:
    flow = Dataflow("flow")
    read = rt.source("read", flow, source, kafka)
    errs = rt.sink("out", read.oks, OUT, kafka)
    rt.route("errs", read.errs, errs, policy=rt.DeadLetter("orders.dlq", kafka))
    return rt.check(flow)


OUT: rt.Topic[str, Order] = rt.Topic("out", key=TOPIC.key, value=TOPIC.value)


def test_values_and_messages_are_inputs_and_come_back_as_values() -> None:
    one, two = Order(id="1", n=1), Order(id="2")
    kafka = testing.Memory({TOPIC: [one, rt.Message("k", two, timestamp=5, headers=(("h", b"1"),))]})
    testing.run(echo(kafka))
    assert kafka.values(OUT) == [one, two]
    first, second = kafka.produced["out"]
    assert (first.key, second.key, second.timestamp, second.headers) == (None, b"k", 5, (("h", b"1"),))


def test_messages_come_back_typed() -> None:
    """As a reader of the topic would have them."""
    bad = rt.RawMessage(key=b"k", value=b"?", topic="orders")
    given = rt.Message("k", Order(id="2"), timestamp=5, headers=(("h", b"1"),))
    kafka = testing.Memory({TOPIC: [Order(id="1", n=1), given, bad, rt.Message("k", None)]})
    testing.run(echo(kafka))
    first, second, third = kafka.messages(OUT)
    assert (first.key, first.value, first.topic, first.offset) == (None, Order(id="1", n=1), "out", 0)
    assert (second.key_or_reject(), second.value_or_reject()) == ("k", Order(id="2"))
    assert (second.timestamp, second.headers, second.value_schema_id) == (5, (("h", b"1"),), 9)
    assert (third.key, third.value) == ("k", None)
    assert kafka.messages(TOPIC) == []
    dlq = rt.Topic("orders.dlq", key=rt.StringSerde(), value=rt.BytesSerde())
    assert kafka.messages(dlq) == []


@pytest.mark.parametrize("part", ["key", "value"])
def test_messages_of_another_type_are_a_clear_error(part: str) -> None:
    kafka = testing.Memory({TOPIC: [rt.Message("kkkk", Order(id="12"))]})
    testing.run(echo(kafka))
    serdes: dict[str, Any] = {"key": OUT.key, "value": OUT.value, part: rt.LongSerde()}
    with pytest.raises(rt.ConfigError, match="message 0 of topic out is not of the topic's type") as caught:
        kafka.messages(rt.Topic("out", **serdes))
    assert "test_testing.py:" in (caught.value.where or "")


def test_tombstones_and_bytes_stand_beside_values() -> None:
    bad = rt.RawMessage(key=b"k", value=b"?", topic="orders")
    kafka = testing.Memory({TOPIC: [rt.Message("k", None), Order(id="1"), bad]})
    testing.run(echo(kafka))
    assert kafka.values(OUT) == [None, Order(id="1")]
    assert [letter.value for letter in kafka.dead_letters] == [b"?"]


def test_dead_letters_are_not_among_the_values() -> None:
    kafka = testing.Memory({TOPIC: [rt.RawMessage(key=b"k", value=b"?", topic="orders")]})
    testing.run(echo(kafka))
    assert kafka.values(OUT) == []
    dlq = rt.Topic("orders.dlq", key=rt.StringSerde(), value=rt.BytesSerde())
    assert kafka.values(dlq) == []


ANY: Any = testing.Memory


@pytest.mark.parametrize(
    ("inputs", "what"),
    [
        ({TOPIC: ["text"]}, "the value of item 0 of topic orders is 'text', which the topic does not take"),
        ({TOPIC: [Order(id="1"), rt.Message(5, Order(id="1"))]}, "the key of item 1 of topic orders is 5"),
        ({TOPIC: [("k", Order(id="1"))]}, "the value of item 0 of topic orders is a tuple"),
        ({"orders": [Order(id="1")]}, "'orders' is not a Topic"),
        ({TOPIC: Order(id="1")}, "the inputs of topic orders are an Order, not a list"),
        ([Order(id="1")], "the inputs are a list, not a dict"),
        (
            {TOPIC: [], rt.Topic("orders", key=rt.BytesSerde(), value=TOPIC.value): []},
            "two of the topics are orders",
        ),
        (
            {TOPIC: [rt.RawMessage(key=b"k", value="{}", topic="orders")]},  # type: ignore[arg-type]
            "the value of item 0 of topic orders",
        ),
        ({TOPIC: [rt.Message("k", None), rt.Message("k", None, partition=-1)]}, "the partition of item 1 of"),
        ({TOPIC: [rt.Message("k", None, offset="1")]}, "the offset of item 0 of topic orders is '1'"),  # type: ignore[arg-type]
        ({TOPIC: [rt.Message("k", None, timestamp=1.5)]}, "is 1.5, not milliseconds"),  # type: ignore[arg-type]
        ({TOPIC: [rt.Message("k", None, headers={"h": b"1"})]}, "is a dict, not (name, bytes) pairs"),  # type: ignore[arg-type]
        ({TOPIC: [rt.Message("k", None, headers=(("h", 1),))]}, "is a tuple, not (name, bytes) pairs"),  # type: ignore[arg-type]
    ],
)
def test_a_mistake_in_the_inputs_is_a_clear_error(inputs: Any, what: str) -> None:
    with pytest.raises(rt.ConfigError) as caught:
        ANY(inputs)
    assert what in caught.value.what
    assert "test_testing.py:" in (caught.value.where or "")
    assert caught.value.hint


def test_a_topic_that_memory_does_not_have_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    flow = echo(testing.Memory({OUT: []}))
    with pytest.raises(rt.ConfigError, match=r"topic orders is not among the inputs \(out\)") as caught:
        testing.run(flow)
    assert "test_testing.py:" in (caught.value.where or "")
    assert "step flow.read" in (caught.value.where or "")
    assert "panicked" not in capfd.readouterr().err


def test_a_mistake_in_a_flow_is_not_a_backtrace_of_rust(capfd: pytest.CaptureFixture[str]) -> None:
    """Bytewax panics where it runs a flow in the thread that it was called from."""
    kafka = testing.Memory({TOPIC: [Order(id="1")]})
    flow = Dataflow("flow")
    read = rt.source("read", flow, TOPIC, kafka)
    handled = rt.map_value("handle", read.oks, lambda order: order.no_such_field)  # type: ignore[attr-defined]
    op.inspect("show", handled.oks)
    rt.route("errs", read.errs, handled.errs, policy=rt.Crash())
    with pytest.raises(RuntimeError) as caught:
        testing.run(rt.check(flow))
    assert "no_such_field" in "".join(map(str, causes(caught.value)))
    said = capfd.readouterr().err
    assert "panicked" not in said
    assert "backtrace" not in said


@pytest.mark.parametrize("run", [lambda: testing.run(echo), lambda: testing.samples("orders")])  # type: ignore[arg-type]
def test_what_is_not_a_flow_or_a_topic_is_a_clear_error(run: Callable[[], object]) -> None:
    with pytest.raises(rt.FlowError, match=r"not a (Dataflow|Topic)") as caught:
        run()
    assert "test_testing.py:" in (caught.value.where or "")


def test_values_of_another_type_or_of_no_topic_are_a_clear_error() -> None:
    kafka = testing.Memory({TOPIC: [Order(id="1")]})
    testing.run(echo(kafka))
    number = rt.Topic("out", key=rt.StringSerde(), value=rt.IntSerde())
    with pytest.raises(rt.ConfigError, match="message 0 of topic out is not of the topic's type"):
        kafka.values(number)
    name: Any = "out"
    with pytest.raises(rt.FlowError, match="topic is 'out', not a Topic"):
        kafka.values(name)
