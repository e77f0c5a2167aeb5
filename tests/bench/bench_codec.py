"""The codec against fastavro and Confluent's serdes: five schemas, both ways, and a later reader schema.

All read or write the same thousand messages one by one; kgen makes and takes dataclasses, the peers dicts.
In a batch, both sides make a list of all values, and neither's is dropped before the time is taken.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from confluent_kafka.schema_registry import Schema as ConfluentSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from tests.bench.fast_avro import fast_decoder, fast_encoder
from tests.bench.harness import Result, contest, each
from tests.bench.model_classes import ORDER, Order, Place, Status, order, record
from tests.unit.codec.schemas import classes

MESSAGES = 1000
HEADER = 5  # of Confluent's framing: a zero and the schema's id


# Two fields added, one removed (discount), one promoted (count).
LATER = json.loads(json.dumps(ORDER))
LATER["fields"][7]["type"] = "double"
LATER["fields"][3:4] = [
    {"name": "currency", "type": "string", "default": "EUR"},
    {"name": "lines", "type": ["null", "int"], "default": None},
]


FLAT = record("Flat", ("id", "long"), ("name", "string"), ("active", "boolean"))


def flat(rng: random.Random) -> dict[str, Any]:
    return {"id": rng.randrange(10**9), "name": f"user {rng.randrange(10**6)}", "active": rng.random() < 0.5}


_KINDS = ["long", "string", "double", "boolean", ["null", "string"]]
WIDE = record("Wide", *[(f"field_{n}", _KINDS[n % 5]) for n in range(100)])


def wide(rng: random.Random) -> dict[str, Any]:
    return {
        f"field_{n}": [rng.randrange(10**6), f"v{n}", rng.random(), True, rng.choice([None, "text"])][n % 5]
        for n in range(100)
    }


_LEAF = record("Leaf", ("key", "string"), ("value", ["null", "long", "double", "string"]))
_BRANCH = record(
    "Branch",
    ("leaves", {"type": "array", "items": "Leaf"}),
    ("more", {"type": "map", "values": ["null", "Leaf"]}),
)
_STEM = record("Stem", ("first", ["null", _LEAF]), ("branch", ["null", _BRANCH]), ("next", ["null", "Stem"]))
DEEP = record("Deep", ("id", "long"), ("stem", ["null", _STEM]))


def deep(rng: random.Random) -> dict[str, Any]:
    def leaf() -> dict[str, Any]:
        return {
            "key": f"k{rng.randrange(100)}",
            "value": rng.choice([None, rng.randrange(1000), 1.5, "text"]),
        }

    stem: dict[str, Any] | None = None
    for _ in range(4):
        branch = {"leaves": [leaf(), leaf()], "more": {"a": leaf(), "b": None}}
        stem = {"first": leaf(), "branch": branch, "next": stem}
    return {"id": rng.randrange(1000), "stem": stem}


BLOB = record(
    "Blob",
    ("id", {"type": "fixed", "name": "Id", "size": 16}),
    ("body", "bytes"),
    ("preview", ["null", "bytes"]),
)


def blob(rng: random.Random) -> dict[str, Any]:
    return {"id": rng.randbytes(16), "body": rng.randbytes(16_384), "preview": rng.randbytes(256)}


@dataclass(frozen=True)
class Case:
    """A schema, how its messages are made, its classes, and the goals against fastavro: decode and encode."""

    name: str
    schema: dict[str, Any]
    make: Callable[[random.Random], dict[str, Any]]
    classes: dict[str, type[Any]] | None = None
    goals: tuple[float, float] = (1, 1)
    confluent_goal: float | None = None


CASES = [
    Case("flat small", FLAT, flat),
    Case("8-field record", ORDER, order, {"Order": Order, "Status": Status, "Place": Place}, (6, 5), 30),
    Case("wide, 100 fields", WIDE, wide),
    Case("deeply nested with unions", DEEP, deep),
    Case("bytes-heavy", BLOB, blob),
]


def confluent(case: Case) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """Confluent's serializer and deserializer, with a registry in the process."""
    registry = SchemaRegistryClient.new_client({"url": f"mock://{case.schema['name']}"})
    context = SerializationContext("bench", MessageField.VALUE)
    serializer = AvroSerializer(registry, ConfluentSchema(json.dumps(case.schema), "AVRO"))
    deserializer = AvroDeserializer(registry)
    return lambda value: serializer(value, context), lambda data: deserializer(data, context)


def both_ways(case: Case) -> Iterator[Result]:
    parsed = parse(json.dumps(case.schema))
    known = case.classes or classes(parsed)
    rng = random.Random(case.name)
    dicts = [case.make(rng) for _ in range(MESSAGES)]
    decode = fast_decoder(case.schema)
    encode, (serialize, deserialize) = fast_encoder(case.schema), confluent(case)
    plain = [encode(value) for value in dicts]
    framed = [serialize(value) for value in dicts]
    reader, writer = make_reader(parsed, None, known), make_writer(parsed, known)
    objects = reader.decode_many(plain).values
    assert [writer.encode(value) for value in objects] == plain
    assert [data[HEADER:] for data in framed] == plain
    yield from contest(
        f"decode: {case.name}",
        ("kgen", each(lambda data: reader.decode(data, HEADER), framed)),
        {
            "fastavro": (each(decode, plain), case.goals[0]),
            "Confluent": (each(deserialize, framed), case.confluent_goal),
        },
        clock=time.process_time,
    )
    yield from contest(
        f"decode: {case.name}",
        ("kgen, batch", lambda: reader.decode_many(framed, HEADER)),
        {"fastavro": (lambda: [decode(data) for data in plain], case.goals[0])},
        clock=time.process_time,
    )
    yield from contest(
        f"encode: {case.name}",
        ("kgen", each(lambda value: writer.encode(value, b"\0\0\0\0\1"), objects)),
        {"fastavro": (each(encode, dicts), case.goals[1]), "Confluent": (each(serialize, dicts), None)},
        clock=time.process_time,
    )


def later_reader() -> list[Result]:
    """What a reader schema that differs costs; 1 would be as fast as the writer's own."""
    written, later = parse(json.dumps(ORDER)), parse(json.dumps(LATER))
    rng = random.Random("later")
    encode = fast_encoder(ORDER)
    data = [encode(order(rng)) for _ in range(MESSAGES)]
    fast = fast_decoder(ORDER, LATER)
    same = make_reader(written, None, {"Order": Order, "Status": Status, "Place": Place})
    differs = make_reader(written, later, {**classes(later), "Status": Status, "Place": Place})
    return contest(
        "decode: a later reader schema",
        ("kgen", lambda: differs.decode_many(data)),
        {
            "kgen, same schema": (lambda: same.decode_many(data), round(1 / 1.3, 2)),
            "fastavro, same pair": (lambda: [fast(item) for item in data], 1),
        },
        clock=time.process_time,
    )


def run() -> Iterator[Result]:
    """All contests of the codec."""
    for case in CASES:
        yield from both_ways(case)
    yield from later_reader()
