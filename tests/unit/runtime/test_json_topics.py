"""Topics of JSON messages in flows, in kop's steps, and with samples."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.connectors.kafka import KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.serde.framing import id_prefix

ID = {"id": {"type": "string"}}
V1 = json.dumps({"type": "object", "properties": ID, "required": ["id"]})
V2 = json.dumps({"type": "object", "properties": {**ID, "class": {"type": "integer"}}, "required": ["id"]})


@dataclass(slots=True, kw_only=True)
class Order:
    id: str
    class_: int | None = field(default=None, metadata={"json": "class"})


def schemas(*texts: str) -> rt.Schemas:
    each = (rt.WriterSchema(i + 1, i + 3, text, type="JSON") for i, text in enumerate(texts))
    return rt.Schemas("orders-value", tuple(each))


SERDE: rt.JsonSerde[Order] = rt.JsonSerde(schemas(V1, V2), {"#": Order})
TOPIC: rt.Topic[str, Order] = rt.Topic("orders", key=rt.StringSerde(), value=SERDE)
OUT: rt.Topic[str, Order] = rt.Topic("out", key=rt.StringSerde(), value=SERDE)


def ids(messages: list[rt.RawMessage]) -> list[int]:
    return [int.from_bytes((message.value or b"")[1:5], "big") for message in messages]


def test_samples_are_of_every_version_and_always_the_same() -> None:
    made = testing.samples(TOPIC, n=6)
    assert ids(made) == [3, 4, 3, 4, 3, 4]
    assert made == testing.samples(TOPIC, n=6)


def test_versions_that_the_latest_cannot_read_have_no_samples() -> None:
    other = V1.replace('"string"', '"boolean"')
    serde: rt.JsonSerde[Order] = rt.JsonSerde(schemas(other, "false", V2), {"#": Order})
    assert ids(testing.samples(rt.Topic("orders", key=rt.StringSerde(), value=serde), n=3)) == [5, 5, 5]


def test_a_schema_that_has_no_value_has_no_samples() -> None:
    itself = json.dumps({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})
    serde: rt.JsonSerde[Any] = rt.JsonSerde(schemas(itself), {})
    with pytest.raises(rt.KgenError, match="no finite value"):
        testing.samples(rt.Topic("orders", key=rt.StringSerde(), value=serde))


def test_samples_without_frames_are_json_alone() -> None:
    serde: rt.JsonSerde[Order] = rt.JsonSerde(SERDE.schemas, {"#": Order}, framing="none")
    made = testing.samples(rt.Topic("orders", key=rt.StringSerde(), value=serde), n=4)
    assert all(json.loads(message.value or b"").keys() >= {"id"} for message in made)


def test_a_flow_reads_and_writes_them_and_puts_bad_ones_aside() -> None:
    bad = rt.RawMessage(key=b"k", value=id_prefix(4) + b'{"id":1}', topic="orders")
    kafka = testing.Memory({TOPIC: [*testing.samples(TOPIC, n=4), bad, Order(id="a", class_=1)]})
    flow = Dataflow("flow")
    read = rt.source("read", flow, TOPIC, kafka)
    errs = rt.sink("out", read.oks, OUT, kafka)
    rt.route("errs", read.errs, errs, policy=rt.DeadLetter("orders.dlq", kafka))
    testing.run(rt.check(flow))
    assert [type(value) for value in kafka.values(OUT)] == [Order] * 5
    assert kafka.values(OUT)[-1] == Order(id="a", class_=1)
    (letter,) = kafka.dead_letters
    assert letter.value == bad.value
    assert any(b"/id" in (value or b"") for _, value in letter.headers)


def test_a_topic_of_two_languages_has_messages_of_both() -> None:
    avro = '{"type": "record", "name": "Old", "fields": [{"name": "id", "type": "long"}]}'

    @dataclass(slots=True, kw_only=True)
    class Old:
        id: int

    old: rt.AvroSerde[Old] = rt.AvroSerde(
        rt.Schemas("orders-value", (rt.WriterSchema(1, 1, avro),)), {"Old": Old}
    )
    both: rt.Serde[Order | Old] = rt.EitherSerde(SERDE, old)
    topic: rt.Topic[str, Order | Old] = rt.Topic("orders", key=rt.StringSerde(), value=both)
    made = testing.samples(topic, n=4)
    assert ids(made) == [3, 1, 4, 1]
    kafka = testing.Memory({topic: made})
    flow = Dataflow("flow")
    read = rt.source("read", flow, topic, kafka)
    oks: list[rt.Message[str, Order | Old]] = []
    op.output("out", read.oks, TestingSink(oks))
    rt.route("errs", read.errs, policy=rt.Crash())
    testing.run(flow)
    assert [type(message.value) for message in oks] == [Order, Old, Order, Old]


def test_bytewaxs_own_steps_take_it() -> None:
    value = id_prefix(4) + b'{"id":"a","class":2}'
    flow = Dataflow("flow")
    store = rt.SchemaStore(None)
    message: Any = KafkaSourceMessage(key=b"k", value=value)
    taken: list[Any] = []
    read = op.input("in", flow, TestingSource([message]))
    split = kop.deserialize_value("value", read, SERDE.deserializer_with(store))
    op.output("out", split.oks, TestingSink(taken))
    op.output("errs", split.errs, TestingSink([]))
    testing.run(flow)
    assert [each.value for each in taken] == [Order(id="a", class_=2)]
    assert SERDE.serializer_with(store)(taken[0].value) == value
