"""The JSON default of a field as a Python expression of the field's type."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from kgen_runtime.codec import ranges
from kgen_runtime.codec.avro.schema.tree import (
    NO_DEFAULT,
    Array,
    Enum,
    Fixed,
    InvalidDefault,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Ref,
    Union,
)

from ..pycode import quote
from ..pycode.expr import Expr, call, dict_of, list_of
from .default_parts import assigned, clock, date_expr, ignored_default, symbol, typed
from .type_writer import ModuleTypes, Path
from .types import Types

_INTEGER_DIGITS = 4_000


class BeyondDefaultError(ValueError):
    """Python has no value for a default: says why, after `it`."""


@dataclass(frozen=True)
class Defaults:
    """Writes defaults of a schema. `members` gives, for a type, wire name -> attribute or enum member."""

    types: Types
    names: Mapping[str, Named]
    members: Callable[[Named], Mapping[str, str]]

    def assigned(self, node: Node, value: Any, metadata: Expr | None, path: Path) -> Expr | None:
        """What stands after the field's `=`: a value, a `field(…)`, or nothing. `path`: that of its type.
        Raises `BeyondDefaultError`.
        """
        expr = None if value is NO_DEFAULT else self._typed(node, self.expr(node, value), path)
        return assigned(self.types, expr, metadata)

    def _typed(self, node: Node, expr: Expr, path: Path) -> Expr:
        """A list or dict whose own type mypy does not find names it."""
        branch = node.branches[0] if isinstance(node, Union) else node
        if branch is node or not isinstance(branch, Array | Map):
            return expr
        inside = branch.items if isinstance(branch, Array) else branch.values
        plain = isinstance(inside, Primitive | Ref) and not self.types.raw(inside)
        return expr if plain else typed(expr, self.types.branch_type(node, branch, path))

    def expr(self, node: Node, value: Any) -> Expr:
        """The value as an expression. Raises `BeyondDefaultError`."""
        if isinstance(node, Union):
            return self.expr(node.branches[0], value)  # one of another branch counts as none
        if isinstance(node, Array):
            return list_of(self.expr(node.items, item) for item in value)
        if isinstance(node, Map):
            return dict_of((quote.string(key), self.expr(node.values, item)) for key, item in value.items())
        named = node if isinstance(node, Primitive) else self.names[node.name]
        if isinstance(named, Record):
            return self._record(named, value)
        if isinstance(named, Enum):
            return symbol(self.types.cls(named.name), self.members(named)[value], value)
        return self._plain(named, value)

    def _record(self, record: Record, value: Mapping[str, Any]) -> Expr:
        attributes = self.members(record)
        given: dict[str, Expr] = {}
        for item in record.fields:
            # A field that is left out has a default of its own; it has to have a value too.
            expr = self.expr(item.type, value.get(item.name, item.default))
            if item.name in value:
                given[attributes[item.name]] = expr
        return call(self.types.cls(record.name), **given)

    def _plain(self, node: Primitive | Fixed, value: Any) -> Expr:
        if node.logical is not None:
            return self._logical(node, node.logical, value)
        if isinstance(node, Fixed) or node.type == "bytes":
            return quote.bytes_literal(value.encode("latin-1"))
        if node.type == "string":
            return quote.string(value)
        if node.type in ("float", "double"):
            return self._real(float(value))
        return repr(value)

    def _real(self, number: float) -> Expr:
        if math.isnan(number):
            return self.types.math("nan")
        if math.isinf(number):
            return self.types.math("inf") if number > 0 else "-" + self.types.math("inf")
        return repr(number)

    def _logical(self, node: Primitive | Fixed, logical: Logical, value: Any) -> Expr:
        raw = value.encode("latin-1") if isinstance(node, Fixed) or node.type == "bytes" else b""
        if logical.name == "decimal" and ranges.is_beyond_decimal(raw, logical.precision):
            why = f"has more digits than the {logical.precision} of its schema"
            return self._beyond(logical, quote.bytes_literal(raw), why)
        if not raw and isinstance(value, int) and ranges.is_beyond(logical.name, value):
            why = f"is out of range: {ranges.beyond_number(logical.name, value)}"
            return self._beyond(logical, str(value), why)
        if logical.name == "decimal":
            return self._decimal(raw, logical.scale)
        if logical.name == "big-decimal":
            return self._decimal(*_big_decimal(raw))
        if logical.name == "uuid":
            uuid = UUID(bytes=raw) if isinstance(node, Fixed) else UUID(value)
            return call(self.types.name("UUID"), quote.string(str(uuid)))
        if logical.name == "duration":
            return self._duration(raw)
        return self._moment(logical.name, value)

    def _beyond(self, logical: Logical, raw: str, why: str) -> Expr:
        if not self.types.module.keeps_raw:
            raise BeyondDefaultError(why)
        scale = [str(logical.scale)] if logical.name == "decimal" and logical.scale else []
        return call(self.types.name("rt.OutOfRange"), raw, quote.string(logical.name), *scale)

    def _decimal(self, raw: bytes, scale: int) -> Expr:
        unscaled = int.from_bytes(raw, "big", signed=True)
        digits = Decimal(unscaled).as_tuple().digits
        number = Decimal((int(unscaled < 0), digits, -scale))
        # Python reads no longer integers.
        is_integer = scale == 0 and len(digits) <= _INTEGER_DIGITS
        return call(self.types.name("Decimal"), str(unscaled) if is_integer else quote.string(str(number)))

    def _duration(self, raw: bytes) -> Expr:
        months, days, millis = (str(int.from_bytes(raw[at : at + 4], "little")) for at in (0, 4, 8))
        return call(self.types.name("rt.Duration"), months=months, days=days, millis=millis)

    def _moment(self, name: str, value: int) -> Expr:
        if name.endswith("nanos"):
            kind = "rt.LocalTimestampNanos" if name.startswith("local") else "rt.TimestampNanos"
            return call(self.types.name(kind), str(value))
        if name == "date":
            return date_expr(self.types, date(1970, 1, 1) + timedelta(days=value))
        micros = value * 1000 if name.endswith("millis") else value
        if name.startswith("time-"):
            return self._time(micros)
        return self._datetime(datetime(1970, 1, 1) + timedelta(microseconds=micros), name)

    def _time(self, micros: int) -> Expr:
        return call(self.types.name("time"), *clock((datetime.min + timedelta(microseconds=micros)).time()))

    def _datetime(self, moment: datetime, name: str) -> Expr:
        function = self.types.name("datetime")
        if not name.startswith("local"):
            return call(f"{function}.fromisoformat", quote.string(moment.isoformat() + "+00:00"))
        return call(function, str(moment.year), str(moment.month), str(moment.day), *clock(moment.time()))


def _big_decimal(raw: bytes) -> tuple[bytes, int]:
    """The unscaled value and the scale, as Java's `BigDecimalConversion` writes them."""
    length, at = _long(raw, 0)
    scale, end = _long(raw, at + length)
    if length < 0 or end != len(raw):
        raise ValueError("not a big-decimal")
    return raw[at : at + length], scale


def _long(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(raw) or shift > 63:
            raise ValueError("not a number")
        number |= (raw[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if raw[at - 1] < 0x80:
            return (number >> 1) ^ -(number & 1), at


def invalid_default(found: InvalidDefault) -> str:
    """Why a field has no default although its schema gives one."""
    return ignored_default(found.value, found.reason)


def beyond_defaults(
    records: Mapping[str, Record], names: Mapping[str, Named], *, keeps_raw: bool
) -> Iterator[str]:
    """A line for each field whose default is ignored because Python has no value for it. `records`: those to
    look at, by what to call them.
    """
    module = ModuleTypes(lambda path: path.name, keeps_raw=keeps_raw)
    types = Types(module, names, dict.fromkeys(names, "T"))
    defaults = Defaults(types, names, _AnyMember)
    for title, record in records.items():
        for item in record.fields:
            try:
                if item.default is not NO_DEFAULT:
                    defaults.expr(item.type, item.default)
            except BeyondDefaultError as error:
                yield f"{title}.{item.name}: {ignored_default(item.default, str(error))}"


class _AnyMember(dict[str, str]):
    """The members of any type, whatever they are called."""

    def __init__(self, named: Named) -> None:
        super().__init__()

    def __missing__(self, wire: str) -> str:
        return "it"
