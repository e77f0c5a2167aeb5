"""Which types of a module, spelled out more than once, become one class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kgen_runtime.codec.json.schema.json_tree import JsonSchema, Named

from .json_pairing import Place, equal_pairs, shape
from .library import Ident, Pair, ParsedVersion
from .names import Owner
from .trees import AnyNamed, reach, ref_to


def same_types(units: Sequence[ParsedVersion], given: Mapping[Owner, str]) -> dict[Ident, Ident]:
    """Types -> the ones that have the class, of what a module defines. Those that were two stay two.

    Key and value of a topic may each spell out the same type of Avro or Protobuf. In JSON Schema a type that
    is used twice may be spelled out twice: with equal title and structure it is one.
    """
    json = [unit for unit in units if isinstance(unit.schema, JsonSchema)]
    return {**_same_named([it for it in units if it not in json], given), **_SameJson(json, given).found()}


def _same_named(units: Sequence[ParsedVersion], given: Mapping[Owner, str]) -> dict[Ident, Ident]:
    found: dict[Ident, Ident] = {}
    for at, unit in enumerate(units):
        for earlier in units[:at]:
            equal = {n for n in unit.own if n in earlier.own_names and _whole(unit, n) == _whole(earlier, n)}
            apart = {n for n in equal if _were_two((unit, n), (earlier, n), given)}
            for name in unit.own:
                if name in equal and not apart.intersection(_reached(unit, name)):
                    found[unit.pair, name] = (earlier.pair, name)
    return found


def _were_two(
    one: tuple[ParsedVersion, str], other: tuple[ParsedVersion, str], given: Mapping[Owner, str]
) -> bool:
    classes = {given.get((unit.version.subject, name)) for unit, name in (one, other)} - {None}
    return len(classes) == 2


def _whole(unit: ParsedVersion, name: str) -> dict[str, tuple[AnyNamed, Pair | None]]:
    """Everything that makes a type what it is."""
    reached = _reached(unit, name)
    origins = {it: unit.origins[it] for it in reached}
    return {it: (unit.schema.names[it], origins[it] if origins[it] != unit.pair else None) for it in reached}


def _reached(unit: ParsedVersion, name: str) -> tuple[str, ...]:
    return reach(unit.schema.names, ref_to(unit.schema, name))


@dataclass
class _SameJson:
    units: Sequence[ParsedVersion]
    given: Mapping[Owner, str]
    _same: dict[Ident, Ident] = field(default_factory=dict)

    def found(self) -> dict[Ident, Ident]:
        """See `same_types`. What has a name already keeps it for the others."""
        groups: defaultdict[Hashable, list[tuple[ParsedVersion, Named]]] = defaultdict(list)
        for unit, named in sorted(self._titled(), key=lambda it: not self._named(*it)):
            firsts = groups[type(named), shape(named)]
            if not any(self._join(first, (unit, named)) for first in firsts):
                firsts.append((unit, named))
        return {ident: self._first(ident) for ident in self._same}

    def _titled(self) -> Iterator[tuple[ParsedVersion, Named]]:
        for unit in self.units:
            assert isinstance(unit.schema, JsonSchema)
            yield from ((unit, unit.schema.names[name]) for name in unit.own if unit.schema.names[name].title)

    def _named(self, unit: ParsedVersion, named: Named) -> bool:
        return (unit.version.subject, named.name) in self.given

    def _join(self, first: tuple[ParsedVersion, Named], second: tuple[ParsedVersion, Named]) -> bool:
        (unit, a), (other, b) = first, second
        pairs = equal_pairs(a, b, lambda name: _place(unit, name), lambda name: _place(other, name))
        if pairs is None or any(_were_two((unit, x), (other, y), self.given) for x, y in pairs.items()):
            return False
        for x, y in pairs.items():
            one, two = self._first((unit.pair, x)), self._first((other.pair, y))
            if one != two:
                self._same[two] = one
        return True

    def _first(self, ident: Ident) -> Ident:
        while ident in self._same:
            ident = self._same[ident]
        return ident


def _place(unit: ParsedVersion, name: str) -> Place:
    assert isinstance(unit.schema, JsonSchema)
    return unit.schema.names[name] if unit.origins[name] == unit.pair else unit.ident(name)
