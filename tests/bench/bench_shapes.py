"""The Avro codec against fastavro on shapes that could bend the curve: long, wide, deep, many, tiny ones.

Logical types are among them. kgen makes and takes dataclasses, fastavro dicts. Shapes that come in sizes show
whether a byte, a field or an item costs more where there are many.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from tests.bench.bench_codec import fast_decoder, fast_encoder
from tests.bench.harness import Result, contest, each
from tests.bench.model_classes import record
from tests.unit.codec.schemas import classes

Make = Callable[[random.Random], Any]
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Shape:
    """`make`: a message as fastavro takes it; goals against fastavro: decode, encode."""

    name: str
    schema: dict[str, Any]
    make: Make
    goals: tuple[float, float]
    messages: int


def of(name: str, kind: Any, make: Make, goals: tuple[float, float], messages: int) -> Shape:
    """A record of one field."""
    return Shape(name, record("Shape", ("field", kind)), lambda rng: {"field": make(rng)}, goals, messages)


def wide(name: str, fields: int, kind: Any, make: Make, goals: tuple[float, float], messages: int) -> Shape:
    names = [f"field_{number}" for number in range(fields)]
    schema = record("Wide", *((each, kind) for each in names))
    return Shape(name, schema, lambda rng: {each: make(rng) for each in names}, goals, messages)


def logical(kind: str, logical_type: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": logical_type, **more}


def decimal(kind: str, precision: int, goals: tuple[float, float]) -> Shape:
    size = {} if kind == "bytes" else {"name": "Number", "size": 16}
    schema = logical(kind, "decimal", precision=precision, scale=2, **size)

    def make(rng: random.Random) -> Decimal:
        return Decimal(rng.randrange(10 ** (precision - 1), 10**precision)).scaleb(-2)

    return of(f"decimal({precision}) on {kind}", schema, make, goals, 1000)


def number(rng: random.Random) -> int:
    return rng.randrange(1000)


def instant(rng: random.Random) -> datetime:
    return START + timedelta(microseconds=rng.randrange(10**15))


def maybe(rng: random.Random) -> int | None:
    return rng.choice([None, 7])


def nested(levels: int) -> dict[str, Any]:
    schema = record("Level0", ("number", "int"))
    for level in range(1, levels):
        schema = record(f"Level{level}", ("number", "int"), ("inner", schema))
    return schema


def nested_value(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"number": 1}
    for _ in range(1, levels):
        value = {"number": 1, "inner": value}
    return value


def branches(count: int) -> list[Any]:
    return [record(f"Branch{place}", (f"of_{place}", "int")) for place in range(count)]


def branch(count: int) -> Make:
    def make(rng: random.Random) -> Any:
        place = rng.randrange(count)
        return {f"of_{place}": 1}

    return make


SYMBOLS = [f"SYMBOL_{place}" for place in range(500)]
DOUBLES = {"type": "array", "items": "double"}
COUNTS = {"type": "map", "values": "long"}

SHAPES = [
    of("one int", "int", number, (5, 5), 1000),
    wide("10 fields", 10, "long", number, (5, 5), 1000),
    wide("100 fields", 100, "long", number, (5, 5), 300),
    wide("100 nullable fields", 100, ["null", "long"], maybe, (5, 5), 300),
    of("string of 1 kB", "string", lambda rng: "x" * 1000, (1, 1), 1000),
    of("string of 100 kB", "string", lambda rng: "x" * 100_000, (1, 1), 100),
    of("string of 100 kB, not ASCII", "string", lambda rng: "é" * 50_000, (1, 1), 100),
    of("bytes of 1 MB", "bytes", lambda rng: rng.randbytes(1_000_000), (1, 1), 20),
    of("array of 100 doubles", DOUBLES, lambda rng: [rng.random() for _ in range(100)], (3, 3), 300),
    of("array of 10,000 doubles", DOUBLES, lambda rng: [rng.random() for _ in range(10_000)], (3, 3), 5),
    of("map of 100", COUNTS, lambda rng: {f"key-{n}": n for n in range(100)}, (2, 2), 300),
    of("map of 10,000", COUNTS, lambda rng: {f"key-{n}": n for n in range(10_000)}, (2, 2), 5),
    of("union of 3 records", branches(3), branch(3), (3, 3), 1000),
    of("union of 30 records", branches(30), branch(30), (3, 3), 1000),
    of(
        "enum of 500 symbols",
        {"type": "enum", "name": "Many", "symbols": SYMBOLS},
        lambda rng: rng.choice(SYMBOLS),
        (3, 3),
        1000,
    ),
    Shape("nested 3 levels", nested(3), lambda rng: nested_value(3), (3, 3), 1000),
    Shape("nested 30 levels", nested(30), lambda rng: nested_value(30), (3, 3), 300),
    *(decimal(kind, precision, (1, 1)) for kind in ("bytes", "fixed") for precision in (4, 18, 38)),
    of("date", logical("int", "date"), lambda rng: instant(rng).date(), (1, 1), 1000),
    of("time-micros", logical("long", "time-micros"), lambda rng: instant(rng).time(), (1, 1), 1000),
    of("timestamp-micros", logical("long", "timestamp-micros"), instant, (1, 1), 1000),
    of(
        "local-timestamp-micros",
        logical("long", "local-timestamp-micros"),
        lambda rng: instant(rng).replace(tzinfo=None),
        (1, 1),
        1000,
    ),
    of("uuid", logical("string", "uuid"), lambda rng: UUID(int=rng.getrandbits(128)), (1, 1), 1000),
]


def both_ways(shape: Shape) -> Iterator[Result]:
    parsed, rng = parse(json.dumps(shape.schema)), random.Random(shape.name)
    known = classes(parsed)
    reader, writer = make_reader(parsed, None, known), make_writer(parsed, known)
    encode, decode = fast_encoder(shape.schema), fast_decoder(shape.schema)
    dicts = [shape.make(rng) for _ in range(shape.messages)]
    payloads = [encode(value) for value in dicts]
    objects = reader.decode_many(payloads).values
    assert [writer.encode(value) for value in objects] == payloads
    yield from contest(
        f"decode: {shape.name}",
        ("kgen", each(reader.decode, payloads)),
        {"fastavro": (each(decode, payloads), shape.goals[0])},
        7,
        time.thread_time,
    )
    yield from contest(
        f"encode: {shape.name}",
        ("kgen", each(writer.encode, objects)),
        {"fastavro": (each(encode, dicts), shape.goals[1])},
        7,
        time.thread_time,
    )


def run() -> Iterator[Result]:
    """All contests of the shapes."""
    for shape in SHAPES:
        yield from both_ways(shape)
