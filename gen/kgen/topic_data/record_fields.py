"""The fields of records as columns: `address.city` for a field of a record in a record.

Lists, maps, unions of several types and records that hold themselves are one column each, as JSON.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, Final

from kgen_runtime.codec.avro.json_encoding import dumps
from kgen_runtime.codec.avro.schema.tree import Node, Primitive, Record, Ref, Schema, Union

quoted: Final = json.encoder.encode_basestring_ascii
VALUE: Final = "value"
"""The column of a value that is not a record."""
_STRINGS: Final = frozenset({str})
_DEEPEST: Final = 6
_MOST: Final = 1_000
"""Columns; what is deeper, or comes after them, is JSON in one."""


def columns_of(schema: Schema | None, values: list[Any]) -> list[str]:
    """The columns of the values of a schema; without one, or if they are not records, of some."""
    names = None if schema is None else columns_of_schema(schema)
    return columns_of_records(values) if names is None else names


def columns_of_schema(schema: Schema) -> list[str] | None:
    """The columns of the values of a schema; None if they are not records."""
    record = _record(schema, schema.root)
    if record is None:
        return None
    return list(_columns(schema, record, "", (record.name,)))[:_MOST]


def _columns(schema: Schema, record: Record, prefix: str, within: tuple[str, ...]) -> Iterator[str]:
    for field in record.fields:
        inner = _record(schema, field.type)
        if inner is None or inner.name in within or len(within) >= _DEEPEST or not inner.fields:
            yield prefix + field.name
        else:
            yield from _columns(schema, inner, f"{prefix}{field.name}.", (*within, inner.name))


def _record(schema: Schema, node: Node) -> Record | None:
    """The record that a field holds, if it holds one or null."""
    if isinstance(node, Union):
        rest = [each for each in node.branches if each != Primitive("null")]
        return _record(schema, rest[0]) if len(rest) == 1 else None
    named = schema.names[node.name] if isinstance(node, Ref) else None
    return named if isinstance(named, Record) else None


def columns_of_records(records: list[Any]) -> list[str]:
    """The columns of values whose schema is not known, from some of them."""
    found: dict[str, None] = {}
    for record in records:
        found.update(dict.fromkeys(_names(record, "", 0)))
    return list(found)[:_MOST] or [VALUE]


def _names(value: Any, prefix: str, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and value and depth < _DEEPEST:
        for name, item in value.items():
            yield from _names(item, f"{prefix}.{name}" if prefix else str(name), depth + 1)
    elif prefix:
        yield prefix
    elif value is not None:
        yield VALUE


def flat_fields(value: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The fields of one value with their names, as columns have them."""
    if isinstance(value, dict) and value and depth < _DEEPEST:
        for name, item in value.items():
            yield from flat_fields(item, f"{prefix}.{name}" if prefix else str(name), depth + 1)
    else:
        yield prefix or VALUE, value


class RecordColumns:
    """Takes records apart into columns that are known beforehand."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns
        self._tree: dict[str, Any] = {}
        for number, name in enumerate(columns):
            at = self._tree
            *outer, last = name.split(".")
            for each in outer:
                at = at.setdefault(each, {})
                if not isinstance(at, dict):
                    break
            if isinstance(at, dict):
                at[last] = number
        self._single = self._tree.get(VALUE) if len(columns) == 1 else None

    def cells(self, value: Any) -> tuple[list[Any], dict[str, Any]]:
        """A value for each column, and what of the record has no column."""
        found: list[Any] = [None] * len(self.columns)
        rest: dict[str, Any] = {}
        if isinstance(value, dict):
            self._fill(value, self._tree, found, rest, "")
        elif self._single is not None:
            found[0] = value
        elif value is not None:
            rest[VALUE] = value
        return found, rest

    def _fill(
        self, value: dict[str, Any], tree: dict[str, Any], found: list[Any], rest: dict[str, Any], prefix: str
    ) -> None:
        for name, item in value.items():
            at = tree.get(name)
            if isinstance(at, int):
                found[at] = item
            elif isinstance(at, dict) and isinstance(item, dict):
                self._fill(item, at, found, rest, f"{prefix}{name}.")
            elif item is not None or at is None:
                rest[prefix + name] = item


def cell_text(value: Any, *, shown: bool = False) -> str:
    """A value as the text of a cell; empty for None. Bytes are `0x` and hexadecimal digits; what has parts is
    JSON, which has letters that are not ASCII as they are if it is to be `shown`.
    """
    if value is None:
        return ""
    if not shown and type(value) is dict and _STRINGS.issuperset(map(type, (*value, *value.values()))):
        return "{" + ", ".join([f"{quoted(name)}: {quoted(item)}" for name, item in value.items()]) + "}"
    found = _plain(value)
    if isinstance(found, str):
        return found
    if shown and isinstance(found, (dict, list)):
        return dumps(found, _as_they_are)
    return dumps(found)


def _as_they_are(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """As JSON has it, for people: times are ISO 8601."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return f"0x{bytes(value).hex()}"
    if isinstance(value, dt.datetime) and value.tzinfo is dt.timezone.utc:
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, uuid.UUID):
        return str(value)
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if value is None or isinstance(value, (str, bool, int, float, Decimal)):
        return value
    return str(value)
