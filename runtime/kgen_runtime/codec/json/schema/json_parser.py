"""JSON Schema text to the tree of `json_tree.py`.

What the schema says of types is in the tree; what only validation can enforce is listed in
`JsonSchema.untyped`. Where the two differ the tree takes more: it never refuses what the schema accepts, but
for a schema without a `type` that has the keywords of one (`properties`: an object), and for a type that
holds itself without an object in between (an array of itself), which ends in `Anything`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ....errors import SchemaError
from .json_constants import constants_of
from .json_defaults import plain_default
from .json_documents import SchemaSpot, SchemaTexts, escaped_step, nests_deeper
from .json_objects import ObjectShape, shape_of
from .json_parts import PartGatherer, PartSet, SchemaPart, listed_schemas
from .json_tree import (
    UNDEFINED,
    Anything,
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonSchema,
    JsonTuple,
    JsonUnion,
    Named,
    Node,
    Nothing,
    Property,
    StringEnum,
)
from .json_types import common_types, explicit_types, implied_types, scalar_of
from .json_unions import NULL, tagged, union_of, with_null

NAMES = 20_000
"""How many objects and enums a schema may have."""
DEPTH = 64
"""How many arrays, maps and unions may stand inside each other without an object in between."""
DEFAULT_DEPTH = 64
"""How deep a default may be nested: it becomes Python code."""

_NO_REFERENCES: Mapping[str, str] = {}


def parse_json_schema(
    text: str, references: Mapping[str, str] = _NO_REFERENCES, *, definitions: bool = False
) -> JsonSchema:
    """Parse a JSON Schema of draft 4 to 2020-12.

    `references`: the name that texts use for another schema -> its text, of all that it refers to,
    transitively. They are found by these names and by their own `$id`s. `definitions`: whether what the text
    defines (`definitions`, `$defs`) is among the names although its root does not use it. Raises
    `SchemaError` with a JSON pointer: not JSON, not a JSON Schema, a `$ref` that leads nowhere, past the
    limits.
    """
    try:
        return _SchemaParser(SchemaTexts(text, references)).schema(definitions=definitions)
    except RecursionError:
        raise SchemaError("the schema is nested too deeply") from None


class _SchemaParser:
    """Merges the parts of schemas into types. Objects are defined later than they are used, one by one."""

    def __init__(self, texts: SchemaTexts) -> None:
        self._texts = texts
        self._gatherer = PartGatherer(texts)
        self._names: dict[str, Named | None] = {}  # None: to be defined
        self._places: dict[tuple[object, ...], str] = {}
        self._later: deque[tuple[str, PartSet]] = deque()
        self._open: set[tuple[object, ...]] = set()
        self._cuts = 0
        self._known: dict[tuple[object, ...], Node] = {}

    def schema(self, *, definitions: bool) -> JsonSchema:
        """The whole schema."""
        root = self._node(self._gatherer.of(self._texts.root), 0)
        self._define()
        untyped = self._gatherer.untyped
        if definitions:
            self._define_for_others()
        names = {name: named for name, named in self._names.items() if named is not None}
        finished = {name: _finished(named, names) for name, named in names.items()}
        return JsonSchema(tagged(root, names), finished, untyped)

    def _define(self) -> None:
        while self._later:
            place, parts = self._later.popleft()
            self._names[place] = self._object(place, parts)

    def _define_for_others(self) -> None:
        """Definitions that the text itself does not use. If they are not valid there are none."""
        names = dict(self._names)
        try:
            for spot in self._texts.defined():
                self._node(self._gatherer.of(spot), 0)
            self._define()
        except SchemaError:
            self._names = names

    def _node(self, parts: PartSet, depth: int) -> Node:
        """The type of what all the parts accept."""
        self._gatherer.count()
        key = (parts.key, parts.is_nullable)
        known = self._known.get(key)
        if known is not None:
            return known
        if key in self._open:
            self._cuts += 1
            self._gatherer.note_untyped(parts.notes[0], "$ref")
            return Anything()
        if depth > DEPTH:
            what = f"types are nested more than {DEPTH} deep"
            raise SchemaError(what, where=parts.notes[0].where if parts.notes else None)
        self._open.add(key)
        cuts = self._cuts
        node = self._merged(parts, depth)
        node = with_null(node) if parts.is_nullable else node
        self._open.remove(key)
        if cuts == self._cuts:  # else it ends where this walk began
            self._known[key] = node
        return node

    def _merged(self, parts: PartSet, depth: int) -> Node:
        if any(part.is_false for part in parts.parts):
            return Nothing()
        types = common_types(explicit_types(part.keywords, part.spot.where) for part in parts.parts)
        constants = constants_of(parts.parts, types)
        if constants is not None:
            self._note_choices(parts)
            return self._constant(parts, constants)
        choice = self._choice(parts)
        if choice is not None:
            return self._union(parts, *choice, depth)
        if types is None:
            implied = dict.fromkeys(each for part in parts.parts for each in implied_types(part.keywords))
            types = tuple(implied) or None
        if types is None:
            return Anything()
        return union_of([self._typed(parts, each, depth) for each in types])

    def _typed(self, parts: PartSet, type_: str, depth: int) -> Node:
        if type_ == "object":
            return self._object_or_map(parts, depth)
        if type_ == "array":
            return self._array(parts, depth)
        assert type_ in ("null", "boolean", "integer", "number", "string")
        return scalar_of(type_, [part.keywords for part in parts.parts])

    # Constants and enums.

    def _constant(self, parts: PartSet, constants: Constant) -> Node:
        if not constants.values:
            return Nothing()
        texts = tuple(value for value in constants.values if isinstance(value, str))
        others = tuple(value for value in constants.values if not isinstance(value, str))
        if len(texts) > 1 and others in ((), (None,)):
            enum = self._enum(parts, texts)
            return with_null(enum) if others else enum
        if None in constants.values:
            rest = tuple(value for value in constants.values if value is not None)
            return union_of([Constant(rest), NULL]) if rest else NULL
        return constants

    def _enum(self, parts: PartSet, symbols: tuple[str, ...]) -> JsonRef:
        place, is_new = self._place(("enum", symbols, parts.place), parts)
        if is_new:
            title, doc = self._title(parts), self._doc(parts)
            self._names[place] = StringEnum(place, symbols, title, doc)
        return JsonRef(place)

    # Unions.

    def _choice(self, parts: PartSet) -> tuple[SchemaPart, str] | None:
        """The first oneOf or anyOf that is about types; others are left to validation."""
        for part in parts.parts:
            for keyword in ("oneOf", "anyOf"):
                if keyword in part.keywords and listed_schemas(part.spot, keyword):
                    if not self._only_restricts(parts, part.spot, keyword):
                        return part, keyword
                    self._gatherer.note_untyped(part.spot, keyword)
        return None

    def _note_choices(self, parts: PartSet) -> None:
        """The oneOf and anyOf beside constants: which of these fit a branch is left to validation."""
        for part in parts.parts:
            for keyword in ("oneOf", "anyOf"):
                if part.keywords.get(keyword):
                    self._gatherer.note_untyped(part.spot, keyword)

    def _only_restricts(self, parts: PartSet, spot: SchemaSpot, keyword: str) -> bool:
        """Whether the branches of an object add no properties: which of them are required together, say."""
        properties = [part.keywords.get("properties") for part in parts.parts]
        named = {name for each in properties if isinstance(each, dict) for name in each}
        branches = listed_schemas(spot, keyword)
        return bool(named) and all(_restricts(branch.value, named) for branch in branches)

    def _union(self, parts: PartSet, chosen: SchemaPart, keyword: str, depth: int) -> Node:
        rest = [
            SchemaPart(part.spot, part.skip | {keyword}) if part is chosen else part for part in parts.parts
        ]
        nodes: list[Node] = []
        merged_branches: list[PartSet] = []
        for i, branch in enumerate(listed_schemas(chosen.spot, keyword)):
            merged = self._gatherer.merged([*rest, SchemaPart(branch)], f"{parts.place}/{keyword}/{i}")
            nodes.append(self._node(replace(merged, owners=merged.owners[:1]), depth + 1))
            merged_branches.append(merged)
        self._check_discriminator(chosen, merged_branches)
        node = union_of(nodes)
        if len(nodes) > 1 and not isinstance(node, (JsonUnion, Constant)):
            self._gatherer.note_untyped(chosen.spot, keyword)
        return self._enum_of(parts, node)

    def _check_discriminator(self, chosen: SchemaPart, branches: list[PartSet]) -> None:
        """OpenAPI's `discriminator` says something only where the property is a constant in each branch: the
        names that it gives to others are of OpenAPI documents.
        """
        discriminator = chosen.keywords.get("discriminator")
        name = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
        if not isinstance(name, str):
            return
        for branch in branches:
            spots = shape_of(branch.parts).fields.get(name, [])
            if not any(
                {"const", "enum"} & spot.value.keys() for spot in spots if isinstance(spot.value, dict)
            ):
                self._gatherer.note_untyped(chosen.spot, "discriminator")

    def _enum_of(self, parts: PartSet, node: Node) -> Node:
        """An enum, where the branches are constants that are strings: each with its own description, say."""
        branches = node.branches if isinstance(node, JsonUnion) else (node,)
        constants = [branch for branch in branches if isinstance(branch, Constant)]
        if len(constants) + (NULL in branches) < len(branches) or not constants:
            return node
        made = self._constant(parts, constants[0])
        return with_null(made) if NULL in branches else made

    # Arrays.

    def _array(self, parts: PartSet, depth: int) -> Node:
        lists = [_items(part) for part in parts.parts]
        length = max((len(items) for items, _ in lists), default=0)
        rest = self._items(parts, [after for _, after in lists if after is not None], "items", depth)
        if not length:
            return JsonArray(rest)
        items = []
        for i in range(length):
            found = [own[i] if i < len(own) else after for own, after in lists]
            items.append(self._items(parts, [it for it in found if it is not None], f"items/{i}", depth))
        return JsonTuple(tuple(items), rest)

    def _items(self, parts: PartSet, spots: list[SchemaSpot], step: str, depth: int) -> Node:
        entries = [SchemaPart(spot) for spot in spots]
        return self._node(self._gatherer.merged(entries, f"{parts.place}/{step}"), depth + 1)

    # Objects and maps.

    def _object_or_map(self, parts: PartSet, depth: int) -> Node:
        shape = self._shape(parts)
        if not shape.is_record:
            return JsonMap(self._extra(parts, shape, depth) or Anything())
        place, is_new = self._place(("object", *parts.key), parts)
        if is_new:
            self._names[place] = None
            self._later.append((place, parts))
        return JsonRef(place)

    def _shape(self, parts: PartSet) -> ObjectShape:
        shape = shape_of(parts.parts)
        for spot, keyword in shape.untyped:
            self._gatherer.note_untyped(spot, keyword)
        return shape

    def _extra(self, parts: PartSet, shape: ObjectShape, depth: int) -> Node | None:
        """The type of the properties without a name; None if there is none to them."""
        if not shape.extras:
            return None
        place = f"{parts.place}/additionalProperties"
        nodes = []
        for i, group in enumerate(shape.extras):
            entries = [SchemaPart(spot) for spot in group]
            at = place if len(shape.extras) == 1 else f"{place}/{i}"
            nodes.append(self._node(self._gatherer.merged(entries, at), depth + 1))
        return union_of(nodes)

    def _object(self, place: str, parts: PartSet) -> JsonObject:
        shape = self._shape(parts)
        fields = tuple(self._property(place, name, spots, shape) for name, spots in shape.fields.items())
        extra = self._extra(parts, shape, 0)
        is_closed = shape.is_closed and extra is None
        return JsonObject(
            place, fields, self._title(parts), extra, is_closed, self._doc(parts), shape.prefixes
        )

    def _property(self, place: str, name: str, spots: list[SchemaSpot], shape: ObjectShape) -> Property:
        entries = [SchemaPart(spot) for spot in spots]
        if len(entries) == 1:
            parts = self._gatherer.of(spots[0])
        else:
            parts = self._gatherer.merged(entries, f"{place}/properties/{escaped_step(name)}")
        node = self._node(parts, 0)
        doc = parts.note("description")
        if isinstance(node, JsonRef) and not (parts.notes and _text(parts.notes[0], "description")):
            doc = None  # that is the description of the class
        default = self._default(parts)
        return Property(name, node, name in shape.required, default, doc)

    def _default(self, parts: PartSet) -> Any:
        """The default of a property, or else the one that a branch of its type has."""
        for spot in (*parts.notes, *self._branches(parts)):
            if isinstance(spot.value, dict) and "default" in spot.value:
                if nests_deeper(spot.value["default"], DEFAULT_DEPTH):
                    what = f"the default is nested more than {DEFAULT_DEPTH} deep"
                    raise SchemaError(what, where=f"{spot.where}/default")
                return spot.value["default"]
        return UNDEFINED

    def _branches(self, parts: PartSet) -> list[SchemaSpot]:
        spots = [
            branch
            for part in parts.parts
            for keyword in ("oneOf", "anyOf")
            if keyword in part.keywords
            for branch in listed_schemas(part.spot, keyword)
        ]
        return [note for branch in spots for note in self._gatherer.of(branch).notes]

    # Names.

    def _place(self, key: tuple[object, ...], parts: PartSet) -> tuple[str, bool]:
        """The place of a definition, and whether it is a new one."""
        place = self._places.get(key)
        if place is not None:
            return place, False
        place = parts.place
        if place in self._names:  # of another merge, which begins at the same schema
            place = " & ".join(dict.fromkeys([place, *(part.spot.place for part in parts.parts)]))
            while place in self._names:
                place += "'"
        self._places[key] = place
        if len(self._names) >= NAMES:
            raise SchemaError(f"the schema has more than {NAMES} objects and enums")
        return place, True

    def _title(self, parts: PartSet) -> str | None:
        titles = (_text(owner, "title") for owner in parts.owners)
        return next((title for title in titles if title), None)

    def _doc(self, parts: PartSet) -> str | None:
        docs = (_text(owner, "description") for owner in parts.owners)
        return next((doc for doc in docs if doc), None)


def _finished(named: Named, names: Mapping[str, Named]) -> Named:
    """A definition as its readers expect it, now that all are there."""
    if not isinstance(named, JsonObject):
        return named
    fields = tuple(_finished_property(each, names) for each in named.fields)
    extra = None if named.extra is None else tagged(named.extra, names)
    return replace(named, fields=fields, extra=extra)


def _finished_property(each: Property, names: Mapping[str, Named]) -> Property:
    type_ = tagged(each.type, names)
    default = plain_default(each, names)
    if type_ is each.type and default is each.default:
        return each
    return replace(each, type=type_, default=default)


def _text(spot: SchemaSpot, keyword: str) -> str | None:
    text = spot.value.get(keyword) if isinstance(spot.value, dict) else None
    return text if isinstance(text, str) else None


def _restricts(branch: Any, named: set[str]) -> bool:
    """Whether a branch adds nothing to the types of an object's properties, which are `named`."""
    if not isinstance(branch, dict):
        return False
    typed = {"$ref", "$dynamicRef", "$recursiveRef", "allOf", "oneOf", "anyOf", "enum", "const"}
    typed |= {"patternProperties", "additionalProperties", "unevaluatedProperties"}
    properties = branch.get("properties", {})
    return (
        not typed & branch.keys()
        and branch.get("type", "object") == "object"
        and isinstance(properties, dict)
        and named.issuperset(properties)
        and all(each is True or each == {} for each in properties.values())
    )


def _items(part: SchemaPart) -> tuple[list[SchemaSpot], SchemaSpot | None]:
    """The schemas of the first items, and that of the items after them."""
    keywords, spot = part.keywords, part.spot
    items = keywords.get("items")
    if isinstance(keywords.get("prefixItems"), list):
        return listed_schemas(spot, "prefixItems"), None if items is None else spot.inner("items")
    if isinstance(items, list):
        has_rest = "additionalItems" in keywords
        return listed_schemas(spot, "items"), spot.inner("additionalItems") if has_rest else None
    return [], None if items is None else spot.inner("items")
