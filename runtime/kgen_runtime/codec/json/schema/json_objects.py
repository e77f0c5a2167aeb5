"""What the parts of a schema say of an object's properties together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....errors import SchemaError
from .json_documents import SchemaSpot
from .json_parts import SchemaPart
from .json_patterns import literal_start

_ALL_NAMES = frozenset({"", "^", ".*", "^.*$", "^.*", ".*$", ".+", "^.+$", "^.+", ".+$", "^(.*)$"})
"""Patterns that every name matches, but for the empty one. No pattern is ever executed."""
_CONDITIONS = ("if", "dependentSchemas", "dependencies", "anyOf")
"""With these, schemas that may or may not apply; of `anyOf`, others beside the branch that was taken."""


@dataclass
class ObjectShape:
    """An object: what is known of its properties by name, and of the others.

    `fields` has every property that is named, with its schemas. `extras` are the types of the others, each
    with its schemas: a value is of one of them. `prefixes` are what their names begin with, if that is known
    of all of them.
    """

    fields: dict[str, list[SchemaSpot]] = field(default_factory=dict)
    required: dict[str, None] = field(default_factory=dict)
    extras: list[list[SchemaSpot]] = field(default_factory=list)
    prefixes: tuple[str, ...] = ()
    is_closed: bool = False
    is_record: bool = False
    untyped: list[tuple[SchemaSpot, str]] = field(default_factory=list)


def shape_of(parts: Sequence[SchemaPart]) -> ObjectShape:
    """The shape of an object that all the parts are about. Raises `SchemaError`."""
    shape = ObjectShape()
    for part in parts:
        _add_fields(shape, part)
        _add_required(shape, part)
    for name in shape.required:
        shape.fields.setdefault(name, [])
    _add_others(shape, parts)
    if _indexed(shape.fields):
        order = sorted(shape.fields, key=lambda name: _index(shape.fields[name]) or 0)
        shape.fields = {name: shape.fields[name] for name in order}
    return shape


def _add_fields(shape: ObjectShape, part: SchemaPart) -> None:
    properties = part.keywords.get("properties")
    if properties is None:
        return
    if not isinstance(properties, dict):
        raise SchemaError("properties must be an object", where=f"{part.spot.where}/properties")
    shape.is_record = True
    spot = part.spot.inner("properties")
    for name in properties:
        shape.fields.setdefault(name, []).append(spot.inner(name))


def _add_required(shape: ObjectShape, part: SchemaPart) -> None:
    required = part.keywords.get("required", [])
    if isinstance(required, bool):
        return  # of a property, in draft 3: validation leaves it out, too
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise SchemaError("required must be a list of names", where=f"{part.spot.where}/required")
    shape.is_record = shape.is_record or bool(required)
    shape.required.update(dict.fromkeys(required))


def _add_others(shape: ObjectShape, parts: Sequence[SchemaPart]) -> None:
    """What is said of properties without a name; and of those that another part names."""
    typed: list[SchemaSpot] = []  # of additionalProperties, all of which apply
    patterned: dict[SchemaSpot, str] = {}  # and its pattern
    is_open_beside = False  # beside what patterns name
    for part in parts:
        keyword = _others_keyword(part)
        others = part.keywords.get(keyword)
        own = part.keywords.get("properties", {}) if keyword == "additionalProperties" else shape.fields
        unnamed = [name for name in shape.fields if name not in own]
        patterns = _patterns(part)
        patterned |= {spot: pattern for pattern, spot in patterns.items()}
        covers_all = bool(_ALL_NAMES & patterns.keys())
        if patterns and not covers_all:  # which names these are
            shape.untyped.append((part.spot, "patternProperties"))
            is_open_beside = is_open_beside or others in (None, True, {})
        if others is False:
            shape.is_closed = shape.is_closed or not _is_conditional(part, keyword, parts)
            if unnamed and not patterns:
                shape.untyped.append((part.spot, keyword))
        elif isinstance(others, dict) and others:
            typed.append(part.spot.inner(keyword))
            for name in unnamed if not patterns else ():
                shape.fields[name].append(typed[-1])
    if is_open_beside:
        return
    shape.is_record = shape.is_record or (shape.is_closed and not patterned)
    shape.extras = [[spot] for spot in patterned] + ([typed] if typed and not shape.is_closed else [])
    starts = [literal_start(pattern) for pattern in patterned.values()]
    if shape.is_closed and all(starts):
        shape.prefixes = tuple(dict.fromkeys(starts))


def _others_keyword(part: SchemaPart) -> str:
    return "additionalProperties" if "additionalProperties" in part.keywords else "unevaluatedProperties"


def _is_conditional(part: SchemaPart, keyword: str, parts: Sequence[SchemaPart]) -> bool:
    """Whether more properties may be evaluated than the ones seen here."""
    if keyword != "unevaluatedProperties":
        return False
    return any(_evaluates_more(it, it is part) for it in parts)


def _evaluates_more(part: SchemaPart, is_own: bool) -> bool:
    """Whether a part may evaluate properties without a name, for an `unevaluatedProperties` beside it."""
    said = part.spot.value if isinstance(part.spot.value, dict) else {}  # also what was dealt with
    if any(name in said for name in _CONDITIONS):
        return True
    others = ("additionalProperties", "unevaluatedProperties")
    return not is_own and (
        "patternProperties" in said or any(said.get(it, False) is not False for it in others)
    )


def _patterns(part: SchemaPart) -> dict[str, SchemaSpot]:
    patterns = part.keywords.get("patternProperties", {})
    if not isinstance(patterns, dict):
        where = f"{part.spot.where}/patternProperties"
        raise SchemaError("patternProperties must be an object", where=where)
    return {pattern: part.spot.inner("patternProperties", pattern) for pattern in patterns}


def _indexed(fields: dict[str, list[SchemaSpot]]) -> bool:
    """Whether Kafka Connect noted the order of all the properties."""
    return bool(fields) and all(_index(spots) is not None for spots in fields.values())


def _index(spots: list[SchemaSpot]) -> int | None:
    return next(_indices(spots), None)


def _indices(spots: list[SchemaSpot]) -> Iterator[int]:
    for spot in spots:
        index: Any = spot.value.get("connect.index") if isinstance(spot.value, dict) else None
        if type(index) is int:
            yield index
