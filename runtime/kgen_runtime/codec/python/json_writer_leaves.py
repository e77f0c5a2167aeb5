"""Nodes of the JSON writer in plain Python that write scalars."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from ..foreign import own_bool, own_number
from ..json import json_forms
from ..json.json_build import ConstantKey, constant_key
from ..values import Duration
from .json_output import JsonOut, JsonRefusedError, unwanted


class JsonWriterNode:
    """Writes one type of value."""

    def takes(self, value: Any) -> bool:
        """Whether the value is of a Python type that this writes; what it holds is not looked at."""
        raise NotImplementedError

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the value. Raises `JsonRefusedError`."""
        raise NotImplementedError


def _is(*types: type[Any]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_integer(value)


def _is_decimal(value: Any) -> bool:
    return isinstance(value, Decimal) or _is_integer(value)


def _is_date(value: Any) -> bool:
    return isinstance(value, dt.date) and not isinstance(value, dt.datetime)


class JsonScalarWriterNode(JsonWriterNode):
    """A scalar that `fits`, as `make` writes it; `quoted`: as a string.

    `own` makes a value of Python's own of a scalar of another library.
    """

    def __init__(
        self,
        wanted: str,
        fits: Callable[[Any], bool],
        make: Callable[[Any], bytes],
        quoted: bool = False,
        own: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        self.wanted = wanted
        self.fits = fits
        self.make = make
        self.quoted = quoted
        self.own = own

    def takes(self, value: Any) -> bool:
        """Whether it is of the type."""
        return self.fits(self.own(value))

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the value."""
        own = self.own(value)
        if not self.fits(own):
            raise unwanted(self.wanted, value)
        out.add(self.make, own, self.quoted)


class JsonEnumWriterNode(JsonWriterNode):
    """`members` are the class's in the order of the symbols; the symbols are accepted too."""

    def __init__(
        self, name: str, symbols: tuple[str, ...], cls: type[Any] | None, members: tuple[Any, ...]
    ) -> None:
        self.cls = cls
        self.title = name if cls is None else cls.__qualname__
        self.texts = {symbol: json_forms.text_of_string(symbol) for symbol in symbols}
        self.members = {id(member): self.texts[symbol] for member, symbol in zip(members, symbols)}

    def takes(self, value: Any) -> bool:
        """Whether it is one of them."""
        return self._text(value) is not None

    def _text(self, value: Any) -> bytes | None:
        if self.cls is not None and type(value) is self.cls:
            return self.members.get(id(value))
        if not isinstance(value, str) or (self.cls is not None and isinstance(value, enum.Enum)):
            return None  # not even where another class has the same symbols
        return self.texts.get(value)

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the symbol."""
        text = self._text(value)
        if text is None:
            raise JsonRefusedError(f"expected a symbol of {self.title}, not {repr(value)[:200]}")
        out.data += text


class JsonConstantWriterNode(JsonWriterNode):
    """One of several scalars, which is written as the schema has it."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.texts: dict[ConstantKey, bytes] = {}
        for value in values:
            self.texts.setdefault(constant_key(value), json_forms.text_of_constant(value))

    def takes(self, value: Any) -> bool:
        """Whether it equals one of them."""
        return self._text(value) is not None

    def _text(self, value: Any) -> bytes | None:
        own = own_bool(own_number(value))
        fits = own is None or isinstance(own, bool | int | float | str)
        return self.texts.get(constant_key(own)) if fits else None

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the schema's value."""
        text = self._text(value)
        if text is None:
            raise JsonRefusedError(f"the schema has no such value: {repr(value)[:200]}")
        out.data += text


def plain_text(value: Any) -> bytes:
    """A scalar of any type that JSON has."""
    own = own_bool(own_number(value))
    if own is None or isinstance(own, bool):
        return json_forms.text_of_constant(own)
    if isinstance(own, str):
        return json_forms.text_of_string(own)
    if isinstance(own, int):
        return json_forms.text_of_integer(own)
    if isinstance(own, float):
        return json_forms.text_of_float(own)
    raise unwanted("what JSON has a type for", value)


_INSTANT: Final = ("a datetime with a time zone", _is(dt.datetime))
_SCALARS: Final[dict[str, JsonScalarWriterNode]] = {
    "null": JsonScalarWriterNode("None", _is(type(None)), json_forms.text_of_constant),
    "boolean": JsonScalarWriterNode("bool", _is(bool), json_forms.text_of_constant, own=own_bool),
    "string": JsonScalarWriterNode("str", _is(str), json_forms.text_of_string),
    "integer": JsonScalarWriterNode("int", _is_integer, json_forms.text_of_integer, own=own_number),
    "number": JsonScalarWriterNode("float", _is_number, json_forms.text_of_number, own=own_number),
    "date": JsonScalarWriterNode("date", _is_date, json_forms.text_of_date, True),
    "time": JsonScalarWriterNode("time", _is(dt.time), json_forms.text_of_time, True),
    "date-time": JsonScalarWriterNode(*_INSTANT, json_forms.text_of_datetime, True),
    "duration": JsonScalarWriterNode("Duration", _is(Duration), json_forms.text_of_duration, True),
    "uuid": JsonScalarWriterNode("UUID", _is(UUID), json_forms.text_of_uuid, True),
    "base64": JsonScalarWriterNode(
        "bytes", _is(bytes, bytearray, memoryview), json_forms.base64_of_bytes, True
    ),
    "decimal-string": JsonScalarWriterNode(
        "Decimal", _is_decimal, json_forms.text_of_decimal, True, own=own_number
    ),
    "decimal-number": JsonScalarWriterNode(
        "Decimal", _is_decimal, json_forms.text_of_decimal, own=own_number
    ),
    "date-days": JsonScalarWriterNode("date", _is_date, json_forms.days_of_date),
    "time-millis": JsonScalarWriterNode(
        "a time without a time zone", _is(dt.time), json_forms.millis_of_time
    ),
    "timestamp-millis": JsonScalarWriterNode(*_INSTANT, json_forms.millis_of_datetime),
}


def json_scalar_writer(kind: str, scale: int) -> JsonScalarWriterNode:
    """The node of a scalar type: see `json_build.scalar_kind`."""
    if kind != "decimal-base64":
        return _SCALARS[kind]
    return JsonScalarWriterNode(
        "Decimal", _is_decimal, lambda value: json_forms.base64_of_decimal(value, scale), True, own_number
    )
