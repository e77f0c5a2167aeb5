"""From Avro's JSON encoding (see `json_encoding`) to Avro binary."""

from __future__ import annotations

import difflib
import struct
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias

from ...errors import EncodeError
from .. import make_writer
from ..decimals import double
from ..json.json_pointers import json_pointer
from ..limits import MAX_DEPTH
from ..varint import zigzag
from .schema.defaults import DefaultEncoder
from .schema.tree import (
    NO_DEFAULT,
    Array,
    Enum,
    Fixed,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Ref,
    Schema,
    Union,
    branch_name,
)

_Write: TypeAlias = Callable[[Any, "_ValuePlace"], bytes]
_WORDS: Final = ("NaN", "Infinity", "-Infinity")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNITS: Final = {"millis": 1_000, "micros": 1_000_000, "nanos": 1_000_000_000}
_NAMES: Final = 8
"""Of fields, symbols or branches that a hint lists."""


class _ValuePlace:
    """Where in the value the writer is: of each level a name or an index, and the one around it."""

    __slots__ = ("depth", "part", "within")

    def __init__(self, part: str | int, within: _ValuePlace | None) -> None:
        self.part = part
        self.within = within
        self.depth: int = 0 if within is None else within.depth + 1

    @property
    def pointer(self) -> str:
        """As a JSON pointer; empty for the whole value."""
        parts = []
        at: _ValuePlace = self
        while at.within is not None:
            parts.append(at.part)
            at = at.within
        return json_pointer(parts)


class AvroJsonWriter:
    """Writes JSON values, parsed with `parse_float=Decimal`, as Avro binary of a schema.

    A union's value may stand without the name of its branch if null is the only other one. Fields that have
    defaults may be left out.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._defaults = DefaultEncoder(schema.names)
        self._named: dict[str, _Write] = {}
        self._root = self._write(schema.root)

    def encode(self, value: Any) -> bytes:
        """Avro binary. Raises `EncodeError`, whose `path` is a JSON pointer to what does not fit."""
        return self._root(value, _ValuePlace("", None))

    def _write(self, node: Node) -> _Write:
        if isinstance(node, Primitive):
            return self._primitive(node)
        if isinstance(node, Array):
            return partial(_array, self._write(node.items))
        if isinstance(node, Map):
            return partial(_map, self._write(node.values))
        if isinstance(node, Union):
            return _UnionWriter(node, tuple(map(self._write, node.branches)))
        if node.name not in self._named:
            # A record may hold itself: what is made for it in the meantime looks it up.
            self._named[node.name] = lambda value, place: self._named[node.name](value, place)
            self._named[node.name] = self._name(self._schema.names[node.name])
        return self._named[node.name]

    def _primitive(self, node: Primitive) -> _Write:
        if node.logical is not None and node.logical.name in ("decimal", "big-decimal"):
            return self._decimal(node, node.logical)
        if node.type in ("int", "long"):
            return partial(_integer, 32 if node.type == "int" else 64, node.logical)
        return _PRIMITIVES[node.type]

    def _name(self, named: Named) -> _Write:
        if isinstance(named, Enum):
            numbers = {symbol: zigzag(number) for number, symbol in enumerate(named.symbols)}
            return partial(_symbol, named.name, numbers)
        if isinstance(named, Fixed):
            if named.logical is not None and named.logical.name == "decimal":
                return self._decimal(named, named.logical)
            return partial(_fixed, named.size)
        fields = {
            field.name: (
                self._write(field.type),
                None if field.default is NO_DEFAULT else self._defaults.encode(field.type, field.default),
            )
            for field in named.fields
        }
        return partial(_record, named, fields)

    def _decimal(self, node: Primitive | Fixed, logical: Logical) -> _Write:
        root: Any = node
        schema = Schema(node) if isinstance(node, Primitive) else Schema(Ref(node.name), {node.name: root})
        encode = make_writer(schema).encode

        def write(value: Any, place: _ValuePlace) -> bytes:
            if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
                hint = "Write it as a number, with all of its digits: 12.50."
                raise _misfit(value, f"a number ({logical.name})", place, hint)
            try:
                return encode(Decimal(value))
            except EncodeError as error:
                raise EncodeError(error.what, path=place.pointer, hint=error.hint) from None

        return write


class _UnionWriter:
    def __init__(self, union: Union, writes: tuple[_Write, ...]) -> None:
        null = Primitive("null")
        self._null = next((zigzag(n) for n, each in enumerate(union.branches) if each == null), None)
        self._named = {
            branch_name(each): (zigzag(number), writes[number])
            for number, each in enumerate(union.branches)
            if each != null
        }

    def __call__(self, value: Any, place: _ValuePlace) -> bytes:
        if value is None and self._null is not None:
            return self._null
        if isinstance(value, dict) and len(value) == 1:
            [(name, inner)] = value.items()
            if name in self._named:
                head, write = self._named[name]
                return head + write(inner, _deeper(name, place))
        if len(self._named) == 1 and self._null is not None:
            [(head, write)] = self._named.values()
            return head + write(value, place)
        names = _listed(self._named)
        null = "null, or " if self._null is not None else ""
        example = next(iter(self._named), "")
        hint = f'Write {{"{example}": …}}; the branches are {names}.'
        raise _misfit(value, f"{null}an object with the name of a branch", place, hint)


def _deeper(part: str | int, place: _ValuePlace) -> _ValuePlace:
    made = _ValuePlace(part, place)
    if made.depth > MAX_DEPTH:
        raise EncodeError("nested too deep", path=_cut(made.pointer))
    return made


def _array(write: _Write, value: Any, place: _ValuePlace) -> bytes:
    if not isinstance(value, list):
        raise _misfit(value, "an array", place)
    if not value:
        return b"\0"
    items = b"".join([write(item, _deeper(number, place)) for number, item in enumerate(value)])
    return zigzag(len(value)) + items + b"\0"


def _map(write: _Write, value: Any, place: _ValuePlace) -> bytes:
    if not isinstance(value, dict):
        raise _misfit(value, "an object", place)
    if not value:
        return b"\0"
    items = [_string(key, place) + write(item, _deeper(key, place)) for key, item in value.items()]
    return zigzag(len(value)) + b"".join(items) + b"\0"


def _record(
    record: Record, fields: dict[str, tuple[_Write, bytes | None]], value: Any, place: _ValuePlace
) -> bytes:
    if not isinstance(value, dict):
        raise _misfit(value, f"an object ({record.name})", place)
    parts = []
    for name, (write, default) in fields.items():
        if name in value:
            parts.append(write(value[name], _deeper(name, place)))
        elif default is not None:
            parts.append(default)
        else:
            unknown = [each for each in value if each not in fields]
            near = difflib.get_close_matches(name, unknown, 1)
            hint = (
                f"Is {_shown(near[0])} meant for it?" if near else "It has no default, so it must be there."
            )
            raise EncodeError(f"{record.name} lacks the field {name}", path=_cut(place.pointer), hint=hint)
    if len(value) > len(parts) or not value.keys() <= fields.keys():
        name = next(each for each in value if each not in fields)
        near = difflib.get_close_matches(name, fields, 1)
        hint = f"Is {near[0]} meant?" if near else f"It has {_listed(fields)}."
        raise EncodeError(
            f"{record.name} has no field {_shown(name)}", path=_cut(_deeper(name, place).pointer), hint=hint
        )
    return b"".join(parts)


def _symbol(name: str, numbers: dict[str, bytes], value: Any, place: _ValuePlace) -> bytes:
    found = numbers.get(value) if isinstance(value, str) else None
    if found is None:
        near = difflib.get_close_matches(str(value)[:100], numbers, 1)
        raise _misfit(
            value,
            f"a symbol of {name}",
            place,
            f'Is "{near[0]}" meant?' if near else f"Its symbols are {_listed(numbers)}.",
        )
    return found


def _null(value: Any, place: _ValuePlace) -> bytes:
    if value is not None:
        raise _misfit(value, "null", place)
    return b""


def _boolean(value: Any, place: _ValuePlace) -> bytes:
    if not isinstance(value, bool):
        raise _misfit(value, "true or false", place)
    return b"\1" if value else b"\0"


def _integer(bits: int, logical: Logical | None, value: Any, place: _ValuePlace) -> bytes:
    if type(value) is not int:
        kind = f" ({logical.name})" if logical is not None else ""
        raise _misfit(value, f"a whole number{kind}", place, _number_of_time(value, logical))
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise EncodeError(f"{_shown(value)} takes more than {bits} bits", path=_cut(place.pointer))
    return zigzag(value)


def _number_of_time(value: Any, logical: Logical | None) -> str | None:
    """A hint for a date or time that is written as people do."""
    if logical is None:
        return None
    unit = _UNITS.get(logical.name.rpartition("-")[2])
    if isinstance(value, str) and (unit or logical.name == "date"):
        try:
            time = datetime.fromisoformat(value[:-1] + "+00:00" if value[-1:] in "Zz" else value)
            since = (time if time.tzinfo else time.replace(tzinfo=timezone.utc)) - _EPOCH
        except (ValueError, OverflowError):
            since = None
        if since is not None and unit and "timestamp" in logical.name:
            return f"Write {since // timedelta(microseconds=1) * unit // 1_000_000}."
        if since is not None and logical.name == "date":
            return f"Write {since.days}."
    if logical.name == "date":
        return "A date is the number of days since 1970-01-01."
    since_what = "since 1970-01-01" if "timestamp" in logical.name else "since midnight"
    return f"It is a number of {logical.name.rpartition('-')[2]} {since_what}." if unit else None


def _real(form: str, value: Any, place: _ValuePlace) -> bytes:
    if isinstance(value, bool) or not (isinstance(value, (int, float, Decimal)) or value in _WORDS):
        raise _misfit(value, "a number", place)
    try:
        return struct.pack(form, float(value) if isinstance(value, str) else double(value))
    except OverflowError:
        raise EncodeError(f"{_shown(value)} is too large a number", path=_cut(place.pointer)) from None


def _latin(value: Any, place: _ValuePlace) -> bytes:
    hint = "Bytes are written as a string of the characters U+0000 to U+00FF, one for each byte."
    if not isinstance(value, str):
        raise _misfit(value, "a string of bytes", place, hint)
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise _misfit(value, "a string of bytes", place, hint) from None


def _bytes(value: Any, place: _ValuePlace) -> bytes:
    raw = _latin(value, place)
    return zigzag(len(raw)) + raw


def _fixed(size: int, value: Any, place: _ValuePlace) -> bytes:
    raw = _latin(value, place)
    if len(raw) != size:
        raise EncodeError(f"expected {size} bytes, got {len(raw)}", path=_cut(place.pointer))
    return raw


def _string(value: Any, place: _ValuePlace) -> bytes:
    if not isinstance(value, str):
        raise _misfit(value, "a string", place)
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise EncodeError("the string has half of a surrogate pair", path=_cut(place.pointer)) from None
    return zigzag(len(raw)) + raw


_PRIMITIVES: Final[dict[str, _Write]] = {
    "null": _null,
    "boolean": _boolean,
    "float": partial(_real, "<f"),
    "double": partial(_real, "<d"),
    "bytes": _bytes,
    "string": _string,
}


def _misfit(value: Any, expected: str, place: _ValuePlace, hint: str | None = None) -> EncodeError:
    return EncodeError(f"expected {expected}, got {_shown(value)}", path=_cut(place.pointer), hint=hint)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)[:80] + ("…" if len(str(value)) > 80 else "")
    return f'"{text}"' if isinstance(value, str) else text


def _cut(pointer: str) -> str:
    return pointer if len(pointer) <= 300 else f"{pointer[:300]}…"


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - _NAMES} more" if len(found) > _NAMES else ""
    return ", ".join(found[:_NAMES]) + more
