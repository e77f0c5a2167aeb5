"""What the types of a JSON Schema do not say: a line of each kind for a schema, when it arrives.

Which keywords only validation enforces, and by what the branches of unions are distinguished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from kgen_runtime.codec.json.schema.json_tree import (
    Anything,
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonSchema,
    JsonTuple,
    JsonUnion,
    Named,
    Node,
    Nothing,
)

from ..listing import listed
from ..model.library import ParsedVersion
from ..model.trees import parts
from ..pycode import quote

_SHOWN = 8


def json_notes(unit: ParsedVersion) -> Iterator[str]:
    """The lines of a version; none if it is not a JSON Schema."""
    if not isinstance(unit.schema, JsonSchema):
        return
    counts = Counter(it.keyword for it in unit.schema.untyped)
    if counts:
        words = [f"{word} ({n})" if n > 1 else word for word, n in sorted(counts.items())]
        yield f"validation alone enforces {_some(words)}"
    ways: dict[str, list[str]] = {}
    for place, union in _unions(unit, unit.schema):
        ways.setdefault(_way(union, unit.schema.names), []).append(quote.comment(place))
    for way, places in sorted(ways.items()):
        yield f"branches are distinguished by {way}: {_some(list(dict.fromkeys(places)))}"


def _some(words: list[str]) -> str:
    more = len(words) - _SHOWN
    return listed(words) if more <= 0 else f"{', '.join(words[:_SHOWN])} and {more} more"


def _unions(unit: ParsedVersion, schema: JsonSchema) -> Iterator[tuple[str, JsonUnion]]:
    """Every union of two or more types, and where it is."""
    yield from (("the value", it) for it in _inside(schema.root))
    for name in unit.own:
        named, shown = schema.names[name], unit.natural(name)
        for item in named.fields if isinstance(named, JsonObject) else ():
            yield from ((f"{shown}.{item.name}", it) for it in _inside(item.type))
        if isinstance(named, JsonObject) and named.extra is not None:
            yield from ((f"{shown} (other properties)", it) for it in _inside(named.extra))


def _inside(node: Node) -> Iterator[JsonUnion]:
    if isinstance(node, JsonUnion) and len(_branches(node)) > 1:
        yield node
    for part in parts(node):
        yield from _inside(part)


def _branches(node: Node) -> list[Node]:
    if isinstance(node, JsonUnion):
        return [inner for branch in node.branches for inner in _branches(branch)]
    return [] if node == JsonScalar("null") or isinstance(node, Nothing) else [node]


def _way(union: JsonUnion, names: Mapping[str, Named]) -> str:
    """As docs/reference/json.md says: the type, a tag, required properties, the order."""
    branches = _branches(union)
    takers: dict[str, list[Node]] = {}
    for branch in branches:
        for type_ in _json_types(branch, names):
            takers.setdefault(type_, []).append(branch)
    several = {type_: found for type_, found in takers.items() if len(found) > 1}
    if not several:
        return "JSON type"
    if several.keys() == {"object"}:
        if union.tag is not None:
            return f"the property {quote.comment(union.tag)}"
        objects = [names[it.name] if isinstance(it, JsonRef) else None for it in several["object"]]
        required = [
            frozenset(f.name for f in it.fields if f.required) if isinstance(it, JsonObject) else frozenset()
            for it in objects
        ]
        if len(set(required)) == len(required):
            return "the properties they require"
    return "order (the first that fits)"


def _json_types(node: Node, names: Mapping[str, Named]) -> set[str]:
    if isinstance(node, Anything):
        return {"boolean", "number", "string", "array", "object"}
    if isinstance(node, Constant):
        return {_type_of(value) for value in node.values if value is not None}
    if isinstance(node, JsonRef):
        return {"object" if isinstance(names[node.name], JsonObject) else "string"}
    if isinstance(node, JsonScalar):
        return {"number" if node.type == "integer" else node.type}
    return (
        {"object"}
        if isinstance(node, JsonMap)
        else {"array"}
        if isinstance(node, JsonArray | JsonTuple)
        else set()
    )


def _type_of(value: str | float | bool) -> str:
    return "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
