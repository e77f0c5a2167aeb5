"""What single keywords of two JSON Schemas differ in: bounds, constants, names; no schemas inside of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from kgen_runtime.codec.json.schema.json_patterns import matches

from .json_policies import RuleDifference
from .json_views import RuleView

Found: TypeAlias = "Iterator[RuleDifference]"


def described(old: RuleView, new: RuleView) -> Found:
    """What only people read, and the default."""
    one, two = (it.keywords.get("$id", it.keywords.get("id")) for it in (old, new))
    if one != two and not (isinstance(one, dict) or isinstance(two, dict)):
        yield RuleDifference("ID_CHANGED", "")
    for keyword, kind in (("title", "TITLE"), ("description", "DESCRIPTION"), ("default", "DEFAULT")):
        if old.keywords.get(keyword) != new.keywords.get(keyword):
            yield RuleDifference(f"{kind}_CHANGED", "")


def bounds(old: RuleView, new: RuleView, keywords: Iterable[str]) -> Found:
    """Keywords with a number each: `maxLength`."""
    for keyword in keywords:
        before, after = _number(old, keyword), _number(new, keyword)
        if before != after:
            name = "".join(f"_{char}" if char.isupper() else char.upper() for char in keyword)
            if before is None or after is None:
                word = "ADDED" if before is None else "REMOVED"
            else:
                word = "INCREASED" if before < after else "DECREASED"
            yield RuleDifference(f"{name}_{word}", f"/{keyword}")


def _number(view: RuleView, keyword: str) -> Decimal | None:
    value = view.keywords.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number


def strings(old: RuleView, new: RuleView) -> Found:
    """Length and pattern."""
    yield from bounds(old, new, ("maxLength", "minLength"))
    before, after = old.keywords.get("pattern"), new.keywords.get("pattern")
    if before != after:
        word = "ADDED" if before is None else "REMOVED" if after is None else "CHANGED"
        yield RuleDifference(f"PATTERN_{word}", "/pattern")


def numbers(old: RuleView, new: RuleView) -> Found:
    """Bounds, multiples, and whether it has to be whole."""
    yield from bounds(old, new, ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"))
    before, after = _number(old, "multipleOf"), _number(new, "multipleOf")
    if before != after:
        yield RuleDifference(f"MULTIPLE_OF_{_multiple(before, after)}", "/multipleOf")
    if old.integer != new.integer:
        yield RuleDifference("TYPE_EXTENDED" if old.integer else "TYPE_NARROWED", "")


def _multiple(before: Decimal | None, after: Decimal | None) -> str:
    if before is None or after is None:
        return "ADDED" if before is None else "REMOVED"
    try:
        if before and after % before == 0:
            return "EXPANDED"
        return "REDUCED" if after and before % after == 0 else "CHANGED"
    except InvalidOperation:
        return "CHANGED"


def constants(old: RuleView, new: RuleView) -> Found:
    """`const`."""
    if _plain(old.keywords["const"]) != _plain(new.keywords["const"]):
        yield RuleDifference("ENUM_ARRAY_CHANGED", "/const")


def enums(old: RuleView, new: RuleView) -> Found:
    """`enum`."""
    before, after = ({_plain(value) for value in it.keywords["enum"]} for it in (old, new))
    if before != after:
        word = "EXTENDED" if before <= after else "NARROWED" if after <= before else "CHANGED"
        yield RuleDifference(f"ENUM_ARRAY_{word}", "/enum")


def _plain(value: Any) -> str:
    """Equal for equal JSON values."""
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() and value.adjusted() < 400 else value
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_plain(it)}' for key, it in sorted(value.items()))}}}"
    return repr(value)


def required(old: RuleView, new: RuleView, name: str) -> Found:
    """Whether a property that both name is required."""
    before, after = name in listed_names(old, "required"), name in listed_names(new, "required")
    if before and not after:
        yield RuleDifference("REQUIRED_ATTRIBUTE_REMOVED", f"/required/{name}")
    elif after and not before:
        item = new.inner("properties", name)
        has_default = item is not None and "default" in item.keywords
        word = "ATTRIBUTE_WITH_DEFAULT" if has_default else "ATTRIBUTE"
        yield RuleDifference(f"REQUIRED_{word}_ADDED", f"/required/{name}")


def dependency(before: Any, after: Any) -> str:
    """The difference of two lists of properties that have to be there, as a kind; empty: there is none."""
    if after is None or before is None:
        return "DEPENDENCY_ARRAY_REMOVED" if after is None else "DEPENDENCY_ARRAY_ADDED"
    one, two = ({*map(_plain, it)} for it in (before, after))
    if one == two:
        return ""
    return f"DEPENDENCY_ARRAY_{'EXTENDED' if one <= two else 'NARROWED' if two <= one else 'CHANGED'}"


def named_schemas(view: RuleView, keyword: str) -> Mapping[str, Any]:
    """A keyword that has schemas by name."""
    value = view.keywords.get(keyword)
    return value if isinstance(value, dict) else {}


def listed_names(view: RuleView, keyword: str) -> Sequence[Any]:
    """A keyword that has a list."""
    value = view.keywords.get(keyword)
    return value if isinstance(value, list) else ()


def is_open(view: RuleView, keyword: str, unevaluated: str) -> bool:
    """Whether an object takes any value under a name that it does not know."""
    others = view.keywords.get(keyword)
    if others is False or isinstance(others, dict) or named_schemas(view, "patternProperties"):
        return False
    more = view.inner(unevaluated)
    return more is None or more.kind == "anything"


def schema_of_others(view: RuleView, name: str) -> RuleView | None:
    """The schema of a property that an object does not name, if it has one for such."""
    for pattern in named_schemas(view, "patternProperties"):
        if matches(pattern, name):
            return view.inner("patternProperties", pattern)
    others = view.keywords.get("additionalProperties")
    if isinstance(others, dict):
        return view.inner("additionalProperties")
    more = view.inner("unevaluatedProperties") if others is None else None
    return more if more is not None and more.kind not in ("anything", "nothing") else None


def item_schemas(view: RuleView) -> tuple[list[RuleView], RuleView | None]:
    """The schemas of the first items, and that of the others; None if there is none, or one for all."""
    keyword = "prefixItems" if isinstance(view.keywords.get("prefixItems"), list) else "items"
    listed = view.keywords.get(keyword)
    if not isinstance(listed, list):
        return [], view.inner("additionalItems")
    items = [it for at in range(len(listed)) if (it := view.inner(keyword, at)) is not None]
    return items, view.inner(rest_keyword(view))


def rest_keyword(view: RuleView) -> str:
    """The keyword of the items after the first ones."""
    return "items" if isinstance(view.keywords.get("prefixItems"), list) else "additionalItems"
