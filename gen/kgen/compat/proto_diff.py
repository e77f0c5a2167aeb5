"""What changed in meaning between two versions of a Protobuf file, down to docs.

A field is the same if it has the same name, else if it has the same number and a type that reads the other's
values: then it was renamed. A change's path is `shop.Order`, `shop.Order.price`; of a member of a oneof too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kgen_runtime.codec.protobuf.schema.proto_tree import (
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoNamed,
)

from ..model.proto_pairing import proto_type_pairs
from ..protobuf.proto_model import ProtoModel
from .change_kinds import Change, Kind
from .proto_types import (
    is_repeated,
    labelled_text,
    proto_type_text,
    wire_family,
)


class ProtoDiff:
    """The changes from one version to another."""

    def __init__(self, old: ProtoModel, new: ProtoModel) -> None:
        self.old, self.new = old.files, new.files
        pairs = proto_type_pairs(old, new)
        self.pairs = {name: pairs[name] for name in old.schema.names if name in pairs}  # old -> new full name

    def changes(self) -> Iterator[Change]:
        """All of them, without texts: in the order of the new version, what is gone last."""
        back = {new: old for old, new in self.pairs.items()}
        if self.old.messages != self.new.messages and self._moved_messages():
            yield Change("messages reordered", "", list(self.old.messages), list(self.new.messages))
        for name, named in self.new.schema.names.items():
            if name in back:
                found = self._type(self.old.schema.names[back[name]], named)
                yield from (replace(change, owner=name) for change in found)
            else:
                yield Change("type added", name, None, _sort(named), owner=name)
        for name, gone in self.old.schema.names.items():
            if name not in self.pairs:
                yield Change("type removed", name, _sort(gone), owner=name)

    def _moved_messages(self) -> bool:
        kept = [self.pairs[m] for m in self.old.messages if self.pairs.get(m) in self.new.messages]
        return kept != [m for m in self.new.messages if m in kept]

    def _type(self, old: ProtoNamed, new: ProtoNamed) -> Iterator[Change]:
        if old.name != new.name:
            yield Change("type moved", new.name, old.name, new.name)
        if isinstance(old, ProtoMessage) and isinstance(new, ProtoMessage):
            yield from self._doc(new.name, old.name, new.name)
            yield from self._fields(old, new)
            yield from self._oneofs(old, new)
        elif isinstance(old, ProtoEnum) and isinstance(new, ProtoEnum):
            yield from self._doc(new.name, old.name, new.name)
            yield from self._values(old, new)
        else:
            yield Change("type replaced", new.name, _sort(old), _sort(new))
        if old.reserved != new.reserved or old.reserved_names != new.reserved_names:
            yield Change("reserved", new.name, _reserved(old), _reserved(new))

    def _doc(self, path: str, key: str, other: str) -> Iterator[Change]:
        before, after = self.old.docs.get(key), self.new.docs.get(other)
        if before != after:
            yield Change("doc", path, before, after)

    def _fields(self, old: ProtoMessage, new: ProtoMessage) -> Iterator[Change]:
        pairs, oneofs = field_pairs(old, new), _oneof_pairs(old, new)
        before = {it.name: it for it in old.fields}
        back = {after: name for name, after in pairs.items()}
        for item in new.fields:
            path = f"{new.name}.{item.name}"
            if item.name in back:
                was = before[back[item.name]]
                yield from self._field(path, was, item, oneofs)
                if was.oneof and oneofs.get(was.oneof) == item.oneof:
                    yield from _member(
                        f"{old.name}.{was.oneof}.{was.name}", f"{new.name}.{item.oneof}.{item.name}"
                    )
                yield from self._doc(path, f"{old.name}:{was.name}", f"{new.name}:{item.name}")
            else:
                yield Change("field added", path, None, _declared(item))
        for item in old.fields:
            if item.name not in pairs:
                yield Change("field removed", f"{new.name}.{item.name}", _declared(item))

    def _field(
        self, path: str, old: ProtoField, new: ProtoField, oneofs: Mapping[str, str]
    ) -> Iterator[Change]:
        if old.oneof is None or oneofs.get(old.oneof) != new.oneof:
            if old.name != new.name:
                yield Change("field renamed", path, old.name, new.name)
            if old.oneof != new.oneof:
                yield Change("oneof", path, old.oneof, new.oneof)
        if old.number != new.number:
            yield Change("field number", path, old.number, new.number)
        if self._key(old) != self._key(new):
            yield Change("field retyped", path, labelled_text(old), labelled_text(new))
        elif (old.presence == "required") != (new.presence == "required"):
            yield Change("field required" if new.presence == "required" else "field optional", path)
        elif _is_optional(old) != _is_optional(new) and old.oneof == new.oneof:
            kind: Kind = "field nullable" if _is_optional(new) else "field not nullable"
            yield Change(kind, path, labelled_text(old), labelled_text(new))
        if old.presence != new.presence and {old.presence, new.presence} == {"packed", "repeated"}:
            yield Change("packing", path, *(_packing(it) for it in (old, new)))
        if old.default != new.default:
            yield Change("default", path, old.default, new.default)
        if old.json_name != new.json_name:
            yield Change("json name", path, old.json_name, new.json_name)

    def _key(self, item: ProtoField) -> tuple[bool, str]:
        """Equal for equal types, whatever package they are of."""
        return is_repeated(item), self._renamed(proto_type_text(item.type), item)

    def _renamed(self, text: str, item: ProtoField) -> str:
        of = item.type.values if isinstance(item.type, ProtoMap) else item.type
        name = getattr(of, "name", "")
        later = self.pairs.get(name, name) if name else ""
        return text.replace(name, later) if later != name else text

    def _oneofs(self, old: ProtoMessage, new: ProtoMessage) -> Iterator[Change]:
        renamed = _oneof_pairs(old, new)
        back = {after: before for before, after in renamed.items()}
        for oneof, members in new.oneofs.items():
            path = f"{new.name}.{oneof}"
            if oneof not in back:
                yield Change("oneof added", path, None, [it.name for it in members])
                continue
            if back[oneof] != oneof:
                yield Change("field renamed", path, back[oneof], oneof)
            yield from self._doc(path, f"{old.name}.{back[oneof]}", path)
        for oneof, members in old.oneofs.items():
            if oneof not in renamed:
                yield Change("oneof removed", f"{new.name}.{oneof}", [it.name for it in members])

    def _values(self, old: ProtoEnum, new: ProtoEnum) -> Iterator[Change]:
        before, after = dict(old.values), dict(new.values)
        was = {number: name for name, number in reversed(old.values)}
        renamed = {
            name: was[number]
            for name, number in new.values
            if name not in before and number in was and was[number] not in after
        }
        for name, number in after.items():
            path = f"{new.name}.{name}"
            if name in before and before[name] != number:
                yield Change("symbol number", path, before[name], number)
            elif name in renamed:
                yield Change("symbol renamed", path, renamed[name], name)
            elif name not in before:
                yield Change("symbol added", path, None, name)
            if name in before:
                yield from self._doc(path, f"{old.name}:{name}", f"{new.name}:{name}")
        for name in before:
            if name not in after and name not in renamed.values():
                yield Change("symbol removed", f"{new.name}.{name}", name)
        if old.open != new.open:
            yield Change("enum openness", new.name, *("open" if it.open else "closed" for it in (old, new)))


def field_pairs(old: ProtoMessage, new: ProtoMessage) -> dict[str, str]:
    """Old name -> new name of the fields that stayed: of one name, else of one number and kind of type."""
    after = {it.name for it in new.fields}
    found = {it.name: it.name for it in old.fields if it.name in after}
    free = {it.number: it for it in new.fields if it.name not in found}
    for item in old.fields:
        other = free.get(item.number)
        if item.name not in found and other and wire_family(item.type) == wire_family(other.type):
            found[item.name] = other.name
    return found


def _oneof_pairs(old: ProtoMessage, new: ProtoMessage) -> dict[str, str]:
    """Old name -> new name of the oneofs that stayed: of one name, else those that share a number."""
    found = {name: name for name in old.oneofs if name in new.oneofs}
    free = {name: {it.number for it in of} for name, of in new.oneofs.items() if name not in found}
    for name, members in old.oneofs.items():
        numbers = {it.number for it in members}
        later = next((it for it, others in free.items() if numbers & others), None)
        if name not in found and later is not None:
            found[name] = later
            del free[later]
    return found


def _member(before: str, after: str) -> Iterator[Change]:
    """A member of a oneof, which has a class of its own, if it is called otherwise in the message."""
    if before.split(".")[-2:] != after.split(".")[-2:]:
        yield Change("type renamed", after, before, after)


def _is_optional(item: ProtoField) -> bool:
    """Whether a value may be absent, so that it may be None."""
    return item.presence == "explicit" and item.oneof is None


def _declared(item: ProtoField) -> str:
    inside = f" in oneof {item.oneof}" if item.oneof else ""
    return f"{labelled_text(item)} = {item.number}{inside}"


def _packing(item: ProtoField) -> str:
    return "packed" if item.presence == "packed" else "not packed"


def _reserved(named: ProtoNamed) -> str | None:
    ranges = [str(first) if first == last else f"{first} to {last}" for first, last in named.reserved]
    return ", ".join([*ranges, *named.reserved_names]) or None


def _sort(named: ProtoNamed) -> str:
    return "message" if isinstance(named, ProtoMessage) else "enum"
