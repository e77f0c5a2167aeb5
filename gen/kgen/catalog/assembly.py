"""Lock, model and the reading of the user's code become the entries of a catalog."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from kgen_runtime.codec.avro.schema import tree as avro
from kgen_runtime.codec.json.schema import json_tree

from ..compat.proto_types import topic_messages
from ..impact.field_uses import FieldUse
from ..impact.flow_topics import FlowOutline, TopicCall
from ..impact.outlines import ClassOutline, ModuleOutline
from ..impact.outlines_of_text import text_outlines
from ..impact.project_reading import ProjectReading
from ..model.library import SUPPORTED, Library, ParsedVersion
from ..model.project import EnumClass, Module, Project, RecordClass, SerdeDef
from ..model.subjects import SchemaVersion, Subject
from ..model.topic_plans import FORMATS
from ..model.trees import AnyNamed, doc_of
from ..progress_callback import ProgressCallback, silent
from ..project.lockfile import Locked
from ..protobuf.proto_model import ProtoModel
from ..pycode.expr import Group, flat
from .declared_extras import declared_extras
from .entries import (
    Catalog,
    Extras,
    FieldRow,
    Pair,
    Role,
    SubjectEntry,
    SymbolRow,
    TopicEntry,
    TopicHalf,
    TopicUse,
    TypeRow,
    TypeWord,
)
from .field_rows import field_rows
from .history import history
from .model_classes import model_classes
from .proto_rows import proto_rows, proto_titles, proto_types
from .type_names import logical, words

Uses = Mapping[str, "tuple[FieldUse, ...]"]
_NOTED = 20
_FORMAT_BY_SERDE = {name: word for word, (_, name) in FORMATS.items()}


def assembled(
    locked: Locked,
    library: Library,
    project: Project,
    reading: ProjectReading,
    *,
    brokers: str = "",
    version: str = "",
    progress: ProgressCallback = silent,
) -> Catalog:
    """The catalog of a project. `library` has the lock's snapshot, `project` is the model of it."""
    classes = _Classes(project, reading, library)
    topics = _topics(project, reading.flows)
    by_subject: dict[str, list[tuple[str, Role]]] = {}
    for topic in topics:
        for role, half in (("key", topic.key), ("value", topic.value)):
            for name in half.subjects:
                by_subject.setdefault(name, []).append((topic.name, "key" if role == "key" else "value"))
    used_by = _used_by(locked)
    entries: list[SubjectEntry] = []
    every = _subjects(locked)
    for done, (subject, is_referenced) in enumerate(every, 1):
        entry = _subject(subject, library, classes, locked)
        topics_of = tuple(dict.fromkeys(by_subject.get(subject.name, ())))
        used = used_by.get(subject.name, ())
        entries.append(replace(entry, referenced=is_referenced, topics=topics_of, used_by=used))
        progress(done, len(every), "subjects described")
    return Catalog(
        project.package,
        locked.snapshot.registry_url,
        version or project.kgen_version,
        tuple(entries),
        topics,
        reading.flows,
        tuple(_notes(entries, reading)),
        brokers,
    )


def _subjects(locked: Locked) -> list[tuple[Subject, bool]]:
    """Those that are pulled, and those that these refer to alone, with the versions that they refer to."""
    pulled = {subject.name: subject for subject in locked.snapshot.subjects}
    others: dict[str, list[SchemaVersion]] = {}
    for version in locked.snapshot.referenced:
        if version.subject not in pulled:
            others.setdefault(version.subject, []).append(version)
    more = {
        name: Subject(name, tuple(sorted(found, key=lambda it: it.version))) for name, found in others.items()
    }
    return [({**pulled, **more}[name], name in more) for name in sorted({*pulled, *more})]


def _used_by(locked: Locked) -> dict[str, tuple[Pair, ...]]:
    """By subject, the newest versions that refer to it."""
    found: dict[str, set[Pair]] = {}
    latest = [subject.latest for subject, _ in _subjects(locked)]
    for version in latest:
        for reference in version.references:
            found.setdefault(reference.subject, set()).add((version.subject, version.version))
    return {name: tuple(sorted(pairs)) for name, pairs in found.items()}


def _notes(entries: Sequence[SubjectEntry], reading: ProjectReading) -> Iterator[str]:
    for entry in entries:
        if entry.unread:
            yield f"{entry.name}: {entry.unread}"
    for path, line in reading.unreadable[:_NOTED]:
        yield f"{path}:{line} is not Python that can be read: what it uses is unknown"
    if len(reading.unreadable) > _NOTED:
        yield f"and {len(reading.unreadable) - _NOTED} more files that cannot be read"


# ------------------------------------------------------------------------------------------------ subjects


def _subject(subject: Subject, library: Library, classes: _Classes, locked: Locked) -> SubjectEntry:
    latest = subject.latest
    pair = latest.subject, latest.version
    versions = history(library, subject.versions, locked.deleted)
    entry = SubjectEntry(
        subject.name,
        latest.type,
        versions,
        latest.text,
        compatibility=subject.compatibility,
        compatibility_inherited=subject.compatibility_inherited,
        policy=subject.policy,
        unread=versions[-1].unread,
    )
    if latest.type not in SUPPORTED or library.fault(pair):
        return entry
    unit = library.unit(pair)
    if isinstance(unit.schema, ProtoModel):
        return _of_proto(entry, unit, unit.schema, classes)
    title = _titles(unit)
    extras = declared_extras(unit)
    rows = tuple(classes.with_uses(unit, row) for row in field_rows(unit, title, extras))
    types = tuple(_types(unit, title, extras, classes, rows))
    root = unit.schema.root
    doc = doc_of(unit.schema, root.name) if isinstance(root, (avro.Ref, json_tree.JsonRef)) else None
    return replace(entry, doc=doc, root=words(root, title), rows=rows, types=types)


def _of_proto(entry: SubjectEntry, unit: ParsedVersion, model: ProtoModel, classes: _Classes) -> SubjectEntry:
    title, roots = proto_titles(model), topic_messages(model.files)
    rows = tuple(classes.with_uses(unit, row) for row in proto_rows(model, roots, title))
    types = proto_types(
        unit,
        model,
        title,
        partial(classes.shown, unit),
        lambda name, number: classes.uses(unit, name).get(number, ()),
    )
    words = [TypeWord(title(root), root) for root in roots]
    between = [each for word in words for each in (TypeWord(" | "), word)][1:]
    doc = model.doc(roots[0]) if len(roots) == 1 else None
    return replace(entry, doc=doc, root=tuple(between), rows=rows, types=tuple(types))


def _titles(unit: ParsedVersion) -> Callable[[str], str]:
    """What types are called: by their last names, if no two have the same, else by their full ones."""
    if unit.json_names is not None:
        natural = {name: unit.json_names.natural(name) for name in unit.schema.names}
    else:
        natural = {name: name.rpartition(".")[2] for name in unit.schema.names}
    counts = Counter(natural.values())
    return lambda name: natural[name] if counts[natural[name]] == 1 else name


def _types(
    unit: ParsedVersion,
    title: Callable[[str], str],
    extras: Mapping[tuple[str, str], Extras],
    classes: _Classes,
    rows: Sequence[FieldRow],
) -> Iterator[TypeRow]:
    """The types in the order in which the rows come to them, then those that only others refer to."""
    root = [word.names for word in words(unit.schema.root, title)]
    met = [*root, *(name for row in rows for name in (row.owner, *(word.names for word in row.words)))]
    for name in dict.fromkeys(name for name in (*met, *unit.reached) if name):
        named = unit.schema.names[name]
        uses = classes.uses(unit, name)
        yield TypeRow(
            name=name,
            title=title(name),
            kind=_kind(named),
            origin=unit.origins[name],
            doc=doc_of(unit.schema, name),
            aliases=getattr(named, "aliases", ()),
            symbols=tuple(
                SymbolRow(symbol, uses.get(symbol, ())) for symbol in getattr(named, "symbols", ())
            ),
            default=named.default if isinstance(named, avro.Enum) else None,
            size=named.size if isinstance(named, avro.Fixed) else None,
            fields=len(getattr(named, "fields", ())),
            python=classes.shown(unit, name),
            extras=extras.get((name, ""), Extras()),
        )


def _kind(named: AnyNamed) -> str:
    if isinstance(named, avro.Fixed):
        return f"fixed ({logical(named.logical)})" if named.logical else "fixed"
    if isinstance(named, (avro.Enum, json_tree.StringEnum)):
        return "enum"
    return "record" if isinstance(named, avro.Record) else "object"


@dataclass(frozen=True)
class _Classes:
    """The classes that stand for types of schemas, and which lines use them."""

    project: Project
    reading: ProjectReading
    library: Library
    _uses: dict[tuple[str, str], Uses] = field(default_factory=dict)

    @cached_property
    def _places(self) -> Mapping[tuple[str, str], list[tuple[str, str]]]:
        """Subject and full name -> the modules and classes that stand for it."""
        names, found = self.project.names, dict[tuple[str, str], list[tuple[str, str]]]()
        for purpose, subjects in names.classes.items():
            module = names.modules.get(purpose)
            for subject, classes in subjects.items():
                for full_name, name in classes.items():
                    if module and (module, name) in self._defined:
                        found.setdefault((subject, full_name), []).append((module, name))
        for module_of_text, outline in self._outlines.items():
            for source in module_of_text.sources:
                unit = self.library.unit((source.subject, source.version))
                for type_, name in model_classes(unit, outline, self._class_names(unit)):
                    found.setdefault(type_, []).append((module_of_text.name, name))
        return found

    def _class_names(self, unit: ParsedVersion) -> set[str]:
        """What the class of a subject's messages is called, with pydantic as without."""
        root = unit.schema.root
        if not isinstance(root, json_tree.JsonRef):
            return set()
        (subject, _), home = unit.ident(root.name)
        every = self.project.names.classes.values()
        return {found[subject][home] for found in every if home in found.get(subject, {})}

    @cached_property
    def _outlines(self) -> Mapping[Module, ModuleOutline]:
        """Of the modules that another generator made: they have a text alone."""
        made = [module for module in self.project.modules if module.text is not None]
        return {it: text_outlines({it.name: it.text or ""})[it.name] for it in made}

    @cached_property
    def _defined(self) -> Mapping[tuple[str, str], RecordClass | EnumClass | ClassOutline]:
        modules = self.project.modules
        return {
            **{(module.name, class_.name): class_ for module in modules for class_ in module.classes},
            **{
                (it.name, name): class_
                for it, out in self._outlines.items()
                for name, class_ in out.classes.items()
            },
        }

    def _of(self, unit: ParsedVersion, name: str) -> list[tuple[str, str]]:
        (subject, _), home = unit.ident(name)
        return self._places.get((subject, home), [])

    def shown(self, unit: ParsedVersion, name: str) -> str:
        """The class of a type, dotted; empty if it has none."""
        for module, class_ in self._of(unit, name):
            return f"{self.project.package}._generated.{module}.{class_}"
        return ""

    def uses(self, unit: ParsedVersion, name: str) -> Uses:
        """Field or symbol, as on the wire -> the lines that use it."""
        (subject, _), home = unit.ident(name)
        if (subject, home) not in self._uses:
            self._uses[subject, home] = self._read_uses(subject, home)
        return self._uses[subject, home]

    def _read_uses(self, subject: str, home: str) -> Uses:
        found: dict[str, set[FieldUse]] = {}
        for module, class_ in self._places.get((subject, home), ()):
            used = self.reading.fields.get((f"{self.project.package}._generated.{module}", class_), {})
            members = _members(self._defined[module, class_]) if used else ()
            for wire, attribute in members:
                if attribute in used:
                    found.setdefault(wire, set()).update(used[attribute])
        return {wire: tuple(sorted(uses)) for wire, uses in found.items()}

    def with_uses(self, unit: ParsedVersion, row: FieldRow) -> FieldRow:
        """A field with the lines that use it."""
        if not row.owner or not self.reading.fields:
            return row
        uses = self.uses(unit, row.owner).get(row.name, ())
        return replace(row, uses=uses) if uses else row


def _members(class_: RecordClass | EnumClass | ClassOutline) -> Iterator[tuple[str, str]]:
    """Wire name and Python's name of each member."""
    if isinstance(class_, ClassOutline):
        yield from ((field.wire, name) for name, field in class_.fields.items())
        yield from ((wire, name) for name, wire in class_.symbols.items())
        return
    if isinstance(class_, RecordClass):
        yield from ((field.wire, field.name) for field in class_.fields)
    else:
        yield from ((str(ast.literal_eval(symbol.wire)), symbol.name) for symbol in class_.symbols)


# ------------------------------------------------------------------------------------------------- topics


def _topics(project: Project, flows: Sequence[FlowOutline]) -> tuple[TopicEntry, ...]:
    generated = f"{project.package}._generated."
    made = {generated + module.name: _topic(module) for module in project.modules if module.topic}
    found: dict[tuple[str, str], TopicEntry] = {(it.name, it.module): it for it in made.values() if it}
    firsts = {key[0]: key for key in sorted(found, reverse=True)}
    for flow in flows:
        for call in flow.calls:
            if call.topic:
                key = _key(call, made, firsts)
                entry = found.get(key) or _named(call, made)
                found[key] = _with_use(entry, TopicUse(flow, call))
    return tuple(found[key] for key in sorted(found))


def _key(
    call: TopicCall, made: Mapping[str, TopicEntry | None], firsts: Mapping[str, tuple[str, str]]
) -> tuple[str, str]:
    """Which entry a call is of: that of the module that it names, else the first one of the topic's name."""
    module = made.get(call.value)
    if module and module.name == call.topic:
        return module.name, module.module
    return firsts.get(call.topic, (call.topic, ""))


def _named(call: TopicCall, made: Mapping[str, TopicEntry | None]) -> TopicEntry:
    """A topic of which only the code knows."""
    key, value = made.get(call.key), made.get(call.value)
    return TopicEntry(call.topic, key.key if key else TopicHalf(), value.value if value else TopicHalf())


def _with_use(topic: TopicEntry, use: TopicUse) -> TopicEntry:
    if use.call.access == "reads":
        return replace(topic, readers=(*topic.readers, use))
    if use.call.access == "writes":
        return replace(topic, writers=(*topic.writers, use))
    return replace(topic, dead_letters=(*topic.dead_letters, use))


def _topic(module: Module) -> TopicEntry | None:
    topic = module.topic
    if topic is None:
        return None
    return TopicEntry(topic.name, _half(topic.key), _half(topic.value), module.name)


def _half(serde: SerdeDef) -> TopicHalf:
    called = serde.serde.opening.removesuffix("(") if isinstance(serde.serde, Group) else flat(serde.serde)
    format_ = _FORMAT_BY_SERDE.get(called.removesuffix("()"), "")
    return TopicHalf(serde.subject, format_, flat(serde.type), serde.types)
