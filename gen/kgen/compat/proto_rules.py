"""The rules by which registries decide whether one Protobuf file may follow another.

As Confluent documents and publishes them: each difference has a kind, and some kinds are compatible. They are
about the file's own messages, and about those of imports that fields have. The same kinds count each way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from kgen_runtime.codec.protobuf.schema.proto_tree import (
    MessageRef,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoType,
)

from ..protobuf.declared_files import DeclaredFiles
from .proto_types import (
    label_of,
    local_name,
    message_of,
    own_enums,
    own_messages,
    package_of,
    wire_family,
)

ProtoRuleKind: TypeAlias = Literal[
    "PACKAGE_CHANGED", "MESSAGE_ADDED", "MESSAGE_REMOVED", "MESSAGE_MOVED",
    "ENUM_ADDED", "ENUM_REMOVED", "ENUM_CONST_ADDED", "ENUM_CONST_CHANGED", "ENUM_CONST_REMOVED",
    "FIELD_ADDED", "FIELD_REMOVED", "FIELD_NAME_CHANGED", "FIELD_KIND_CHANGED", "FIELD_SCALAR_KIND_CHANGED",
    "FIELD_NAMED_TYPE_CHANGED", "FIELD_NUMERIC_LABEL_CHANGED", "FIELD_STRING_OR_BYTES_LABEL_CHANGED",
    "REQUIRED_FIELD_ADDED", "REQUIRED_FIELD_REMOVED", "ONEOF_ADDED", "ONEOF_REMOVED", "ONEOF_FIELD_ADDED",
    "ONEOF_FIELD_REMOVED", "ONEOF_FIELD_MOVED_TO_TOP_LEVEL", "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
    "FIELD_MOVED_TO_EXISTING_ONEOF", "TOO_DEEP",
]  # fmt: skip

INCOMPATIBLE: Final[Mapping[str, str]] = {
    "PACKAGE_CHANGED": "another package: all messages have other names",
    "MESSAGE_REMOVED": "the message is gone",
    "FIELD_KIND_CHANGED": "a scalar, a message or a map, and another of these before",
    "FIELD_SCALAR_KIND_CHANGED": "a scalar that is written another way",
    "FIELD_NAMED_TYPE_CHANGED": "another message, or one that changed incompatibly",
    "FIELD_NUMERIC_LABEL_CHANGED": "a number with another label",
    "REQUIRED_FIELD_ADDED": "a new field that is required",
    "REQUIRED_FIELD_REMOVED": "a required field is gone",
    "ONEOF_FIELD_REMOVED": "a field of a oneof is gone",
    "MULTIPLE_FIELDS_MOVED_TO_ONEOF": "several fields moved into a oneof, and messages may have them all",
    "FIELD_MOVED_TO_EXISTING_ONEOF": "a field moved into a oneof, of which messages may have others, too",
    "TOO_DEEP": "messages of imports are inside of each other too deeply to compare",
}
"""The kinds that stand in the way, and what they are, for people. All others are compatible."""

_DEEPEST: Final = 200  # messages of imports inside of each other


@dataclass(frozen=True)
class ProtoRuleDifference:
    """A difference from one file to a later one, and its place: `#/Order/2`, the field's number last."""

    kind: ProtoRuleKind
    path: str


Found: TypeAlias = "Iterator[ProtoRuleDifference]"


def proto_differences(old: DeclaredFiles, new: DeclaredFiles) -> tuple[ProtoRuleDifference, ...]:
    """All differences that the rules know, the compatible ones too."""
    return tuple(dict.fromkeys(_ProtoComparison(old, new).whole()))


def proto_incompatible(old: DeclaredFiles, new: DeclaredFiles) -> tuple[ProtoRuleDifference, ...]:
    """The differences that are not allowed."""
    return tuple(it for it in proto_differences(old, new) if it.kind in INCOMPATIBLE)


@dataclass
class _ProtoComparison:
    old: DeclaredFiles
    new: DeclaredFiles
    _open: set[str] = field(default_factory=set)
    _known: dict[tuple[str, str], Sequence[ProtoRuleDifference]] = field(default_factory=dict)

    def whole(self) -> Found:
        if package_of(self.old) != package_of(self.new):
            yield ProtoRuleDifference("PACKAGE_CHANGED", "#/")
        before, after = own_messages(self.old), own_messages(self.new)
        places, others = _places(before), _places(after)
        for name in dict.fromkeys([*before, *after]):
            outer = name.rpartition(".")[0]
            if name in before and name in after:
                yield from self._messages(before[name], after[name], _path(name))
                if places[name] != others[name]:
                    yield ProtoRuleDifference("MESSAGE_MOVED", _path(name))
            elif not outer or (outer in before and outer in after):  # else it goes, or comes, with that
                kind: ProtoRuleKind = "MESSAGE_REMOVED" if name in before else "MESSAGE_ADDED"
                yield ProtoRuleDifference(kind, _path(name))
        enums, now = own_enums(self.old), own_enums(self.new)
        for name in dict.fromkeys([*enums, *now]):
            yield from _enums(_path(name), enums.get(name), now.get(name))

    def _messages(self, old: ProtoMessage, new: ProtoMessage, path: str) -> Found:
        if old.name in self._open:
            return
        if len(self._open) > _DEEPEST:
            yield ProtoRuleDifference("TOO_DEEP", path)
            return
        self._open.add(old.name)
        yield from self._oneofs(old, new, path)
        yield from self._fields(old, new, path)
        self._open.remove(old.name)

    def _oneofs(self, old: ProtoMessage, new: ProtoMessage, path: str) -> Found:
        numbers = {it.number: it for it in old.fields}
        for oneof, members in new.oneofs.items():
            before = [it for it in (numbers.get(member.number) for member in members) if it is not None]
            groups = {it.oneof or it.number for it in before}
            if len(groups) > 1:
                several = sum(it.oneof is None for it in before) > 1
                kind: ProtoRuleKind = (
                    "MULTIPLE_FIELDS_MOVED_TO_ONEOF" if several else "FIELD_MOVED_TO_EXISTING_ONEOF"
                )
                yield ProtoRuleDifference(kind, f"{path}/{oneof}")
        for oneof in sorted({*old.oneofs} ^ {*new.oneofs}):
            kind = "ONEOF_REMOVED" if oneof in old.oneofs else "ONEOF_ADDED"
            yield ProtoRuleDifference(kind, f"{path}/{oneof}")

    def _fields(self, old: ProtoMessage, new: ProtoMessage, path: str) -> Found:
        before, after = ({it.number: it for it in m.fields} for m in (old, new))
        gone = {name for name, of in old.oneofs.items() if not any(it.number in after for it in of)}
        for number in sorted({*before, *after}):
            was, now = before.get(number), after.get(number)
            at = f"{path}/{number}"
            if was and now:
                if was.oneof is not None and now.oneof is None:
                    yield ProtoRuleDifference("ONEOF_FIELD_MOVED_TO_TOP_LEVEL", at)
                yield from self._contents(was, now, f"{path}/{now.oneof}/{number}" if now.oneof else at)
            elif was and was.oneof is None:
                kind: ProtoRuleKind = (
                    "REQUIRED_FIELD_REMOVED" if was.presence == "required" else "FIELD_REMOVED"
                )
                yield ProtoRuleDifference(kind, at)
            elif was and not (was.oneof in gone and was.oneof not in new.oneofs):  # else all of it is gone
                yield ProtoRuleDifference("ONEOF_FIELD_REMOVED", f"{path}/{was.oneof}/{number}")
            elif now and now.oneof is None:
                kind = "REQUIRED_FIELD_ADDED" if now.presence == "required" else "FIELD_ADDED"
                yield ProtoRuleDifference(kind, at)
            elif now:
                yield ProtoRuleDifference("ONEOF_FIELD_ADDED", f"{path}/{now.oneof}/{number}")

    def _contents(self, old: ProtoField, new: ProtoField, path: str) -> Found:
        if old.name != new.name:
            yield ProtoRuleDifference("FIELD_NAME_CHANGED", path)
        yield from self._types(old.type, new.type, path)
        family, labels = wire_family(old.type), {label_of(old), label_of(new)} - {""}
        if len(labels) < 2 or family != wire_family(new.type) or family in ("message", "group"):
            return
        kind: ProtoRuleKind = "FIELD_NUMERIC_LABEL_CHANGED"
        yield ProtoRuleDifference("FIELD_STRING_OR_BYTES_LABEL_CHANGED" if family == "text" else kind, path)

    def _types(self, old: ProtoType, new: ProtoType, path: str) -> Found:
        if _kind(old) != _kind(new):
            yield ProtoRuleDifference("FIELD_KIND_CHANGED", path)
        elif isinstance(old, ProtoMap) and isinstance(new, ProtoMap):
            yield from self._types(old.keys, new.keys, path)
            yield from self._types(old.values, new.values, path)
        elif isinstance(old, MessageRef) and isinstance(new, MessageRef):
            yield from self._named(old.name, new.name, path)
        elif wire_family(old) != wire_family(new):
            yield ProtoRuleDifference("FIELD_SCALAR_KIND_CHANGED", path)

    def _named(self, old: str, new: str, path: str) -> Found:
        local = local_name(self.old, old)
        if local != local_name(self.new, new):
            yield ProtoRuleDifference("FIELD_NAMED_TYPE_CHANGED", path)
            return
        if self.old.files.get(old) == self.old.file and self.new.files.get(new) == self.new.file:
            return  # these are compared by themselves
        if (old, new) not in self._known:
            self._known[old, new] = ()  # while it is open
            pair = message_of(self.old, old), message_of(self.new, new)
            self._known[old, new] = tuple(self._messages(*pair, _path(local)))
        yield from self._known[old, new]
        if any(it.kind in INCOMPATIBLE for it in self._known[old, new]):
            yield ProtoRuleDifference("FIELD_NAMED_TYPE_CHANGED", path)


def _enums(path: str, old: ProtoEnum | None, new: ProtoEnum | None) -> Found:
    if new is None or old is None:
        yield ProtoRuleDifference("ENUM_REMOVED" if new is None else "ENUM_ADDED", path)
        return
    before, after = ({number: name for name, number in it.values} for it in (old, new))
    for number in sorted({*before, *after}):
        at = f"{path}/{number}"
        if number not in after:
            yield ProtoRuleDifference("ENUM_CONST_REMOVED", at)
        elif number not in before:
            yield ProtoRuleDifference("ENUM_CONST_ADDED", at)
        elif before[number] != after[number]:
            yield ProtoRuleDifference("ENUM_CONST_CHANGED", at)


def _places(messages: Mapping[str, ProtoMessage]) -> dict[str, int]:
    """The place of each among those beside it, which is what message indexes count."""
    counts: dict[str, int] = {}
    places: dict[str, int] = {}
    for name in messages:
        outer = name.rpartition(".")[0]
        places[name] = counts.get(outer, 0)
        counts[outer] = places[name] + 1
    return places


def _kind(type_: ProtoType) -> str:
    if isinstance(type_, ProtoMap):
        return "map"
    return "message" if isinstance(type_, MessageRef) else "scalar"


def _path(name: str) -> str:
    return f"#/{name.replace('.', '/')}"
