"""Whether a registry would take one JSON Schema after another, at a level and under a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kgen_runtime.codec.avro.resolution.incompatibilities import Incompatibility
from kgen_runtime.errors import SchemaError

from .json_policies import Policy, RuleDifference
from .json_rules import incompatible
from .json_views import root_view
from .levels import CompatibilityBothWays, asks

_TEXTS: Mapping[str, str] = {
    "TYPE_CHANGED": "another type",
    "TYPE_NARROWED": "an integer now, and any number before",
    "SCHEMA_ADDED": "a schema now, and anything before",
    "REQUIRED_ATTRIBUTE_ADDED": "required now",
    "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL": "a new property that is required",
    "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL": "a new property that is required, without a default",
    "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL": "a new property of an open object, which "
    "could have any value under that name (allowed if additionalProperties was false, or under LENIENT)",
    "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL": "a new property of an open object, which could have any "
    "value under that name (allowed if additionalProperties was false, or under LENIENT)",
    "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL": "removed, and the object takes no others "
    "(additionalProperties is false; allowed under LENIENT)",
    "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": "removed, and others have another type",
    "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": "a new property, of another type than "
    "properties without a name had",
    "ADDITIONAL_PROPERTIES_REMOVED": "the object is closed now, and was open (allowed under LENIENT)",
    "ADDITIONAL_PROPERTIES_NARROWED": "other properties have a type now (allowed under LENIENT)",
    "ITEM_ADDED_TO_OPEN_CONTENT_MODEL": "a new item of a list that could have any value there",
    "ENUM_ARRAY_NARROWED": "values are gone",
    "ENUM_ARRAY_CHANGED": "values are gone",
    "SUM_TYPE_NARROWED": "branches are gone",
    "PRODUCT_TYPE_EXTENDED": "more schemas have to fit",
    "COMBINED_TYPE_CHANGED": "allOf, anyOf or oneOf became another of them",
    "COMBINED_TYPE_SUBSCHEMAS_CHANGED": "branches that fit no branch of before",
    "NOT_TYPE_EXTENDED": "`not` refuses more",
    "TOO_MUCH_WORK": "the two take too much work to compare",
}


@dataclass(frozen=True)
class JsonText:
    """A schema's text, and those that it refers to, by name."""

    text: str
    references: Mapping[str, str] = field(default_factory=dict)


def json_both_ways(
    level: str, old: JsonText, new: JsonText, policy: Policy = "STRICT"
) -> CompatibilityBothWays:
    """What stands in the way, as far as the level asks for it. See `levels.at`."""
    return CompatibilityBothWays(
        rule_problems(old, new, policy) if asks(level, "BACKWARD") else (),
        rule_problems(new, old, policy) if asks(level, "FORWARD") else (),
    )


def rule_problems(old: JsonText, new: JsonText, policy: Policy = "STRICT") -> tuple[Incompatibility, ...]:
    """Why `new` may not follow `old`. A text that does not parse may follow none."""
    try:
        before, after = (root_view(it.text, it.references) for it in (old, new))
        return tuple(map(_problem, incompatible(before, after, policy)))
    except (SchemaError, RecursionError) as error:
        what = error.what if isinstance(error, SchemaError) else "nested too deeply"
        return (Incompatibility("", what, always=True),)


def _problem(difference: RuleDifference) -> Incompatibility:
    words = difference.kind.replace("_", " ").lower()
    return Incompatibility(f"#{difference.path}", _TEXTS.get(difference.kind, words), always=False)


def policy_of(text: Any) -> Policy:
    """The policy of a registry's settings: STRICT unless they say LENIENT."""
    return "LENIENT" if text == "LENIENT" else "STRICT"
