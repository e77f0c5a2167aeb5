"""Messages of shapes that could bend the curve: long, wide, deep, many, tiny ones, in the formats that have
them. One list, `SHAPES`; `make` gives a message as fastavro takes it.
`build` and `plain` are what a user of `json` writes by hand, `parsed` and `filled` the same with upb.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, make_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from tests.bench.model_classes import record

Make = Callable[[random.Random], Any]
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


def same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Kind:
    """What a field holds: its Python type, and that of each format, or None. `proto` is as .proto
    files have it. `loaded`, `dumped`: from and to JSON, by hand; `parsed`: from google.protobuf.
    """

    python: Any
    avro: Any
    json: dict[str, Any] | None = None
    proto: str | None = None
    loaded: Callable[[Any], Any] = same
    dumped: Callable[[Any], Any] = same
    parsed: Callable[[Any], Any] = same


@dataclass(frozen=True)
class Shape:
    """`goals` against fastavro: decode, encode; the other peers may just not be ahead. `classes` by the name
    of the record, the first is the message's; `json` has these names as titles, `proto` as messages;
    `holders` has classes of members of oneofs.
    """

    name: str
    messages: int
    goals: tuple[float, float]
    make: Make
    avro: dict[str, Any]
    classes: dict[str, type[Any]]
    json: dict[str, Any] | None = None
    build: Callable[[dict[str, Any]], Any] = same
    plain: Callable[[Any], dict[str, Any]] = same
    proto: str | None = None
    parsed: Callable[[Any], Any] = same
    filled: Callable[[Any], dict[str, Any]] = same
    holders: dict[str, type[Any]] = field(default_factory=dict)


def cls_of(name: str, *fields: tuple[str, Any]) -> Any:
    made = [(each, kind, field(default=None)) for each, kind in fields]
    return make_dataclass(name, made, slots=True, kw_only=True)


def an_object(title: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "title": title, "properties": properties, "required": list(properties)}


def message(name: str, *fields: str) -> str:
    return f"message {name} {{ {' '.join(f'{each};' for each in fields)} }}\n"


def of(
    name: str,
    kind: Kind,
    make: Make,
    messages: int,
    goals: tuple[float, float] = (1, 1),
) -> Shape:
    """A record of one field."""
    cls = cls_of("Shape", ("field", kind.python))
    loaded, dumped, parsed = kind.loaded, kind.dumped, kind.parsed
    return Shape(
        name,
        messages,
        goals,
        lambda rng: {"field": make(rng)},
        record("Shape", ("field", kind.avro)),
        {"Shape": cls, **({"Many": kind.python} if isinstance(kind.python, type(Enum)) else {})},
        None if kind.json is None else an_object("Shape", field=kind.json),
        lambda given: cls(field=loaded(given["field"])),
        lambda given: {"field": dumped(given.field)},
        None if kind.proto is None else message("Shape", f"{kind.proto} field = 1"),
        lambda given: cls(field=parsed(given.field)),
        lambda given: {"field": given.field},
    )


def wide(name: str, fields: int, kind: Kind, make: Make, messages: int) -> Shape:
    """A record of many fields."""
    names = [f"field_{number}" for number in range(fields)]
    cls = cls_of("Shape", *((each, kind.python) for each in names))
    present = kind.proto is not None and kind.proto.startswith("optional")

    def parsed(given: Any) -> Any:
        if present:
            return cls(**{each: getattr(given, each) if given.HasField(each) else None for each in names})
        return cls(**{each: getattr(given, each) for each in names})

    def plain(given: Any) -> dict[str, Any]:
        return {each: getattr(given, each) for each in names}

    return Shape(
        name,
        messages,
        (5, 5),
        lambda rng: {each: make(rng) for each in names},
        record("Shape", *((each, kind.avro) for each in names)),
        {"Shape": cls},
        None if kind.json is None else an_object("Shape", **dict.fromkeys(names, kind.json)),
        lambda given: cls(**given),
        plain,
        message("Shape", *(f"{kind.proto} {each} = {place}" for place, each in enumerate(names, 1))),
        parsed,
        plain,
    )


def nested(levels: int, messages: int) -> Shape:
    """A record in a record, and so on."""
    names = [f"Level{level}" for level in range(levels)]
    inner = cls_of(names[-1], ("number", int))
    classes = {names[-1]: inner}
    avro, text = record(names[-1], ("number", "int")), message(names[-1], "int32 number = 1")
    schema = an_object(names[-1], number=INTEGER)
    for place in range(levels - 2, -1, -1):
        name, under = names[place], names[place + 1]
        classes = {name: cls_of(name, ("number", int), ("inner", classes[under])), **classes}
        avro = record(name, ("number", "int"), ("inner", avro))
        schema = an_object(name, number=INTEGER, inner=schema)
        text = message(name, "int32 number = 1", f"{under} inner = 2") + text
    order = list(classes.values())

    def value(rng: random.Random, depth: int = 0) -> dict[str, Any]:
        here = {"number": rng.randrange(1, 100)}
        return {**here, "inner": value(rng, depth + 1)} if depth < levels - 1 else here

    def build(given: dict[str, Any], depth: int = 0) -> Any:
        if depth == levels - 1:
            return order[depth](number=given["number"])
        return order[depth](number=given["number"], inner=build(given["inner"], depth + 1))

    def parsed(given: Any, depth: int = 0) -> Any:
        if depth == levels - 1:
            return order[depth](number=given.number)
        return order[depth](number=given.number, inner=parsed(given.inner, depth + 1))

    def plain(given: Any, depth: int = 0) -> dict[str, Any]:
        if depth == levels - 1:
            return {"number": given.number}
        return {"number": given.number, "inner": plain(given.inner, depth + 1)}

    goals = (3, 3)
    return Shape(
        f"nested {levels} levels",
        messages,
        goals,
        value,
        avro,
        classes,
        schema,
        build,
        plain,
        text,
        parsed,
        plain,
    )


def union(count: int, messages: int) -> Shape:
    """A field that holds one of many records."""
    names = [f"Branch{place}" for place in range(count)]
    classes = {name: cls_of(name, (f"of_{place}", int)) for place, name in enumerate(names)}
    cls = cls_of("Shape", ("field", Any))
    holders = {
        f"Shape.field.branch_{place}": make_dataclass(
            f"Shape{name}", [("value", each)], slots=True, frozen=True
        )
        for place, (name, each) in enumerate(classes.items())
    }
    by_key = {f"of_{place}": each for place, each in enumerate(classes.values())}
    keys = {each: key for key, each in by_key.items()}
    members = {f"branch_{place}": held for place, held in enumerate(holders.values())}
    branch_of = {each: f"branch_{place}" for place, each in enumerate(classes.values())}
    of_holder = dict(zip(members.values(), classes.values()))

    def make(rng: random.Random) -> dict[str, Any]:
        return {"field": {f"of_{rng.randrange(count)}": 1}}

    def build(given: dict[str, Any]) -> Any:
        inner = given["field"]
        (key,) = inner
        return cls(field=by_key[key](**inner))

    def plain(given: Any) -> dict[str, Any]:
        inner = given.field
        key = keys[type(inner)]
        return {"field": {key: getattr(inner, key)}}

    def parsed(given: Any) -> Any:
        member = given.WhichOneof("field")
        held = members[member]
        branch, inner = of_holder[held], getattr(given, member)
        key = keys[branch]
        return cls(field=held(branch(**{key: getattr(inner, key)})))

    def filled(given: Any) -> dict[str, Any]:
        inner = getattr(given.field, "value", given.field)
        key = keys[type(inner)]
        return {branch_of[type(inner)]: {key: getattr(inner, key)}}

    choice = " ".join(f"{name} branch_{place} = {place + 1};" for place, name in enumerate(names))
    return Shape(
        f"union of {count} records",
        messages,
        (3, 3),
        make,
        record(
            "Shape", ("field", [record(name, (f"of_{place}", "int")) for place, name in enumerate(names)])
        ),
        {"Shape": cls, **classes},
        an_object(
            "Shape",
            field={
                "oneOf": [an_object(name, **{f"of_{place}": INTEGER}) for place, name in enumerate(names)]
            },
        ),
        build,
        plain,
        f"message Shape {{ oneof field {{ {choice} }} }}\n"
        + "".join(message(name, f"int32 of_{place} = 1") for place, name in enumerate(names)),
        parsed,
        filled,
        holders,
    )


def logical(kind: str, logical_type: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": logical_type, **more}


def decimals() -> Iterator[Shape]:
    for on in ("bytes", "fixed"):
        for precision in (4, 18, 38):
            size = {} if on == "bytes" else {"name": "Number", "size": 16}
            kind = Kind(Decimal, logical(on, "decimal", precision=precision, scale=2, **size))
            yield of(f"decimal({precision}) on {on}", kind, number_of(precision), 500)


def number_of(precision: int) -> Make:
    return lambda rng: Decimal(rng.randrange(10 ** (precision - 1), 10**precision)).scaleb(-2)


def number(rng: random.Random) -> int:
    return rng.randrange(1, 1000)


def instant(rng: random.Random) -> dt.datetime:
    return START + dt.timedelta(microseconds=rng.randrange(10**15))


def floats(count: int) -> Make:
    return lambda rng: [rng.random() for _ in range(count)]


def counts(count: int) -> Make:
    return lambda rng: {f"key-{place}": place for place in range(count)}


Many: Any = Enum("Many", {f"SYMBOL_{place}": f"SYMBOL_{place}" for place in range(500)})  # type: ignore[misc]
SYMBOLS = [each.value for each in Many]

INTEGER, STRING = {"type": "integer"}, {"type": "string"}
LONG = Kind(int, "long", INTEGER, "int64")
TEXT = Kind(str, "string", STRING, "string")
NULLABLE = Kind(int | None, ["null", "long"], {"type": ["integer", "null"]}, "optional int64")
BYTES = Kind(
    bytes,
    "bytes",
    {"type": "string", "contentEncoding": "base64"},
    "bytes",
    base64.b64decode,
    lambda value: base64.b64encode(value).decode(),
)
DOUBLES = Kind(
    list[float],
    {"type": "array", "items": "double"},
    {"type": "array", "items": {"type": "number"}},
    "repeated double",
    parsed=list,
)
COUNTS = Kind(
    dict[str, int],
    {"type": "map", "values": "long"},
    {"type": "object", "additionalProperties": INTEGER},
    "map<string, int64>",
    parsed=dict,
)
INSTANT = Kind(
    dt.datetime,
    logical("long", "timestamp-micros"),
    {"type": "string", "format": "date-time"},
    "google.protobuf.Timestamp",
    dt.datetime.fromisoformat,
    lambda value: value.isoformat(),
    lambda value: value.ToDatetime(dt.timezone.utc),
)
ENUM = Kind(
    Many,
    {"type": "enum", "name": "Many", "symbols": SYMBOLS},
    {"title": "Many", "enum": SYMBOLS},
    None,
    Many,
    lambda value: value.value,
)
TEXTS = {"type": "string", "format": "uuid"}

SHAPES = [
    of("one int", LONG, number, 1000, (5, 5)),
    wide("10 fields", 10, LONG, number, 500),
    wide("100 fields", 100, LONG, number, 100),
    wide("100 nullable fields", 100, NULLABLE, lambda rng: rng.choice([None, 7]), 100),
    of("string of 1 kB", TEXT, lambda rng: "x" * 1000, 500),
    of("string of 100 kB", TEXT, lambda rng: "x" * 100_000, 50, (1, 1)),
    of("string of 100 kB, not ASCII", TEXT, lambda rng: "é" * 50_000, 50),
    of("string of 100 kB, of lines", TEXT, lambda rng: "a line of it\n" * 8_000, 50),
    of("bytes of 1 MB", BYTES, lambda rng: rng.randbytes(1_000_000), 8),
    of("array of 100 doubles", DOUBLES, floats(100), 200, (3, 3)),
    of("array of 10,000 doubles", DOUBLES, floats(10_000), 4, (3, 3)),
    of("map of 100", COUNTS, counts(100), 100, (2, 2)),
    of("map of 10,000", COUNTS, counts(10_000), 4, (2, 2)),
    union(3, 500),
    union(30, 500),
    of("enum of 500 symbols", ENUM, lambda rng: rng.choice(SYMBOLS), 500, (3, 3)),
    nested(3, 500),
    nested(30, 100),
    *decimals(),
    of("date", Kind(dt.date, logical("int", "date")), lambda rng: instant(rng).date(), 500),
    of("time-micros", Kind(dt.time, logical("long", "time-micros")), lambda rng: instant(rng).time(), 500),
    of("timestamp", INSTANT, instant, 500),
    of(
        "local timestamp",
        Kind(dt.datetime, logical("long", "local-timestamp-micros")),
        lambda rng: instant(rng).replace(tzinfo=None),
        500,
    ),
    of(
        "uuid",
        Kind(UUID, logical("string", "uuid"), TEXTS, None, UUID, str),
        lambda rng: UUID(int=rng.getrandbits(128)),
        500,
    ),
]


def titles(schema: dict[str, Any], places: list[str]) -> dict[str, str]:
    """The title of what stands at each of the places."""
    found = {}
    for place in places:
        here: Any = schema
        for part in place.split("/")[1:]:
            here = here[int(part) if isinstance(here, list) else part]
        found[place] = here["title"]
    return found


def dumped(shape: Shape, value: Any) -> bytes:
    """A message as most Python producers write it."""
    return json.dumps(shape.plain(value)).encode()
