"""What the fields of records and the symbols of enums are called in Python, now and for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from .given import Before, History, members_of
from .library import Pair, ParsedVersion
from .trees import AnyNamed


class Members:
    """Attributes and enum members by subject and full name, the same in every version of a subject."""

    def __init__(self, units: Mapping[Pair, ParsedVersion], now: History, before: Before) -> None:
        self._now = now
        self._before = before
        self._units: dict[str, list[ParsedVersion]] = {}
        for (subject, _), unit in sorted(units.items()):
            self._units.setdefault(subject, []).append(unit)
        self._tables: dict[tuple[str, str], Mapping[str, str]] = {}
        self._locked_members: dict[str, Mapping[str, Mapping[str, str]]] = {}

    def of(self, subject: str, named: AnyNamed) -> Mapping[str, str]:
        """Wire name -> Python name, for the type of a subject."""
        key = subject, named.name
        if key not in self._tables:
            self._tables[key] = self._table(subject, named)
        return self._tables[key]

    def _table(self, subject: str, named: AnyNamed) -> Mapping[str, str]:
        versions = [u.schema.names[named.name] for u in self._units[subject] if named.name in u.own_names]
        plain = members_of(named, *versions)
        locked = dict(self._locked(subject, named.name))
        if not locked and all(wire == name for wire, name in plain.items()):
            return plain
        plain_before = self._before.history.plain(subject)
        known = [wire for name in self._names(subject, named.name) for wire in plain_before.get(name, ())]
        return members_of(named, *versions, locked=locked, known=known)

    def _names(self, subject: str, full_name: str) -> Iterator[str]:
        """What the type was called before, and what it is called."""
        pairs = (self._before.predecessors(unit).get(full_name) for unit in self._units[subject])
        yield from filter(None, pairs)
        yield full_name

    def _locked(self, subject: str, full_name: str) -> Iterator[tuple[str, str]]:
        given = self._given(subject)
        for name in self._names(subject, full_name) if given else ():
            yield from given.get(name, {}).items()

    def _given(self, subject: str) -> Mapping[str, Mapping[str, str]]:
        if subject not in self._locked_members:
            self._locked_members[subject] = self._before.members(subject)
        return self._locked_members[subject]

    def names(self) -> dict[str, dict[str, str]]:
        """Subject -> path -> name, for the lock: what the schemas at hand do not show."""
        found: dict[str, dict[str, str]] = {}
        for subject in sorted(
            {*self._before.names.members, *self._units, *(s for s, _ in self._before.units)}
        ):
            paths = dict(sorted(self._paths(subject)))
            if paths:
                found[subject] = paths
        return found

    def _paths(self, subject: str) -> Iterator[tuple[str, str]]:
        tables = {name: dict(table) for name, table in self._given(subject).items()}
        for unit in self._units.get(subject, ()):
            for name in unit.own:
                tables[name] = {**tables.get(name, {}), **self.of(subject, unit.schema.names[name])}
        gone = self._gone(subject)
        for full_name in {**tables, **gone}:
            table = {wire: wire for wire in gone.get(full_name, ())} | tables.get(full_name, {})
            names = Counter(table.values())
            for wire, name in table.items():
                if wire != name or wire in gone.get(full_name, ()) or names[name] > 1:
                    yield f"{full_name}:{wire}", name

    def _gone(self, subject: str) -> dict[str, set[str]]:
        """Full name -> wire names that no schema at hand has any more, which were called as on the wire."""
        given = self._given(subject)
        found = {name: {wire for wire, of in table.items() if wire == of} for name, table in given.items()}
        if self._has_lost(subject):
            for name, wires in self._before.history.plain(subject).items():
                table = given.get(name, {})
                found.setdefault(name, set()).update({*wires} - {*table, *table.values()})
        if not any(found.values()):
            return {}
        present = self._now.plain(subject)
        return {name: wires - {*present.get(name, ())} for name, wires in found.items()}

    def _has_lost(self, subject: str) -> bool:
        old = ((subject, number) for number in self._before.history.numbers.get(subject, ()))
        return any(self._now.versions.get(pair) != self._before.history.versions[pair] for pair in old)
