"""The Protobuf reader in plain Python, if no C compiler was: nodes, results and errors as in
`_proto_reader.pyx`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import DecodeError
from .. import reasons
from ..error_texts import refusal_text, shown
from ..field_paths import Part, field_path
from ..protobuf import proto_reasons
from ..protobuf.proto_build import UNSET
from ..protobuf.proto_shapes import MAP, PACKED, REPEATED, FieldShape
from .payload_reader import PayloadReader
from .proto_cursor import DELIMITED, GROUP, ProtoCursor
from .proto_leaves import UNKNOWN_NUMBER, ProtoNode
from .proto_leaves import ProtoEnumNode as ProtoEnumNode
from .proto_leaves import proto_scalar as proto_scalar
from .proto_output import tag_bytes
from .proto_well_known import ProtoBodyNode
from .proto_well_known import proto_well_known as proto_well_known
from .reader import DamagedError


class ProtoMapNode(ProtoNode):
    """The entries of a map: each is read into the dict `old`."""

    wire = DELIMITED

    def __init__(self, keys: ProtoNode, values: ProtoNode) -> None:
        self.keys = keys
        self.values = values

    def read(self, c: ProtoCursor, old: Any) -> Any:
        """`old` with the entry, or `UNKNOWN_NUMBER` if its value is one."""
        size = c.size()
        end, c.end = c.end, c.at + size
        key: Any = self.keys.zero
        value: Any = UNSET
        try:
            for number, wire, _ in c.fields(0):
                if number == 1 and wire == self.keys.wire:
                    key = self.keys.read(c, UNSET)
                elif number == 2 and wire == self.values.wire:
                    value = self.values.read(c, UNSET if value is UNKNOWN_NUMBER else value)
                else:
                    c.skip(number, wire)
        except DamagedError as error:
            error.parts.append((shown(key),))
            raise
        c.charge(1)
        c.end = end
        if value is UNKNOWN_NUMBER:
            return value
        old[key] = self._empty(c, key) if value is UNSET else value
        return old

    def _empty(self, c: ProtoCursor, key: Any) -> Any:
        if not isinstance(self.values, ProtoMessageNode):
            try:
                return self.values.empty()
            except DamagedError as error:
                raise DamagedError(error.what, c.at, error.hint) from None
        end, c.end = c.end, c.at
        value = self.values.body(c, UNSET, 0)
        c.end = end
        return value


class ProtoMessageNode(ProtoBodyNode):
    """A message for a class that takes its attributes by keyword, or to a dict by the fields' names."""

    def __init__(self, cls: Callable[..., Any] | None, attributes: tuple[str, ...]) -> None:
        self.cls = cls
        self.attributes = attributes

    def fill(
        self,
        fields: tuple[FieldShape, ...],
        absent: tuple[tuple[Any, Callable[[], Any] | None], ...],
        required: tuple[tuple[int, str], ...],
        unknown: int,
        cost: int,
    ) -> None:
        """See `proto_build`."""
        self.fields = {field.number: field for field in fields}
        self.absent = absent
        self.required = required
        self.unknown = unknown
        self.cost = cost
        if self.cls is None:
            self.attributes = tuple(field.name for field in sorted(fields, key=lambda field: field.slot))
        self.rivals = {
            field.number: [
                other.slot for other in fields if other.oneof == field.oneof >= 0 and other.slot != field.slot
            ]
            for field in fields
        }

    def body(self, c: ProtoCursor, old: Any, group: int) -> Any:
        """An object of the class, or a dict."""
        start = c.at
        c.enter()
        c.charge(self.cost)
        if type(old) is not (self.cls or dict):  # a class may make something else of a message in it
            old = UNSET
        state = [UNSET] * len(self.absent) if old is UNSET else self._state(old)
        unknown = bytearray()
        for number, wire, begin in c.fields(group):
            field = self.fields.get(number)
            if field is None or not _fits(field, wire):
                c.skip(number, wire)
                unknown += c.data[begin : c.at]
            else:
                unknown += self._take(c, state, field, wire, begin)
        c.depth += 1
        for slot, name in self.required:
            if state[slot] is UNSET:
                missing = DamagedError(proto_reasons.MISSING, start)
                missing.parts.append(name)
                raise missing
        for slot, (value, factory) in enumerate(self.absent):
            if state[slot] is UNSET:
                state[slot] = value if factory is None else factory()
        if self.unknown >= 0:
            kept = b"" if old is UNSET else getattr(old, self.attributes[-1])
            kept = kept if isinstance(kept, bytes) else b""
            c.charge(len(kept))
            state.append(bytes(kept + unknown))
        return self._made(start, state)

    def _made(self, start: int, state: list[Any]) -> Any:
        made = {name: value for name, value in zip(self.attributes, state) if value is not UNSET}
        if self.cls is None:
            return made
        try:
            return self.cls(**made)
        except Exception as error:
            raise DamagedError(refusal_text(error), start) from error

    def _state(self, old: Any) -> list[Any]:
        """The values of an object or dict that is merged with more."""
        if self.cls is None:
            return [old.get(name, UNSET) for name in self.attributes]
        values = [getattr(old, name) for name in self.attributes[: len(self.absent)]]
        return [UNSET if value is absent[0] else value for value, absent in zip(values, self.absent)]

    def _take(self, c: ProtoCursor, state: list[Any], field: FieldShape, wire: int, begin: int) -> bytes:
        """Read a field into the state. Gives what of it is unknown."""
        parts: list[Part] = [field.name]
        try:
            if field.shape == MAP:
                state[field.slot] = state[field.slot] if type(state[field.slot]) is dict else {}
                entry = field.node.read(c, state[field.slot])
                return c.data[begin : c.at] if entry is UNKNOWN_NUMBER else b""
            if field.shape in (REPEATED, PACKED):
                items = state[field.slot] = state[field.slot] if type(state[field.slot]) is list else []
                if wire == DELIMITED != field.node.wire:
                    return _packed(c, field, items)
                parts.insert(0, len(items))
                item = self._value(c, field, UNSET)
                if item is UNKNOWN_NUMBER:
                    return c.data[begin : c.at]
                items.append(item)
                return b""
            return self._singular(c, state, field, begin)
        except DamagedError as error:
            error.parts += [*parts]
            raise

    def _singular(self, c: ProtoCursor, state: list[Any], field: FieldShape, begin: int) -> bytes:
        old = state[field.slot]
        if field.holder is not None and old is not UNSET:
            old = old.value if type(old) is field.holder else UNSET
        value = self._value(c, field, old)
        if value is UNKNOWN_NUMBER:
            return c.data[begin : c.at]
        for slot in self.rivals[field.number]:
            state[slot] = UNSET
        state[field.slot] = value if field.holder is None else field.holder(value)
        return b""

    def _value(self, c: ProtoCursor, field: FieldShape, old: Any) -> Any:
        return field.node.body(c, old, field.number) if field.group else field.node.read(c, old)


def _fits(field: FieldShape, wire: int) -> bool:
    if wire == (GROUP if field.group else field.node.wire):
        return True
    return wire == DELIMITED and field.shape in (REPEATED, PACKED) and not field.group


def _packed(c: ProtoCursor, field: FieldShape, items: list[Any]) -> bytes:
    """Read packed numbers. Gives those that are unknown, each with a tag."""
    size = c.size()
    end, c.end = c.end, c.at + size
    unknown = bytearray()
    while c.at < c.end:
        start = c.at
        try:
            item = field.node.read(c, UNSET)
        except DamagedError as error:
            error.parts.append(len(items))
            raise
        if item is UNKNOWN_NUMBER:
            unknown += tag_bytes(field.number, field.node.wire) + c.data[start : c.at]
        else:
            items.append(item)
    c.end = end
    return bytes(unknown)


ProtoDictMessageNode = ProtoSlotMessageNode = ProtoCallMessageNode = ProtoMessageNode
"""One class here: the native engine has three."""


def _decoded(root: ProtoBodyNode, c: ProtoCursor) -> tuple[Any, DecodeError | None]:
    """A value, or None and an error: made outside of the handler, so that it holds on to no payload."""
    try:
        return root.body(c, UNSET, 0), None
    except DamagedError as error:
        what, at, path, cause = error.what, error.at, field_path(error.parts), error.__cause__
        hint = error.hint
    except RecursionError:
        what, at, path, cause, hint = reasons.TOO_DEEP, c.at, "", None, None
    refused = DecodeError(what, position=at, path=path, hint=hint)
    refused.__cause__ = cause
    return None, refused


class ProtoNodeReader(PayloadReader):
    """Decodes with a tree of nodes. Its methods are those of `codec.Reader`."""

    def __init__(self, root: ProtoBodyNode, max_depth: int) -> None:
        self._root = root
        self._max_depth = max_depth

    def read(self, payload: bytes, offset: int) -> tuple[Any, DecodeError | None]:
        """See the base."""
        return _decoded(self._root, ProtoCursor(payload, offset, self._max_depth))
