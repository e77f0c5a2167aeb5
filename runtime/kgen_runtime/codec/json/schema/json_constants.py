"""The values that `const` and `enum` leave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ....errors import SchemaError
from .json_parts import SchemaPart
from .json_tree import Constant
from .json_types import widened
from .json_unions import Value, distinct_values

_MOST_DIGITS = 400  # of an integer that is written with an exponent


def constants_of(parts: Sequence[SchemaPart], types: tuple[str, ...] | None) -> Constant | None:
    """The scalars that are in every `const` and `enum` of the parts, and of one of the types.

    None if there is none of these keywords, or if they have lists and objects: then the types alone say
    something. Raises `SchemaError`.
    """
    common: tuple[Value, ...] | None = None
    for part in parts:
        for values in _values(part):
            scalars = _scalars(values)
            if scalars is None:
                return None
            common = scalars if common is None else tuple(it for it in common if _is_in(it, scalars))
    if common is None:
        return None
    allowed = None if types is None else widened(types)
    return Constant(tuple(it for it in common if allowed is None or _type(it) in allowed))


def _values(part: SchemaPart) -> list[list[Any]]:
    keywords, found = part.keywords, []
    if "const" in keywords:
        found.append([keywords["const"]])
    if "enum" in keywords:
        if not isinstance(keywords["enum"], list):
            raise SchemaError("enum must be a list", where=f"{part.spot.where}/enum")
        found.append(keywords["enum"])
    return found


def _scalars(values: list[Any]) -> tuple[Value, ...] | None:
    if any(isinstance(value, list | dict) for value in values):
        return None
    numbers = [_number(value) if isinstance(value, Decimal) else value for value in values]
    if any(isinstance(value, float) and math.isinf(value) for value in numbers):
        return None
    return distinct_values(numbers)


def _number(value: Decimal) -> int | float:
    """An int if it is whole: `1.0` is an integer in JSON Schema."""
    if value == value.to_integral_value() and value.adjusted() < _MOST_DIGITS:
        return int(value)
    return float(value)


def _is_in(value: Value, values: tuple[Value, ...]) -> bool:
    return any(isinstance(value, bool) == isinstance(other, bool) and value == other for other in values)


def _type(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "integer" if isinstance(value, int) else "number"
