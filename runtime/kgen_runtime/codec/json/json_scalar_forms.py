"""Which Python values the scalars of a JSON Schema are written from, and how, for both engines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from ..foreign import own_bool, own_number
from ..values import Duration, OutOfRange
from . import json_beyond
from .json_forms import (
    base64_of_bytes,
    base64_of_decimal,
    days_of_date,
    millis_of_datetime,
    millis_of_time,
    text_of_constant,
    text_of_date,
    text_of_datetime,
    text_of_decimal,
    text_of_duration,
    text_of_float,
    text_of_integer,
    text_of_number,
    text_of_string,
    text_of_time,
    text_of_uuid,
)
from .json_texts import RAW_TYPES


@dataclass(frozen=True)
class JsonScalarForm:
    """A scalar that `fits`, as `make` writes it; `quoted`: as a string. `wanted` is what it is in messages.

    `own` makes a value of Python's own of a scalar of another library. `raw` gives the text of an
    `OutOfRange` that is written as this, and None for any other value. `make` and `raw` raise
    `UnfitTextError`.
    """

    wanted: str
    fits: Callable[[Any], bool]
    make: Callable[[Any], bytes]
    quoted: bool = False
    own: Callable[[Any], Any] = lambda value: value
    raw: Callable[[Any], bytes | None] = lambda value: None


def text_of_any(value: Any) -> bytes | None:
    """A scalar of any type that JSON has; None for a value of another type. Raises `UnfitTextError`."""
    own = own_bool(own_number(value))
    if own is None or isinstance(own, bool):
        return text_of_constant(own)
    if isinstance(own, str):
        return text_of_string(own)
    if isinstance(own, int):
        return text_of_integer(own)
    return text_of_float(own) if isinstance(own, float) else None


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


_INSTANT: Final = ("a datetime with a time zone", _is(dt.datetime))
_SCALARS: Final[dict[str, JsonScalarForm]] = {
    "null": JsonScalarForm("None", _is(type(None)), text_of_constant),
    "boolean": JsonScalarForm("bool", _is(bool), text_of_constant, own=own_bool),
    "string": JsonScalarForm("str", _is(str), text_of_string),
    "integer": JsonScalarForm("int", _is_integer, text_of_integer, own=own_number),
    "number": JsonScalarForm("float", _is_number, text_of_number, own=own_number),
    "date": JsonScalarForm("date", _is_date, text_of_date, True),
    "time": JsonScalarForm("time", _is(dt.time), text_of_time, True),
    "date-time": JsonScalarForm(*_INSTANT, text_of_datetime, True),
    "duration": JsonScalarForm("Duration", _is(Duration), text_of_duration, True),
    "uuid": JsonScalarForm("UUID", _is(UUID), text_of_uuid, True),
    "base64": JsonScalarForm("bytes", _is(bytes, bytearray, memoryview), base64_of_bytes, True),
    "decimal-string": JsonScalarForm("Decimal", _is_decimal, text_of_decimal, True, own=own_number),
    "decimal-number": JsonScalarForm("Decimal", _is_decimal, text_of_decimal, own=own_number),
    "date-days": JsonScalarForm("date", _is_date, days_of_date),
    "time-millis": JsonScalarForm("a time without a time zone", _is(dt.time), millis_of_time),
    "timestamp-millis": JsonScalarForm(*_INSTANT, millis_of_datetime),
}


def json_scalar_form(kind: str, scale: int) -> JsonScalarForm:
    """How a scalar type is written: see `json_build.scalar_kind`."""
    if kind in RAW_TYPES:
        return replace(_SCALARS[kind], raw=_raw_text(kind) if kind in _BEYOND else _raw_count(kind))
    if kind != "decimal-base64":
        return _SCALARS[kind]
    return JsonScalarForm(
        "Decimal", _is_decimal, lambda value: base64_of_decimal(value, scale), True, own_number
    )


_BEYOND: Final = {"date": json_beyond.date, "time": json_beyond.time, "date-time": json_beyond.date_time}


def _raw_text(kind: str) -> Callable[[Any], bytes | None]:
    beyond = _BEYOND[kind]

    def raw(value: Any) -> bytes | None:
        text = _raw_of(value, RAW_TYPES[kind])
        # Another text might not even be JSON.
        return text.encode("ascii") if isinstance(text, str) and beyond(text) is not None else None

    return raw


def _raw_count(kind: str) -> Callable[[Any], bytes | None]:
    def raw(value: Any) -> bytes | None:
        number = _raw_of(value, RAW_TYPES[kind])
        return text_of_integer(number) if _is_integer(number) else None

    return raw


def _raw_of(value: Any, logical_type: str) -> Any:
    return value.raw if isinstance(value, OutOfRange) and value.logical_type == logical_type else None
