"""The fields of a payload up to the byte that is wrong: what can be read of a message that cannot be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

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
)
from kgen_runtime.codec.field_paths import Part, field_path
from kgen_runtime.codec.limits import MAX_DEPTH
from kgen_runtime.codec.python.reader import Cursor, DamagedError, scalar
from kgen_runtime.reporting.printable import bounded

from .moment_text import moment_text

MOST_FIELDS: Final = 1_000
MOST_TEXT: Final = 200
"""Characters kept of a value."""
_DECIMALS: Final = ("decimal", "big-decimal")


@dataclass(frozen=True)
class DecodedField:
    """A value without parts: its path, what it is as text, and where it stands in the payload. `moment` is a
    date, clock time or timestamp as ISO 8601 has it; empty for other values, and where no calendar has it.
    """

    path: str
    text: str
    begin: int
    end: int
    moment: str = ""

    @property
    def shown(self) -> str:
        """For people."""
        return self.moment or self.text


@dataclass
class PartialDecode:
    """The fields that could be read, `MOST_FIELDS` at most, and why not the next one: `what` is empty if the
    payload is whole, `path` and `position` are of the field at fault.
    """

    fields: list[DecodedField] = field(default_factory=list)
    what: str = ""
    path: str = ""
    position: int | None = None
    more: bool = False
    """There are more fields than these."""


class _FullError(Exception):
    """There are fields enough."""


def decode_avro(schema: Schema, payload: bytes, at: int) -> PartialDecode:
    """What can be read of `payload` from byte `at`, written with `schema`. Raises nothing."""
    decoder = _PartialDecoder(schema, Cursor(payload, at, MAX_DEPTH))
    found = decoder.found
    try:
        decoder.value(schema.root, ())
        left = len(payload) - decoder.cursor.at
        if left:
            found.what, found.position = f"{left:,} bytes are left over after the value", decoder.cursor.at
    except DamagedError as error:
        found.what, found.position, found.path = error.what, error.at, decoder.path
    except _FullError:
        found.more = True
    except RecursionError:
        found.what, found.position, found.path = "nested too deep", decoder.cursor.at, decoder.path
    except Exception as error:  # noqa: BLE001 - of any value that Python cannot hold
        found.what, found.position, found.path = str(error)[:MOST_TEXT], decoder.began, decoder.path
    return found


def decode_json(payload: bytes, at: int) -> PartialDecode:
    """What can be read of JSON text from byte `at`. Raises nothing."""
    found = PartialDecode()
    text = payload[at:].decode(errors="surrogateescape")
    try:
        value = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        found.what = error.msg
        found.position = at + len(text[: error.pos].encode(errors="surrogateescape"))
        return found
    except (ValueError, RecursionError) as error:
        found.what, found.position = str(error)[:MOST_TEXT], at
        return found
    try:
        _json_fields(value, "", found.fields, MAX_DEPTH)
    except (_FullError, RecursionError):
        found.more = True
    return found


def _json_fields(value: Any, path: str, fields: list[DecodedField], depth: int) -> None:
    if isinstance(value, (dict, list)) and value and depth:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            part = str(name).replace("~", "~0").replace("/", "~1")
            _json_fields(item, f"{path}/{part}", fields, depth - 1)
        return
    if len(fields) >= MOST_FIELDS:
        raise _FullError
    fields.append(DecodedField(bounded(path or "/", MOST_TEXT), value_text(value), -1, -1))


class _PartialDecoder:
    def __init__(self, schema: Schema, cursor: Cursor) -> None:
        self._names = schema.names
        self.cursor = cursor
        self.found = PartialDecode()
        self.began = cursor.at
        self._parts: Sequence[Part] = ()

    @property
    def path(self) -> str:
        """Of the field that is being read."""
        return bounded(field_path(tuple(reversed(self._parts))), MOST_TEXT)

    def value(self, node: Node, parts: tuple[Part, ...]) -> None:
        """Read one value; its leaves are fields."""
        self._parts, self.began = parts, self.cursor.at
        if isinstance(node, Primitive):
            logical = node.logical
            kind = logical if logical is not None and logical.name in _DECIMALS else None
            self._scalar(kind, node.type, -1, "" if logical is None else logical.name)
        elif isinstance(node, Array):
            self._enter()
            for number in self._items(parts):
                self.value(node.items, (*parts, number))
            self.cursor.depth += 1
        elif isinstance(node, Map):
            self._enter()
            for _ in self._items(parts):
                key = scalar("string", False, -1, 0, 0).read(self.cursor)
                self.value(node.values, (*parts, (key,)))
            self.cursor.depth += 1
        elif isinstance(node, Union):
            branch = self.cursor.narrow()
            if not 0 <= branch < len(node.branches):
                raise DamagedError(f"no branch {branch} in the union", self.began)
            self.value(node.branches[branch], parts)
        else:
            self._named(self._names[node.name], parts)

    def _items(self, parts: tuple[Part, ...]) -> Any:
        number = 0
        while count := self.cursor.block()[0]:
            for _ in range(count):
                self.cursor.charge(1)
                yield number
                number += 1
            self._parts, self.began = parts, self.cursor.at

    def _named(self, named: Named, parts: tuple[Part, ...]) -> None:
        if isinstance(named, Enum):
            number = self.cursor.narrow()
            if not 0 <= number < len(named.symbols):
                raise DamagedError(f"no symbol {number} in the enum", self.began)
            self._add(named.symbols[number])
        elif isinstance(named, Fixed):
            logical = named.logical
            kind = logical if logical is not None and logical.name in _DECIMALS else None
            self._scalar(kind, "", named.size)
        else:
            self._enter()
            for each in named.fields:
                self.value(each.type, (*parts, each.name))
            self.cursor.depth += 1

    def _enter(self) -> None:
        self.cursor.enter()

    def _scalar(self, logical: Logical | None, kind: str, size: int, name: str = "") -> None:
        if logical is not None:
            value = scalar(logical.name, False, size, logical.precision, logical.scale).read(self.cursor)
        elif size >= 0:
            value = self.cursor.take(size)
        else:
            value = scalar(kind, kind == "int", -1, 0, 0).read(self.cursor)
        self._add(value, moment_text(name, value) if isinstance(value, int) else "")

    def _add(self, value: Any, moment: str = "") -> None:
        if len(self.found.fields) >= MOST_FIELDS:
            raise _FullError
        self.found.fields.append(
            DecodedField(self.path, value_text(value), self.began, self.cursor.at, moment)
        )


def value_text(value: Any) -> str:
    """A value without parts, for people."""
    if isinstance(value, bytes):
        return bounded("0x" + value[:MOST_TEXT].hex(), MOST_TEXT)
    if isinstance(value, str):
        return bounded(json.dumps(value[: 2 * MOST_TEXT], ensure_ascii=False), MOST_TEXT)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Decimal):
        return bounded(str(value), MOST_TEXT)  # in full it may have many zeros
    return (
        bounded(repr(value), MOST_TEXT)
        if not isinstance(value, (dict, list))
        else json.dumps(value)[:MOST_TEXT]
    )
