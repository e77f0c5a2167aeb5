"""What `ValueWriter.pack` takes: only what comes back as the very same value."""

from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from dataclasses import make_dataclass
from decimal import Decimal
from typing import Any

import pytest

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.values import Duration, TimestampNanos

UTC = dt.timezone.utc
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 6000, UTC)


class Int(int):
    pass


class Text(str):
    __slots__ = ()


def logical(kind: str, what: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": what, **more}


MILLIS, LOCAL = logical("long", "timestamp-millis"), logical("long", "local-timestamp-micros")
MONEY = logical("bytes", "decimal", precision=9, scale=2)
DAYTIME, NANOS = logical("int", "time-millis"), logical("long", "timestamp-nanos")
DURATION = logical("fixed", "duration", name="D", size=12)
CASES: list[tuple[Any, Any, bool]] = [
    ("null", None, True),
    ("boolean", True, True),
    ("boolean", 1, False),
    ("int", 2**31 - 1, True),
    ("int", 2**31, False),
    ("long", 2**63, False),
    ("long", True, False),
    ("long", Int(3), False),
    ("double", 0.1, True),
    ("double", 1, False),
    ("float", 0.5, True),
    ("float", 0.1, False),
    ("float", 1e300, False),
    ("string", "é", True),
    ("string", "\ud800", False),
    ("string", Text("a"), False),
    ("string", b"a", False),
    ("bytes", b"a", True),
    ("bytes", bytearray(b"a"), False),
    ({"type": "fixed", "name": "F", "size": 2}, b"ab", True),
    ({"type": "fixed", "name": "F", "size": 2}, b"abc", False),
    (logical("int", "date"), dt.date(2026, 1, 2), True),
    (logical("int", "date"), NOW, False),
    (DAYTIME, dt.time(1, 2, 3, 4000), True),
    (DAYTIME, dt.time(1, 2, 3, 4001), False),
    (DAYTIME, dt.time(1, 2, fold=1), False),
    (DAYTIME, dt.time(1, 2, tzinfo=UTC), False),
    (MILLIS, NOW, True),
    (MILLIS, NOW.replace(microsecond=6001), False),
    (MILLIS, NOW.replace(fold=1), False),
    (MILLIS, NOW.replace(tzinfo=None), False),
    (MILLIS, NOW.astimezone(dt.timezone(dt.timedelta(hours=1))), False),
    (LOCAL, NOW.replace(tzinfo=None, microsecond=1), True),
    (LOCAL, NOW, False),
    (NANOS, TimestampNanos(7), True),
    (NANOS, 7, False),
    (NANOS, NOW, False),
    (logical("string", "uuid"), uuid.UUID(int=5), True),
    (logical("string", "uuid"), str(uuid.UUID(int=5)), False),
    (MONEY, Decimal("1.20"), True),
    (MONEY, Decimal("1.2"), False),
    (MONEY, Decimal("-0.00"), False),
    (MONEY, Decimal("NaN"), False),
    (MONEY, Decimal("12345678901.20"), False),
    (MONEY, 1, False),
    (logical("bytes", "big-decimal"), Decimal("1.200"), True),
    (logical("bytes", "big-decimal"), Decimal("-0"), False),
    (DURATION, Duration(1, 2, 3), True),
    (DURATION, Duration(1, 2, Int(3)), False),
    (["null", "string", "long"], 5, True),
    (["null", "string"], 5, False),
    (["null", MILLIS], NOW.replace(microsecond=1), False),
    ({"type": "map", "values": "int"}, {1: 1}, False),
    ({"type": "array", "items": "null"}, [None] * 100_000, False),  # more items than a reader takes
]


@pytest.mark.parametrize(("kind", "value", "taken"), CASES, ids=str)
def test_only_what_comes_back_the_same_is_packed(kind: Any, value: Any, taken: bool) -> None:
    schema = parse(json.dumps({"type": "record", "name": "R", "fields": [{"name": "v", "type": kind}]}))
    cls = make_dataclass("R", [("v", object)], slots=True)
    data = make_writer(schema, {"R": cls}, engine="native").pack(cls(value))
    assert (data is not None) is taken
    if data is not None:
        again = make_reader(schema, None, {"R": cls}).decode(data).v
        assert (type(again), repr(again)) == (type(value), repr(value))


NESTED = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "items", "type": {"type": "array", "items": "R"}},
        {"name": "by", "type": {"type": "map", "values": "int"}},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A"]}},
    ],
}


class K(enum.Enum):
    A = "A"


R: Any = make_dataclass("R", [("items", object), ("by", object), ("kind", object)], slots=True)


def pack(value: Any) -> bytes | None:
    return make_writer(parse(json.dumps(NESTED)), {"R": R, "K": K}, engine="native").pack(value)


def test_what_something_else_refers_to_is_not_packed() -> None:
    value = R([R([], {}, K.A)], {"".join("ab"): 1}, K.A)
    assert pack(value) is not None
    for hold in (lambda: value.items, lambda: value.items[0], lambda: value.items[0].by, lambda: value.by):
        held = hold()
        assert pack(value) is None
        del held
    assert pack(value) is not None


@pytest.mark.parametrize("change", [{"items": ()}, {"by": {1: 2}}, {"kind": "A"}, {"items": [5]}], ids=str)
def test_what_is_of_another_type_is_not_packed(change: dict[str, Any]) -> None:
    value = R([], {}, K.A)
    for name, other in change.items():
        setattr(value, name, other)
    assert pack(value) is None


def test_what_is_not_set_holds_itself_or_is_too_deep_is_not_packed() -> None:
    value = R([], {}, K.A)
    value.items.append(value)
    assert pack(value) is None
    del value.items
    assert pack(value) is None
    deep = R([], {}, K.A)
    for _ in range(100_000):
        deep = R([deep], {}, K.A)
    assert pack(deep) is None
    while deep.items:  # not all at once: C would recurse
        deep = deep.items.pop()


def test_another_class_is_not_packed() -> None:
    class Derived(R):  # type: ignore[misc]
        pass

    assert pack(Derived([], {}, K.A)) is None
    assert pack({"items": [], "by": {}, "kind": "A"}) is None


def test_plain_python_packs_nothing() -> None:
    schema = parse(json.dumps(NESTED))
    assert make_writer(schema, {"R": R, "K": K}, engine="python").pack(R([], {}, K.A)) is None
