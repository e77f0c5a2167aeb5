"""Topics of Avro, JSON and Protobuf side by side in one flow, and a topic of several types."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink
from typing_extensions import assert_never

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.serde.framing import id_prefix


@dataclass(slots=True, kw_only=True)
class Placed:
    id: str


@dataclass(slots=True, kw_only=True)
class Shipped:
    id: str


@dataclass(slots=True, kw_only=True)
class Paid:
    id: str = ""


AVRO = json.dumps({"type": "record", "name": "shop.Placed", "fields": [{"name": "id", "type": "string"}]})
JSON = json.dumps(
    {"title": "Shipped", "type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
)
PROTO = "package shop; message Other {} message Paid { string id = 1; }"
DESCRIPTOR = "descriptor 1\nmessage shop.Paid\n  1 id string implicit\n"
PLACED: rt.Serde[Placed] = rt.AvroSerde(
    rt.Schemas("shop.Placed", (rt.WriterSchema(1, 1, AVRO),)), {"shop.Placed": Placed}
)
SHIPPED: rt.Serde[Shipped] = rt.JsonSerde(
    rt.Schemas("Shipped", (rt.WriterSchema(1, 2, JSON, type="JSON"),)), {"#": Shipped}
)
PAID: rt.Serde[Paid] = rt.ProtobufSerde(
    rt.Schemas("shop.Paid", (rt.WriterSchema(1, 3, PROTO, type="PROTOBUF"),), descriptor=DESCRIPTOR),
    "shop.Paid",
    {"shop.Paid": Paid},
)
Event: TypeAlias = Placed | Shipped | Paid
EVENTS: rt.Topic[str, Event] = rt.Topic(
    "events",
    key=rt.StringSerde(),
    value=rt.TypesSerde({"shop.Placed": PLACED, "Shipped": SHIPPED, "shop.Paid": PAID}),
)
OUT: rt.Topic[str, Event] = rt.Topic("out", key=rt.StringSerde(), value=EVENTS.value)
UNEXPECTED = id_prefix(3) + b"\0"


def reversed_id(event: Event) -> Event:
    match event:
        case Placed(id=name):
            return Shipped(id=name[::-1])
        case Shipped(id=name):
            return Paid(id=name[::-1])
        case Paid(id=name):
            return Placed(id=name[::-1])
        case _:
            assert_never(event)


def test_a_topic_of_several_types_in_a_flow() -> None:
    bad = rt.RawMessage(key=b"k", value=UNEXPECTED, topic="events")
    kafka = testing.Memory({EVENTS: [Placed(id="ab"), bad, Shipped(id="cd"), Paid(id="ef"), Paid(id="gh")]})
    flow = Dataflow("flow")
    read = rt.source("read", flow, EVENTS, kafka)
    mapped: rt.Split[rt.Message[str, Event]] = rt.map_value("map", read.oks, reversed_id)
    errs = rt.sink("out", mapped.oks, OUT, kafka)
    found: list[rt.Failure] = []
    op.output("errs", read.errs, TestingSink(found))
    for step in (mapped.errs, errs):
        rt.route(f"errs_{id(step)}", step, policy=rt.Crash())
    testing.run(flow)
    assert [message.value for message in kafka.produced["out"]] == [
        id_prefix(2) + b'{"id":"ba"}',
        id_prefix(3) + b"\x02\x02" + b"\n\x02dc",
        id_prefix(1) + b"\x04fe",
        id_prefix(1) + b"\x04hg",
    ]
    (failure,) = found
    assert (failure.stage, failure.schema_id, failure.transient) == (rt.Stage.UNEXPECTED_TYPE, 3, False)
    assert failure.original.value == UNEXPECTED
    assert "shop.Other" in failure.message


def test_topics_of_three_languages_side_by_side() -> None:
    topics: tuple[rt.Topic[str, Any], ...] = (
        rt.Topic("placed", key=rt.StringSerde(), value=PLACED),
        rt.Topic("shipped", key=rt.StringSerde(), value=SHIPPED),
        rt.Topic("paid", key=rt.StringSerde(), value=PAID),
    )
    kafka = testing.Memory(
        {topics[0]: [Placed(id="a")] * 2, topics[1]: [Shipped(id="b")] * 2, topics[2]: [Paid(id="c")] * 2}
    )
    flow = Dataflow("flow")
    found: list[rt.Message[str, Event]] = []
    for number, topic in enumerate(topics):
        read = rt.source(f"read_{number}", flow, topic, kafka)
        op.output(f"out_{number}", read.oks, TestingSink(found))
        rt.route(f"errs_{number}", read.errs, policy=rt.Crash())
    testing.run(flow)
    assert sorted(repr(message.value) for message in found) == sorted(
        repr(value) for value in (Placed(id="a"), Shipped(id="b"), Paid(id="c")) for _ in range(2)
    )
    assert {message.value_schema_id for message in found} == {1, 2, 3}
