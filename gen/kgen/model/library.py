"""The schemas of a snapshot, parsed, and which subject's version defines which name."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias, TypeVar

from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Schema
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.codec.json.schema.json_tree import JsonSchema
from kgen_runtime.errors import ConfigError, SchemaError

from ..listing import title
from ..protobuf.proto_model import NoMessage, OneofMember, ProtoModel
from ..protobuf.proto_parser import parse_proto
from .json_places import JsonNames, json_root_name, place_of
from .names import class_candidates, digest
from .proto_names import proto_class_candidates
from .subjects import Reference, SchemaType, SchemaVersion, Snapshot
from .trees import AnySchema, has_class, reach

Pair: TypeAlias = "tuple[str, int]"
"""A subject and a version."""
Ident: TypeAlias = "tuple[Pair, str]"
"""A class: the version that defines it, and its full name."""

K = TypeVar("K", bound=Hashable)
S = TypeVar("S", bound=AnySchema)

_MAX_CHAIN = 100
SUPPORTED: frozenset[SchemaType] = frozenset({"AVRO", "JSON", "PROTOBUF"})
"""The types of schemas that become models."""


@dataclass(frozen=True)
class ParsedVersion:
    """A version of a subject, parsed. `references` are the versions it refers to (transitively), in
    dependency order; `origins` says for every name of the schema which subject's version defines it, `homes`
    what that calls it, where it is another name (`#/$defs/Line` for `line.json#/$defs/Line`); `documents` are
    the texts that a JSON Schema refers to, by their names in it.
    """

    version: SchemaVersion
    references: tuple[SchemaVersion, ...]
    schema: AnySchema
    origins: Mapping[str, Pair]
    homes: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)

    @property
    def pair(self) -> Pair:
        """Subject and version."""
        return self.version.subject, self.version.version

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Full names of the records and enums the schema uses, what a type needs before the type itself."""
        return tuple(name for name in self.reached if has_class(self.schema.names[name]))

    @cached_property
    def own(self) -> tuple[str, ...]:
        """Those of `classes` that this text itself defines."""
        return tuple(name for name in self.classes if self.origins[name] == self.pair)

    @cached_property
    def own_names(self) -> frozenset[str]:
        """The same, to look names up in."""
        return frozenset(self.own)

    @cached_property
    def reached(self) -> tuple[str, ...]:
        """Every name that the schema uses, what a type needs first; of a JSON Schema that others refer to,
        also what it defines for these; of a .proto file all that it declares.
        """
        if isinstance(self.schema, JsonSchema | ProtoModel):
            return tuple(self.schema.names)
        return reach(self.schema.names, self.schema.root)

    def ident(self, name: str) -> Ident:
        """The class of a name."""
        return self.origins[name], self.homes.get(name, name)

    @cached_property
    def json_names(self) -> JsonNames | None:
        """What the types of a JSON Schema are called; None of another schema."""
        if not isinstance(self.schema, JsonSchema):
            return None
        return JsonNames(self.schema, json_root_name(self.version.subject))

    def class_names(self, name: str) -> Iterable[str]:
        """Names for the class of a type that this defines, best first."""
        if isinstance(self.schema, ProtoModel):
            yield from proto_class_candidates(self.schema, name)
            return
        if not self.json_names:
            yield from class_candidates(name)
            return
        yield from self.json_names.candidates(name)
        # Schemas of several subjects have the same places.
        place = digest(f"{self.version.subject}{name}", 8)
        yield f"{self.json_names.natural(name)}_{place}"

    def natural(self, name: str) -> str:
        """The class of a type that this defines, taken alone."""
        return next(iter(self.class_names(name)))


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
        self._avro: dict[tuple[str, ...], Schema | SchemaError] = {}
        self._proto: dict[tuple[str, tuple[tuple[str, str], ...]], ProtoModel | SchemaError] = {}
        self._json: dict[tuple[str, bool, tuple[tuple[str, str], ...]], JsonSchema | SchemaError] = {}

    def schema(self, text: str, references: Sequence[str]) -> Schema:
        """See `parse`. Raises `SchemaError`."""
        return _known(self._avro, (text, *references), lambda: parse(text, references))

    def json_schema(self, text: str, references: Mapping[str, str], *, definitions: bool) -> JsonSchema:
        """See `parse_json_schema`. Raises `SchemaError`."""
        return _known(
            self._json,
            (text, definitions, tuple(references.items())),
            lambda: parse_json_schema(text, references, definitions=definitions),
        )

    def proto(self, text: str, references: Mapping[str, str]) -> ProtoModel:
        """A .proto file, beside those that it imports, by the names that imports have for them. Raises
        `SchemaError`; a `ConfigError` if protoc is not installed.
        """
        return _known(self._proto, (text, tuple(references.items())), lambda: parse_proto(text, references))


def _known(known: dict[K, S | SchemaError], key: K, make: Callable[[], S]) -> S:
    if key not in known:
        try:
            known[key] = make()
        except SchemaError as error:
            known[key] = error
    found = known[key]
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
        self._used = {(r.subject, r.version) for v in self.versions.values() for r in v.references}

    def of(self, snapshot: Snapshot) -> Library:
        """The library of another snapshot, which parses no text that this one has parsed."""
        return Library(snapshot, self._texts)

    def unit(self, pair: Pair) -> ParsedVersion:
        """The version parsed. Raises `SchemaError` that names the subject and version that has the fault."""
        found = self._find(pair)
        if isinstance(found, Fault):
            raise found.error()
        return found

    def schema(self, pair: Pair) -> AnySchema | None:
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

    def json_texts(self, pair: Pair) -> tuple[str, dict[str, str]]:
        """A JSON Schema's text, and those that it refers to, by the names that they have there. Raises as
        `texts` does.
        """
        version = self.versions[pair]
        self._references(version)
        return version.text, {name: found.text for name, found in self._named(version, set())}

    def references(self, pair: Pair) -> dict[str, SchemaVersion]:
        """The versions that a version refers to, transitively, by subject. Raises as `texts` does."""
        return {reference.subject: reference for reference in self._references(self.versions[pair])}

    def _references(self, version: SchemaVersion) -> list[SchemaVersion]:
        try:
            return list(self._closure(version))
        except _FaultError as error:
            raise error.fault.error() from None

    def _parse(self, version: SchemaVersion) -> ParsedVersion:
        if version.type not in SUPPORTED:
            raise _FaultError(Fault(_pair(version), f"{version.type} schemas are not supported yet"))
        references = tuple(self._closure(version))
        units = [self._referenced(version, reference) for reference in references]
        try:
            if version.type == "JSON":
                return self._parse_json(version, references)
            if version.type == "PROTOBUF":
                return self._parse_proto(version, references)
            schema = self._texts.schema(version.text, [reference.text for reference in references])
        except SchemaError as error:
            raise _FaultError(Fault(_pair(version), error.what, error.where)) from error
        except ConfigError as error:
            raise _FaultError(Fault(_pair(version), f"{error.what} ({error.hint})")) from error
        origins: dict[str, Pair] = {}
        for name, pair in (item for unit in units for item in unit.origins.items()):
            origins.setdefault(name, pair)
        for name in schema.names:
            origins.setdefault(name, (version.subject, version.version))
        return ParsedVersion(version, references, schema, origins)

    def _referenced(self, version: SchemaVersion, reference: SchemaVersion) -> ParsedVersion:
        if reference.type != version.type:
            what = f"it refers to {_title(_pair(reference))}, which is {reference.type}"
            raise _FaultError(Fault(_pair(version), what))
        unit = self._find(_pair(reference))
        if isinstance(unit, Fault):
            raise _FaultError(unit)
        return unit

    def _parse_json(self, version: SchemaVersion, references: tuple[SchemaVersion, ...]) -> ParsedVersion:
        """Types of a referenced text are that version's, if it has them by itself, too."""
        documents = dict(self._named(version, set()))
        texts = {name: found.text for name, found in documents.items()}
        defines = _pair(version) in self._used
        schema = self._texts.json_schema(version.text, texts, definitions=defines)
        origins: dict[str, Pair] = {}
        homes: dict[str, str] = {}
        for name in schema.names:
            document, pointer = place_of(name, documents)
            found = documents.get(document)
            unit = self._find(_pair(found)) if found else None
            if isinstance(unit, ParsedVersion) and f"#{pointer}" in unit.schema.names:
                origins[name], homes[name] = unit.pair, f"#{pointer}"
            else:
                origins[name] = _pair(version)
        return ParsedVersion(version, references, schema, origins, homes, texts)

    def _parse_proto(self, version: SchemaVersion, references: tuple[SchemaVersion, ...]) -> ParsedVersion:
        """Types of a file that has no reference, as it is built in, are the version's own."""
        documents = dict(self._named(version, set()))
        texts = {name: found.text for name, found in documents.items()}
        schema = self._texts.proto(version.text, texts)
        if isinstance(schema.root, NoMessage) and _pair(version) not in self._used:
            raise SchemaError("it declares no message")
        origins: dict[str, Pair] = {}
        for name, named in schema.names.items():
            declared = name.rsplit(".", 2)[0] if isinstance(named, OneofMember) else name
            found = documents.get(schema.files.files[declared])
            origins[name] = _pair(found) if found else _pair(version)
        return ParsedVersion(version, references, schema, origins, documents=texts)

    def _named(self, version: SchemaVersion, done: set[Reference]) -> Iterator[tuple[str, SchemaVersion]]:
        """What the version refers to, by the names that texts use, transitively: of two with one name the
        last one counts, which is the version's own (as in `kgen_runtime.serde.vendored`).
        """
        for reference in version.references:
            if reference not in done:
                done.add(reference)
                found = self.versions[reference.subject, reference.version]
                yield from self._named(found, done)
                yield reference.name, found

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
