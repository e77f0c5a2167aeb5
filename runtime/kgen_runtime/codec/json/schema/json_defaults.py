"""Defaults as JSON values: numbers in them as Python has them, but exact where the type is a decimal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from .json_tree import (
    UNDEFINED,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonTuple,
    JsonUnion,
    Named,
    Node,
    Property,
)

_MOST_DIGITS = 400  # of an integer that is written with an exponent


def plain_default(each: Property, names: Mapping[str, Named]) -> Any:
    """The property's default with ints and floats; a `Decimal` where its type is one, with all digits."""
    return each.default if each.default is UNDEFINED else _plain(each.default, [each.type], names)


def _plain(value: Any, nodes: Sequence[Node | None], names: Mapping[str, Named]) -> Any:
    """`value`, which is of one of the types."""
    types = [
        branch for node in nodes for branch in (node.branches if isinstance(node, JsonUnion) else [node])
    ]
    if isinstance(value, list):
        return [_plain(item, [_item(node, i) for node in types], names) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {
            name: _plain(inner, [_named(node, name, names) for node in types], names)
            for name, inner in value.items()
        }
    scalars = [node for node in types if isinstance(node, JsonScalar)]
    if not isinstance(value, Decimal):
        return value
    if any(node.format == "decimal" for node in scalars):
        return value
    return _number(value, any(node.type == "integer" for node in scalars))


def _number(value: Decimal, may_be_integer: bool) -> Any:
    is_whole = value.adjusted() < _MOST_DIGITS and value == value.to_integral_value()
    if may_be_integer and is_whole:
        return int(value)
    number = float(value)
    return value if math.isinf(number) else number


def _item(node: Node | None, i: int) -> Node | None:
    if isinstance(node, JsonTuple):
        return node.items[i] if i < len(node.items) else node.rest
    return node.items if isinstance(node, JsonArray) else None


def _named(node: Node | None, name: str, names: Mapping[str, Named]) -> Node | None:
    if isinstance(node, JsonMap):
        return node.values
    record = names.get(node.name) if isinstance(node, JsonRef) else None
    if not isinstance(record, JsonObject):
        return None
    return next((each.type for each in record.fields if each.name == name), record.extra)
