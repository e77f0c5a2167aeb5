"""Avro binary as Avro's JSON encoding, which `kafka-avro-console-producer` reads; but decimals are numbers.

The encoding is that of the types below the other logical types; a union's value stands in an object under
the name of its branch; bytes are strings of the characters U+0000 to U+00FF; a float that is not a number, or
infinite, is the string `NaN`, `Infinity` or `-Infinity`. Apache Avro 1.12 specification, "JSON Encoding".
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, TypeGuard

from ...errors import DecodeError
from .. import ENGINE, EngineName, make_reader
from ..limits import MAX_DEPTH, NUMBER_DIGITS
from ..python.reader import Cursor, DamagedError, scalar
from .schema.tree import (
    Array,
    Enum,
    Fixed,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Schema,
    Union,
    branch_name,
)

_QUOTE: Final = json.dumps


def to_json(schema: Schema, data: bytes, offset: int = 0) -> Any:
    """The JSON value of one value of `schema`, as `make_writer` wrote it; decimals are `Decimal`s, which
    `dumps` writes. Raises `DecodeError`.
    """
    try:
        return _Decoder(schema, Cursor(data, offset, MAX_DEPTH)).value(schema.root)
    except DamagedError as error:
        raise DecodeError(error.what, position=error.at) from None


def dumps(value: Any, quote: Callable[[Any], str] = _QUOTE) -> str:
    """A JSON value as one line of ASCII, or as `quote` writes strings; decimals are numbers with all of their
    digits (of those with thousands of zeros, with an exponent).
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quote(key)}: {dumps(item, quote)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join([dumps(item, quote) for item in value]) + "]"
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) <= NUMBER_DIGITS else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    return quote(value)


class AvroJsonTexts:
    """Values of one schema as texts, `dumps` of `to_json`. Both engines write the same ones; but of a map
    that has a name twice, the native one writes both.
    """

    def __init__(self, schema: Schema, *, engine: EngineName | None = None) -> None:
        self._schema = schema
        self._reader = make_reader(schema, out_of_range="raw", engine=engine)
        self._native: Any = None
        if (engine or ENGINE) == "native":
            nodes: Any = import_module("kgen_runtime.codec.native._avro_texts")
            self._native = nodes.TextWriter(_TextBuilder(nodes, schema).node(schema.root), MAX_DEPTH)

    def texts(
        self, payloads: Sequence[bytes], offset: int = 0
    ) -> tuple[list[str | None], dict[int, DecodeError]]:
        """The text of the value in each payload from byte `offset` on, and by index the errors of those that
        do not decode, whose texts are None.
        """
        errors: dict[int, DecodeError] = {}
        if self._native is None:
            found: list[str | None] = [None] * len(payloads)
        else:
            found = self._native.texts(payloads, offset)
            if None not in found:
                return found, errors
        for index, text in enumerate(found):
            if text is None:
                try:
                    found[index] = self._slowly(payloads[index], offset)
                except DecodeError as error:
                    errors[index] = error.with_traceback(None)
        return found, errors

    def _slowly(self, payload: bytes, offset: int) -> str:
        self._reader.decode(payload, offset)  # raises what is wrong with it
        try:
            return dumps(to_json(self._schema, payload, offset))
        except DecodeError as error:
            raise DecodeError(f"no JSON text can be made of it: {error.what}") from None
        except (ValueError, OverflowError, RecursionError) as error:
            raise DecodeError(f"no JSON text can be made of it: {error}") from None


class _Decoder:
    def __init__(self, schema: Schema, cursor: Cursor) -> None:
        self._names = schema.names
        self._cursor = cursor

    def value(self, node: Node) -> Any:
        if isinstance(node, Primitive):
            if _is_decimal(node.logical):
                return self._decimal(node.logical, -1)
            return _plain(scalar(node.type, node.type == "int", -1, 0, 0).read(self._cursor))
        if isinstance(node, Array):
            return [self.value(node.items) for _ in self._items()]
        if isinstance(node, Map):
            return {self.value(Primitive("string")): self.value(node.values) for _ in self._items()}
        if isinstance(node, Union):
            return self._union(node)
        return self._named(self._names[node.name])

    def _items(self) -> Any:
        while count := self._cursor.block()[0]:
            yield from range(count)

    def _union(self, node: Union) -> Any:
        branch = node.branches[self._cursor.narrow()]
        value = self.value(branch)
        return value if branch == Primitive("null") else {branch_name(branch): value}

    def _named(self, named: Named) -> Any:
        if isinstance(named, Enum):
            return named.symbols[self._cursor.narrow()]
        if isinstance(named, Fixed):
            if _is_decimal(named.logical):
                return self._decimal(named.logical, named.size)
            return _plain(self._cursor.take(named.size))
        return {field.name: self.value(field.type) for field in named.fields}

    def _decimal(self, kind: Logical, size: int) -> Any:
        return _decimal_node(kind.name, size, kind.scale).read(self._cursor)


@lru_cache(maxsize=256)
def _decimal_node(name: str, size: int, scale: int) -> Any:
    """One that has more digits than its precision (`rt.OutOfRange`) is a number all the same."""
    return scalar(name, False, size, NUMBER_DIGITS, scale)


class _TextBuilder:
    """The nodes of the native engine for a schema."""

    def __init__(self, nodes: Any, schema: Schema) -> None:
        self._nodes = nodes
        self._names = schema.names
        self._made: dict[str, Any] = {}

    def node(self, node: Node) -> Any:
        nodes = self._nodes
        if isinstance(node, Primitive):
            return self._primitive(node)
        if isinstance(node, Array):
            return nodes.ListText(self.node(node.items), None)
        if isinstance(node, Map):
            return nodes.ListText(self.node(node.values), self.node(Primitive("string")))
        if isinstance(node, Union):
            heads = tuple(
                b"" if each == Primitive("null") else object_parts([_QUOTE(branch_name(each)).encode()])[0][0]
                for each in node.branches
            )
            return nodes.UnionText(heads, tuple(map(self.node, node.branches)))
        if node.name not in self._made:
            self._name(self._names[node.name])
        return self._made[node.name]

    def _primitive(self, node: Primitive) -> Any:
        nodes = self._nodes
        if _is_decimal(node.logical):
            if node.logical.name == "big-decimal":
                return nodes.Node()
            return nodes.DecimalText(-1, node.logical.scale, NUMBER_DIGITS)
        if node.type in ("int", "long"):
            return nodes.LongText(node.type == "int")
        if node.type in ("string", "bytes"):
            return nodes.StringText(node.type == "bytes", -1)
        made = {
            "boolean": nodes.BooleanText,
            "float": nodes.FloatText,
            "double": nodes.DoubleText,
        }
        return nodes.NullText(b"null") if node.type == "null" else made[node.type]()

    def _name(self, named: Named) -> None:
        nodes = self._nodes
        if isinstance(named, Enum):
            self._made[named.name] = nodes.EnumText(tuple(_QUOTE(each).encode() for each in named.symbols))
        elif isinstance(named, Fixed):
            decimal = named.logical if _is_decimal(named.logical) else None
            self._made[named.name] = (
                nodes.StringText(True, named.size)
                if decimal is None
                else nodes.DecimalText(named.size, decimal.scale, NUMBER_DIGITS)
            )
        else:
            self._record(named)

    def _record(self, record: Record) -> None:
        made = self._made[record.name] = self._nodes.RecordText()
        heads, tail = object_parts([_QUOTE(field.name).encode() for field in record.fields])
        made.fill(heads, tuple(self.node(field.type) for field in record.fields), tail)


def object_parts(names: Sequence[bytes]) -> tuple[tuple[bytes, ...], bytes]:
    """Of a JSON object with these names, in quotes, what comes before each value, and what after the last."""
    heads = tuple((b", " if number else b"{") + name + b": " for number, name in enumerate(names))
    return heads, b"}" if names else b"{}"


def _is_decimal(logical: Logical | None) -> TypeGuard[Logical]:
    return logical is not None and logical.name in ("decimal", "big-decimal")


def _plain(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value
