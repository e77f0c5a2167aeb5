"""Hypothesis strategies for Avro schemas, values of them, and what stands in the bytes for them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from kgen_runtime.codec.avro.schema.tree import (
    Array,
    Enum,
    Fixed,
    Map,
    Node,
    Primitive,
    Record,
    Ref,
    Schema,
    Union,
)
from kgen_runtime.codec.branches import without_branch
from kgen_runtime.codec.values import Duration, LocalTimestampNanos, TimestampNanos

Json = Any
UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1)
MICROSECOND = dt.timedelta(microseconds=1)

PRIMITIVES: list[Json] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
LOGICALS: list[Json] = [
    {"type": "int", "logicalType": "date"},
    {"type": "int", "logicalType": "time-millis"},
    {"type": "long", "logicalType": "time-micros"},
    *(
        {"type": "long", "logicalType": f"{local}timestamp-{unit}"}
        for local in ("", "local-")
        for unit in ("millis", "micros", "nanos")
    ),
    {"type": "string", "logicalType": "uuid"},
    {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3},
    {"type": "bytes", "logicalType": "decimal", "precision": 40},
    {"type": "bytes", "logicalType": "big-decimal"},
    {"type": "string", "logicalType": "of-nobody"},
]
FIXED_LOGICALS: list[Json] = [
    {"size": 16, "logicalType": "uuid"},
    {"size": 12, "logicalType": "duration"},
    {"size": 9, "logicalType": "decimal", "precision": 20, "scale": 4},
    {"size": 3},
    {"size": 0},
]


class _Names:
    """The named types of a schema while it is drawn: fresh names, and those that may be used again."""

    def __init__(self) -> None:
        self.count = 0
        self.done: list[str] = []

    def fresh(self) -> str:
        self.count += 1
        return f"{'a.b.' if self.count % 3 else 'c.'}T{self.count}"


def _kind(schema: Json) -> str:
    kind = schema["type"] if isinstance(schema, dict) else schema
    return str(schema["name"] if isinstance(schema, dict) and "name" in schema else kind)


@st.composite
def _nodes(draw: Any, names: _Names, depth: int) -> Json:
    leaf = [
        lambda: draw(st.sampled_from(PRIMITIVES)),
        lambda: draw(st.sampled_from(LOGICALS)),
        lambda: _fixed(draw, names),
        lambda: _enum(draw, names),
    ]
    if names.done:
        leaf.append(lambda: draw(st.sampled_from(names.done)))
    inner: list[Callable[[], Json]] = [
        lambda: {"type": "array", "items": draw(_nodes(names, depth - 1))},
        lambda: {"type": "map", "values": draw(_nodes(names, depth - 1))},
        lambda: _record(draw, names, depth),
        lambda: _union(draw, names, depth),
    ]
    return draw(st.sampled_from(leaf + inner * 2 if depth > 0 else leaf))()


def _fixed(draw: Any, names: _Names) -> Json:
    name = names.fresh()
    names.done.append(name)
    return {"type": "fixed", "name": name, **draw(st.sampled_from(FIXED_LOGICALS))}


def _enum(draw: Any, names: _Names) -> Json:
    name = names.fresh()
    names.done.append(name)
    return {
        "type": "enum",
        "name": name,
        "symbols": draw(st.lists(st.sampled_from("ABCDEF"), min_size=1, unique=True)),
    }


def _record(draw: Any, names: _Names, depth: int) -> Json:
    name = names.fresh()
    fields = [
        {"name": f"f{n}", "type": draw(_nodes(names, depth - 1))} for n in range(draw(st.integers(0, 4)))
    ]
    if draw(st.booleans()):
        fields.append({"name": "again", "type": ["null", name]})
    names.done.append(name)
    return {"type": "record", "name": name, "fields": fields}


def _union(draw: Any, names: _Names, depth: int) -> Json:
    branches: list[Json] = []
    for _ in range(draw(st.integers(1, 4))):
        before = list(names.done)
        branch = draw(_nodes(names, depth - 1))
        if not isinstance(branch, list) and _kind(branch) not in [_kind(other) for other in branches]:
            branches.append(branch)
        else:
            names.done = before  # nothing may refer to what a dropped branch defined
    return branches or ["null"]


@st.composite
def schemas(draw: Any, depth: int = 3) -> Json:
    """A schema as JSON."""
    return draw(_nodes(_Names(), depth))


def _scaled(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    limit = 10**precision - 1
    return st.integers(-limit, limit).map(lambda n: Decimal(n).scaleb(-scale, codec_context()))


def codec_context() -> Any:
    from kgen_runtime.codec.decimals import EXACT

    return EXACT


_MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=40),
    "string": st.text(max_size=40),
    "date": st.dates(),
    "time-millis": st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
    "time-micros": st.times(),
    "timestamp-millis": _MOMENTS.map(
        lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000, tzinfo=UTC)
    ),
    "timestamp-micros": _MOMENTS.map(lambda t: t.replace(tzinfo=UTC)),
    "timestamp-nanos": st.integers(-(2**63), 2**63 - 1).map(TimestampNanos),
    "local-timestamp-millis": _MOMENTS.map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
    "local-timestamp-micros": _MOMENTS,
    "local-timestamp-nanos": st.integers(-(2**63), 2**63 - 1).map(LocalTimestampNanos),
    "uuid": st.uuids(),
    "big-decimal": st.decimals(allow_nan=False, allow_infinity=False),
    "duration": st.builds(Duration, *[st.integers(0, 2**32 - 1)] * 3),
}


@st.composite
def values(draw: Any, schema: Schema, node: Node | None = None, depth: int = 4) -> tuple[Any, Any]:
    """A value of the schema: as kgen has it, and as fastavro writes it where the schema is `stripped`."""
    node = schema.root if node is None else node
    if isinstance(node, Primitive):
        return _leaf(draw, node.type, node.logical, -1)
    if isinstance(node, Union):
        branch = draw(st.sampled_from(_affordable(schema, node, depth)))
        value, plain = draw(values(schema, branch, depth - 1))
        return value, (_branch_name(branch), plain)
    if isinstance(node, Array):
        items = [
            draw(values(schema, node.items, depth - 1)) for _ in range(draw(st.integers(0, max(0, depth))))
        ]
        return [item[0] for item in items], [item[1] for item in items]
    if isinstance(node, Map):
        keys = draw(st.lists(st.text(max_size=5), max_size=max(0, depth), unique=True))
        entries = {key: draw(values(schema, node.values, depth - 1)) for key in keys}
        return {key: item[0] for key, item in entries.items()}, {
            key: item[1] for key, item in entries.items()
        }
    return _named(draw, schema, node, depth)


def _named(draw: Any, schema: Schema, ref: Ref, depth: int) -> tuple[Any, Any]:
    named = schema.names[ref.name]
    if isinstance(named, Enum):
        symbol = draw(st.sampled_from(named.symbols))
        return symbol, symbol
    if isinstance(named, Fixed):
        return _leaf(draw, "fixed", named.logical, named.size)
    parts = {field.name: draw(values(schema, field.type, depth - 1)) for field in named.fields}
    return {name: part[0] for name, part in parts.items()}, {name: part[1] for name, part in parts.items()}


def _affordable(schema: Schema, union: Union, depth: int) -> list[Node]:
    """The branches that may be taken: those that end, where the value is deep already."""
    cheap: list[Node] = [branch for branch in union.branches if isinstance(branch, Primitive)]
    return cheap if depth <= 0 and cheap else list(union.branches)


def _branch_name(node: Node) -> str:
    if isinstance(node, Primitive):
        return node.type
    return node.name if isinstance(node, Ref) else type(node).__name__.lower()


def _leaf(draw: Any, kind: str, logical: Any, size: int) -> tuple[Any, Any]:
    if logical is None:
        value = draw(st.binary(min_size=size, max_size=size) if kind == "fixed" else _VALUES[kind])
        return value, value
    if logical.name == "decimal":
        value = draw(_scaled(logical.precision, logical.scale))
    else:
        value = draw(_VALUES[logical.name])
    return value, plain(value, logical, size)


def _signed(number: int, size: int = -1) -> bytes:
    for width in range(1, 400) if size < 0 else [size]:
        if -(1 << 8 * width - 1) <= number < 1 << 8 * width - 1:
            return number.to_bytes(width, "big", signed=True)
    raise AssertionError(number)


def _zigzag(number: int) -> bytes:
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = b""
    while number > 127:
        out, number = out + bytes([number % 128 + 128]), number // 128
    return out + bytes([number])


def plain(value: Any, logical: Any, size: int) -> Any:
    """What stands in the bytes for a value of a logical type, worked out apart from the codec."""
    name = logical.name
    if name == "date":
        return (value - EPOCH.date()).days
    if name.startswith("time-"):
        micros = (dt.datetime.combine(EPOCH.date(), value) - EPOCH) // MICROSECOND
        return micros // 1000 if name == "time-millis" else micros
    if name.endswith("nanos"):
        return int(value)
    if "timestamp" in name:
        micros = (value.replace(tzinfo=None) - EPOCH) // MICROSECOND
        return micros // 1000 if name.endswith("millis") else micros
    if name == "uuid":
        return value.bytes if size == 16 else str(value)
    if name == "duration":
        return struct.pack("<III", value.months, value.days, value.millis)
    if name == "decimal":
        return _signed(int(value.scaleb(logical.scale, codec_context())), size)
    exponent = value.as_tuple().exponent
    data = _signed(int(value.scaleb(-exponent, codec_context())))
    return _zigzag(len(data)) + data + _zigzag(-exponent)


def stripped(schema: Json) -> Json:
    """The schema without logical types, for fastavro."""
    if isinstance(schema, list):
        return [stripped(item) for item in schema]
    if isinstance(schema, dict):
        kept = {
            key: stripped(value)
            for key, value in schema.items()
            if key not in ("logicalType", "precision", "scale")
        }
        return kept["type"] if list(kept) == ["type"] else kept
    return schema


def untagged(value: Any) -> Any:
    """What fastavro reads back: the value it wrote without the names of branches."""
    if isinstance(value, tuple):
        return untagged(value[1])
    if isinstance(value, list):
        return [untagged(item) for item in value]
    return {key: untagged(item) for key, item in value.items()} if isinstance(value, dict) else value


def classes(schema: Schema, slots: bool = True) -> dict[str, type[Any]]:
    """A class for each record and enum, as kgen generates them."""
    made: dict[str, type[Any]] = {}
    for name, named in schema.names.items():
        simple = name.rpartition(".")[2]
        if isinstance(named, Enum):
            make: Any = enum.Enum
            made[name] = make(simple, {f"M_{symbol}": symbol for symbol in named.symbols})
        elif isinstance(named, Record):
            fields = [
                (f"x_{field.name}", object, dataclasses.field(metadata={"avro": field.name}))
                for field in named.fields
            ]
            made[name] = dataclasses.make_dataclass(simple, fields, slots=slots, kw_only=True)
    return made


def as_plain(value: Any) -> Any:
    """Objects of `classes` as dicts and strings."""
    if isinstance(value, enum.Enum):
        return value.value
    value = without_branch(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, Duration | type):
        return {f.metadata["avro"]: as_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list):
        return [as_plain(item) for item in value]
    return {key: as_plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types throughout (1 is not 1.0, an instant is not a number), of any branch."""
    left, right = without_branch(left), without_branch(right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, float):
        return struct.pack("<d", left) == struct.pack("<d", right)
    return bool(left == right) and (not isinstance(left, dt.datetime) or left.tzinfo == right.tzinfo)
