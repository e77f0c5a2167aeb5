"""The rules by which registries decide whether one JSON Schema may follow another.

As Confluent documents and publishes them: each difference has a kind, and a policy says which kinds are
compatible. STRICT is the default. LENIENT also lets open objects get named properties, and properties go.
A schema is compatible with an earlier one if what the earlier one accepts it accepts, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .json_keyword_rules import (
    Found,
    bounds,
    constants,
    dependency,
    described,
    enums,
    is_open,
    item_schemas,
    listed_names,
    named_schemas,
    numbers,
    required,
    rest_keyword,
    schema_of_others,
    strings,
)
from .json_policies import COMPATIBLE, Policy, RuleDifference
from .json_views import RuleView

_MOST = 100_000  # comparisons of two schemas
_DEEPEST = 200


def differences(old: RuleView, new: RuleView, policy: Policy = "STRICT") -> tuple[RuleDifference, ...]:
    """All differences that the rules know, the compatible ones too.

    Where types hold themselves, a comparison that is still open counts as compatible; what turns out not to
    be is held against the next round, until nothing is found any more.
    """
    known: dict[tuple[str, str], list[RuleDifference]] = {}
    while True:
        comparison = _Comparison(COMPATIBLE[policy], known)
        found = comparison.of(old, new)
        failed = {pair: its for pair, its in comparison.done.items() if not comparison.fits(its)}
        if not comparison.was_open or failed.keys() == known.keys():
            return tuple(dict.fromkeys(found))
        known = failed


def incompatible(old: RuleView, new: RuleView, policy: Policy = "STRICT") -> tuple[RuleDifference, ...]:
    """The differences that the policy does not allow."""
    return tuple(it for it in differences(old, new, policy) if it.kind not in COMPATIBLE[policy])


@dataclass
class _Comparison:
    compatible: frozenset[str]
    known: Mapping[tuple[str, str], list[RuleDifference]]  # those that an earlier round found to fail
    done: dict[tuple[str, str], list[RuleDifference]] = field(default_factory=dict)
    was_open: bool = False
    _open: set[tuple[str, str]] = field(default_factory=set)
    _work: int = 0

    def fits(self, found: Iterable[RuleDifference]) -> bool:
        """Whether all are compatible."""
        return all(it.kind in self.compatible for it in found)

    def of(self, old: RuleView | None, new: RuleView | None) -> list[RuleDifference]:
        """The differences of two schemas, from where they stand."""
        if old is None or new is None:
            kind = "SCHEMA_REMOVED" if new is None else "SCHEMA_ADDED"
            return [] if old is new else [RuleDifference(kind, "")]
        pair = (old.key, new.key)
        if pair in self.done:
            return self.done[pair]
        if pair in self._open:
            self.was_open = True
            return self.known.get(pair, [])
        self._work += 1
        if self._work > _MOST or len(self._open) > _DEEPEST:
            return [RuleDifference("TOO_MUCH_WORK", "")]
        self._open.add(pair)
        found = self.done[pair] = list(self._schemas(old, new))
        self._open.remove(pair)
        return found

    def _schemas(self, old: RuleView, new: RuleView) -> Found:
        single = self._combined_and_not(old, new)
        if single is not None:
            yield from single
            return
        if old.kind != new.kind:
            both_bytes = all(it.keywords.get("connect.type") == "bytes" for it in (old, new))
            if old.kind != "nothing" and new.kind != "anything" and not both_bytes:
                yield RuleDifference("TYPE_CHANGED", "")
            return
        yield from described(old, new)
        rules: Mapping[str, Callable[[RuleView, RuleView], Found]] = {
            "string": strings,
            "number": numbers,
            "const": constants,
            "enum": enums,
            "not": self._nots,
            "combined": self._combinations,
            "object": self._objects,
            "array": self._arrays,
        }
        if old.kind in rules:
            yield from rules[old.kind](old, new)

    def _combined_and_not(self, old: RuleView, new: RuleView) -> list[RuleDifference] | None:
        """A combination against what is none: one of its parts may do."""
        if (old.kind == "combined") == (new.kind == "combined"):
            return None
        combined, extended = (
            (new, "SUM_TYPE_EXTENDED") if new.kind == "combined" else (old, "PRODUCT_TYPE_NARROWED")
        )
        single = len(combined.parts) == 1
        sums = combined.criterion != "allOf"
        if not single and sums != (combined is new):
            return None
        for part in combined.parts:
            found = self.of(old, part) if combined is new else self.of(part, new)
            if self.fits(found):
                return found if single else [*found, RuleDifference(extended, "")]
        return None

    def _nots(self, old: RuleView, new: RuleView) -> Found:
        fits = self.fits(self.of(new.inner("not"), old.inner("not")))
        yield RuleDifference("NOT_TYPE_NARROWED" if fits else "NOT_TYPE_EXTENDED", "/not")

    def _combinations(self, old: RuleView, new: RuleView) -> Found:
        criterion = _criterion(old, new)
        if criterion:
            yield RuleDifference(criterion, "")
        if criterion == "COMBINED_TYPE_CHANGED":
            return
        first, second = old.parts, new.parts
        if len(first) < len(second):
            kind = "PRODUCT_TYPE_EXTENDED" if new.criterion == "allOf" else "SUM_TYPE_EXTENDED"
            yield RuleDifference(kind, "")
        elif len(first) > len(second):
            kind = "PRODUCT_TYPE_NARROWED" if old.criterion == "allOf" else "SUM_TYPE_NARROWED"
            yield RuleDifference(kind, "")
        edges = {
            at: {to: found for to, b in enumerate(second) if self.fits(found := self.of(a, b))}
            for at, a in enumerate(first)
        }
        matched = _matching(edges)
        for at, to in sorted(matched.items()):
            yield from (it.at(f"/{old.criterion}/{at}") for it in edges[at][to])
        if len(matched) < min(len(first), len(second)):
            yield RuleDifference("COMBINED_TYPE_SUBSCHEMAS_CHANGED", "")

    def _objects(self, old: RuleView, new: RuleView) -> Found:
        before, after = named_schemas(old, "properties"), named_schemas(new, "properties")
        for name in before:
            if name in after:
                yield from required(old, new, name)
        for name in dict.fromkeys([*before, *after]):
            path = f"/properties/{name}"
            one, two = old.inner("properties", name), new.inner("properties", name)
            if name not in after and one is not None:
                yield from (it.at(path) for it in self._removed(one, new, name))
            elif name not in before and two is not None:
                yield from (it.at(path) for it in self._added(old, two, new, name))
            else:
                yield from (it.at(path) for it in self.of(one, two))
        yield from self._dependencies(old, new)
        yield from self._others(old, new, "additionalProperties", "ADDITIONAL_PROPERTIES")
        yield from self._unevaluated(old, new, "unevaluatedProperties", "UNEVALUATED_PROPERTIES")
        yield from bounds(old, new, ("maxProperties", "minProperties"))

    def _removed(self, item: RuleView, new: RuleView, name: str) -> Found:
        """A property that the new schema does not name: what that takes under its name decides."""
        if is_open(new, "additionalProperties", "unevaluatedProperties"):
            yield RuleDifference("PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL", "")
            return
        other = schema_of_others(new, name)
        if other is not None:
            found = self.of(item, other)
            yield from found
            covered = "IS_COVERED" if self.fits(found) else "NOT_COVERED"
            yield RuleDifference(f"PROPERTY_REMOVED_{covered}_BY_PARTIALLY_OPEN_CONTENT_MODEL", "")
        else:
            word = "PROPERTY_WITH_FALSE" if item.kind == "nothing" else "PROPERTY"
            yield RuleDifference(f"{word}_REMOVED_FROM_CLOSED_CONTENT_MODEL", "")

    def _added(self, old: RuleView, item: RuleView, new: RuleView, name: str) -> Found:
        """A property that the old schema did not name: what that took under its name decides."""
        word = "OPTIONAL_PROPERTY"
        if name in listed_names(new, "required"):
            word = "REQUIRED_PROPERTY_WITH_DEFAULT" if "default" in item.keywords else "REQUIRED_PROPERTY"
        if is_open(old, "additionalProperties", "unevaluatedProperties"):
            word = "PROPERTY_WITH_EMPTY_SCHEMA" if item.kind == "anything" else word
            yield RuleDifference(f"{word}_ADDED_TO_OPEN_CONTENT_MODEL", "")
            return
        other = schema_of_others(old, name)
        if other is not None:
            found = self.of(other, item)
            yield from found
            covered = "IS_COVERED" if self.fits(found) else "NOT_COVERED"
            yield RuleDifference(f"PROPERTY_ADDED_{covered}_BY_PARTIALLY_OPEN_CONTENT_MODEL", "")
        yield RuleDifference(f"{word}_ADDED_TO_UNOPEN_CONTENT_MODEL", "")

    def _dependencies(self, old: RuleView, new: RuleView) -> Found:
        for keyword in ("dependencies", "dependentRequired", "dependentSchemas"):
            before, after = named_schemas(old, keyword), named_schemas(new, keyword)
            for name in dict.fromkeys([*before, *after]):
                one, two = before.get(name), after.get(name)
                path = f"/{keyword}/{name}"
                lists = isinstance(one, list), isinstance(two, list)
                if lists[0] or (one is None and lists[1]):
                    kind = dependency(one, two if lists[1] else None)
                    yield from ([RuleDifference(kind, path)] if kind else [])
                if isinstance(one, dict | bool) and not isinstance(two, dict | bool):
                    yield RuleDifference("DEPENDENCY_SCHEMA_REMOVED", path)
                elif isinstance(two, dict | bool) and not isinstance(one, dict | bool):
                    yield RuleDifference("DEPENDENCY_SCHEMA_ADDED", path)
                elif isinstance(two, dict | bool):
                    yield from (
                        it.at(path) for it in self.of(old.inner(keyword, name), new.inner(keyword, name))
                    )

    def _others(self, old: RuleView, new: RuleView, keyword: str, kind: str) -> Found:
        """What is allowed besides what has a schema of its own."""
        before, after = old.keywords.get(keyword), new.keywords.get(keyword)
        schemas = old.inner(keyword), new.inner(keyword)
        one, two = (it if isinstance(value, dict) else None for it, value in zip(schemas, (before, after)))
        path = f"/{keyword}"
        if (before is False) != (after is False):
            yield RuleDifference(f"{kind}_{'ADDED' if before is False else 'REMOVED'}", path)
        elif one is None and two is not None:
            yield RuleDifference(f"{kind}_NARROWED", path)
        elif two is None and one is not None:
            yield RuleDifference(f"{kind}_EXTENDED", path)
        else:
            yield from (it.at(path) for it in self.of(one, two))

    def _unevaluated(self, old: RuleView, new: RuleView, keyword: str, kind: str) -> Found:
        one, two = old.inner(keyword), new.inner(keyword)
        kinds = ("anything" if it is None else it.kind for it in (one, two))
        before, after = kinds
        path = f"/{keyword}"
        if one is None and two is None:
            return
        if (before == "nothing") != (after == "nothing"):
            yield RuleDifference(f"{kind}_{'ADDED' if before == 'nothing' else 'REMOVED'}", path)
        elif one is None or (before == "anything" and after != "anything"):
            yield RuleDifference(f"{kind}_NARROWED", path)
        elif two is None or (after == "anything" and before != "anything"):
            yield RuleDifference(f"{kind}_EXTENDED", path)
        else:
            yield from (it.at(path) for it in self.of(one, two))

    def _arrays(self, old: RuleView, new: RuleView) -> Found:
        (before, others), (after, new_others) = item_schemas(old), item_schemas(new)
        if others is None and new_others is None:
            one, two = (
                it.inner("items") if not isinstance(it.keywords.get("items"), list) else None
                for it in (old, new)
            )
            yield from (it.at("/items") for it in self.of(one, two))
        for at in range(min(len(before), len(after))):
            yield from (it.at(f"/items/{at}") for it in self.of(before[at], after[at]))
        for at in range(len(after), len(before)):
            yield from (it.at(f"/items/{at}") for it in self._item("REMOVED", before[at], new, new_others))
        for at in range(len(before), len(after)):
            yield from (it.at(f"/items/{at}") for it in self._item("ADDED", after[at], old, others))
        yield from self._other_items(old, new)
        yield from self._unevaluated(old, new, "unevaluatedItems", "UNEVALUATED_ITEMS")
        yield from bounds(old, new, ("maxItems", "minItems"))
        if bool(old.keywords.get("uniqueItems")) != bool(new.keywords.get("uniqueItems")):
            word = "REMOVED" if old.keywords.get("uniqueItems") else "ADDED"
            yield RuleDifference(f"UNIQUE_ITEMS_{word}", "/uniqueItems")
        yield from bounds(old, new, ("maxContains", "minContains"))

    def _other_items(self, old: RuleView, new: RuleView) -> Found:
        keywords = [rest_keyword(it) for it in (old, new)]
        if any("prefixItems" in it.keywords for it in (old, new)):
            one, two = (it.keywords.get(keyword) for it, keyword in zip((old, new), keywords))
            if (one is False) != (two is False):
                yield RuleDifference(f"ADDITIONAL_ITEMS_{'ADDED' if one is False else 'REMOVED'}", "/items")
                return
            views = [
                it.inner(k) if isinstance(v, dict) else None
                for it, k, v in zip((old, new), keywords, (one, two))
            ]
            if views[0] is None and views[1] is not None:
                yield RuleDifference("ADDITIONAL_ITEMS_NARROWED", "/items")
            elif views[1] is None and views[0] is not None:
                yield RuleDifference("ADDITIONAL_ITEMS_EXTENDED", "/items")
            else:
                yield from (it.at("/items") for it in self.of(*views))
            return
        yield from self._others(old, new, "additionalItems", "ADDITIONAL_ITEMS")

    def _item(
        self, word: Literal["ADDED", "REMOVED"], item: RuleView, whole: RuleView, others: RuleView | None
    ) -> Found:
        """An item that one of the two arrays, `whole`, has no schema of its own for."""
        closed = others is not None and others.kind == "nothing"
        uneval = whole.inner("unevaluatedItems")
        if others is None and uneval is not None:
            closed, others = uneval.kind == "nothing", uneval
        if others is None or others.kind == "anything":
            empty = word == "ADDED" and item.kind == "anything"
            where = "TO" if word == "ADDED" else "FROM"
            yield RuleDifference(
                f"ITEM{'_WITH_EMPTY_SCHEMA' if empty else ''}_{word}_{where}_OPEN_CONTENT_MODEL", ""
            )
        elif not closed:
            found = self.of(others, item) if word == "ADDED" else self.of(item, others)
            yield from found
            covered = "IS_COVERED" if self.fits(found) else "NOT_COVERED"
            yield RuleDifference(f"ITEM_{word}_{covered}_BY_PARTIALLY_OPEN_CONTENT_MODEL", "")
        elif word == "ADDED":
            yield RuleDifference("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL", "")
        else:
            false = "_WITH_FALSE" if item.kind == "nothing" else ""
            yield RuleDifference(f"ITEM{false}_REMOVED_FROM_CLOSED_CONTENT_MODEL", "")


def _criterion(old: RuleView, new: RuleView) -> str:
    if old.criterion == new.criterion:
        return ""
    singles = [len(it.parts) == 1 for it in (old, new)]
    extended = (
        new.criterion == "anyOf"
        or all(singles)
        or (singles[0] and new.criterion == "oneOf")
        or (singles[1] and old.criterion == "allOf")
    )
    return "COMBINED_TYPE_EXTENDED" if extended else "COMBINED_TYPE_CHANGED"


def _matching(edges: Mapping[int, Mapping[int, object]]) -> dict[int, int]:
    """As many pairs as there can be, none with a partner in two."""
    partner: dict[int, int] = {}

    def place(at: int, seen: set[int]) -> bool:
        for to in edges[at]:
            if to not in seen:
                seen.add(to)
                if to not in partner or place(partner[to], seen):
                    partner[to] = at
                    return True
        return False

    for at in edges:
        place(at, set())
    return {at: to for to, at in partner.items()}
