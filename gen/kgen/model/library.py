"""The schemas of a snapshot, parsed, and which subject's version defines which name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Array, Enum, Map, Named, Node, Record, Ref, Schema, Union
from kgen_runtime.errors import SchemaError

from ..listing import title
from .subjects import SchemaVersion, Snapshot

Pair: TypeAlias = "tuple[str, int]"
"""A subject and a version."""

_MAX_CHAIN = 100


@dataclass(frozen=True)
class ParsedVersion:
    """A version of a subject, parsed. `references` are the versions it refers to (transitively), in
    dependency order; `origins` says for every name of the schema which subject's version defines it.
    """

    version: SchemaVersion
    references: tuple[SchemaVersion, ...]
    schema: Schema
    origins: Mapping[str, Pair]

    @property
    def pair(self) -> Pair:
        """Subject and version."""
        return self.version.subject, self.version.version

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Full names of the records and enums the schema uses, what a type needs before the type itself."""
        return tuple(name for name in self.reached if isinstance(self.schema.names[name], Record | Enum))

    @cached_property
    def own(self) -> tuple[str, ...]:
        """Those of `classes` that this text itself defines."""
        return tuple(name for name in self.classes if self.origins[name] == self.pair)

    @cached_property
    def reached(self) -> tuple[str, ...]:
        """Every name that the schema uses, what a type needs first."""
        return reach(self.schema.names, self.schema.root)


@dataclass(frozen=True)
class Fault:
    """Why a version cannot be read. `pair` is the version that has the fault: it, or one it refers to."""

    pair: Pair
    what: str
    pointer: str | None = None  # into the text of that version

    def reason(self, pair: Pair) -> str:
        """What to say of a version that cannot be read for this fault."""
        subject, number = self.pair
        if pair != self.pair:
            return f"it refers to {title(subject)} v{number}, which cannot be read"
        place = f" at {self.pointer}" if self.pointer not in (None, "/") else ""  # `/` is the whole text
        return f"v{number} cannot be read: {self.what}{place}"

    def error(self) -> SchemaError:
        """The error that names subject and version."""
        place = f"{self.pair[0]} v{self.pair[1]}"
        return SchemaError(self.what, where=f"{place}, {self.pointer}" if self.pointer else place)


class _FaultError(Exception):
    """Inside of a library: carries a fault to where it is kept."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault


class ParsedTexts:
    """What texts are as schemas, after those that they refer to. Each is parsed once for all libraries that
    share this: a pull compares snapshots that have most of their texts in common.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Schema | SchemaError] = {}

    def schema(self, text: str, references: Sequence[str]) -> Schema:
        """See `parse`. Raises `SchemaError`."""
        key = (text, *references)
        if key not in self._known:
            try:
                self._known[key] = parse(text, references)
            except SchemaError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, SchemaError):
            raise SchemaError(found.what, where=found.where)
        return found


class Library:
    """Finds and parses the versions of a snapshot; each at most once."""

    def __init__(self, snapshot: Snapshot, texts: ParsedTexts | None = None) -> None:
        self.snapshot = snapshot
        self._texts = ParsedTexts() if texts is None else texts
        known = [version for subject in snapshot.subjects for version in subject.versions]
        self.versions = {(v.subject, v.version): v for v in [*snapshot.referenced, *known]}
        self._units: dict[Pair, ParsedVersion | Fault] = {}

    def of(self, snapshot: Snapshot) -> Library:
        """The library of another snapshot, which parses no text that this one has parsed."""
        return Library(snapshot, self._texts)

    def unit(self, pair: Pair) -> ParsedVersion:
        """The version parsed. Raises `SchemaError` that names the subject and version that has the fault."""
        found = self._find(pair)
        if isinstance(found, Fault):
            raise found.error()
        return found

    def schema(self, pair: Pair) -> Schema | None:
        """The version's schema; None if it does not parse."""
        found = self._find(pair)
        return None if isinstance(found, Fault) else found.schema

    def fault(self, pair: Pair) -> Fault | None:
        """Why the version cannot be read; None if it can."""
        found = self._find(pair)
        return found if isinstance(found, Fault) else None

    def _find(self, pair: Pair) -> ParsedVersion | Fault:
        if pair not in self._units:
            try:
                self._units[pair] = self._parse(self.versions[pair])
            except _FaultError as error:
                self._units[pair] = error.fault
        return self._units[pair]

    def texts(self, pair: Pair) -> tuple[str, ...]:
        """The version's text and the texts of all that it refers to, which together are its meaning.

        Raises `SchemaError` if a reference leads nowhere or back.
        """
        version = self.versions[pair]
        return (version.text, *(reference.text for reference in self._references(version)))

    def references(self, pair: Pair) -> dict[str, SchemaVersion]:
        """The versions that a version refers to, transitively, by subject. Raises as `texts` does."""
        return {reference.subject: reference for reference in self._references(self.versions[pair])}

    def _references(self, version: SchemaVersion) -> list[SchemaVersion]:
        try:
            return list(self._closure(version))
        except _FaultError as error:
            raise error.fault.error() from None

    def _parse(self, version: SchemaVersion) -> ParsedVersion:
        references = tuple(self._closure(version))
        origins: dict[str, Pair] = {}
        for reference in references:
            unit = self._find((reference.subject, reference.version))
            if isinstance(unit, Fault):
                raise _FaultError(unit)
            for name, pair in unit.origins.items():
                origins.setdefault(name, pair)
        try:
            schema = self._texts.schema(version.text, [reference.text for reference in references])
        except SchemaError as error:
            raise _FaultError(Fault(_pair(version), error.what, error.where)) from error
        for name in schema.names:
            origins.setdefault(name, (version.subject, version.version))
        return ParsedVersion(version, references, schema, origins)

    def _closure(self, version: SchemaVersion) -> Iterator[SchemaVersion]:
        """What the version refers to, transitively, each once, what it needs before it."""
        done: set[Pair] = set()
        path: list[Pair] = []

        def visit(user: SchemaVersion) -> Iterator[SchemaVersion]:
            path.append((user.subject, user.version))
            if len(path) > _MAX_CHAIN:
                raise _FaultError(Fault(path[0], "the chain of references is too long"))
            for reference in user.references:
                pair = (reference.subject, reference.version)
                if pair in path:
                    # Of the one on the circle, so that each of them says it and others name that one.
                    raise _FaultError(Fault(pair, _circle([*path[path.index(pair) :], pair])))
                if pair in done:
                    continue
                if pair not in self.versions:
                    what = f"the referenced schema {_title(pair)} is unknown"
                    raise _FaultError(Fault(_pair(user), what))
                done.add(pair)
                yield from visit(self.versions[pair])
                yield self.versions[pair]
            path.pop()

        yield from visit(version)


def needed(library: Library, roots: Iterable[Pair]) -> dict[Pair, ParsedVersion]:
    """The versions that have to have classes for `roots` to have theirs, sorted."""
    units: dict[Pair, ParsedVersion] = {}
    todo = list(roots)
    while todo:
        pair = todo.pop()
        if pair not in units:
            unit = units[pair] = library.unit(pair)
            todo.extend(unit.origins[name] for name in unit.classes)
    return {pair: units[pair] for pair in sorted(units)}


def referenced(units: Mapping[Pair, ParsedVersion]) -> set[Pair]:
    """Those whose types others use."""
    return {
        unit.origins[name]
        for pair, unit in units.items()
        for name in unit.classes
        if unit.origins[name] != pair
    }


def same_meaning(first: Library, pair: Pair, second: Library, other: Pair) -> bool:
    """Whether two versions have the same text and so have the versions that they refer to."""
    try:
        return first.texts(pair) == second.texts(other)
    except SchemaError:
        return False


def moved_references(first: Library, pair: Pair, second: Library, other: Pair) -> tuple[str, ...]:
    """`address v1 -> v2` for each subject that two versions both refer to in another version or text."""
    before, after = first.references(pair), second.references(other)
    changed = (s for s in sorted(before.keys() & after.keys()) if _key(before[s]) != _key(after[s]))
    return tuple(_moved(s, before[s].version, after[s].version) for s in changed)


def _key(version: SchemaVersion) -> tuple[int, str]:
    return version.version, version.text


def _moved(subject: str, before: int, after: int) -> str:
    moved = f"v{before} -> v{after}" if before != after else f"v{after}, registered again"
    return f"{title(subject)} {moved}"


def _pair(version: SchemaVersion) -> Pair:
    return version.subject, version.version


def _title(pair: Pair) -> str:
    return f"{title(pair[0])} {'latest' if pair[1] == -1 else f'v{pair[1]}'}"


def _circle(path: list[Pair]) -> str:
    return f"references lead round in a circle: {' -> '.join(map(_title, path))}"


def reach(names: Mapping[str, Named], root: Node) -> tuple[str, ...]:
    """The names that are used from `root` on, in order of definition: each after what it uses (recursion
    aside).
    """
    found: set[str] = set()
    todo = list(refs(root))
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            named = names[name]
            if isinstance(named, Record):
                todo.extend(ref for item in named.fields for ref in refs(item.type))
    return tuple(name for name in names if name in found)


def refs(node: Node) -> Iterator[str]:
    """The names that a type mentions, in order."""
    if isinstance(node, Ref):
        yield node.name
    elif isinstance(node, Array):
        yield from refs(node.items)
    elif isinstance(node, Map):
        yield from refs(node.values)
    elif isinstance(node, Union):
        for branch in node.branches:
            yield from refs(branch)
