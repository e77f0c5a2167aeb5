"""A module of `_generated` on its way: the classes it needs, and what they are called in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .library import Ident, ParsedVersion
from .names import NameScope, Owner
from .trees import RECORDS, AnyNamed, held, reach, refs


@dataclass
class ModuleDraft:
    """A module on its way. `locals` says what every class is called in it. `serdes` are what it reads, by
    role, `others` the same in the language that the subject had before, `types` each of several types of
    values.
    """

    identity: str
    name: str
    defines: list[ParsedVersion]
    serdes: dict[str, ParsedVersion]
    others: dict[str, ParsedVersion] = field(default_factory=dict)
    types: list[ParsedVersion] = field(default_factory=list)
    scope: NameScope = field(default_factory=NameScope)
    locals: dict[Ident, str] = field(default_factory=dict)
    same: dict[Ident, Ident] = field(default_factory=dict)
    aliases: dict[Owner, str] = field(default_factory=dict)

    def units(self) -> list[ParsedVersion]:
        """What it defines and reads."""
        return [*self.read(), *self.defines]

    def read(self) -> list[ParsedVersion]:
        """What it reads."""
        return [*self.serdes.values(), *self.others.values(), *self.types]

    @cached_property
    def entries(self) -> list[tuple[ParsedVersion, str]]:
        """The classes that the module needs, by the unit that needs them."""
        found = [(unit, name) for unit in self.read() for name in unit.classes]
        for unit in self.defines:
            used = _used(unit)
            found += [(unit, name) for name in unit.classes if name in used]
        return found

    def ident(self, unit: ParsedVersion, name: str) -> Ident:
        """The class that the unit means by the name."""
        ident = unit.ident(name)
        return self.same.get(ident, ident)

    def local(self, ident: Ident) -> str:
        """What the module calls one of its own classes."""
        return self.locals[self.same.get(ident, ident)]

    def owners(self) -> dict[Ident, list[Owner]]:
        """For every class whose it is: several, where key and value share it."""
        found: dict[Ident, list[Owner]] = {}
        for unit, name in self.entries:
            found.setdefault(self.ident(unit, name), []).append((unit.version.subject, name))
        return found

    def live(self) -> set[Owner]:
        """What the module has now."""
        return {owner for owners in self.owners().values() for owner in owners} | self.aliases.keys()

    def given(self) -> dict[Owner, str]:
        """Every name of the module by what it stands for, those that were given before included."""
        now = {owner: self.locals[ident] for ident, owners in self.owners().items() for owner in owners}
        return {**self.scope.given, **now, **self.aliases}

    def classes(self, unit: ParsedVersion) -> dict[str, str]:
        """Full name -> class, as far as the module knows them."""
        idents = {name: self.ident(unit, name) for name in unit.classes}
        return {name: self.locals[ident] for name, ident in idents.items() if ident in self.locals}


def _used(unit: ParsedVersion) -> set[str]:
    """What the unit defines, and what that mentions."""
    schema_names: Mapping[str, AnyNamed] = unit.schema.names
    used = set(unit.own) | set(refs(unit.schema.root))
    for name in unit.own:
        named = schema_names[name]
        used |= {ref for node in held(named) for ref in refs(node)}
        used |= _used_by_defaults(named, schema_names)
    return used


def _used_by_defaults(named: AnyNamed, schema_names: Mapping[str, AnyNamed]) -> set[str]:
    # A default of a record may build whatever that record holds.
    fields = named.fields if isinstance(named, RECORDS) else ()
    structured = (item for item in fields if isinstance(item.default, dict | list))
    return {name for item in structured for name in reach(schema_names, item.type)}
