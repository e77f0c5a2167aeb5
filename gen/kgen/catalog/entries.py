"""What a catalog holds: frozen, sorted, without times, the same for the same lock and project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from ..compat.change_kinds import Change
from ..impact.field_uses import FieldUse
from ..impact.flow_topics import FlowOutline, TopicCall

Pair: TypeAlias = "tuple[str, int]"
"""A subject and a version."""
Role: TypeAlias = Literal["key", "value"]


@dataclass(frozen=True)
class TypeWord:
    """A part of a type's text; `names`: the full name of the named type that it mentions."""

    text: str
    names: str = ""


@dataclass(frozen=True)
class Extras:
    """What a schema says beside types: tags (`confluent:tags`), constraints (`minLength 3`), and properties
    of its own, as text.
    """

    tags: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class FieldRow:
    """A field with its path from the root: `customer.address.street`, `lines[].sku` (items), `labels{}.x`
    (values of a map), `event(Paid).at` (one type of a union). The root, if it has no fields, has the path "".

    `owner` is the full name of the type that has it. `same_as`: the type whose fields stand where it came
    first, and are not repeated here; `recursive`: it is the type that this field is in.
    """

    path: str
    name: str
    depth: int
    words: tuple[TypeWord, ...]
    required: bool
    nullable: bool
    owner: str
    default: str | None = None
    doc: str | None = None
    aliases: tuple[str, ...] = ()
    extras: Extras = Extras()
    same_as: str = ""
    recursive: bool = False
    uses: tuple[FieldUse, ...] = ()

    @property
    def type(self) -> str:
        """Its type on one line."""
        words = self.words
        return words[0].text if len(words) == 1 else "".join([word.text for word in words])


@dataclass(frozen=True)
class SymbolRow:
    """A symbol of an enum, and the lines that use it."""

    name: str
    uses: tuple[FieldUse, ...] = ()


@dataclass(frozen=True)
class TypeRow:
    """A named type. `title` is its name without what all names have in common; `origin` the version that
    defines it, `python` the class that kgen generated for it (`shop._generated.orders.Order`).
    """

    name: str
    title: str
    kind: str
    origin: Pair
    doc: str | None = None
    aliases: tuple[str, ...] = ()
    symbols: tuple[SymbolRow, ...] = ()
    default: str | None = None
    size: int | None = None
    fields: int = 0
    python: str = ""
    extras: Extras = Extras()


@dataclass(frozen=True)
class ReferenceRow:
    """A subject's version that a version refers to, under a name."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True)
class VersionRow:
    """A version, and what changed since the one before it. `backward`: what keeps it from reading what that
    wrote, `forward`: the other way round; None if nothing is known of that. `unread`: why it cannot be read.
    """

    number: int
    id: int
    language: str
    guid: str | None = None
    deleted: bool = False
    references: tuple[ReferenceRow, ...] = ()
    rules: tuple[str, ...] = ()
    before: int | None = None
    summary: str = ""
    changes: tuple[Change, ...] = ()
    moved: tuple[str, ...] = ()
    backward: tuple[str, ...] | None = None
    forward: tuple[str, ...] | None = None
    unread: str = ""


@dataclass(frozen=True)
class SubjectEntry:
    """A subject, or (`referenced`) one that others alone refer to. `versions` are ascending."""

    name: str
    language: str
    versions: tuple[VersionRow, ...]
    text: str
    doc: str | None = None
    compatibility: str | None = None
    compatibility_inherited: bool = True
    policy: str | None = None
    referenced: bool = False
    root: tuple[TypeWord, ...] = ()
    rows: tuple[FieldRow, ...] = ()
    types: tuple[TypeRow, ...] = ()
    used_by: tuple[Pair, ...] = ()
    topics: tuple[tuple[str, Role], ...] = ()
    unread: str = ""

    @property
    def latest(self) -> VersionRow:
        """The version that generated code reads."""
        return self.versions[-1]

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """All tags of its types and fields."""
        extras = [*(row.extras for row in self.rows), *(it.extras for it in self.types)]
        return tuple(sorted({tag for each in extras for tag in each.tags}))

    @cached_property
    def uses(self) -> int:
        """How many lines use it."""
        every = [*(row.uses for row in self.rows), *(s.uses for it in self.types for s in it.symbols)]
        return len({(use.path, use.line) for uses in every for use in uses})


@dataclass(frozen=True)
class TopicHalf:
    """A key or a value: the subject of its schemas, or an unframed format; both empty if nothing is known. Of
    values of several types `types` has the subject of each.
    """

    subject: str = ""
    format: str = ""
    type: str = ""
    types: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject that it has schemas of."""
        return self.types or ((self.subject,) if self.subject else ())


@dataclass(frozen=True)
class TopicUse:
    """A flow that reads or writes a topic."""

    flow: FlowOutline
    call: TopicCall


@dataclass(frozen=True)
class TopicEntry:
    """A topic that has a generated module, or that a flow names (`module` is empty then)."""

    name: str
    key: TopicHalf = TopicHalf()
    value: TopicHalf = TopicHalf()
    module: str = ""
    readers: tuple[TopicUse, ...] = ()
    writers: tuple[TopicUse, ...] = ()
    dead_letters: tuple[TopicUse, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """All of it. `registry` is the URL that the lock names, without userinfo; `notes` are what could not be
    read, for people.
    """

    package: str
    registry: str
    version: str
    subjects: tuple[SubjectEntry, ...]
    topics: tuple[TopicEntry, ...]
    flows: tuple[FlowOutline, ...]
    notes: tuple[str, ...] = ()
    brokers: str = ""

    @cached_property
    def by_name(self) -> Mapping[str, SubjectEntry]:
        """The subjects by name."""
        return {subject.name: subject for subject in self.subjects}

    @cached_property
    def tags(self) -> Mapping[str, tuple[tuple[SubjectEntry, FieldRow | TypeRow], ...]]:
        """Tag -> what has it."""
        found: dict[str, list[tuple[SubjectEntry, FieldRow | TypeRow]]] = {}
        for subject in self.subjects:
            rows: list[FieldRow | TypeRow] = [*subject.types, *subject.rows]
            for row in rows:
                for tag in row.extras.tags:
                    found.setdefault(tag, []).append((subject, row))
        return {tag: tuple(rows) for tag, rows in sorted(found.items())}

    def as_json(self) -> dict[str, Any]:
        """What is in it, in numbers."""
        return {
            "subjects": len(self.subjects),
            "topics": len(self.topics),
            "flows": sum(bool(flow.name) for flow in self.flows),
            "fields": sum(len(subject.rows) for subject in self.subjects),
            "versions": sum(len(subject.versions) for subject in self.subjects),
        }
