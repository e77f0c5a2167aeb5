"""Protobuf's well-known messages for the reader in plain Python."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..protobuf.proto_build import UNSET
from ..protobuf.schema.proto_tree import (
    ANY,
    DATE,
    DECIMAL,
    DURATION,
    LIST_VALUE,
    STRUCT,
    TIMESTAMP,
    VALUE,
    WRAPPERS,
)
from ..protobuf.well_known_values import date_value, decimal_value, duration_value, timestamp_value
from ..ranges import BeyondError
from ..values import AnyMessage, OutOfRange
from .proto_cursor import DELIMITED, FIXED64, VARINT, ProtoCursor
from .proto_leaves import ProtoNode, proto_scalar
from .proto_output import ProtoOut
from .proto_well_known_writer import FIELDS, proto_well_known_writer
from .reader import DamagedError
from .writer import RefusedValueError


class ProtoBodyNode(ProtoNode):
    """What is a message on the wire: `body` reads its fields, up to the end of the message or group."""

    wire = DELIMITED

    def read(self, c: ProtoCursor, old: Any) -> Any:
        """The message after its length."""
        size = c.size()
        end, c.end = c.end, c.at + size
        value = self.body(c, old, 0)
        c.end = end
        return value

    @abstractmethod
    def body(self, c: ProtoCursor, old: Any, group: int) -> Any:
        """The message or the group of that number (0: not a group), merged with `old`."""

    def empty(self) -> Any:
        """What a message without fields is read as."""
        return self.body(ProtoCursor(b"", 0, 1), UNSET, 0)


class ProtoLeafMessageNode(ProtoBodyNode):
    """A message of scalars that is a value of Python's. What it has no value for is an `OutOfRange` with the
    payload, if `keeps`.
    """

    def __init__(self, name: str, make: Callable[..., Any], keeps: bool) -> None:
        self.name = name
        self.make = make
        self.keeps = keeps
        scalars = FIELDS[name].items()
        self.nodes = {number: (field, proto_scalar(kind, True)) for number, (field, kind) in scalars}
        self.writer = proto_well_known_writer(name)

    def body(self, c: ProtoCursor, old: Any, group: int) -> Any:
        """The value."""
        if old is UNSET:
            return self._value(c, group)
        start = c.at
        for number, wire, _ in c.fields(group):
            c.skip(number, wire)
        out = ProtoOut(b"")
        try:
            self.writer.body(out, old)
        except RefusedValueError:  # a class made something else of it
            out = ProtoOut(b"")
        c.charge(len(out.data))
        try:
            return self._value(ProtoCursor(bytes(out.data) + c.data[start : c.stop], 0, c.depth), 0)
        except DamagedError as error:
            error.at = start
            raise

    def _value(self, c: ProtoCursor, group: int) -> Any:
        start = c.at
        c.enter()
        values = {number: node.zero for number, (_, node) in self.nodes.items()}
        for number, wire, _ in c.fields(group):
            found = self.nodes.get(number)
            if found is None or found[1].wire != wire:
                c.skip(number, wire)
                continue
            try:
                values[number] = found[1].read(c, UNSET)
            except DamagedError as error:
                error.parts.append(found[0])
                raise
        c.depth += 1
        try:
            return self.make(*values.values())
        except BeyondError as error:
            if self.keeps:
                return OutOfRange(c.data[start : c.stop], self.name)
            raise DamagedError(error.what, start, error.hint) from None


class ProtoStructNode(ProtoBodyNode):
    """A `Struct`, as a dict."""

    def __init__(self) -> None:
        self.keys = proto_scalar("string", True)

    def body(self, c: ProtoCursor, old: Any, group: int) -> Any:
        """The dict."""
        c.enter()
        c.charge(1)
        out: dict[str, Any] = {} if old is UNSET else old
        for number, wire, _ in c.fields(group):
            if (number, wire) == (1, DELIMITED):
                self._entry(c, out)
            else:
                c.skip(number, wire)
        c.depth += 1
        return out

    def _entry(self, c: ProtoCursor, out: dict[str, Any]) -> None:
        size = c.size()
        end, c.end = c.end, c.at + size
        key = ""
        value: Any = UNSET
        try:
            for number, wire, _ in c.fields(0):
                if (number, wire) == (1, DELIMITED):
                    key = self.keys.read(c, UNSET)
                elif (number, wire) == (2, DELIMITED):
                    value = _VALUE.read(c, value)
                else:
                    c.skip(number, wire)
        except DamagedError as error:
            error.parts.append((key,))
            raise
        c.charge(1)
        c.end = end
        out[key] = None if value is UNSET else value


class ProtoValueNode(ProtoBodyNode):
    """A `Value`: None, a float, str, bool, dict or list."""

    def __init__(self) -> None:
        self.scalars: Mapping[tuple[int, int], tuple[ProtoNode, Callable[[Any], Any]]] = {
            (1, VARINT): (proto_scalar("int32", True), lambda value: None),
            (2, FIXED64): (proto_scalar("double", True), lambda value: value),
            (3, DELIMITED): (proto_scalar("string", True), lambda value: value),
            (4, VARINT): (proto_scalar("bool", True), lambda value: value),
        }

    def body(self, c: ProtoCursor, old: Any, group: int) -> Any:
        """The value; None if none is set."""
        value = None if old is UNSET else old
        for number, wire, _ in c.fields(group):
            scalar = self.scalars.get((number, wire))
            if scalar is not None:
                value = scalar[1](scalar[0].read(c, UNSET))
            elif (number, wire) == (5, DELIMITED):
                value = _STRUCT.read(c, value if isinstance(value, dict) else UNSET)
            elif (number, wire) == (6, DELIMITED):
                value = _LIST.read(c, value if isinstance(value, list) else UNSET)
            else:
                c.skip(number, wire)
        return value


class ProtoListValueNode(ProtoBodyNode):
    """A `ListValue`, as a list."""

    def body(self, c: ProtoCursor, old: Any, group: int) -> Any:
        """The list."""
        c.enter()
        c.charge(1)
        out: list[Any] = [] if old is UNSET else old
        for number, wire, _ in c.fields(group):
            if (number, wire) != (1, DELIMITED):
                c.skip(number, wire)
                continue
            try:
                out.append(_VALUE.read(c, UNSET))
            except DamagedError as error:
                error.parts.append(len(out))
                raise
        c.depth += 1
        return out


_VALUE: Final = ProtoValueNode()
_STRUCT: Final = ProtoStructNode()
_LIST: Final = ProtoListValueNode()
_JSON: Final[Mapping[str, ProtoBodyNode]] = {VALUE: _VALUE, STRUCT: _STRUCT, LIST_VALUE: _LIST}
_MAKERS: Final[Mapping[str, Callable[..., Any]]] = {
    TIMESTAMP: timestamp_value,
    DURATION: duration_value,
    ANY: AnyMessage,
    DATE: date_value,
    DECIMAL: decimal_value,
    **dict.fromkeys(WRAPPERS, lambda value: value),
}


def proto_well_known(name: str, keeps: bool) -> ProtoBodyNode:
    """See `proto_build`."""
    return _JSON[name] if name in _JSON else ProtoLeafMessageNode(name, _MAKERS[name], keeps)
