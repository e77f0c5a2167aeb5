"""The names and places that kgen has given so far: what the lock holds of them, and what the schemas show."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kgen_runtime.codec.avro.schema.tree import Enum, Record
from kgen_runtime.codec.json.schema.json_tree import JsonObject, StringEnum
from kgen_runtime.codec.protobuf.schema.proto_tree import ProtoEnum, ProtoMessage

from ..protobuf.proto_model import OneofMember
from . import json_places, names
from .library import SUPPORTED, Library, Pair, ParsedVersion, needed, referenced
from .pairing import type_pairs
from .proto_names import proto_field_name, proto_symbol_name, proto_wires
from .trees import AnyNamed


@dataclass(frozen=True)
class Names:
    """Every name that kgen made up, by what it stands for; also of what is gone: it may come back.

    `modules`: what for (`topic:orders`) -> module. `versions`: subject -> the version that its module holds,
    for those that no topic reads. `classes`: what a module is for -> subject -> full name -> class, and
    `full.Name:field` (with `[]` for its items, `{}` for a map's) -> alias of a union, whose root is `:`, of a
    key `:key`. `members`: subject ->
    `full.Name:field` -> attribute, `full.Name:SYMBOL` -> member of an enum; only where that is another name
    than the wire's, or where no schema at hand has it any more. In JSON Schema a full name is the place of
    the definition (`#/$defs/Line`), and a property or symbol stands there as `json_places.key_of` writes it;
    in Protobuf a member of a oneof has the full name `shop.Order.payment.card`.

    `by_subject` is from a lock that does not know more: subject -> full name -> class.
    """

    modules: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    members: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by_subject: Mapping[str, Mapping[str, str]] | None = None


class History:
    """Every version that a library has, parsed when it is asked for."""

    def __init__(self, library: Library) -> None:
        self.versions = library.versions
        self._library = library
        self._plain: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self._natural: dict[str, Mapping[str, str]] = {}

    def readable(self, pair: Pair) -> bool:
        """Whether it parses."""
        return self.versions[pair].type in SUPPORTED and self._library.schema(pair) is not None

    def _units(self, subject: str) -> Iterator[ParsedVersion]:
        pairs = ((subject, number) for number in self.numbers.get(subject, ()))
        yield from (self._library.unit(pair) for pair in pairs if self.readable(pair))

    @cached_property
    def numbers(self) -> Mapping[str, list[int]]:
        """The versions of each subject, ascending."""
        found: dict[str, list[int]] = {}
        for subject, number in sorted(self.versions):
            found.setdefault(subject, []).append(number)
        return found

    def natural(self, subject: str) -> Mapping[str, str]:
        """The full names of all types that versions of the subject use, sorted, and the class that each has
        by itself.
        """
        if subject not in self._natural:
            found = {name: self._class(unit, name) for unit in self._units(subject) for name in unit.classes}
            self._natural[subject] = dict(sorted(found.items()))
        return self._natural[subject]

    def _class(self, unit: ParsedVersion, name: str) -> str:
        origin, home = unit.ident(name)
        owner = self._library.unit(origin) if origin != unit.pair else unit
        return owner.natural(home)

    def plain(self, subject: str) -> Mapping[str, tuple[str, ...]]:
        """Full name -> the fields or symbols, of all versions, that may be called as on the wire."""
        if subject not in self._plain:
            found: dict[str, dict[str, None]] = {}
            for unit in self._units(subject):
                for name in unit.own:
                    natural = natural_of(unit.schema.names[name])
                    wires = wires_of(unit.schema.names[name])
                    found.setdefault(name, {}).update({wire: None for wire in wires if natural(wire) == wire})
            self._plain[subject] = {name: tuple(wires) for name, wires in found.items()}
        return self._plain[subject]


class Before:
    """The names given so far, and the schemas that they were given for."""

    def __init__(self, names: Names, library: Library) -> None:
        self.names = names
        self._library = library
        self.history = History(library)
        self._predecessors: dict[tuple[Pair, Pair], Mapping[str, str]] = {}

    @cached_property
    def units(self) -> Mapping[Pair, ParsedVersion]:
        """Every version that had classes."""
        return needed(self._library, (pair for pair in self._latest.items() if self.history.readable(pair)))

    @cached_property
    def _latest(self) -> Mapping[str, int]:
        return {subject.name: subject.latest.version for subject in self._library.snapshot.subjects}

    @cached_property
    def referenced(self) -> frozenset[Pair]:
        """Those of `units` whose types others used."""
        return frozenset(referenced(self.units))

    @cached_property
    def _held(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {}
        for subject, version in self.units:
            found.setdefault(subject, []).append(version)
        return found

    def held(self, subject: str) -> int | None:
        """The version that the module of a subject held; None where it held none."""
        held = self._held.get(subject, [])
        likely = (self.names.versions.get(subject), self._latest.get(subject))
        return next((version for version in likely if version in held), max(held, default=None))

    def predecessors(self, unit: ParsedVersion, version: int | None = None) -> Mapping[str, str]:
        """Full name -> the name that the type had in `version` of the subject (None: the one held), for
        those that had another one. In JSON Schema see `moved`.
        """
        return {} if unit.json_names else self._pairs(unit, version)

    def _pairs(self, unit: ParsedVersion, version: int | None) -> Mapping[str, str]:
        key = (unit.version.subject, version or self.held(unit.version.subject) or 0), unit.pair
        if key not in self._predecessors:
            old = self.units.get(key[0])
            pairs = type_pairs(old.schema, unit.schema) if old and old.schema != unit.schema else {}
            self._predecessors[key] = {new: name for name, new in pairs.items() if name != new}
        return self._predecessors[key]

    def moved(self, unit: ParsedVersion, version: int | None = None) -> Mapping[str, str]:
        """Old place -> new place of the types of a JSON Schema that are elsewhere now, as `predecessors`."""
        return {old: new for new, old in self._pairs(unit, version).items()} if unit.json_names else {}

    def members(self, subject: str) -> Mapping[str, Mapping[str, str]]:
        """Full name -> wire name -> attribute or member, as far as they are locked."""
        if self.names.by_subject is not None:
            return self._unlocked_members(subject)
        found: dict[str, dict[str, str]] = {}
        for path, name in self.names.members.get(subject, {}).items():
            full_name, _, wire = path.rpartition(":")
            found.setdefault(full_name, {})[wire] = name
        return found

    def _unlocked_members(self, subject: str) -> dict[str, dict[str, str]]:
        """What a lock that does not know members stands for."""
        found: dict[str, dict[str, str]] = {}
        for (name, _), unit in self.units.items():
            for full_name in unit.own if name == subject else ():
                made = members_of(unit.schema.names[full_name])
                found.setdefault(full_name, {}).update({w: n for w, n in made.items() if w != n})
        return found


def wires_of(named: AnyNamed) -> Mapping[str, tuple[str, ...]]:
    """The wire names of a record's fields or of an enum's symbols, with the aliases of each; in JSON Schema
    their keys, with one for the attribute of further properties.
    """
    if isinstance(named, JsonObject):
        keys = [json_places.key_of(item.name) for item in named.fields]
        return dict.fromkeys([*keys, *([json_places.EXTRA] if named.extra is not None else [])], ())
    if isinstance(named, StringEnum):
        return dict.fromkeys(map(json_places.key_of, named.symbols), ())
    if isinstance(named, ProtoMessage | ProtoEnum | OneofMember):
        return proto_wires(named)
    if isinstance(named, Record):
        return {item.name: item.aliases for item in named.fields}
    return dict.fromkeys(named.symbols, ()) if isinstance(named, Enum) else {}


def members_of(
    named: AnyNamed,
    *versions: AnyNamed,
    locked: Mapping[str, str] | None = None,
    known: Collection[str] = (),
) -> dict[str, str]:
    """Wire name -> attribute or member of a type, which may have several `versions`. See
    `names.member_names`.
    """
    return names.member_names(map(wires_of, versions or (named,)), natural_of(named), locked, known)


def natural_of(named: AnyNamed) -> Callable[[str], str]:
    """What a field or symbol of a type is called, taken alone."""
    if isinstance(named, JsonObject):
        return json_places.attribute
    if isinstance(named, StringEnum):
        return json_places.member
    if isinstance(named, ProtoMessage | ProtoEnum | OneofMember):
        return proto_symbol_name if isinstance(named, ProtoEnum) else proto_field_name
    return names.symbol_name if isinstance(named, Enum) else names.field_name
