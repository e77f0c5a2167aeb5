"""A JSON Schema as the compatibility rules of registries see it: each schema is of one kind.

What has several kinds of keywords (a type and an `enum`, an object and a `oneOf`) is a combination of all of
them, as in the validator that Confluent's rules were written on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from kgen_runtime.codec.json.schema.json_documents import SchemaSpot, SchemaTexts
from kgen_runtime.errors import SchemaError

RuleKind: TypeAlias = Literal[
    "anything", "nothing", "string", "number", "boolean", "null", "object", "array",
    "const", "enum", "not", "combined",
]  # fmt: skip
Criterion: TypeAlias = Literal["allOf", "anyOf", "oneOf"]

_KEYWORDS: Mapping[RuleKind, frozenset[str]] = {
    "object": frozenset(
        {
            *("properties", "required", "additionalProperties", "patternProperties", "dependencies"),
            *("minProperties", "maxProperties", "propertyNames", "unevaluatedProperties"),
            *("dependentRequired", "dependentSchemas"),
        }
    ),
    "array": frozenset(
        {
            *("items", "additionalItems", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"),
            *("unevaluatedItems", "minContains", "maxContains"),
        }
    ),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
}
_TYPES: Mapping[str, RuleKind] = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
    "object": "object",
    "array": "array",
}
_MOST_REFERENCES = 100


@dataclass(frozen=True, eq=False)
class RuleView:
    """One schema of one kind. `key` is equal for the same part of the same schema.

    `integer`: of a number, whether it has to be one. `parts` are those of a combination.
    """

    texts: SchemaTexts
    spot: SchemaSpot
    kind: RuleKind
    key: str
    criterion: Criterion = "allOf"
    integer: bool = False
    types: tuple[str, ...] = ()

    @property
    def keywords(self) -> Mapping[str, Any]:
        """All keywords of the schema."""
        return self.spot.value if isinstance(self.spot.value, dict) else {}

    def inner(self, *steps: str | int) -> RuleView | None:
        """The schema that stands there; None if there is none."""
        try:
            spot = self.spot.inner(*steps)
        except LookupError:
            return None
        return view(self.texts, spot) if isinstance(spot.value, dict | bool) else None

    @cached_property
    def parts(self) -> tuple[RuleView, ...]:
        """The parts of a combination, each once."""
        found = self._of_types() if self.types else tuple(self._parts())
        return tuple({it.canonical: it for it in found}.values())

    @cached_property
    def canonical(self) -> str:
        """Equal for parts that say the same."""
        value = json.dumps(self.spot.value, sort_keys=True, default=str)
        return f"{self.kind} {self.types} {self.key.partition('|')[2]} {value}"

    def _of_types(self) -> tuple[RuleView, ...]:
        return tuple(_typed(self.texts, self.spot, type_) for type_ in self.types)

    def _parts(self) -> Iterator[RuleView]:
        listed = self.key.partition("|")[2] == self.criterion
        if not listed:
            yield from _kinds(self.texts, self.spot)
            return
        for at in range(len(self.keywords[self.criterion])):
            part = self.inner(self.criterion, at)
            if part is not None:
                yield part


def root_view(text: str, references: Mapping[str, str]) -> RuleView:
    """The view of a whole text. `references`: name -> text. Raises `SchemaError`."""
    texts = SchemaTexts(text, references)
    return view(texts, texts.root)


def view(texts: SchemaTexts, spot: SchemaSpot) -> RuleView:
    """The view of a schema, or of the one that it refers to. Raises `SchemaError`."""
    for _ in range(_MOST_REFERENCES):
        if not isinstance(spot.value, dict) or not isinstance(spot.value.get("$ref"), str):
            break
        spot = texts.resolve(spot, spot.value["$ref"])
    else:
        raise SchemaError("$ref leads in a circle back to itself", where=spot.where)
    if spot.value is True or spot.value is False:
        return RuleView(texts, spot, "anything" if spot.value else "nothing", spot.place)
    kinds = tuple(_kinds(texts, spot))
    if len(kinds) == 1:
        return kinds[0]
    return RuleView(texts, spot, "combined" if kinds else "anything", spot.place)


def _kinds(texts: SchemaTexts, spot: SchemaSpot) -> Iterator[RuleView]:
    """What a schema's keywords are about, one by one."""
    value = spot.value
    types = value.get("type")
    if isinstance(types, list) and len(types) != 1:
        known = tuple(it for it in types if it in _TYPES)
        yield RuleView(texts, spot, "combined", f"{spot.place}|type", "anyOf", types=known)
    elif types is not None and (only := types[0] if isinstance(types, list) else types) in _TYPES:
        yield _typed(texts, spot, only)
    else:
        implied: list[RuleKind] = [kind for kind, keywords in _KEYWORDS.items() if keywords & value.keys()]
        yield from (RuleView(texts, spot, kind, f"{spot.place}|{kind}") for kind in implied)
    if "const" in value:
        yield RuleView(texts, spot, "const", f"{spot.place}|const")
    if isinstance(value.get("enum"), list):
        yield RuleView(texts, spot, "enum", f"{spot.place}|enum")
    if isinstance(value.get("not"), dict | bool):
        yield RuleView(texts, spot, "not", f"{spot.place}|not")
    criteria: tuple[Criterion, ...] = ("allOf", "anyOf", "oneOf")
    for criterion in criteria:
        if isinstance(value.get(criterion), list):
            yield RuleView(texts, spot, "combined", f"{spot.place}|{criterion}", criterion)


def _typed(texts: SchemaTexts, spot: SchemaSpot, type_: str) -> RuleView:
    return RuleView(texts, spot, _TYPES[type_], f"{spot.place}|{type_}", integer=type_ == "integer")
