"""A poison of every kind among good messages: what goes in comes out, or is a dead letter that says why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from bytewax.dataflow import Dataflow
from confluent_kafka import KafkaError

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.kafka.connection import BrokerTopicSettings
from kgen_runtime.routing.dead_letter_headers import PROFILES
from kgen_runtime.routing.letter_headers import Letter, read_letter

from .conftest import Broker

COUNT = 2_000
FRAME = b"\x00\x00\x00\x00\x07"


@dataclass
class Order:
    id: int
    note: str


SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "fields": [{"name": "id", "type": "int"}, {"name": "note", "type": "string"}],
    }
)
SCHEMAS = rt.Schemas("orders-value", (rt.WriterSchema(1, 7, SCHEMA),))


def encoded(number: int, note: str) -> bytes:
    """In Avro's own numbers: zigzag, seven bits a byte."""

    def varint(value: int) -> bytes:
        value = value << 1
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)
        return bytes(out)

    return FRAME + varint(number) + varint(len(note)) + note.encode()


POISON: dict[str, dict[int, bytes]] = {
    "framing": {17: b"text", 18: b""},
    "unknown-schema": {217: b"\x00\x00\x00\x03\xe7\x02\x00"},
    "decode": {417: encoded(417, "cut")[:-2], 418: FRAME + b"\x02\x04\xff\xff"},
    "process": {617: encoded(617, "raise"), 618: encoded(618, "wrap")},
    "serialize": {817: encoded(817, "too large a number")},
    "oversize": {1017: encoded(1017, "x" * 5_000)},
    "produce": {1217: encoded(1217, "the broker refuses this")},
}


def handled(order: Order) -> Order:
    if order.note == "raise":
        raise ValueError("no good")
    if order.note == "wrap":
        try:
            raise KeyError("sku")
        except KeyError as error:
            raise RuntimeError("no price") from error
    if order.note == "too large a number":
        return Order(1 << 40, order.note)
    return order


class Picky(Broker):
    """Refuses one kind of value, but for dead letters."""

    def judge(self, value: bytes | None, partition: int, headers: Any) -> int | None:
        refused = b"refuses this" in (value or b"") and not headers
        return KafkaError.INVALID_RECORD if refused else None


def run(profile: Any, broken: Any = None) -> tuple[Broker, dict[int, Letter]]:
    inputs = rt.Topic("orders", key=rt.StringSerde(), value=rt.AvroSerde[Order](SCHEMAS, {"Order": Order}))
    poison = {number: value for each in POISON.values() for number, value in each.items()}
    messages = [
        rt.RawMessage(
            key=str(i).encode(),
            value=poison.get(i, encoded(i, "fine")),
            topic="orders",
            partition=0,
            offset=i,
            timestamp=1_000 + i,
        )
        for i in range(COUNT)
    ]
    kafka = Picky({inputs: messages})
    kafka._store = rt.SchemaStore(None)
    kafka.settings["out"] = BrokerTopicSettings(batch_limit=2_000)
    letters = broken or kafka
    flow = Dataflow("flow")
    read = rt.source("in", flow, inputs, kafka)
    done = rt.map_value("handle", read.oks, handled)
    out = rt.Topic("out", key=rt.StringSerde(), value=rt.AvroSerde[Order](SCHEMAS, {"Order": Order}))
    refused = rt.sink("out", done.oks, out, kafka)
    rt.route("errs", read.errs, done.errs, refused, policy=rt.DeadLetter("dlq", letters, headers=profile))
    testing.run(rt.check(flow))
    written = {
        int(each.key or b"-1"): read_letter(each.headers, each.timestamp) for each in kafka.produced["dlq"]
    }
    assert len(written) == len(kafka.produced["dlq"])
    for each in kafka.produced["dlq"]:
        number = int(each.key or b"-1")
        assert (each.value, each.timestamp) == (poison[number], 1_000 + number)
    return kafka, written


@pytest.mark.parametrize("profile", PROFILES)
def test_in_is_out_and_dead_letters(profile: str) -> None:
    kafka, letters = run(profile)
    out = [int(each.key or b"-1") for each in kafka.produced["out"]]
    assert sorted([*out, *letters]) == list(range(COUNT))
    assert set(letters) == {number for each in POISON.values() for number in each}
    assert all((each.topic, each.offset) == ("orders", number) for number, each in letters.items())


def test_each_says_why() -> None:
    _, letters = run("kgen")
    stages = {number: stage for stage, each in POISON.items() for number in each}
    assert {number: letter.stage for number, letter in letters.items()} == stages
    assert all(letter.place.startswith("tests/unit/runtime/") for letter in letters.values())
    assert (letters[418].path, letters[418].schema_id) == ("note", 7)
    assert letters[418].position is not None
    assert letters[817].path == "id"
    assert (letters[618].error_class, letters[618].cause_class) == ("RuntimeError", "KeyError")
    assert letters[618].value_schema_id == 7
    assert len({letter.fingerprint for letter in letters.values()}) >= len(POISON)


def test_nothing_is_committed_where_letters_cannot_be_written() -> None:
    broken = Broker(verdict=lambda value: KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(RuntimeError) as caught:
        run("kgen", broken)
    assert any(isinstance(error, rt.DeliveryError) for error in rt.errors.causes(caught.value))
