"""An Avro schema as a frozen tree: what the codec, the compatibility check and the generator's model read.

Every use of a named type is a `Ref`; its definition stands once in `Schema.names`. So the tree is finite
even when the schema is recursive. Format: Apache Avro 1.12 specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

PrimitiveName: TypeAlias = Literal["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


class _NoDefault:
    """The type of `NO_DEFAULT`: a field without a default, which is not the same as a default of null."""

    def __repr__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT = _NoDefault()


@dataclass(frozen=True)
class Logical:
    """A logical type that is valid where it stands; others are dropped, as the specification asks."""

    # decimal big-decimal uuid duration date time-{millis,micros} [local-]timestamp-{millis,micros,nanos}
    name: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True)
class Primitive:
    """A primitive type, maybe with a logical type."""

    type: PrimitiveName
    logical: Logical | None = None


@dataclass(frozen=True)
class Ref:
    """The use of a named type: look it up in `Schema.names`."""

    name: str  # the full name


@dataclass(frozen=True)
class Array:
    """A list of items."""

    items: Node


@dataclass(frozen=True)
class Map:
    """A map from strings to values."""

    values: Node


@dataclass(frozen=True)
class Union:
    """One of several branches."""

    branches: tuple[Node, ...]


@dataclass(frozen=True)
class InvalidDefault:
    """A JSON default that does not fit its field's type; `reason` goes on from "the default"."""

    value: Any
    reason: str


@dataclass(frozen=True)
class Field:
    """A field of a record. `default` is the JSON value as in the schema, or `NO_DEFAULT`.

    A default that does not fit the type counts as none, and is kept in `invalid_default`: registries hold
    such schemas, and what they write is to be read.
    """

    name: str
    type: Node
    default: Any = NO_DEFAULT
    aliases: tuple[str, ...] = ()
    doc: str | None = None
    order: str = "ascending"
    invalid_default: InvalidDefault | None = None


@dataclass(frozen=True)
class Record:
    """A record (or error) type."""

    name: str  # the full name
    fields: tuple[Field, ...]
    aliases: tuple[str, ...] = ()  # full names
    doc: str | None = None


@dataclass(frozen=True)
class Enum:
    """An enum type."""

    name: str
    symbols: tuple[str, ...]
    default: str | None = None
    aliases: tuple[str, ...] = ()
    doc: str | None = None


@dataclass(frozen=True)
class Fixed:
    """A fixed number of bytes, maybe with a logical type (decimal, duration, uuid)."""

    name: str
    size: int
    logical: Logical | None = None
    aliases: tuple[str, ...] = ()
    doc: str | None = None


Node: TypeAlias = Primitive | Ref | Array | Map | Union
Named: TypeAlias = Record | Enum | Fixed


def branch_name(node: Node) -> str:
    """What a union calls its branch: the type, or the full name of a named type."""
    if isinstance(node, Primitive):
        return node.type
    return node.name if isinstance(node, Ref) else type(node).__name__.lower()


@dataclass(frozen=True)
class Schema:
    """A whole schema: its root, and every named type by full name in order of definition."""

    root: Node
    names: Mapping[str, Named] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """Bounds on what untrusted schema text may ask for."""

    text_bytes: int = 4 << 20
    depth: int = 64
    names: int = 20_000
