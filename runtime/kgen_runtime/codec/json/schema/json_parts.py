"""What one JSON Schema consists of: itself, what its `$ref` leads to, and the members of its `allOf`.

All of these apply to a value together. The parser merges them, and names the result by the one place that
gives it: a schema that only refers to another is that other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ....errors import SchemaError
from .json_documents import SchemaSpot, SchemaTexts
from .json_tree import Untyped
from .json_types import common_types, explicit_types, implied_types, widened

WORK = 1_000_000
"""How many schemas may be looked at for one text: allOf and oneOf inside each other multiply."""
_MERGE = 100  # what merging counts besides: nothing of it can be remembered

# What types are made of. A schema with none of these adds nothing to the ones that it stands beside.
_STRUCTURE = frozenset(
    {
        *("enum", "const", "properties", "patternProperties", "additionalProperties", "required"),
        *("unevaluatedProperties", "items", "prefixItems", "additionalItems", "oneOf", "anyOf"),
        *("format", "contentEncoding", "connect.type"),
    }
)
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_INCLUDES = frozenset({*_REFERENCES, "allOf"})
# These add nothing if they are true, or empty.
_OF_OTHERS = frozenset({"additionalProperties", "unevaluatedProperties"})
_OPEN = _OF_OTHERS | {"items", "additionalItems", "required"}
_UNTYPED = (
    *("if", "then", "else", "not", "dependencies", "dependentSchemas", "dependentRequired", "propertyNames"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("pattern", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains"),
    *("minProperties", "maxProperties", "unevaluatedItems"),
)


@dataclass(frozen=True)
class SchemaPart:
    """A schema's own keywords, without those of `skip`, which are dealt with."""

    spot: SchemaSpot
    skip: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str, frozenset[str]]:
        """Equal for the same part."""
        return self.spot.place, self.skip

    @cached_property
    def keywords(self) -> dict[str, Any]:
        """Its keywords; none for `false`, see `is_false`."""
        value = self.spot.value
        if not self.skip or not isinstance(value, dict):
            return value if isinstance(value, dict) else {}
        return {name: each for name, each in value.items() if name not in self.skip}

    @property
    def is_false(self) -> bool:
        """Whether no value is of it."""
        return self.spot.value is False

    @cached_property
    def adds(self) -> bool:
        """Whether it says more than a type."""
        keywords = self.keywords
        return self.is_false or any(
            name in _STRUCTURE and not (name in _OPEN and (it is True or it == {} or it == []))
            for name, it in keywords.items()
        )


@dataclass(frozen=True)
class PartSet:
    """The parts of a schema that have to be merged.

    `place` is where the merged type is defined; `owners` are the schemas whose title it may take, the best
    first; `notes` are all that its description and default may stand in, the outermost first.
    """

    parts: tuple[SchemaPart, ...]
    place: str
    owners: tuple[SchemaSpot, ...]
    notes: tuple[SchemaSpot, ...]
    is_nullable: bool = False

    @property
    def key(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Equal for sets that merge to the same type."""
        return tuple(part.key for part in self.parts)

    def note(self, keyword: str) -> str | None:
        """The text of a keyword such as `description`, the outermost that there is."""
        return first_text(self.notes, keyword)


def first_text(spots: Sequence[SchemaSpot], keyword: str) -> str | None:
    """The first of the texts that schemas have under a keyword."""
    texts = (spot.value.get(keyword) for spot in spots if isinstance(spot.value, dict))
    return next((text for text in texts if isinstance(text, str) and text), None)


class PartGatherer:
    """Finds the parts of schemas, and notes the keywords that no type says."""

    def __init__(self, texts: SchemaTexts) -> None:
        self._texts = texts
        self._work = 0
        self._known: dict[str, PartSet] = {}
        self._untyped: dict[tuple[str, str], Untyped] = {}

    @property
    def untyped(self) -> tuple[Untyped, ...]:
        """What no type says, in the order it was found in."""
        return tuple(self._untyped.values())

    def note_untyped(self, spot: SchemaSpot, keyword: str) -> None:
        """A keyword of `spot` that the types do not say."""
        self._untyped.setdefault((spot.place, keyword), Untyped(spot.where, keyword))

    def of(self, spot: SchemaSpot) -> PartSet:
        """The parts of one schema. Raises `SchemaError`: references that lead nowhere or in a circle."""
        found = self._known.get(spot.place)
        if found is None:
            found = self._known[spot.place] = self.merged([SchemaPart(spot)], spot.place)
        return found

    def merged(self, entries: Sequence[SchemaPart], place: str) -> PartSet:
        """The parts of several schemas that apply together, at `place` unless one alone says something."""
        self.count(_MERGE if len(entries) > 1 else 0)
        walk = _PartWalk(self._texts, self)
        owners = [owner for owner in map(walk.visit, entries) if owner is not None]
        distinct = {owner.place: owner for owner in owners}
        if not distinct and len(entries) == 1:
            distinct = {entries[0].spot.place: entries[0].spot}
        if len(distinct) == 1:
            place = next(iter(distinct))
        parts = _without_repeated_types(walk.parts)
        if any(part.keywords.get("unevaluatedProperties") is False for part in parts):
            parts += tuple(part for part in walk.open if part not in parts)
        owned = tuple(reversed(distinct.values()))
        notes = tuple(walk.notes)
        return PartSet(parts, place, owned, notes, _is_nullable(parts, walk.names))

    def count(self, work: int = 1) -> None:
        """Raises `SchemaError` after `WORK` schemas."""
        self._work += work
        if self._work > WORK:
            raise SchemaError(
                f"the schema takes more than {WORK:,} steps to read",
                hint="Its allOf, anyOf, oneOf or $ref multiply each other.",
            )


class _PartWalk:
    """One walk over a schema and what applies beside it."""

    def __init__(self, texts: SchemaTexts, gatherer: PartGatherer) -> None:
        self.parts: list[SchemaPart] = []
        self.open: list[SchemaPart] = []  # those that evaluate every property, and say nothing else
        self.notes: list[SchemaSpot] = []
        self.names: list[SchemaSpot] = []  # the first schema that says something, and other names for it
        self._texts = texts
        self._gatherer = gatherer
        self._open: set[tuple[str, frozenset[str]]] = set()
        self._done: dict[tuple[str, frozenset[str]], SchemaSpot | None] = {}

    def visit(self, part: SchemaPart) -> SchemaSpot | None:
        """Collect a part and what it includes. The schema that defines what these say, if they say any."""
        spot, key = part.spot, part.key
        self._gatherer.count()
        if key in self._open:
            raise SchemaError("$ref or allOf leads in a circle back to itself", where=spot.where)
        if key in self._done:
            return self._done[key]
        self._open.add(key)
        owner = self._done[key] = self._visit(part)
        self._open.remove(key)
        return owner

    def _visit(self, part: SchemaPart) -> SchemaSpot | None:
        spot = part.spot
        if isinstance(spot.value, bool):
            if part.is_false:
                self.parts.append(part)
            return spot if part.is_false else None
        if not isinstance(spot.value, dict):
            raise SchemaError("a schema must be an object, true or false", where=spot.where)
        self.notes.append(spot)
        has_own = not ("$ref" in spot.value and spot.resource.draft <= 7)
        adds = has_own and part.adds
        if not adds and not self.parts:
            self.names.append(spot)
        if has_own:
            self._collect(part)
        found = [self.visit(SchemaPart(it)) for it in self._included(part, has_own)]
        owners = [owner for owner in found if owner is not None]
        if adds or len({owner.place for owner in owners}) > 1:
            return spot
        return owners[0] if owners else None

    def _included(self, part: SchemaPart, has_own: bool) -> list[SchemaSpot]:
        found = [] if "$ref" in part.skip else self._referred(part.spot)
        if has_own and "allOf" not in part.skip:
            found += listed_schemas(part.spot, "allOf")
        return found

    def _collect(self, part: SchemaPart) -> None:
        keywords = part.keywords
        if part.adds or "type" in keywords:
            self.parts.append(SchemaPart(part.spot, part.skip | _INCLUDES))
        if not part.adds and _OF_OTHERS & keywords.keys():
            self.open.append(SchemaPart(part.spot, part.skip | _INCLUDES))
        for keyword in _UNTYPED:
            if keyword in keywords:
                self._gatherer.note_untyped(part.spot, keyword)

    def _referred(self, spot: SchemaSpot) -> list[SchemaSpot]:
        found: list[SchemaSpot] = []
        for keyword in _REFERENCES:
            reference = spot.value.get(keyword)
            if reference is None:
                continue
            if not isinstance(reference, str):
                raise SchemaError(f"{keyword} must be a string", where=f"{spot.where}/{keyword}")
            target = self._target(spot, keyword, reference)
            if target is None:
                self._gatherer.note_untyped(spot, keyword)
            else:
                found.append(target)
        return found

    def _target(self, spot: SchemaSpot, keyword: str, reference: str) -> SchemaSpot | None:
        if keyword == "$ref":
            return self._texts.resolve(spot, reference)
        if keyword == "$dynamicRef":
            return self._texts.resolve_dynamic(spot, reference)
        return self._texts.resolve_recursive(spot)


def _is_nullable(parts: Sequence[SchemaPart], names: Sequence[SchemaSpot]) -> bool:
    """OpenAPI's `nullable`: of a schema, of another name for it, or of all that is merged."""
    spots = [part.spot for part in parts]
    every = bool(spots) and all(_has_nullable(spot) for spot in spots)
    return every or any(map(_has_nullable, names))


def _has_nullable(spot: SchemaSpot) -> bool:
    return isinstance(spot.value, dict) and spot.value.get("nullable") is True


def _without_repeated_types(parts: list[SchemaPart]) -> tuple[SchemaPart, ...]:
    """Without the parts that only say the type which the others have anyway."""
    kept = tuple(part for part in parts if part.adds)
    bare = [explicit_types(part.keywords, part.spot.where) for part in parts if not part.adds]
    if not bare or not kept:
        return tuple(parts)
    types = common_types(explicit_types(part.keywords, part.spot.where) for part in kept)
    if types is not None:
        repeated = all(own is None or set(types) <= widened(own) for own in bare)
    else:  # theirs are implied: values and branches may be of other types
        implied = {each for part in kept for each in implied_types(part.keywords)}
        others = any({"oneOf", "anyOf", "enum", "const"} & part.keywords.keys() for part in kept)
        repeated = not others and all(own is None or set(own) == implied for own in bare)
    return kept if repeated else tuple(parts)


def listed_schemas(spot: SchemaSpot, keyword: str) -> list[SchemaSpot]:
    """The schemas of a keyword that has a list of them. Raises `SchemaError`."""
    listed = spot.value.get(keyword, [])
    if not isinstance(listed, list):
        raise SchemaError(f"{keyword} must be a list of schemas", where=f"{spot.where}/{keyword}")
    return [spot.inner(keyword, i) for i in range(len(listed))]
