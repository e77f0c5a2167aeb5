"""Which values of one version of a JSON Schema another version cannot be read as, by their types.

That is what the codec reads, so it is about the types alone: what only validation enforces does not count.
Nor does what an open object may have under a name that the schema did not know: producers write what their
schema names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from kgen_runtime.codec.avro.resolution.incompatibilities import Incompatibility
from kgen_runtime.codec.json.json_texts import UnfitTextError
from kgen_runtime.codec.json.schema.json_tree import (
    Anything,
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonSchema,
    JsonTuple,
    JsonUnion,
    Node,
    Nothing,
    StringEnum,
)

from ..listing import listed
from ..model.json_default import UnfitDefaultError, scalar_value
from .json_diff import type_text

_MOST = 200_000  # pairs of types
_DEEPEST = 60  # objects inside of each other


def json_unreadable(writer: JsonSchema, reader: JsonSchema) -> tuple[Incompatibility, ...]:
    """What values of `writer` can be that `reader` cannot read, by their path in a value."""
    reading = _Reading(writer, reader)
    return tuple(reading.of(writer.root, reader.root, ""))


@dataclass
class _Reading:
    writer: JsonSchema
    reader: JsonSchema
    _open: set[tuple[str, str]] = field(default_factory=set)
    _known: dict[tuple[str, str], list[Incompatibility]] = field(default_factory=dict)
    _work: int = 0

    def of(self, node: Node, other: Node, path: str, *, always: bool = True) -> list[Incompatibility]:
        """What values of `node` can be that `other` does not take. `always`: each message has one."""
        self._work += 1
        if self._work > _MOST:
            return [Incompatibility(path, "too much work to compare the two", always=False)]
        branches = _branches(node)
        found: list[Incompatibility] = []
        for branch in branches:
            found += self._branch(branch, _branches(other), path, always and len(branches) == 1)
        return found

    def _branch(self, node: Node, others: list[Node], path: str, always: bool) -> list[Incompatibility]:
        if isinstance(node, Nothing) or any(isinstance(it, Anything) for it in others):
            return []
        nearest: list[Incompatibility] | None = None
        for other in sorted(others, key=lambda it: type(it) is not type(node)):
            found = self._single(node, other, path, always)
            if not found:
                return []
            nearest = nearest or found
        if nearest and len(others) == 1:
            return nearest
        shown = " | ".join(self._shown(it) for it in others) or "nothing"
        return [Incompatibility(path, f"{self._shown(node)} cannot be read as {shown}", always)]

    def _shown(self, node: Node) -> str:
        def name(place: str) -> str:
            named = self.writer.names.get(place) or self.reader.names.get(place)
            kind = "an enum" if isinstance(named, StringEnum) else "an object"
            return named.title if named and named.title else kind

        return type_text(node, name)

    def _single(self, node: Node, other: Node, path: str, always: bool) -> list[Incompatibility]:
        if isinstance(node, JsonRef) and isinstance(other, JsonRef):
            return self._named(node.name, other.name, path, always)
        if isinstance(node, JsonArray | JsonTuple) and isinstance(other, JsonArray | JsonTuple):
            return self._lists(node, other, path)
        if isinstance(node, JsonMap) and isinstance(other, JsonMap):
            return self.of(node.values, other.values, f"{path}{{}}", always=False)
        named = self.writer.names[node.name] if isinstance(node, JsonRef) else node
        reader = self.reader.names[other.name] if isinstance(other, JsonRef) else other
        if isinstance(named, JsonObject) and isinstance(reader, JsonMap):
            types = [(f"{path}.{it.name}".lstrip("."), it.type) for it in named.fields]
            types += [] if named.extra is None else [(f"{path}{{}}", named.extra)]
            return [it for at, one in types for it in self.of(one, reader.values, at, always=False)]
        if isinstance(named, JsonMap) and isinstance(reader, JsonObject):
            return list(self._map_as_object(named, reader, path))
        return self._scalars(named, reader, node, other, path, always)

    def _scalars(
        self, named: object, reader: object, node: Node, other: Node, path: str, always: bool
    ) -> list[Incompatibility]:
        if isinstance(named, StringEnum):
            named = Constant(named.symbols)
        if isinstance(reader, StringEnum):
            reader = Constant(reader.symbols)
        if isinstance(named, Constant):
            lost = [value for value in named.values if not _takes(reader, value)]
            if not lost:
                return []
            if isinstance(reader, Constant) and len(lost) < len(named.values):
                return [Incompatibility(path, f"{_listed(lost)} cannot be read", always=False)]
        elif isinstance(named, JsonScalar) and isinstance(reader, JsonScalar) and _reads(named, reader):
            return []
        message = f"{self._shown(node)} cannot be read as {self._shown(other)}"
        return [Incompatibility(path, message, always)]

    def _lists(
        self, node: JsonArray | JsonTuple, other: JsonArray | JsonTuple, path: str
    ) -> list[Incompatibility]:
        first, second = (it.items if isinstance(it, JsonTuple) else () for it in (node, other))
        rest, rest_of_other = (it.rest if isinstance(it, JsonTuple) else it.items for it in (node, other))
        found: list[Incompatibility] = []
        for at in range(max(len(first), len(second))):
            one = first[at] if at < len(first) else rest
            two = second[at] if at < len(second) else rest_of_other
            found += self.of(one, two, f"{path}[{at}]", always=False)
        return found + self.of(rest, rest_of_other, f"{path}[]", always=False)

    def _named(self, writer: str, reader: str, path: str, always: bool) -> list[Incompatibility]:
        one, two = self.writer.names[writer], self.reader.names[reader]
        if not isinstance(one, JsonObject) or not isinstance(two, JsonObject):
            return self._scalars(one, two, JsonRef(writer), JsonRef(reader), path, always)
        pair = writer, reader
        if pair in self._known:
            return self._known[pair]
        if pair in self._open or len(self._open) > _DEEPEST:
            return []  # decided by the rest
        self._open.add(pair)
        found = self._known[pair] = list(self._objects(one, two, path, always))
        self._open.remove(pair)
        return found

    def _objects(
        self, writer: JsonObject, reader: JsonObject, path: str, always: bool
    ) -> Iterator[Incompatibility]:
        written = {it.name: it for it in writer.fields}
        for item in reader.fields:
            before, at = written.get(item.name), f"{path}.{item.name}".lstrip(".")
            if before is not None:
                if item.required and not before.required:
                    yield Incompatibility(at, "it may be absent, and is required now", always=False)
                yield from self.of(before.type, item.type, at, always=always and before.required)
            elif item.required:
                yield Incompatibility(at, "it is required, and was not written", always)
            elif writer.extra is not None and _may_be_named(writer, item.name):
                yield from self.of(writer.extra, item.type, at, always=False)
        known = {it.name for it in reader.fields}
        for item in writer.fields:
            if item.name not in known:
                yield from self._unnamed(
                    item.type, reader, f"{path}.{item.name}".lstrip("."), always and item.required
                )
        if writer.extra is not None:
            yield from self._unnamed(writer.extra, reader, f"{path}{{}}", False)
        elif not writer.closed and reader.closed:
            yield Incompatibility(
                path, "properties without a name in the schema are refused now", always=False
            )

    def _unnamed(self, type_: Node, reader: JsonObject, path: str, always: bool) -> Iterator[Incompatibility]:
        """A property that the reader does not name."""
        if reader.closed:
            yield Incompatibility(path, "the property is refused: the object takes no others", always)
        elif reader.extra is not None:
            yield from self.of(type_, reader.extra, path, always=False)

    def _map_as_object(self, node: JsonMap, reader: JsonObject, path: str) -> Iterator[Incompatibility]:
        for item in reader.fields:
            at = f"{path}.{item.name}".lstrip(".")
            if item.required:
                yield Incompatibility(at, "it may be absent, and is required now", always=False)
            yield from self.of(node.values, item.type, at, always=False)
        yield from self._unnamed(node.values, reader, f"{path}{{}}", False)


def _may_be_named(writer: JsonObject, name: str) -> bool:
    """Whether a property without a name there can have this one."""
    return not writer.prefixes or name.startswith(writer.prefixes)


def _branches(node: Node) -> list[Node]:
    if not isinstance(node, JsonUnion):
        return [node]
    return [inner for branch in node.branches for inner in _branches(branch)]


def _takes(reader: object, value: str | float | bool | None) -> bool:
    """Whether a type takes a constant."""
    if isinstance(reader, Constant):
        return any(it == value and isinstance(it, bool) == isinstance(value, bool) for it in reader.values)
    try:
        if isinstance(reader, JsonScalar):
            scalar_value(reader, value)
            return True
    except (UnfitDefaultError, UnfitTextError):
        pass
    return False


def _reads(writer: JsonScalar, reader: JsonScalar) -> bool:
    if writer == reader:
        return True
    if reader.type == "number" and writer.type in ("integer", "number"):
        return True  # every number is a float, and a decimal
    if writer.type != reader.type:
        return False
    # A text without its format is any text; an integer is a number of days or milliseconds.
    return reader.format is None or (reader.type == "integer" and writer.format is None)


def _listed(values: list[str | int | float | bool | None]) -> str:
    return listed([json.dumps(value, ensure_ascii=False, default=str) for value in values])
