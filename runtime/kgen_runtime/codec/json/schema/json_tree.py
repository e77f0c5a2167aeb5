"""A JSON Schema as a frozen tree: what the codec, the compatibility check and the generator's model read.

Every use of an object or enum is a `JsonRef`; its definition stands once in `JsonSchema.names`, by the place
where the schema defines it: `<document>#<JSON pointer>`, where the document is "" for the subject's own text
and the name of the reference for another subject's. So the tree is finite even when the schema is recursive.
Formats: JSON Schema draft 4 to 2020-12, with the hints of Kafka Connect's JSON Schema converter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ScalarType: TypeAlias = Literal["null", "boolean", "integer", "number", "string"]
Format: TypeAlias = Literal[
    "date",  # datetime.date
    "time",  # datetime.time, with a time zone if the text has an offset
    "date-time",  # datetime.datetime, aware, in UTC
    "duration",  # rt.Duration: months, days and milliseconds
    "uuid",  # uuid.UUID
    "base64",  # bytes: `contentEncoding: base64`, `connect.type: bytes`
    # decimal.Decimal, exact. A number, or a string: of the decimal's own text (no `scale`), or of Connect's
    # Decimal, the base64 of its digits as a whole number (with a `scale`).
    "decimal",
    "date-days",  # datetime.date: Connect's Date, days since the epoch
    "time-millis",  # datetime.time: Connect's Time, milliseconds of the day
    "timestamp-millis",  # datetime.datetime, aware, in UTC: Connect's Timestamp, milliseconds since the epoch
    "float",  # float: a number that a format or Connect's hint says is of 32 bits
]


class _Undefined:
    """The type of `UNDEFINED`: a property without a default, which is not the same as a default of null."""

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED = _Undefined()


@dataclass(frozen=True)
class Anything:
    """Any JSON value: the schema `true`, `{}`, or one that says nothing of types."""


@dataclass(frozen=True)
class Nothing:
    """No value: the schema `false`."""


@dataclass(frozen=True)
class JsonScalar:
    """A scalar type, maybe with a format that gives it a Python type of its own."""

    type: ScalarType
    format: Format | None = None
    scale: int | None = None  # digits after the point of a decimal


@dataclass(frozen=True)
class Constant:
    """One of several scalars: `const`, or an `enum` that gets no class (not only strings, or one alone)."""

    values: tuple[str | int | float | bool | None, ...]


@dataclass(frozen=True)
class JsonRef:
    """The use of a record or enum: look it up in `JsonSchema.names`."""

    name: str


@dataclass(frozen=True)
class JsonArray:
    """A list of items."""

    items: Node


@dataclass(frozen=True)
class JsonTuple:
    """A list whose first items have types of their own; `rest` is the type of more (`Nothing`: no more)."""

    items: tuple[Node, ...]
    rest: Node


@dataclass(frozen=True)
class JsonMap:
    """An object whose names are data: `additionalProperties` or `patternProperties` without `properties`."""

    values: Node


@dataclass(frozen=True)
class JsonUnion:
    """One of several branches.

    `tag` is the property whose constant is another one in each of the objects among them.
    """

    branches: tuple[Node, ...]
    tag: str | None = None


Node: TypeAlias = (
    Anything | Nothing | JsonScalar | Constant | JsonRef | JsonArray | JsonTuple | JsonMap | JsonUnion
)


def takes_null(node: Node) -> bool:
    """Whether null is a value of this type: then None stands for null, and `ABSENT` for absence."""
    if isinstance(node, JsonUnion):
        return any(takes_null(branch) for branch in node.branches)
    if isinstance(node, Constant):
        return None in node.values
    return isinstance(node, Anything) or node == JsonScalar("null")


@dataclass(frozen=True)
class Property:
    """A property of an object.

    `default` is the JSON value as in the schema, or `UNDEFINED`. Required: a value or, if the type takes it,
    null. Optional and not nullable: None stands for its absence, and is left out. Optional and nullable
    (`takes_null`): `rt.ABSENT` stands for its absence, None for null. What an absent property is read as is
    the default of the class's field, or what its `default_factory` gives: so the class alone decides what
    becomes of the schema's `default`. Every optional property needs one in its class.
    """

    name: str  # on the wire
    type: Node
    required: bool = False
    default: Any = UNDEFINED
    doc: str | None = None


@dataclass(frozen=True)
class JsonObject:
    """An object with named properties.

    `extra` is the type of properties without a name here, if the schema gives one (kept in the attribute
    `extra`); with None they are dropped. `closed`: the schema refuses them. `prefixes`: if not empty, the
    names of those begin with one of them. The codec does not look at that.
    """

    name: str  # the place of its definition
    fields: tuple[Property, ...]
    title: str | None = None
    extra: Node | None = None
    closed: bool = False
    doc: str | None = None
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StringEnum:
    """One of several strings, with a class."""

    name: str  # the place of its definition
    symbols: tuple[str, ...]
    title: str | None = None
    doc: str | None = None


Named: TypeAlias = JsonObject | StringEnum


@dataclass(frozen=True)
class Untyped:
    """A keyword that no type says (`if`, `not`, `minItems`…): validation alone enforces it."""

    where: str  # the JSON pointer of the schema that has it
    keyword: str


@dataclass(frozen=True)
class JsonSchema:
    """A whole schema: its root, and every object and enum by place, in order of definition."""

    root: Node
    names: Mapping[str, Named] = field(default_factory=dict)
    untyped: tuple[Untyped, ...] = ()
