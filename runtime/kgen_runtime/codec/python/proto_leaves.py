"""Scalars and enums of Protobuf for the reader in plain Python."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from .. import reasons
from ..protobuf.proto_build import zero_of
from .proto_cursor import DELIMITED, FIXED32, FIXED64, VARINT, ProtoCursor
from .reader import DamagedError


class _Unknown:
    """The type of `UNKNOWN_NUMBER`."""


UNKNOWN_NUMBER: Final = _Unknown()
"""What is read of a number that a closed enum has not."""


class ProtoNode(ABC):
    """Reads the value of a field, after its tag.

    `wire` is the wire type of the field, or of each item if it is packed. `zero`: what stands for a value
    that is not there in an entry of a map.
    """

    wire: int = VARINT
    zero: Any = None

    @abstractmethod
    def read(self, c: ProtoCursor, old: Any) -> Any:
        """The value at the cursor, merged with `old` if that is not `UNSET`."""

    def empty(self) -> Any:
        """The value of an entry of a map that has none."""
        return self.zero


class ProtoNumberNode(ProtoNode):
    """A number in a varint, made by `make` of its 64 bits."""

    def __init__(self, make: Callable[[int], Any], zero: Any) -> None:
        self.make = make
        self.zero = zero

    def read(self, c: ProtoCursor, old: Any) -> Any:
        """The number."""
        return self.make(c.varint())


class ProtoFixedNode(ProtoNode):
    """A number of 4 or 8 bytes."""

    def __init__(self, form: struct.Struct, zero: Any) -> None:
        self.form = form
        self.wire = FIXED32 if form.size == 4 else FIXED64
        self.zero = zero

    def read(self, c: ProtoCursor, old: Any) -> Any:
        """The number."""
        return self.form.unpack(c.take(self.form.size))[0]


class ProtoBytesNode(ProtoNode):
    """Bytes."""

    wire = DELIMITED
    zero: Any = b""

    def read(self, c: ProtoCursor, old: Any) -> Any:
        """The bytes."""
        return c.take(c.size())


class ProtoStringNode(ProtoNode):
    """UTF-8; what is not is damaged if `checked`, else kept as lone surrogates."""

    wire = DELIMITED
    zero: Any = ""

    def __init__(self, checked: bool) -> None:
        self.errors = "strict" if checked else "surrogateescape"

    def read(self, c: ProtoCursor, old: Any) -> Any:
        """The text."""
        start = c.at
        try:
            return c.take(c.size()).decode("utf-8", self.errors)
        except UnicodeDecodeError:
            raise DamagedError(reasons.NOT_UTF8, start) from None


class ProtoEnumNode(ProtoNode):
    """An enum, as `proto_build` has it."""

    def __init__(self, members: Mapping[int, Any], make: Callable[[int], Any] | None, zero: Any) -> None:
        self.members = members
        self.make = make
        self.zero = zero

    def read(self, c: ProtoCursor, old: Any) -> Any:
        """The member, or `UNKNOWN_NUMBER`."""
        number = signed(c.varint(), 32)
        found = self.members.get(number, UNKNOWN_NUMBER)
        return found if found is not UNKNOWN_NUMBER or self.make is None else self.make(number)


def signed(number: int, bits: int) -> int:
    """The low bits of a number, with a sign."""
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number


def _zigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


_VARINTS: Final[Mapping[str, Callable[[int], Any]]] = {
    "int32": lambda number: signed(number, 32),
    "int64": lambda number: signed(number, 64),
    "uint32": lambda number: number & 0xFFFF_FFFF,
    "uint64": int,
    "sint32": lambda number: _zigzag(number & 0xFFFF_FFFF),
    "sint64": _zigzag,
    "bool": bool,
}
FIXED_FORMS: Final[Mapping[str, struct.Struct]] = {
    "double": struct.Struct("<d"),
    "float": struct.Struct("<f"),
    "fixed32": struct.Struct("<I"),
    "fixed64": struct.Struct("<Q"),
    "sfixed32": struct.Struct("<i"),
    "sfixed64": struct.Struct("<q"),
}


def proto_scalar(kind: str, checked: bool) -> ProtoNode:
    """See `proto_build`."""
    if kind == "string":
        return ProtoStringNode(checked)
    if kind == "bytes":
        return ProtoBytesNode()
    zero = zero_of(kind)
    if kind in FIXED_FORMS:
        return ProtoFixedNode(FIXED_FORMS[kind], zero)
    return ProtoNumberNode(_VARINTS[kind], zero)
