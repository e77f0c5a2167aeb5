"""The modules of `_generated`, put together: who is called what in each, its classes, its topic."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kgen_runtime.codec.avro.schema.tree import Ref
from kgen_runtime.codec.json.schema.json_tree import Anything, JsonRef, JsonSchema
from kgen_runtime.codec.protobuf.schema.proto_tree import MessageRef
from kgen_runtime.errors import ConfigError

from ..protobuf.proto_model import NoMessage, ProtoModel
from ..pycode import quote
from ..pycode.expr import Alternatives, Expr, alternatives, call, dict_of, flat
from . import names
from .classes import ClassMaker, doc
from .given import Before, History, Names
from .json_annotations import JsonTypeWriter
from .json_classes import JsonClassMaker
from .json_places import rekeyed
from .library import Ident, Library, ParsedVersion
from .members import Members
from .module_assignment import ModuleAssignment
from .module_draft import ModuleDraft
from .names import MODULE_NAMES, NameScope, Owner
from .pairing import short
from .project import EnumClass, Import, Module, RecordClass, SerdeDef, Source, TopicDef
from .proto_annotations import ProtoTypeWriter
from .proto_classes import ProtoClassMaker
from .proto_names import IMPORTED
from .ranged_types import has_raw_types
from .same_types import same_types
from .texts import Texts
from .topic_plans import FORMATS, ROLES, TopicPlan, topic_of
from .trees import AnyNamed, is_class, is_simple
from .type_writer import ModuleTypes, Path, TypeWriter
from .types import Types
from .value_types import ValueType, of_value_type, type_word

_SERDES = {"AVRO": "rt.AvroSerde", "JSON": "rt.JsonSerde", "PROTOBUF": "rt.ProtobufSerde"}
_IMPORTED = {"JSON": {"Any", "Literal"}, "PROTOBUF": {*IMPORTED}}
"""What modules with schemas of a language import besides."""


_NOTHING = (Anything(), NoMessage())
"""Roots that need no name."""


class ModuleBuilder:
    """Makes the modules, one after the other in an order in which each finds the ones it imports from."""

    def __init__(
        self,
        library: Library,
        assignment: ModuleAssignment,
        plans: Iterable[TopicPlan],
        texts: Texts,
        members: Members,
        now: History,
        before: Before,
        *,
        keeps_raw: bool = False,
        keeps_unknown: bool = False,
    ) -> None:
        self._library = library
        self._assignment = assignment
        self._plans = {f"topic:{plan.name}": plan for plan in plans}
        self._texts = texts
        self._members = members
        self._now = now
        self._before = before
        self._keeps_raw = keeps_raw
        self._keeps_unknown = keeps_unknown
        self._gone = _gone(now, before)
        self._drafts: dict[str, ModuleDraft] = {}

    def names(self, modules: Collection[str]) -> Names:
        """Every name given, for the lock. `modules` are those that hold something."""
        locked = self._before.names
        named = {
            it: name for it, name in self._assignment.names.items() if name in modules or it in locked.modules
        }
        classes: dict[str, dict[str, dict[str, str]]] = {}
        for identity in {*locked.classes, *self._drafts, *self._gone}:
            for (subject, key), name in self._lasting(identity):
                classes.setdefault(identity, {}).setdefault(subject, {})[key] = name
        read = {subject for plan in self._plans.values() for subject in plan.read}
        versions = {
            subject: held for subject, held in self._assignment.primary.items() if subject not in read
        }
        return Names(named, versions, classes, self._members.names())

    def _lasting(self, identity: str) -> Iterator[tuple[Owner, str]]:
        """The names of a module, without those of what is gone that the schemas at hand show."""
        draft = self._drafts.get(identity)
        given = draft.given() if draft else self._given(identity, ())
        live = draft.live() if draft else set()
        known = _known_names(self._now, self._subjects(identity, draft.units() if draft else ()), given)
        yield from ((owner, name) for owner, name in given.items() if owner in live or owner not in known)

    def _subjects(self, identity: str, units: Iterable[ParsedVersion]) -> list[str]:
        """The subjects that a module has types of, or had."""
        locked = self._before.names.classes.get(identity, ())
        present = (unit.version.subject for unit in units)
        return sorted({*locked, *present, *self._gone.get(identity, ())})

    def module(self, identity: str) -> Module:
        """The module of this identity; those it imports from have to be made before it."""
        draft = self._drafts[identity] = self._draft(identity)
        draft.same.update(same_types(draft.defines, draft.scope.given))
        draft.same.update(self._same_elsewhere(draft))
        self._name_classes(draft)
        own = frozenset(draft.locals.values())
        types = ModuleTypes(lambda path: self._alias(draft, path), own, keeps_raw=self._keeps_raw)
        enums, records = self._classes(draft, types)
        topic = self._topic(draft, types) if identity in self._plans else None
        if topic is None:
            self._root_aliases(draft, types)
        return self._finished(draft, types, enums, records, topic)

    def _same_elsewhere(self, draft: ModuleDraft) -> Iterator[tuple[Ident, Ident]]:
        """Types of other modules that are one class there."""
        for unit, name in draft.entries:
            ident = unit.ident(name)
            other = self._drafts.get(self._assignment.of[ident[0]])
            if other is not None and other is not draft and unit.version.type == "JSON":
                yield ident, other.same.get(ident, ident)

    def _draft(self, identity: str) -> ModuleDraft:
        defines = [self._assignment.units[pair] for pair in self._assignment.at.get(identity, ())]
        # The value comes first: its names are the ones that people use.
        defines.sort(key=lambda unit: unit.version.subject.endswith("-key"))
        plan = self._plans.get(identity)
        subjects = {role: plan.subjects[role] for role in ROLES if role in plan.subjects} if plan else {}
        serdes = {
            role: self._library.unit((subject, self._assignment.primary[subject]))
            for role, subject in subjects.items()
        }
        other = self._assignment.other
        others = {role: self._library.unit(other[it]) for role, it in subjects.items() if it in other}
        types = [self._type_unit(it) for it in plan.types] if plan else []
        draft = ModuleDraft(identity, self._assignment.names[identity], defines, serdes, others, types)
        given = self._given(identity, draft.units())
        draft.scope = NameScope(given, {*MODULE_NAMES, *_reserved(draft.units(), given)})
        return draft

    def _type_unit(self, found: ValueType) -> ParsedVersion:
        """What one of several types is read with."""
        return of_value_type(
            self._library.unit((found.subject, self._assignment.primary[found.subject])), found
        )

    def _given(self, identity: str, units: Iterable[ParsedVersion]) -> dict[Owner, str]:
        """The names that were given in a module, also to what is gone."""
        locked, older = self._before.names, self._before.names.by_subject or {}
        by_subject = locked.classes.get(identity, {})
        subjects = self._subjects(identity, units)
        given: dict[Owner, str] = {}
        for subject in subjects:
            named = {**by_subject.get(subject, {}), **older.get(subject, {})}
            given |= {(subject, key): name for key, name in named.items()}
        every = {**_known_names(self._before.history, subjects, given), **given}
        for unit in {unit.pair: unit for unit in units}.values():
            every = rekeyed(
                every, unit.version.subject, self._before.moved(unit, _own_version(identity, unit))
            )
        return every

    def _name_classes(self, draft: ModuleDraft) -> None:
        owners = draft.owners()
        earlier = self._earlier_owners(draft)
        for kept in (owners, {ident: list(_moved(ident, its)) for ident, its in earlier.items()}):
            for ident, its in kept.items():
                for owner in its:
                    name = None if ident in draft.locals else draft.scope.keep(owner)
                    if name:
                        draft.locals[ident] = name
        for ident, its in owners.items():
            if ident not in draft.locals:
                candidates = self._candidates(draft, ident)
                draft.locals[ident] = draft.scope.take(candidates, [*its, *earlier[ident]])

    def _earlier(self, draft: ModuleDraft, unit: ParsedVersion) -> Mapping[str, str]:
        """Full name -> what the type was called when the module was made the last time."""
        return self._before.predecessors(unit, _own_version(draft.identity, unit))

    def _earlier_owners(self, draft: ModuleDraft) -> dict[Ident, list[Owner]]:
        """For every class, whose it was under another name."""
        found: dict[Ident, list[Owner]] = {ident: [] for ident in draft.owners()}
        for unit, name in draft.entries:
            before = self._earlier(draft, unit).get(name)
            if before:
                found[draft.ident(unit, name)].append((unit.version.subject, before))
        return found

    def _alias(self, draft: ModuleDraft, path: Path) -> str:
        subject = path.subject
        owners = [(subject, key) for key in path.keys]
        former = [(subject, key) for key in path.former]
        name = draft.scope.keep(owners[0]) or next(filter(None, map(draft.scope.hand_over, former)), None)
        name = name or draft.scope.take(_alias_names(draft, path), owners)
        draft.aliases[owners[0]] = name
        return name

    def _candidates(self, draft: ModuleDraft, ident: Ident) -> Iterator[str]:
        module = self._assignment.of[ident[0]]
        if module != draft.identity:
            yield self._drafts[module].local(ident)
        yield from self._library.unit(ident[0]).class_names(ident[1])

    def _classes(
        self, draft: ModuleDraft, types: ModuleTypes
    ) -> tuple[tuple[EnumClass, ...], tuple[RecordClass, ...]]:
        enums: list[EnumClass] = []
        records: list[RecordClass] = []
        for unit in draft.defines:
            maker = self._maker(draft, types, unit)
            for name in unit.own:
                if draft.ident(unit, name) == (unit.pair, name):
                    made = maker.make(unit.schema.names[name])
                    (enums if isinstance(made, EnumClass) else records).append(made)  # type: ignore[arg-type]
        return tuple(enums), tuple(records)

    def _maker(
        self, draft: ModuleDraft, types: ModuleTypes, unit: ParsedVersion
    ) -> ClassMaker | JsonClassMaker | ProtoClassMaker:
        def members(named: AnyNamed) -> Mapping[str, str]:
            owner, name = draft.ident(unit, named.name)
            return self._members.of(owner[0], self._library.unit(owner).schema.names[name])

        subject, classes = unit.version.subject, draft.classes(unit)
        if isinstance(unit.schema, JsonSchema):
            return JsonClassMaker(types, subject, unit.schema.names, classes, members)
        if isinstance(unit.schema, ProtoModel):
            keeps = self._keeps_unknown
            return ProtoClassMaker(types, subject, unit.schema, classes, members, keeps_unknown=keeps)
        earlier = self._earlier(draft, unit)
        return ClassMaker(types, subject, unit.schema.names, classes, members, earlier)

    def _topic(self, draft: ModuleDraft, types: ModuleTypes) -> TopicDef:
        plan = self._plans[draft.identity]
        read = draft.read()
        if plan.validate and all(unit.version.type != "JSON" for unit in read):
            raise ConfigError(
                f"validate is set for the topic {plan.name}, which has no JSON Schema",
                where=f"kgen.toml, [topics.{plan.name}]",
                hint="take it out: Avro has nothing to validate but its types",
            )
        types.imports.module("kgen_runtime", "rt")
        key, value = (self._serde(draft, types, plan, role) for role in ("key", "value"))
        plain = plan.formats.get("value")
        value_type = FORMATS[plain][0] if plain else f"{draft.name}.{value.type}"
        parameter = "value" if plain or plan.types else names.parameter(str(value.type), draft.name)
        versions = max(map(self._texts.versions, plan.subjects.values()), default=1)
        versions = max(versions, sum(self._texts.versions(it.subject) for it in plan.types))
        cases = _cases(draft, types, value)
        return TopicDef(plan.topic, key, value, value_type, parameter, versions, plan.flow, cases)

    def _serde(self, draft: ModuleDraft, types: ModuleTypes, plan: TopicPlan, role: str) -> SerdeDef:
        if role in plan.formats:
            kind, serde = FORMATS[plan.formats[role]]
            note = _keyless(plan.name) if (role, plan.formats[role]) == ("key", "bytes") else ()
            return SerdeDef(kind, call(serde), note)
        if role == "value" and draft.types:
            return self._types_serde(draft, types, plan)
        unit, other = draft.serdes[role], draft.others.get(role)
        framed = _framed(draft, types, unit, plan, one_of_two=other is not None)
        if other is not None:
            framed = call("rt.EitherSerde", framed, _framed(draft, types, other, plan, one_of_two=True))
        elif role not in plan.also:
            return SerdeDef(self._root_type(draft, types, unit, role), framed, subject=unit.version.subject)
        plain, serde = FORMATS[plan.also[role]] if role in plan.also else ("", "")
        type_ = self._either_type(draft, types, [unit, *([other] if other else [])], (plan.name, role, plain))
        either = call("rt.EitherSerde", framed, call(serde)) if serde else framed
        return SerdeDef(type_, either, subject=unit.version.subject)

    def _either_type(
        self,
        draft: ModuleDraft,
        types: ModuleTypes,
        units: Sequence[ParsedVersion],
        use: tuple[str, str, str],
    ) -> str:
        """An alias for what the values of schemas are or a plain one is, which has to be of another type."""
        topic, role, plain = use
        unit = units[0]
        writer, path = _writer(draft, types, unit), _root_path(unit, role)
        name = types.take(path)
        framed = [
            kind for each in units for kind in _alternatives(draft, types, each, replace(path, name=name))
        ]
        if plain and writer.name(plain) in framed:
            raise ConfigError(
                f"the {role} of the topic {topic} cannot be read in two formats: both give {plain}",
                where=f"kgen.toml, [topics.{topic}]",
                hint=f"use one of them: the format, or the subject {unit.version.subject}",
            )
        every = dict.fromkeys([*framed, *([writer.name(plain)] if plain else [])])
        types.alias(name, Alternatives(tuple(sorted(every, key=lambda it: it == "None"))))  # None comes last
        return name

    def _types_serde(self, draft: ModuleDraft, types: ModuleTypes, plan: TopicPlan) -> SerdeDef:
        """The value of a topic with several types: the alias of all of them, and a serde for each."""
        # Of the topic, not of one of the subjects: any of them may go.
        path = Path(f"{names.pascal(draft.name)}Value", f"{plan.name}-value", (":types",))
        name = types.take(path)
        every: list[str] = []
        serdes: list[tuple[str, Expr]] = []
        for unit in draft.types:
            own = replace(_root_path(unit, "value"), name=name)
            every += _alternatives(draft, types, unit, own)
            serdes.append(
                (quote.string(type_word(unit)), _framed(draft, types, unit, plan, one_of_two=False))
            )
        distinct = sorted(dict.fromkeys(every), key=lambda it: it == "None")
        types.alias(name, distinct[0] if len(distinct) == 1 else Alternatives(tuple(distinct)))
        made = call("rt.TypesSerde", dict_of(serdes))
        return SerdeDef(name, made, types=tuple(dict.fromkeys(unit.version.subject for unit in draft.types)))

    def _root_type(self, draft: ModuleDraft, types: ModuleTypes, unit: ParsedVersion, role: str) -> Expr:
        writer, root = _writer(draft, types, unit), unit.schema.root
        if is_class(root, unit.schema.names) or (role == "key" and is_simple(root, unit.schema.names)):
            return writer.annotation(root, Path("", unit.version.subject))
        path = _root_path(unit, role)
        name = types.take(path)
        types.alias(name, writer.whole(root, replace(path, name=name)))
        return name

    def _root_aliases(self, draft: ModuleDraft, types: ModuleTypes) -> None:
        for unit in () if draft.identity.startswith("topic:") else draft.defines:
            if not is_class(unit.schema.root, unit.schema.names) and unit.schema.root not in _NOTHING:
                self._root_type(draft, types, unit, "value")

    def _finished(
        self,
        draft: ModuleDraft,
        types: ModuleTypes,
        enums: tuple[EnumClass, ...],
        records: tuple[RecordClass, ...],
        topic: TopicDef | None,
    ) -> Module:
        imports = tuple(
            sorted(self._imports(draft, types), key=lambda it: (it.module, names.import_key(it.name)))
        )
        registered = tuple(self._registered(draft))
        aliases = tuple(replace(alias, private=types.private_of(alias.name)) for alias in types.aliases)
        public = [it.name for it in enums] + [it.name for it in records] + [it.name for it in aliases]
        public += [it.local for it in imports] + (["key", "topic", "value"] if topic else [])
        return Module(
            name=draft.name,
            doc=self._doc(draft),
            sources=_sources(draft.units()),
            stdlib=types.imports.stdlib(),
            runtime=types.imports.runtime(),
            uses_schemas=bool(draft.serdes or draft.types or registered),
            imports=imports,
            exports=tuple(sorted(public, key=names.sort_key)) if imports else (),
            enums=tuple(replace(it, private=types.private_of(it.name)) for it in enums),
            records=tuple(replace(it, private=types.private_of(it.name)) for it in records),
            aliases=aliases,
            topic=topic,
            registered=registered,
        )

    def _registered(self, draft: ModuleDraft) -> Iterator[Expr]:
        """Calls that register the classes of a module without serdes, which do that elsewhere."""
        for unit in () if draft.serdes or draft.types else draft.defines:
            classes = draft.classes(unit)
            if set(classes) & set(unit.own):
                pairs = dict_of((quote.string(name), cls) for name, cls in sorted(classes.items()))
                subject, version = unit.pair
                yield call("_schemas.SCHEMAS.register", quote.string(subject), str(version), pairs)

    def _imports(self, draft: ModuleDraft, types: ModuleTypes) -> Iterator[Import]:
        for ident, local in draft.locals.items():
            module = self._assignment.of[ident[0]]
            if module != draft.identity:
                other = self._drafts[module]
                yield Import(other.name, other.local(ident), local, types.private_of(local))

    def _doc(self, draft: ModuleDraft) -> str:
        kind, _, name = draft.identity.partition(":")
        if draft.identity not in self._plans:
            subject, _, version = name.rpartition(" v") if kind == "version" else (name, "", "")
            of = f"{'topic' if kind == 'topic' else 'subject'} `{quote.inline(subject)}`"
            return f"Types of the {of}, version {version}." if version else f"Types of the {of}."
        unit = draft.serdes.get("value")
        text = _first_line(unit) if unit else None
        return f"Topic `{quote.inline(name)}`: {text}" if text else f"Topic `{quote.inline(name)}`."


def _alias_names(draft: ModuleDraft, path: Path) -> Iterable[str]:
    """Names for the alias of a union, best first."""
    name = names.class_name(path.name)
    if not any(unit.version.type != "AVRO" for unit in draft.units() if unit.version.subject == path.subject):
        return names.numbered(name)
    # A class in the union may have the name of the path.
    union = names.class_name(f"{path.name}Union")
    return name, union, f"{union}_{names.digest(path.keys[0], 8)}"


def _alternatives(draft: ModuleDraft, types: ModuleTypes, unit: ParsedVersion, path: Path) -> Sequence[str]:
    """The types that the values of a whole schema have."""
    whole = _writer(draft, types, unit).whole(unit.schema.root, path)
    return whole.types if isinstance(whole, Alternatives) else (flat(whole),)


def _cases(draft: ModuleDraft, types: ModuleTypes, value: SerdeDef) -> tuple[str, ...]:
    """The classes of the values, and None, if these are of several classes and nothing else."""
    whole = next((flat(alias.types) for alias in types.aliases if alias.name == value.type), "")
    found = alternatives(whole)
    classes = [kind for kind in found if kind != "None"]
    several = value.types or len(classes) > 1
    return tuple(found) if several and classes and set(draft.locals.values()).issuperset(classes) else ()


def _framed(
    draft: ModuleDraft, types: ModuleTypes, unit: ParsedVersion, plan: TopicPlan, *, one_of_two: bool
) -> Expr:
    """The serde of what is framed with a schema's id; `one_of_two`: the subject has two languages."""
    language, subject = quote.string(unit.version.type), quote.string(unit.version.subject)
    classes = dict_of((quote.string(name), cls) for name, cls in sorted(draft.classes(unit).items()))
    schemas = call("_schemas.SCHEMAS.subject", subject, *([language] if one_of_two else []))
    options = {"validate": "True"} if plan.validate and unit.version.type == "JSON" else {}
    if types.keeps_raw and has_raw_types(unit.schema):
        options["out_of_range"] = quote.string("raw")
    message = [quote.string(unit.schema.root.name)] if isinstance(unit.schema.root, MessageRef) else []
    return call(_SERDES[unit.version.type], schemas, *message, classes, **options)


def _writer(draft: ModuleDraft, types: ModuleTypes, unit: ParsedVersion) -> TypeWriter[Any]:
    if isinstance(unit.schema, JsonSchema):
        return JsonTypeWriter(types, unit.schema.names, draft.classes(unit))
    if isinstance(unit.schema, ProtoModel):
        return ProtoTypeWriter(types, unit.schema.names, draft.classes(unit))
    return Types(types, unit.schema.names, draft.classes(unit))


def _root_path(unit: ParsedVersion, role: str) -> Path:
    """A subject may be the key of its topic and the value too, with an alias for each."""
    return Path(names.pascal(role), unit.version.subject, (":key", ":") if role == "key" else (":",))


def _own_version(identity: str, unit: ParsedVersion) -> int | None:
    """The version that a module is for; None if it is for a subject's newest."""
    return unit.version.version if identity.startswith("version:") else None


def _reserved(units: Iterable[ParsedVersion], given: Mapping[Owner, str]) -> set[str]:
    """What modules with such schemas import besides; not from those who have such names already."""
    imported = {name for unit in units for name in _IMPORTED.get(unit.version.type, ())}
    return imported - {*given.values()}


def _first_line(unit: ParsedVersion) -> str | None:
    root = unit.schema.root
    if isinstance(unit.schema, ProtoModel):
        text = doc(unit.schema.doc(root.name)) if isinstance(root, MessageRef) else None
        return quote.inline(text.split("\n")[0]) if text else None
    named = unit.schema.names[root.name] if isinstance(root, Ref | JsonRef) else None
    text = doc(named.doc) if named else None
    return quote.inline(text.split("\n")[0]) if text else None


def _known_names(history: History, subjects: Iterable[str], given: Mapping[Owner, str]) -> dict[Owner, str]:
    """Types and their names that need not stand in the lock: nothing else wants the name that the type has
    by itself.
    """
    found = {(s, key): name for s in subjects for key, name in history.natural(s).items()}
    count = Counter({**found, **given}.values())
    return {
        owner: name for owner, name in found.items() if count[name] == 1 and given.get(owner, name) == name
    }


def _gone(now: History, before: Before) -> dict[str, set[str]]:
    """The subjects that are gone, by the module that they had."""
    present = {subject for subject, _ in now.versions}
    known = {*(before.names.by_subject or {}), *(subject for subject, _ in before.history.versions)}
    found: dict[str, set[str]] = {}
    for subject in known - present:
        found.setdefault(_natural_module(subject, before.names.modules), set()).add(subject)
    return found


def _natural_module(subject: str, modules: Mapping[str, str]) -> str:
    """The module of a subject that may be gone."""
    topic = f"topic:{(topic_of(subject) or ('',))[0]}"
    return topic if topic in modules and f"subject:{subject}" not in modules else f"subject:{subject}"


def _moved(ident: Ident, owners: Iterable[Owner]) -> Iterator[Owner]:
    """Those of what a type was called before that give it their class: in another namespace it is the same
    one, while a type with another name gets a class of that name.
    """
    yield from (owner for owner in owners if short(owner[1]) == short(ident[1]))


def _sources(units: list[ParsedVersion]) -> tuple[Source, ...]:
    versions = {unit.pair: unit.version for unit in units}
    return tuple(Source(v.subject, v.version, v.id) for _, v in sorted(versions.items()))


def _keyless(name: str) -> tuple[str, ...]:
    """Why keys are bytes, and what to do about it."""
    return (
        "No schema describes the keys: they are bytes, as on the broker. If they are text or numbers,",
        'write key = "string" (or "long", "int", "double") into this table of kgen.toml, then `kgen pull`:',
        f"[topics.{json.dumps(name)}]",
    )
