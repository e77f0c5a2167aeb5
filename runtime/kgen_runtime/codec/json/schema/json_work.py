"""How much work a JSON Schema can make of validating a value, and of listing what is wrong with it.

A definition that uses the next one twice, which uses the next one twice…: 24 of them make 17 million tries.
Such a schema is refused. What holds itself again in several branches of a union is tried two, four, eight
times as the value gets deeper. jsonschema-rs remembers what it has tried, so its verdict takes no longer; but
it lists the problems of every try: so how many that can be is known before, by the depth of the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ....errors import SchemaError
from ...limits import MAX_DEPTH
from .json_documents import SchemaSpot, SchemaTexts

MOST: Final = 1 << 40
"""As much as is counted."""
_TRIES: Final = 1_000_000
"""How many schemas may be applied to one value, and to one in it and so on, together: some milliseconds."""
_DEFINITIONS: Final = 5_000
"""Schemas that references lead to: a validator may recurse from each into the next."""

_HERE: Final = ("not", "if", "then", "else")
_HERE_LISTS: Final = ("allOf", "anyOf", "oneOf")
_HERE_MAPS: Final = ("dependentSchemas", "dependencies")
_INSIDE: Final = (
    *("additionalProperties", "unevaluatedProperties", "propertyNames"),
    *("additionalItems", "unevaluatedItems", "contains"),
)


@dataclass(eq=False)
class _Applied:
    """A schema: those that it applies to the same value, and to values in it. Of each group in `inside` one
    applies to one of these.
    """

    here: list[str] = field(default_factory=list)
    inside: list[list[str]] = field(default_factory=list)
    times: int = 1

    def every(self) -> Iterator[str]:
        """All of these."""
        yield from self.here
        for group in self.inside:
            yield from group


def work_by_depth(texts: SchemaTexts) -> tuple[int, ...]:
    """How many schemas are applied to a value and to one of each depth in it together, at most, if nothing
    is remembered.

    Entry d is that of a value with d objects and arrays inside of each other; the last is that of deeper ones
    too. Raises `SchemaError` for a reference that leads to no schema, for too many of them, and if already
    without recursion too many schemas are tried.
    """
    applied = _reachable(texts)
    _check_tries(applied, texts.root.place)
    order = _inner_first(applied, lambda place: applied[place].here)
    work = dict.fromkeys(order, 1)
    root = texts.root.place
    found: list[int] = []
    for _ in range(MAX_DEPTH + 1):
        before, work = work, {}
        for place in order:
            it = applied[place]
            # What is not there yet is a cycle: validators do not go round.
            here = sum(work.get(each, 0) for each in it.here)
            inside = sum(max(before[each] for each in group) for group in it.inside) if found else 0
            work[place] = min(MOST, (1 + here + inside) * it.times)
        found.append(work[root])
        if (work == before and len(found) > 1) or work[root] >= MOST:
            break
    return tuple(found)


def _reachable(texts: SchemaTexts) -> dict[str, _Applied]:
    applied: dict[str, _Applied] = {}
    targets: set[str] = set()
    left = [texts.root]
    while left:
        spot = left.pop()
        if spot.place in applied:
            continue
        it = applied[spot.place] = _Applied()
        if not isinstance(spot.value, dict):
            continue
        for target in _targets(texts, spot):
            it.here.append(target.place)
            left.append(target)
            targets.add(target.place)
            if len(targets) > _DEFINITIONS:
                raise SchemaError(f"the schema has references to more than {_DEFINITIONS} others")
        if "$ref" in spot.value and spot.resource.draft <= 7:
            continue  # what stands beside it is ignored there
        here = list(_here(spot))
        groups = [group for group in _inside(spot) if group]
        it.here += [each.place for each in here]
        it.inside = [[each.place for each in group] for group in groups]
        it.times = 1 + any(name in spot.value for name in ("unevaluatedProperties", "unevaluatedItems"))
        left += here
        left += [each for group in groups for each in group]
    return applied


def _targets(texts: SchemaTexts, spot: SchemaSpot) -> Iterator[SchemaSpot]:
    for keyword in ("$ref", "$dynamicRef"):
        reference = spot.value.get(keyword)
        if isinstance(reference, str):
            yield texts.resolve(spot, reference, keyword)
            if keyword == "$dynamicRef":
                yield from texts.dynamic_anchors(reference.partition("#")[2])
    if "$recursiveRef" in spot.value:
        yield from texts.recursive_roots(spot)


def _here(spot: SchemaSpot) -> Iterator[SchemaSpot]:
    for keyword in _HERE:
        if isinstance(spot.value.get(keyword), dict):
            yield spot.inner(keyword)
    for keyword in _HERE_LISTS:
        yield from _listed(spot, keyword)
    for keyword in _HERE_MAPS:
        yield from _mapped(spot, keyword)


def _inside(spot: SchemaSpot) -> Iterator[list[SchemaSpot]]:
    yield list(_mapped(spot, "properties"))
    for each in _mapped(spot, "patternProperties"):  # all of them may match
        yield [each]
    for keyword in _INSIDE:
        if isinstance(spot.value.get(keyword), dict):
            yield [spot.inner(keyword)]
    items = [*_listed(spot, "prefixItems"), *_listed(spot, "items")]
    if isinstance(spot.value.get("items"), dict):
        items.append(spot.inner("items"))
    yield items


def _listed(spot: SchemaSpot, keyword: str) -> Iterator[SchemaSpot]:
    listed: Any = spot.value.get(keyword)
    if isinstance(listed, list):
        yield from (spot.inner(keyword, i) for i, each in enumerate(listed) if isinstance(each, dict))


def _mapped(spot: SchemaSpot, keyword: str) -> Iterator[SchemaSpot]:
    mapped: Any = spot.value.get(keyword)
    if isinstance(mapped, dict):
        yield from (spot.inner(keyword, name) for name, each in mapped.items() if isinstance(each, dict))


def _check_tries(applied: dict[str, _Applied], root: str) -> None:
    tries: dict[str, int] = {}
    for place in _inner_first(applied, lambda place: applied[place].every()):
        it = applied[place]
        here = sum(tries.get(each, 0) for each in it.here)
        inside = sum(max(tries.get(each, 0) for each in group) for group in it.inside)
        tries[place] = min(MOST, (1 + here + inside) * it.times)
    if tries[root] > _TRIES:
        raise SchemaError("the schema makes a validator try too many combinations of its branches")


def _inner_first(applied: dict[str, _Applied], inner: Callable[[str], Iterable[str]]) -> list[str]:
    """The schemas, each after its inner ones, but for cycles."""
    order: list[str] = []
    done: set[str] = set()
    for start in applied:
        left = [(start, False)]
        while left:
            place, is_after = left.pop()
            if is_after:
                order.append(place)
            elif place not in done:
                done.add(place)
                left.append((place, True))
                left += [(each, False) for each in inner(place) if each not in done]
    return order
