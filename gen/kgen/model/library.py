"""The schemas of a snapshot, parsed, and which subject's version defines which name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from kgen_runtime.codec.schema import Array, Enum, Map, Named, Node, Record, Ref, Schema, Union, parse
from kgen_runtime.errors import SchemaError

from .subjects import SchemaVersion, Snapshot

Pair: TypeAlias = "tuple[str, int]"
"""A subject and a version."""

_MAX_CHAIN = 100


@dataclass(frozen=True)
class Unit:
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


class Library:
    """Finds and parses versions; each at most once."""

    def __init__(self, snapshot: Snapshot) -> None:
        known = [version for subject in snapshot.subjects for version in subject.versions]
        self._versions = {(v.subject, v.version): v for v in [*snapshot.referenced, *known]}
        self._units: dict[Pair, Unit] = {}

    def unit(self, pair: Pair) -> Unit:
        """The version parsed. Raises `SchemaError` that names subject and version."""
        if pair not in self._units:
            self._units[pair] = self._parse(self._versions[pair])
        return self._units[pair]

    def schema(self, pair: Pair) -> Schema | None:
        """The version's schema; None if it does not parse."""
        try:
            return self.unit(pair).schema
        except SchemaError:
            return None

    def texts(self, pair: Pair) -> tuple[str, ...]:
        """The version's text and the texts of all that it refers to, which together are its meaning.

        Raises `SchemaError` if a reference leads nowhere or back.
        """
        version = self._versions[pair]
        return (version.text, *(reference.text for reference in self._closure(version)))

    def references(self, pair: Pair) -> dict[str, SchemaVersion]:
        """The versions that a version refers to, transitively, by subject. Raises as `texts` does."""
        return {reference.subject: reference for reference in self._closure(self._versions[pair])}

    def _parse(self, version: SchemaVersion) -> Unit:
        references = tuple(self._closure(version))
        try:
            schema = parse(version.text, [reference.text for reference in references])
        except SchemaError as error:
            raise located(error, version) from error
        origins: dict[str, Pair] = {}
        for reference in references:
            for name, pair in self.unit((reference.subject, reference.version)).origins.items():
                origins.setdefault(name, pair)
        for name in schema.names:
            origins.setdefault(name, (version.subject, version.version))
        return Unit(version, references, schema, origins)

    def _closure(self, version: SchemaVersion) -> Iterator[SchemaVersion]:
        """What the version refers to, transitively, each once, what it needs before it."""
        done: set[Pair] = set()
        path: list[Pair] = []

        def visit(user: SchemaVersion) -> Iterator[SchemaVersion]:
            path.append((user.subject, user.version))
            if len(path) > _MAX_CHAIN:
                raise SchemaError("the chain of references is too long", where=f"{path[0][0]} v{path[0][1]}")
            for reference in user.references:
                pair = (reference.subject, reference.version)
                if pair in path:
                    raise _reference_error(user, *pair, "refers back to it")
                if pair in done:
                    continue
                if pair not in self._versions:
                    raise _reference_error(user, *pair, "is not known")
                done.add(pair)
                yield from visit(self._versions[pair])
                yield self._versions[pair]
            path.pop()

        yield from visit(version)


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
    return f"{subject} v{before} -> v{after}" if before != after else f"{subject} v{after}, registered again"


def located(error: SchemaError, version: SchemaVersion) -> SchemaError:
    """The error with subject and version in its place."""
    place = f"{version.subject} v{version.version}"
    return type(error)(error.what, where=f"{place}, {error.where}" if error.where else place, hint=error.hint)


def _reference_error(user: SchemaVersion, subject: str, version: int, what: str) -> SchemaError:
    return SchemaError(
        f"the referenced schema {subject} v{version} {what}", where=f"{user.subject} v{user.version}"
    )


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
