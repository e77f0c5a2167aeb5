"""Avro binary as Avro's JSON encoding, which `kafka-avro-console-producer` reads; but decimals are numbers.

The encoding is that of the types below the other logical types; a union's value stands in an object under
the name of its branch. Apache Avro 1.12 specification, "JSON Encoding".
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, TypeGuard

from kgen_runtime.codec.avro.schema.tree import (
    Array,
    Enum,
    Fixed,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    Schema,
    Union,
    branch_name,
)
from kgen_runtime.codec.limits import MAX_DEPTH
from kgen_runtime.codec.python.reader import Cursor, scalar


def to_json(schema: Schema, data: bytes) -> Any:
    """The JSON value of one value of `schema`, as `make_writer` wrote it; decimals are `Decimal`s, which
    `dumps` writes.
    """
    return _Decoder(schema, Cursor(data, 0, MAX_DEPTH)).value(schema.root)


def dumps(value: Any) -> str:
    """A JSON value as one line; decimals are numbers with all of their digits."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dumps, value)) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


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
        return scalar(kind.name, False, size, kind.precision, kind.scale).read(self._cursor)


def _is_decimal(logical: Logical | None) -> TypeGuard[Logical]:
    return logical is not None and logical.name in ("decimal", "big-decimal")


def _plain(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value
