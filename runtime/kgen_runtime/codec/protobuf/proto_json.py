"""Protobuf messages as JSON values, and back: the form of `google.protobuf`'s JSON mapping, with the names of
the .proto file and numbers for 64-bit integers, which its parsers take as well.

Both ways go by dicts, as the codec reads and writes them without classes. Two types are easier to read than
in that mapping: a `google.type.Date` is a text, a `confluent.type.Decimal` a number. A `google.protobuf.Any`
has its binary in base64, since the type of its message is not known here.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ...errors import EncodeError
from ..decimals import double
from ..values import AnyMessage, NanosDatetime, NanosTimedelta, OutOfRange
from .schema.proto_tree import (
    ANY,
    DATE,
    DECIMAL,
    DURATION,
    LIST_VALUE,
    STRUCT,
    TIMESTAMP,
    VALUE,
    WELL_KNOWN,
    WRAPPERS,
    EnumRef,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoScalar,
    ProtoSchema,
    ProtoType,
    json_name_of,
)
from .well_known_values import duration_parts, timestamp_parts

_RAW: Final = "raw"
_SPECIAL: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")
_SPAN: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s")
_WHOLE: Final = re.compile(r"-?\d{1,20}")


class ProtoJson:
    """The JSON of one message of a schema."""

    def __init__(self, schema: ProtoSchema, root: str) -> None:
        self._schema = schema
        self._root = root

    def of_value(self, value: Any) -> Any:
        """JSON values (`Decimal`s among them) of what a reader without classes gives."""
        return self._message_out(self._root, value)

    def to_value(self, value: Any) -> Any:
        """What a writer without classes takes, of JSON values; null is an absent field. Raises
        `EncodeError`.
        """
        return self._message_in(self._root, value, "")

    def _message_out(self, name: str, value: Any) -> Any:
        if name in WELL_KNOWN:
            return _well_known_out(name, value)
        members = {member.name: member for member in self._message(name).fields}
        return {
            field: self._out(members[field].type, item)
            if members[field].presence not in ("repeated", "packed")
            or isinstance(members[field].type, ProtoMap)
            else [self._out(members[field].type, each) for each in item]
            for field, item in value.items()
        }

    def _out(self, type_: ProtoType, value: Any) -> Any:
        if isinstance(type_, ProtoScalar):
            return _scalar_out(value)
        if isinstance(type_, EnumRef):
            return value
        if isinstance(type_, ProtoMap):
            return {_key_text(key): self._out(type_.values, item) for key, item in value.items()}
        return self._message_out(type_.name, value)

    def _message_in(self, name: str, value: Any, path: str) -> Any:
        if name in WELL_KNOWN:
            return _well_known_in(name, value, path)
        if not isinstance(value, dict):
            raise _error("an object", value, path)
        members = self._names(name)
        made: dict[str, Any] = {}
        for key, item in value.items():
            member = members.get(key)
            at = f"{path}.{key}" if path else key
            if member is None:
                shown = ", ".join([each.name for each in self._message(name).fields][:20])
                raise EncodeError(f"{name} has no such field; it has {shown or 'none'}", path=at)
            if member.name in made:
                raise EncodeError("the field is given twice, under both of its names", path=at)
            if item is not None or _is_value(member.type):
                made[member.name] = self._field_in(member, item, at)
        return made

    def _names(self, name: str) -> Mapping[str, ProtoField]:
        members = self._message(name).fields
        by_json = {each.json_name or json_name_of(each.name): each for each in members}
        return {**by_json, **{each.name: each for each in members}}

    def _field_in(self, member: ProtoField, value: Any, path: str) -> Any:
        if isinstance(member.type, ProtoMap):
            if not isinstance(value, dict):
                raise _error("an object", value, path)
            keys, values = member.type.keys, member.type.values
            return {
                _key_in(keys, key, path): self._in(values, item, f"{path}[{key!r}]")
                for key, item in value.items()
            }
        if member.presence in ("repeated", "packed"):
            if not isinstance(value, list):
                raise _error("an array", value, path)
            return [self._in(member.type, item, f"{path}[{i}]") for i, item in enumerate(value)]
        return self._in(member.type, value, path)

    def _in(self, type_: ProtoType, value: Any, path: str) -> Any:
        if isinstance(type_, ProtoScalar):
            return _scalar_in(type_.kind, value, path)
        if isinstance(type_, EnumRef):
            named = self._schema.names[type_.name]
            assert isinstance(named, ProtoEnum)  # the parser has seen to it
            if isinstance(value, str) and value in dict(named.values):
                return value
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            raise _error(
                f"one of {', '.join([name for name, _ in named.values][:20])}, or a number", value, path
            )
        assert not isinstance(type_, ProtoMap)  # it is not inside of anything
        return self._message_in(type_.name, value, path)

    def _message(self, name: str) -> ProtoMessage:
        named = self._schema.names[name]
        assert isinstance(named, ProtoMessage)  # the parser has seen to it
        return named


def _is_value(type_: ProtoType) -> bool:
    """Whether null is a value of it."""
    return not isinstance(type_, ProtoScalar | ProtoMap) and type_.name == VALUE


def _scalar_out(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _key_text(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _well_known_out(name: str, value: Any) -> Any:
    if isinstance(value, OutOfRange):
        return {_RAW: base64.b64encode(value.raw).decode()}
    if name == TIMESTAMP:
        seconds, nanos = timestamp_parts(value)
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds // 86_400, seconds % 86_400)
        return f"{moment.isoformat()}{_fraction(nanos)}Z"
    if name == DURATION:
        seconds, nanos = duration_parts(value)
        return f"{'-' if seconds < 0 or nanos < 0 else ''}{abs(seconds)}{_fraction(abs(nanos))}s"
    if name == DATE:
        return value.isoformat()
    if name == ANY:
        return {"@type": value.type_url, "value": base64.b64encode(value.value).decode()}
    if name in (STRUCT, VALUE, LIST_VALUE):
        return _plain_out(value)
    return value if name == DECIMAL else _scalar_out(value)


def _plain_out(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain_out(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_out(item) for item in value]
    return _scalar_out(value)


def _plain_in(value: Any, path: str) -> Any:
    """Numbers of a `Struct` are doubles."""
    if isinstance(value, dict):
        return {key: _plain_in(item, f"{path}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_in(item, f"{path}[{i}]") for i, item in enumerate(value)]
    return _double(value, path) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def _double(value: float | Decimal, path: str) -> float:
    try:
        return double(value)
    except OverflowError:
        raise _error("a number that is not too large", value, path) from None


def _fraction(nanos: int) -> str:
    """With 3, 6 or 9 digits, as `google.protobuf` writes it."""
    if not nanos:
        return ""
    text = f"{nanos:09}"
    for digits in (3, 6):
        if not text[digits:].strip("0"):
            return f".{text[:digits]}"
    return f".{text}"


def _scalar_in(kind: str, value: Any, path: str) -> Any:
    if kind == "string":
        if isinstance(value, str):
            return value
        raise _error("a text", value, path)
    if kind == "bool":
        if isinstance(value, bool):
            return value
        raise _error("true or false", value, path)
    if kind == "bytes":
        return _bytes_in(value, path)
    if kind in ("double", "float"):
        if isinstance(value, str) and value in _SPECIAL:
            return _SPECIAL[value]
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return _double(value, path)
        raise _error("a number", value, path)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal | float) and math.isfinite(value) and value == int(value):
        return int(value)
    raise _error("a whole number", value, path)


def _bytes_in(value: Any, path: str) -> bytes:
    if isinstance(value, str):
        try:
            text = value.translate(str.maketrans("-_", "+/"))
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise _error("base64", value, path)


def _key_in(keys: ProtoScalar, key: str, path: str) -> Any:
    if keys.kind == "string":
        return key
    if keys.kind == "bool" and key in ("true", "false"):
        return key == "true"
    if keys.kind != "bool" and _WHOLE.fullmatch(key):
        return int(key)
    raise _error(f"a {keys.kind} as key", key, path)


def _well_known_in(name: str, value: Any, path: str) -> Any:
    if isinstance(value, dict) and value.keys() == {_RAW} and name in (TIMESTAMP, DURATION, DATE, DECIMAL):
        return OutOfRange(_bytes_in(value[_RAW], path), name)
    if name in WRAPPERS:
        return _scalar_in(WRAPPERS[name], value, path)
    if isinstance(value, _PLAIN.get(name, ())):
        return _plain_in(value, path)
    made = _PARSED[name](value) if name in _PARSED else None
    if made is None:
        raise _error(_WANTED[name], value, path)
    return made


def _moment(value: Any) -> dt.datetime | None:
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    date, time, fraction, zone = found.groups()
    nanos = int((fraction or "").ljust(9, "0"))
    try:
        whole = dt.datetime.fromisoformat(f"{date}T{time}{'+00:00' if zone in 'Zz' else zone}")
        made = whole.astimezone(dt.timezone.utc) + dt.timedelta(microseconds=nanos // 1_000)
    except (ValueError, OverflowError):
        return None
    return NanosDatetime.of(made, nanos % 1_000) if nanos % 1_000 else made


def _span(value: Any) -> dt.timedelta | None:
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    sign, seconds, fraction = found.groups()
    total = int(seconds) * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
    total = -total if sign else total
    try:
        made = dt.timedelta(0, total // 1_000_000_000, total % 1_000_000_000 // 1_000)
    except OverflowError:
        return None
    return NanosTimedelta.of(made, total % 1_000) if total % 1_000 else made


def _day(value: Any) -> dt.date | None:
    try:
        return dt.date.fromisoformat(value)
    except (ValueError, TypeError):
        return None


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        made = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    return made if made.is_finite() else None


def _any(value: Any) -> AnyMessage | None:
    match value:
        case {"@type": str(url), "value": str(data)} if len(value) == 2:
            return AnyMessage(url, _bytes_in(data, ""))
    return None


_PARSED: Final[Mapping[str, Callable[[Any], Any]]] = {
    TIMESTAMP: _moment,
    DURATION: _span,
    DATE: _day,
    DECIMAL: _decimal,
    ANY: _any,
}
_PLAIN: Final[Mapping[str, type[Any]]] = {VALUE: object, STRUCT: dict, LIST_VALUE: list}
_WANTED: Final = {
    TIMESTAMP: "a time such as 2026-01-31T12:00:00.5Z",
    DURATION: "seconds such as 1.5s",
    DATE: "a date such as 2026-01-31",
    DECIMAL: "a number",
    ANY: 'an object of "@type" and "value", which is base64',
    STRUCT: "an object",
    LIST_VALUE: "an array",
}


def _error(wanted: str, value: Any, path: str) -> EncodeError:
    shown = repr(value)
    return EncodeError(f"expected {wanted}, not {shown[:60]}{'…' if len(shown) > 60 else ''}", path=path)
