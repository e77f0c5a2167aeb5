"""Unions of JSON Schema: what is left of their branches, and the property that distinguishes these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from .json_tree import (
    Anything,
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonTuple,
    JsonUnion,
    Named,
    Node,
    Nothing,
    Property,
)

T = TypeVar("T")

NULL = JsonScalar("null")

Value: TypeAlias = "str | int | float | bool | None"


def union_of(nodes: Sequence[Node]) -> Node:
    """One of several types: each once, unions in it dissolved, and no union if one is left."""
    if len(nodes) == 1:
        return nodes[0]
    found = _merged_constants(list(_branches(nodes)))
    branches = list(_distinct((repr(branch), branch) for branch in found))  # by repr: 1 is not True
    if any(isinstance(branch, Anything) for branch in branches):
        return Anything()
    if JsonScalar("number") in branches:
        branches = [branch for branch in branches if branch != JsonScalar("integer")]
    branches = [branch for branch in branches if not _is_covered(branch, branches)]
    if not branches:
        return Nothing()
    return branches[0] if len(branches) == 1 else JsonUnion(tuple(branches))


def with_null(node: Node) -> Node:
    """The type, or null."""
    return union_of([node, NULL])


def _branches(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, JsonUnion):
            yield from node.branches
        elif not isinstance(node, Nothing):
            yield node


def _merged_constants(branches: list[Node]) -> list[Node]:
    """All constants in the place of the first."""
    constants = [branch for branch in branches if isinstance(branch, Constant)]
    if len(constants) < 2:
        return branches
    merged = Constant(distinct_values(value for each in constants for value in each.values))
    return [
        merged if branch is constants[0] else branch
        for branch in branches
        if branch is constants[0] or not isinstance(branch, Constant)
    ]


def distinct_values(values: Iterable[Value]) -> tuple[Value, ...]:
    """Each once, as JSON compares them: `1` is `1.0`, `true` is neither."""
    return tuple(_distinct(((isinstance(value, bool), value), value) for value in values))


def _distinct(keyed: Iterable[tuple[object, T]]) -> Iterable[T]:
    """The values of different keys, the first of each."""
    found: dict[object, T] = {}
    for key, value in keyed:
        found.setdefault(key, value)
    return found.values()


_TYPES_OF = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _is_covered(branch: Node, branches: Sequence[Node]) -> bool:
    """Whether all its constants are of plain types among the branches."""
    plain = {other.type for other in branches if isinstance(other, JsonScalar) and other.format is None}
    plain |= {"integer"} if "number" in plain else set()
    return isinstance(branch, Constant) and all(_TYPES_OF[type(value)] in plain for value in branch.values)


def tagged(node: Node, names: Mapping[str, Named]) -> Node:
    """The same type, with the tags of the unions in it."""
    match node:
        case JsonUnion(branches):
            inner = tuple(tagged(branch, names) for branch in branches)
            return JsonUnion(inner, _tag(inner, names))
        case JsonArray(items):
            return JsonArray(tagged(items, names))
        case JsonTuple(items, rest):
            return JsonTuple(tuple(tagged(item, names) for item in items), tagged(rest, names))
        case JsonMap(values):
            return JsonMap(tagged(values, names))
    return node


def _tag(branches: Sequence[Node], names: Mapping[str, Named]) -> str | None:
    """The property whose constant is another one in each object; one that all require is preferred."""
    objects = [names[branch.name] for branch in branches if isinstance(branch, JsonRef)]
    objects = [each for each in objects if isinstance(each, JsonObject)]
    maps = any(isinstance(branch, JsonMap) for branch in branches)
    if len(objects) < 2 or maps:
        return None
    tables = [{it.name: it for it in each.fields} for each in objects if isinstance(each, JsonObject)]
    shared = [name for name in tables[0] if all(_is_constant(table.get(name)) for table in tables)]
    candidates = [name for name in shared if _are_apart([table[name] for table in tables])]
    required = [name for name in candidates if all(table[name].required for table in tables)]
    return next(iter([*required, *candidates]), None)


def _is_constant(each: Property | None) -> bool:
    return each is not None and isinstance(each.type, Constant)


def _are_apart(tags: Sequence[Property]) -> bool:
    """Whether no value is a constant of two."""
    values = [value for tag in tags if isinstance(tag.type, Constant) for value in tag.type.values]
    return len(distinct_values(values)) == len(values)
