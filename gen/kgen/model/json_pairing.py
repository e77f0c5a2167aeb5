"""Which types of two JSON Schemas are the same type, though their places differ, and which are equal."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TypeAlias

from kgen_runtime.codec.json.schema.json_tree import (
    Constant,
    JsonObject,
    JsonRef,
    JsonSchema,
    JsonUnion,
    Named,
    Node,
    StringEnum,
)

from .json_places import tokens
from .trees import held, parts

Place: TypeAlias = "Named | tuple[tuple[str, int], str]"
"""A type of a schema's own text; of another version the version and the place there."""
LookUp: TypeAlias = Callable[[str], Place]

_MOST_PAIRS = 200_000  # of places that are looked at for likeness
_MOST_EQUAL = 10_000


def json_type_pairs(old: JsonSchema, new: JsonSchema) -> dict[str, str]:
    """Old place -> new place: by the place itself; where that has a number in it (a branch of `oneOf`), or is
    gone, by what is most alike in title, constants, properties and symbols.
    """
    pairs = {name: name for name in old.names if name in new.names and not _counted(name)}
    taken = set(pairs)
    for before, after in _alike(old, new, pairs):
        if before not in pairs and after not in taken:
            pairs[before] = after
            taken.add(after)
    return pairs


def _counted(name: str) -> bool:
    """Whether another branch in front would move the place."""
    parts_ = tokens(name.partition("#")[2])
    return any(
        part.isdigit()
        and at
        and parts_[at - 1] not in ("properties", "definitions", "$defs", "patternProperties")
        for at, part in enumerate(parts_)
    )


def _alike(old: JsonSchema, new: JsonSchema, pairs: dict[str, str]) -> Iterator[tuple[str, str]]:
    gone = [name for name in old.names if name not in pairs]
    came = [name for name in new.names if name not in pairs]
    if not gone or not came or len(gone) * len(came) > _MOST_PAIRS:
        yield from ((name, name) for name in gone if name in new.names)
        return
    scored = [(_likeness(old, a, new, b), a, b) for a in gone for b in came]
    yield from ((a, b) for score, a, b in sorted(scored, key=lambda it: (-it[0], it[1:])) if score >= 1)


def _likeness(old: JsonSchema, before: str, new: JsonSchema, after: str) -> float:
    """From 1 on they are taken for the same."""
    a, b = old.names[before], new.names[after]
    if type(a) is not type(b) or before.partition("#")[0] != after.partition("#")[0]:
        return 0
    marks = _constants(a), _constants(b)
    if any(marks[1].get(name, value) != value for name, value in marks[0].items()):
        return 0
    share = _share(_traits(a), _traits(b))
    titled = a.title == b.title and a.title is not None
    marked = bool(marks[0] and marks[0] == marks[1])
    same_end = tokens(before)[-1:] == tokens(after)[-1:] and not _counted(before)
    certain = titled or marked or (before == after and share > 0.5) or (same_end and share > 0.5)
    return (2 * titled + 2 * marked + share + (before == after) / 4) if certain or share > 0.99 else 0


def _constants(named: Named) -> dict[str, object]:
    items = named.fields if isinstance(named, JsonObject) else ()
    return {
        it.name: it.type.values for it in items if isinstance(it.type, Constant) and len(it.type.values) == 1
    }


def _traits(named: Named) -> set[object]:
    if isinstance(named, StringEnum):
        return set(named.symbols)
    plain = {(it.name, it.type) for it in named.fields if not isinstance(it.type, (JsonRef, JsonUnion))}
    return {it.name for it in named.fields} | plain


def _share(a: set[object], b: set[object]) -> float:
    return len(a & b) / len(a | b) if a or b else 1.0


# ------------------------------------------------------------------------------------------------ equality


def shape(named: Named) -> Hashable:
    """What a type is but for the types that it holds, and docs."""
    if isinstance(named, StringEnum):
        return named.title, named.symbols
    fields = tuple((it.name, it.required, repr(it.default)) for it in named.fields)
    return named.title, fields, named.closed, named.extra is None


def equal_pairs(first: Named, second: Named, look_up: LookUp, other: LookUp) -> dict[str, str] | None:
    """The pairs of places that have to be one class if these two types are, all equal in title and structure;
    None if they are not. Docs do not count.

    `look_up` finds what a place of the first one's schema is, `other` of the second one's.
    """
    pairs: dict[str, str] = {}
    todo: list[tuple[Place, Place]] = [(first, second)]
    while todo:
        a, b = todo.pop()
        if a is b or a == b:
            continue
        if isinstance(a, tuple) or isinstance(b, tuple):
            return None  # at least one is of another version
        if pairs.get(a.name) == b.name:
            continue
        if a.name in pairs or len(pairs) > _MOST_EQUAL or shape(a) != shape(b):
            return None
        pairs[a.name] = b.name
        for x, y in zip(held(a), held(b), strict=True):
            found = _used_together(x, y)
            if found is None:
                return None
            todo.extend((look_up(one), other(two)) for one, two in found)
    return pairs


def _used_together(a: Node, b: Node) -> list[tuple[str, str]] | None:
    """The places that have to be equal for two types to be; None if the types differ in anything else."""
    if isinstance(a, JsonRef) and isinstance(b, JsonRef):
        return [(a.name, b.name)]
    inner, others = parts(a), parts(b)
    if type(a) is not type(b) or len(inner) != len(others) or (not inner and repr(a) != repr(b)):
        return None
    if isinstance(a, JsonUnion) and isinstance(b, JsonUnion) and a.tag != b.tag:
        return None
    found: list[tuple[str, str]] = []
    for x, y in zip(inner, others, strict=True):
        more = _used_together(x, y)
        if more is None:
            return None
        found += more
    return found
