"""The types of JSON Schema: which a schema has, which several have in common, and what hints make of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ....errors import SchemaError
from .json_tree import Format, JsonScalar

JSON_TYPES: Final = ("null", "boolean", "object", "array", "number", "string", "integer")

_OF_OBJECTS = frozenset(
    {"properties", "patternProperties", "additionalProperties", "required", "unevaluatedProperties"}
)
_OF_ARRAYS = frozenset({"items", "prefixItems", "additionalItems"})
_OF_STRINGS = frozenset({"contentEncoding"})
_STRING_FORMATS: dict[str, Format] = {
    "date": "date",
    "time": "time",
    "date-time": "date-time",
    "duration": "duration",
    "uuid": "uuid",
    "byte": "base64",  # OpenAPI
    "decimal": "decimal",
}
_CONNECT = "org.apache.kafka.connect.data."
_CONNECT_INTEGERS: dict[str, Format] = {
    f"{_CONNECT}Date": "date-days",
    f"{_CONNECT}Time": "time-millis",
    f"{_CONNECT}Timestamp": "timestamp-millis",
}
_MOST_SCALE = 4_096  # no number of a message has more digits


def explicit_types(keywords: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    """The `type` of a schema; None if it has none. Raises `SchemaError`."""
    value = keywords.get("type")
    if value is None:
        return None
    if isinstance(value, str) and value in JSON_TYPES:
        return (value,)
    types = value if isinstance(value, list) else [value]
    for each in types:
        if each == "any":  # draft 3
            return None
        if each not in JSON_TYPES:
            raise SchemaError(f"unknown type {str(each)[:100]!r}", where=f"{where}/type", hint=_TYPES_HINT)
    return tuple(each for each in dict.fromkeys(types) if each != "integer" or "number" not in types)


_TYPES_HINT = f"JSON Schema has {', '.join(JSON_TYPES)}."


def implied_types(keywords: Mapping[str, Any]) -> tuple[str, ...]:
    """The types that a schema without a `type` is about, by its other keywords."""
    names = keywords.keys()
    about_string = bool(names & _OF_STRINGS) or _string_format(keywords) is not None
    implied = (("object", names & _OF_OBJECTS), ("array", names & _OF_ARRAYS), ("string", about_string))
    return tuple(name for name, is_implied in implied if is_implied)


def common_types(each: Iterable[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """The types that are in all of these, in the order of the first; None stands for all types."""
    common: tuple[str, ...] | None = None
    for types in each:
        if types is not None:
            common = types if common is None else _both(common, types)
    return common


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    wide, narrow = widened(others), widened(some)
    found = [each for each in some if each in wide]
    found += [each for each in others if each in narrow and each not in found]  # integer of a number
    return tuple(found) if "number" not in found else tuple(it for it in found if it != "integer")


def widened(types: tuple[str, ...]) -> frozenset[str]:
    """The types, with integer where there is number."""
    return frozenset(types) | (frozenset({"integer"}) if "number" in types else frozenset())


def scalar_of(type_: Any, hints: Iterable[Mapping[str, Any]]) -> JsonScalar:
    """A scalar type with the format that the keywords of its schemas give it, the first that does."""
    for keywords in hints:
        found = _hinted(type_, keywords)
        if found is not None:
            return found
    return JsonScalar(type_)


def _hinted(type_: Any, keywords: Mapping[str, Any]) -> JsonScalar | None:
    title, connect = keywords.get("title"), keywords.get("connect.type")
    if type_ == "integer":
        found = _CONNECT_INTEGERS.get(title) if isinstance(title, str) else None
        return None if found is None else JsonScalar(type_, found)
    if type_ in ("number", "string") and title == f"{_CONNECT}Decimal":
        scale = _scale(keywords)
        return JsonScalar(type_, "decimal", scale if type_ == "number" else scale or 0)
    if type_ == "number":
        return _number(keywords.get("format"), connect)
    return _string(keywords, connect) if type_ == "string" else None


def _number(format_: Any, connect: Any) -> JsonScalar | None:
    if format_ == "decimal":
        return JsonScalar("number", "decimal")
    return JsonScalar("number", "float") if format_ == "float" or connect == "float32" else None


def _string(keywords: Mapping[str, Any], connect: Any) -> JsonScalar | None:
    if connect == "bytes" or str(keywords.get("contentEncoding")).lower() == "base64":
        return JsonScalar("string", "base64")
    found = _string_format(keywords)
    return None if found is None else JsonScalar("string", found)


def _string_format(keywords: Mapping[str, Any]) -> Format | None:
    format_ = keywords.get("format")
    return _STRING_FORMATS.get(format_) if isinstance(format_, str) else None


def _scale(keywords: Mapping[str, Any]) -> int | None:
    """The scale of Connect's Decimal: text in its parameters."""
    parameters = keywords.get("connect.parameters")
    text = str(parameters.get("scale")) if isinstance(parameters, dict) else ""
    if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > len(str(-_MOST_SCALE)):
        return None
    return max(-_MOST_SCALE, min(int(text), _MOST_SCALE))
