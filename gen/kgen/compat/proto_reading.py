"""What the wire says of two versions of a Protobuf file: which values that one wrote the other reads as
something else, or not at all.

Fields are known by their numbers: another name is harmless. A name that is at another number is not: what was
written under the old number is lost, or read as another field. What a reader has no field for is left out by
design, and no problem.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from kgen_runtime.codec.avro.resolution.incompatibilities import Incompatibility
from kgen_runtime.codec.protobuf.schema.proto_tree import (
    WELL_KNOWN,
    MessageRef,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoType,
)

from ..listing import listed
from ..protobuf.declared_files import DeclaredFiles
from .proto_types import (
    is_repeated,
    local_name,
    message_of,
    proto_type_text,
    topic_messages,
    wire_family,
)

_MOST: Final = 1_000  # problems
_DEEPEST: Final = 100  # messages inside of each other


def proto_unreadable(writer: DeclaredFiles, reader: DeclaredFiles) -> tuple[Incompatibility, ...]:
    """What messages of `writer` can hold that `reader` does not read as it was meant, by their path in a
    value. They are the messages that may be a topic's.
    """
    reading = _ProtoReading(writer, reader)
    names = topic_messages(writer)
    found: list[Incompatibility] = []
    for name in names:
        if name not in reader.schema.names:
            found.append(Incompatibility("", f"the message {name} is gone", always=len(names) == 1))
        else:
            found += reading.of(name, name, f"{local_name(writer, name)}." if len(names) > 1 else "")
    return tuple(found[:_MOST])


@dataclass
class _ProtoReading:
    writer: DeclaredFiles
    reader: DeclaredFiles
    _done: set[tuple[str, str]] = field(default_factory=set)

    def of(self, name: str, other: str, path: str, depth: int = 0) -> Iterator[Incompatibility]:
        """What is wrong in messages `name` that are read as `other`; of each pair once, at its first path."""
        if (name, other) in self._done:
            return
        self._done.add((name, other))
        if depth > _DEEPEST:
            yield Incompatibility(
                path.rstrip("."), "messages are inside of each other too deeply", always=False
            )
            return
        one, two = message_of(self.writer, name), message_of(self.reader, other)
        by_name = {it.name: it for it in two.fields}
        by_number = {it.number: it for it in two.fields}
        for item in one.fields:
            moved = by_name.get(item.name)
            if moved and moved.number != item.number:
                what = f"moved from number {item.number} to {moved.number}"
                yield Incompatibility(path + item.name, what, always=False)
            elif item.number in by_number:
                yield from self._field(item, by_number[item.number], path, depth)
        yield from _required(one, two, path)
        yield from _together(one, two, path)

    def _field(self, item: ProtoField, other: ProtoField, path: str, depth: int) -> Iterator[Incompatibility]:
        """A field that is read as the one of the same number, whatever that is called."""
        at = path + item.name + _steps(item)
        if wire_family(item.type) != wire_family(other.type):
            texts = proto_type_text(item.type), proto_type_text(other.type)
            again = f": number {item.number} is {other.name} now" if item.name != other.name else ""
            yield Incompatibility(at, f"{texts[0]} cannot be read as {texts[1]}{again}", always=False)
        elif item.presence == "packed" and not is_repeated(other):
            yield Incompatibility(at, "a packed list cannot be read as one value", always=False)
        else:
            yield from self._inside(item.type, other.type, at, depth)

    def _inside(self, one: ProtoType, two: ProtoType, path: str, depth: int) -> Iterator[Incompatibility]:
        if isinstance(one, MessageRef) and isinstance(two, MessageRef):
            if one.name != two.name and not WELL_KNOWN.isdisjoint((one.name, two.name)):
                yield Incompatibility(path, f"{one.name} cannot be read as {two.name}", always=False)
            yield from self.of(one.name, two.name, f"{path}.", depth + 1)
        elif isinstance(one, ProtoMap) and isinstance(two, ProtoMap):
            for what, part, other in (("key", one.keys, two.keys), ("value", one.values, two.values)):
                if wire_family(part) != wire_family(other):
                    texts = proto_type_text(part), proto_type_text(other)
                    yield Incompatibility(
                        path, f"the {what}: {texts[0]} cannot be read as {texts[1]}", always=False
                    )
            yield from self._inside(one.values, two.values, path, depth)
        elif isinstance(one, ProtoMap) or isinstance(two, ProtoMap):
            yield from self._entries(one, two, path, depth)

    def _entries(self, one: ProtoType, two: ProtoType, path: str, depth: int) -> Iterator[Incompatibility]:
        """A map that is read as messages, or the other way round: an entry is a message of key and value."""
        known, whole, files = (
            (two, one, self.reader) if isinstance(one, ProtoMap) else (one, two, self.writer)
        )
        if not isinstance(whole, ProtoMap) or not isinstance(known, MessageRef):
            return
        fields = {it.number: it for it in message_of(files, known.name).fields}
        for number, part in ((1, whole.keys), (2, whole.values)):
            held = fields.get(number)
            if held is not None and wire_family(held.type) != wire_family(part):
                texts = proto_type_text(part), proto_type_text(held.type)
                yield Incompatibility(path, f"{texts[0]} of a map, and {texts[1]} of a message", always=False)


def _steps(item: ProtoField) -> str:
    if isinstance(item.type, ProtoMap):
        return "{}"
    return "[]" if is_repeated(item) else ""


def _required(one: ProtoMessage, two: ProtoMessage, path: str) -> Iterator[Incompatibility]:
    before = {it.number: it for it in one.fields}
    for item in two.fields:
        was = before.get(item.number)
        if item.presence == "required" and not (was and was.presence == "required"):
            yield Incompatibility(path + item.name, "required, and not always written", always=was is None)


def _together(one: ProtoMessage, two: ProtoMessage, path: str) -> Iterator[Incompatibility]:
    """Fields of which messages may have several, and that are of one oneof for the reader."""
    before = {it.number: it for it in one.fields}
    for oneof, members in two.oneofs.items():
        found = [it for it in (before.get(member.number) for member in members) if it is not None]
        if len(found) > 1 and (found[0].oneof is None or len({it.oneof for it in found}) > 1):
            names = listed([it.name for it in found])
            what = f"messages may have {names} together, and of a oneof only the last one is read"
            yield Incompatibility(path + oneof, what, always=False)
