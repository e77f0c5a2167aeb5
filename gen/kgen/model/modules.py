"""The modules of `_generated`, put together: who is called what in each, its classes, its topic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from kgen_runtime.codec.schema import Enum, Fixed, Named, Node, Primitive, Record, Ref

from . import names, quote
from .classes import ClassMaker, doc
from .expr import Expr, call, dict_of
from .homes import Homes
from .library import Library, Pair, Unit, reach, refs
from .project import EnumClass, Import, Module, RecordClass, SerdeDef, Source, TopicDef
from .texts import Texts
from .topics import FORMATS, ROLES, TopicPlan
from .types import ModuleTypes, Types

Ident: TypeAlias = "tuple[Pair, str]"
"""A class: the version that defines it, and its full name."""


@dataclass
class _Draft:
    """A module on its way. `locals` says what every class is called in it."""

    identity: str
    name: str
    defines: list[Unit]
    serdes: dict[str, Unit]
    scope: names.Scope = field(default_factory=names.Scope)
    locals: dict[Ident, str] = field(default_factory=dict)
    same: dict[Ident, Ident] = field(default_factory=dict)

    def entries(self) -> Iterator[tuple[Unit, str]]:
        """The classes that the module needs, by the unit that needs them."""
        for unit in self.serdes.values():
            yield from ((unit, name) for name in unit.classes)
        for unit in self.defines:
            used = _used(unit)
            yield from ((unit, name) for name in unit.classes if name in used)

    def ident(self, unit: Unit, name: str) -> Ident:
        """The class that the unit means by the name."""
        ident = (unit.origins[name], name)
        return self.same.get(ident, ident)

    def local(self, ident: Ident) -> str:
        """What the module calls one of its own classes."""
        return self.locals[self.same.get(ident, ident)]

    def classes(self, unit: Unit) -> dict[str, str]:
        """Full name -> class, as far as the module knows them."""
        idents = {name: self.ident(unit, name) for name in unit.classes}
        return {name: self.locals[ident] for name, ident in idents.items() if ident in self.locals}


def _used(unit: Unit) -> set[str]:
    """What the unit defines, and what that mentions."""
    used = set(unit.own) | set(refs(unit.schema.root))
    for name in unit.own:
        named = unit.schema.names[name]
        if isinstance(named, Record):
            used |= {ref for item in named.fields for ref in refs(item.type)}
            used |= _used_by_defaults(named, unit.schema.names)
    return used


def _used_by_defaults(record: Record, schema_names: Mapping[str, Named]) -> set[str]:
    # A default of a record may build whatever that record holds.
    structured = (item for item in record.fields if isinstance(item.default, dict | list))
    return {name for item in structured for name in reach(schema_names, item.type)}


class Drafts:
    """Makes the modules, one after the other in an order in which each finds the ones it imports from."""

    def __init__(
        self,
        library: Library,
        homes: Homes,
        plans: Iterable[TopicPlan],
        texts: Texts,
        locked: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._library = library
        self._homes = homes
        self._plans = {f"topic:{plan.name}": plan for plan in plans}
        self._texts = texts
        self._locked = locked
        self._drafts: dict[str, _Draft] = {}

    def names(self) -> dict[str, dict[str, str]]:
        """Subject -> full name -> class, for the lock."""
        found = {}
        for pair, identity in sorted(self._homes.of.items()):
            if self._homes.primary[pair[0]] == pair[1]:
                classes = self._drafts[identity].classes(self._library.unit(pair))
                found[pair[0]] = dict(sorted(classes.items()))
        return found

    def module(self, identity: str) -> Module:
        """The module of this identity; those it imports from have to be made before it."""
        draft = self._drafts[identity] = self._draft(identity)
        self._name_classes(draft)
        types = ModuleTypes(lambda path: draft.scope.take(names.numbered(names.class_name(path))))
        enums, records = self._classes(draft, types)
        topic = self._topic(draft, types) if identity in self._plans else None
        if topic is None:
            self._root_aliases(draft, types)
        return self._finished(draft, types, enums, records, topic)

    def _draft(self, identity: str) -> _Draft:
        defines = [self._library.unit(pair) for pair, home in self._homes.of.items() if home == identity]
        # The value comes first: its names are the ones that people use.
        defines.sort(key=lambda unit: unit.version.subject.endswith("-key"))
        plan = self._plans.get(identity)
        subjects = {role: plan.subjects[role] for role in ROLES if role in plan.subjects} if plan else {}
        units = {
            role: self._library.unit((subject, self._homes.primary[subject]))
            for role, subject in subjects.items()
        }
        return _Draft(identity, self._homes.names[identity], defines, units)

    def _name_classes(self, draft: _Draft) -> None:
        draft.same.update(_same(draft.defines))
        entries = {draft.ident(unit, name): unit for unit, name in reversed(list(draft.entries()))}
        for unit, name in draft.entries():
            locked = self._locked.get(entries[draft.ident(unit, name)].version.subject, {}).get(name)
            if locked and draft.ident(unit, name) not in draft.locals and draft.scope.lock(locked):
                draft.locals[draft.ident(unit, name)] = locked
        for unit, name in draft.entries():
            ident = draft.ident(unit, name)
            if ident not in draft.locals:
                draft.locals[ident] = draft.scope.take(self._candidates(draft, ident))

    def _candidates(self, draft: _Draft, ident: Ident) -> Iterator[str]:
        home = self._homes.of[ident[0]]
        if home != draft.identity:
            yield self._drafts[home].local(ident)
        yield from names.class_candidates(ident[1])

    def _classes(
        self, draft: _Draft, types: ModuleTypes
    ) -> tuple[tuple[EnumClass, ...], tuple[RecordClass, ...]]:
        enums, records = [], []
        for unit in draft.defines:
            maker = ClassMaker(types, unit.schema.names, draft.classes(unit))
            for name in unit.own:
                named = unit.schema.names[name]
                if draft.ident(unit, name) != (unit.pair, name):
                    continue
                if isinstance(named, Enum):
                    enums.append(maker.enum(named))
                elif isinstance(named, Record):
                    records.append(maker.record(named))
        return tuple(enums), tuple(records)

    def _topic(self, draft: _Draft, types: ModuleTypes) -> TopicDef:
        plan = self._plans[draft.identity]
        types.imports.module("kgen_runtime", "rt")
        key, value = (self._serde(draft, types, plan, role) for role in ("key", "value"))
        plain = plan.formats.get("value")
        value_type = FORMATS[plain][0] if plain else f"{draft.name}.{value.type}"
        parameter = "value" if plain else names.parameter(str(value.type), draft.name)
        versions = max(map(self._texts.versions, plan.subjects.values()), default=1)
        return TopicDef(plan.name, key, value, value_type, parameter, versions)

    def _serde(self, draft: _Draft, types: ModuleTypes, plan: TopicPlan, role: str) -> SerdeDef:
        if role in plan.formats:
            kind, serde = FORMATS[plan.formats[role]]
            return SerdeDef(kind, call(serde))
        unit = draft.serdes[role]
        classes = dict_of((quote.string(name), cls) for name, cls in sorted(draft.classes(unit).items()))
        schemas = call("_schemas.SCHEMAS.subject", quote.string(unit.version.subject))
        return SerdeDef(self._root_type(draft, types, unit, role), call("rt.AvroSerde", schemas, classes))

    def _root_type(self, draft: _Draft, types: ModuleTypes, unit: Unit, role: str) -> Expr:
        writer = Types(types, unit.schema.names, draft.classes(unit))
        root = unit.schema.root
        if _is_class(root, unit.schema.names) or (role == "key" and _is_simple(root, unit.schema.names)):
            return writer.annotation(root, "")
        name = types.take(names.pascal(role))
        types.alias(name, writer.whole(root, name))
        return name

    def _root_aliases(self, draft: _Draft, types: ModuleTypes) -> None:
        for unit in () if draft.identity.startswith("topic:") else draft.defines:
            if not _is_class(unit.schema.root, unit.schema.names):
                self._root_type(draft, types, unit, "value")

    def _finished(
        self,
        draft: _Draft,
        types: ModuleTypes,
        enums: tuple[EnumClass, ...],
        records: tuple[RecordClass, ...],
        topic: TopicDef | None,
    ) -> Module:
        imports = tuple(
            sorted(self._imports(draft, types), key=lambda it: (it.module, names.sort_key(it.name)))
        )
        aliases = tuple(replace(alias, private=types.private_of(alias.name)) for alias in types.aliases)
        public = [it.name for it in enums] + [it.name for it in records] + [it.name for it in aliases]
        public += [it.local for it in imports] + (["key", "topic", "value"] if topic else [])
        return Module(
            name=draft.name,
            doc=self._doc(draft),
            sources=_sources([*draft.defines, *draft.serdes.values()]),
            stdlib=types.imports.stdlib(),
            runtime=types.imports.runtime(),
            uses_schemas=bool(draft.serdes),
            imports=imports,
            exports=tuple(sorted(public, key=names.sort_key)) if imports else (),
            enums=tuple(replace(it, private=types.private_of(it.name)) for it in enums),
            records=tuple(replace(it, private=types.private_of(it.name)) for it in records),
            aliases=aliases,
            topic=topic,
        )

    def _imports(self, draft: _Draft, types: ModuleTypes) -> Iterator[Import]:
        for ident, local in draft.locals.items():
            home = self._homes.of[ident[0]]
            if home != draft.identity:
                other = self._drafts[home]
                yield Import(other.name, other.local(ident), local, types.private_of(local))

    def _doc(self, draft: _Draft) -> str:
        kind, _, name = draft.identity.partition(":")
        if draft.identity not in self._plans:
            subject, _, version = name.rpartition(" v") if kind == "version" else (name, "", "")
            of = f"{'topic' if kind == 'topic' else 'subject'} `{quote.inline(subject)}`"
            return f"Types of the {of}, version {version}." if version else f"Types of the {of}."
        unit = draft.serdes.get("value")
        text = _first_line(unit) if unit else None
        return f"Topic `{quote.inline(name)}`: {text}" if text else f"Topic `{quote.inline(name)}`."


def _first_line(unit: Unit) -> str | None:
    root = unit.schema.root
    named = unit.schema.names[root.name] if isinstance(root, Ref) else None
    text = doc(named.doc) if named else None
    return quote.inline(text.split("\n")[0]) if text else None


def _is_class(root: Node, schema_names: Mapping[str, Named]) -> bool:
    return isinstance(root, Ref) and isinstance(schema_names[root.name], Record | Enum)


def _is_simple(root: Node, schema_names: Mapping[str, Named]) -> bool:
    return isinstance(root, Primitive) or (
        isinstance(root, Ref) and isinstance(schema_names[root.name], Fixed)
    )


def _same(units: list[Unit]) -> dict[Ident, Ident]:
    """Key and value of a topic may each spell out the same type: it becomes one class."""
    found: dict[Ident, Ident] = {}
    for at, unit in enumerate(units):
        for earlier in units[:at]:
            for name in unit.own:
                if name in earlier.own and _whole(unit, name) == _whole(earlier, name):
                    found[unit.pair, name] = (earlier.pair, name)
    return found


def _whole(unit: Unit, name: str) -> dict[str, tuple[Named, Pair | None]]:
    """Everything that makes a type what it is."""
    reached = reach(unit.schema.names, Ref(name))
    origins = {it: unit.origins[it] for it in reached}
    return {it: (unit.schema.names[it], origins[it] if origins[it] != unit.pair else None) for it in reached}


def _sources(units: list[Unit]) -> tuple[Source, ...]:
    versions = {unit.pair: unit.version for unit in units}
    return tuple(Source(v.subject, v.version, v.id) for _, v in sorted(versions.items()))
