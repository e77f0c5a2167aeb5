"""Nodes of the JSON reader in plain Python that read scalars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..json import json_reasons, json_texts
from ..json.json_build import ConstantKey, constant_key
from ..json.json_reasons import ARRAY, BOOLEAN, KINDS, NULL, NUMBER, OBJECT, STRING
from ..json.json_texts import UnfitTextError
from .json_cursor import JsonCursor, JsonDamagedError


class JsonNode:
    """Reads one type of value."""

    def read(self, c: JsonCursor) -> Any:
        """The value at the cursor, which moves behind it."""
        raise NotImplementedError


class JsonLiteralNode(JsonNode):
    """null, or true and false: `kind`."""

    def __init__(self, kind: int) -> None:
        self.kind = kind

    def read(self, c: JsonCursor) -> Any:
        """None, True or False."""
        c.expect(self.kind, KINDS[self.kind])
        return c.literal()


class JsonStringNode(JsonNode):
    """A string, made by `make`."""

    def __init__(self, make: Callable[[str], Any] = str) -> None:
        self.make = make

    def read(self, c: JsonCursor) -> Any:
        """The string, as what it stands for."""
        start = c.expect(STRING, KINDS[STRING])
        text = c.string()
        try:
            return self.make(text)
        except UnfitTextError as error:
            raise JsonDamagedError(error.why, start, misfit=True, hint=error.hint) from None


class JsonNumberNode(JsonNode):
    """A number, made by `make` of its text."""

    def __init__(self, make: Callable[[str], Any], wanted: str) -> None:
        self.make = make
        self.wanted = wanted

    def read(self, c: JsonCursor) -> Any:
        """The number, as what it stands for."""
        start = c.expect(NUMBER, self.wanted)
        text, _ = c.number()
        try:
            return self.make(text)
        except UnfitTextError as error:
            raise JsonDamagedError(error.why, start, misfit=True, hint=error.hint) from None


class JsonEnumNode(JsonNode):
    """One of several strings; `values` has what each is read as."""

    def __init__(self, symbols: tuple[str, ...], values: tuple[Any, ...]) -> None:
        self.values = dict(zip(symbols, values))

    def read(self, c: JsonCursor) -> Any:
        """The value of the symbol."""
        start = c.expect(STRING, KINDS[STRING])
        symbol = c.string()
        if symbol not in self.values:
            raise JsonDamagedError(json_reasons.NO_SYMBOL, start, misfit=True)
        return self.values[symbol]


class JsonConstantNode(JsonNode):
    """One of several scalars, which is read as the schema has it."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values: dict[ConstantKey, Any] = {}
        for value in values:
            self.values.setdefault(constant_key(value), value)

    def read(self, c: JsonCursor) -> Any:
        """The schema's value that equals the message's."""
        start, kind = c.at, c.kind()
        key = None if kind in (ARRAY, OBJECT) else scalar_key(c)
        if key is None or key not in self.values:
            raise JsonDamagedError(json_reasons.NO_CONSTANT, start, misfit=True)
        return self.values[key]


class JsonNothingNode(JsonNode):
    """No value."""

    def read(self, c: JsonCursor) -> Any:
        """Refuse."""
        c.kind()
        raise JsonDamagedError(json_reasons.NO_VALUE, c.at, misfit=True)


def any_scalar(c: JsonCursor, kind: int) -> str | int | float | bool | None:
    """The scalar at the cursor: a number without a fraction or an exponent is an int."""
    if kind == STRING:
        return c.string()
    if kind != NUMBER:
        return c.literal()
    start = c.at
    text, whole = c.number()
    try:
        return json_texts.integer_of_number(text) if whole else json_texts.float_of_number(text)
    except UnfitTextError as error:
        raise JsonDamagedError(error.why, start, misfit=True, hint=error.hint) from None


def scalar_key(c: JsonCursor) -> ConstantKey | None:
    """The `constant_key` of the value at the cursor; None, and the cursor behind it, if it has none."""
    start, kind = c.at, c.kind()
    if kind in (ARRAY, OBJECT):
        c.skip()
        return None
    try:
        return constant_key(any_scalar(c, kind))
    except JsonDamagedError as error:
        if not error.misfit:
            raise
    c.at = start
    c.skip()
    return None


def _whole(make: Callable[[int], Any]) -> JsonNode:
    return JsonNumberNode(lambda text: make(json_texts.integer_of_number(text)), json_reasons.INTEGER)


_TEXTS: Final[dict[str, Callable[[str], Any]]] = {
    "date": json_texts.date_of_text,
    "time": json_texts.time_of_text,
    "date-time": json_texts.datetime_of_text,
}
_COUNTS: Final[dict[str, Callable[[int], Any]]] = {
    "date-days": json_texts.date_of_days,
    "time-millis": json_texts.time_of_millis,
    "timestamp-millis": json_texts.datetime_of_millis,
}
_SCALARS: Final[dict[str, JsonNode]] = {
    "null": JsonLiteralNode(NULL),
    "boolean": JsonLiteralNode(BOOLEAN),
    "string": JsonStringNode(),
    "integer": _whole(int),
    "number": JsonNumberNode(json_texts.float_of_number, KINDS[NUMBER]),
    "duration": JsonStringNode(json_texts.duration_of_text),
    "uuid": JsonStringNode(json_texts.uuid_of_string),
    "base64": JsonStringNode(json_texts.bytes_of_text),
    "decimal-string": JsonStringNode(json_texts.decimal_of_number),
    "decimal-number": JsonNumberNode(json_texts.decimal_of_number, KINDS[NUMBER]),
}


def json_scalar(kind: str, scale: int, keeps: bool) -> JsonNode:
    """The node of a scalar type: see `json_build.scalar_kind`. `keeps`: what Python has no value for is read
    as an `OutOfRange`.
    """
    if kind == "decimal-base64":
        return JsonStringNode(lambda text: json_texts.decimal_of_base64(text, scale))
    if kind in _TEXTS:
        return JsonStringNode(json_texts.keeping(kind, _TEXTS[kind], keeps))
    if kind in _COUNTS:
        return _whole(json_texts.keeping(kind, _COUNTS[kind], keeps))
    return _SCALARS[kind]
