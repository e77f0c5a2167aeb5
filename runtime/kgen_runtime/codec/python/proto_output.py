"""What was written of a Protobuf message so far, and scalars and enums, for the writers in plain Python."""

from __future__ import annotations

import enum
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..foreign import own_bool, own_number
from ..ranges import type_title
from .proto_cursor import DELIMITED, FIXED32, FIXED64, VARINT
from .proto_leaves import FIXED_FORMS
from .writer import Out, RefusedValueError

_NUMBER_64: Final = (1 << 64) - 1


class ProtoOut(Out):
    """The bytes so far, and how much deeper it may go."""

    def varint(self, number: int) -> None:
        """Add a number of 64 bits; a negative one in two's complement."""
        number &= _NUMBER_64
        while number > 0x7F:
            self.data.append(number & 0x7F | 0x80)
            number >>= 7
        self.data.append(number)

    def tag(self, number: int, wire: int) -> None:
        """Add a tag."""
        self.varint(number << 3 | wire)

    def close(self, start: int) -> None:
        """Put the length of all from `start` on before it."""
        body = self.data[start:]
        del self.data[start:]
        self.varint(len(body))
        self.data += body


def tag_bytes(number: int, wire: int) -> bytes:
    """A tag by itself."""
    out = ProtoOut(b"")
    out.tag(number, wire)
    return bytes(out.data)


def unwanted_value(wanted: str, value: Any) -> RefusedValueError:
    """A value is of a type that is not written here."""
    return RefusedValueError(f"expected {wanted}, not {type_title(value)}")


class ProtoWriterNode(ABC):
    """Writes the value of a field, after its tag, of the wire type `wire`."""

    wire: int = VARINT

    @abstractmethod
    def write(self, out: ProtoOut, value: Any) -> None:
        """Add the value. Raises `RefusedValueError`."""

    def is_zero(self, data: bytearray) -> bool:
        """Whether what was written is the zero of the type, which an implicit field leaves out."""
        return not any(data)


class ProtoScalarWriterNode(ProtoWriterNode):
    """A scalar; `pack` makes its bytes, or raises `RefusedValueError`."""

    def __init__(self, wire: int, pack: Callable[[Any], bytes]) -> None:
        self.wire = wire
        self.pack = pack

    def write(self, out: ProtoOut, value: Any) -> None:
        """Add the value."""
        data = self.pack(value)
        if self.wire == DELIMITED:
            out.varint(len(data))
        out.data += data

    def is_zero(self, data: bytearray) -> bool:
        """Whether it is a number of zero bits, or empty."""
        return data == b"\0" if self.wire in (VARINT, DELIMITED) else not any(data)


class ProtoEnumWriterNode(ProtoWriterNode):
    """An enum, as `proto_build` has it."""

    def __init__(
        self, name: str, cls: type[Any] | None, numbers: Mapping[str, int], known: frozenset[int] | None
    ) -> None:
        self.name = name
        self.cls = cls
        self.numbers = numbers
        self.known = known

    def write(self, out: ProtoOut, value: Any) -> None:
        """Add the number."""
        number = self._number(value)
        if number is None or not self._has(number):
            raise RefusedValueError(f"expected a value of {self.name}, not {repr(value)[:200]}")
        out.varint(number)

    def _has(self, number: int) -> bool:
        return number >> 31 in (0, -1) if self.known is None else number in self.known

    def _number(self, value: Any) -> int | None:
        if isinstance(value, enum.Enum) and (self.cls is None or not isinstance(value, self.cls)):
            return None  # not even where another class has the same numbers
        if isinstance(value, str):
            return self.numbers.get(value)
        own = own_number(value)
        return int.__int__(own) if isinstance(own, int) and not isinstance(own, bool) else None


def _whole(bits: int, lowest: int, to_varint: Callable[[int], int]) -> Callable[[Any], bytes]:
    def pack(value: Any) -> bytes:
        own = own_number(value)
        if not isinstance(own, int) or isinstance(own, bool):
            raise unwanted_value("int", value)
        number = int.__int__(own)
        if not lowest <= number < lowest + (1 << bits):
            raise _no_room(bits, lowest)
        out = ProtoOut(b"")
        out.varint(to_varint(number))
        return bytes(out.data)

    return pack


def _no_room(bits: int, lowest: int) -> RefusedValueError:
    return RefusedValueError(f"the number does not fit {bits} bits{'' if lowest else ' without a sign'}")


def _fixed(form: struct.Struct, lowest: int) -> Callable[[Any], bytes]:
    def pack(value: Any) -> bytes:
        own = own_number(value)
        if not isinstance(own, int) or isinstance(own, bool):
            raise unwanted_value("int", value)
        try:
            return form.pack(int.__int__(own))
        except struct.error:
            raise _no_room(form.size * 8, lowest) from None

    return pack


def _real(form: struct.Struct, wanted: str) -> Callable[[Any], bytes]:
    def pack(value: Any) -> bytes:
        own = own_number(value)
        if not isinstance(own, float | int) or isinstance(own, bool):
            raise unwanted_value(wanted, value)
        try:
            return form.pack(float.__float__(own) if isinstance(own, float) else float(int.__int__(own)))
        except (OverflowError, struct.error):
            raise RefusedValueError(f"expected {wanted}") from None

    return pack


def _truth(value: Any) -> bytes:
    own = own_bool(value)
    if not isinstance(own, bool):
        raise unwanted_value("bool", value)
    return b"\1" if own else b"\0"


def _text(checked: bool) -> Callable[[Any], bytes]:
    errors = "strict" if checked else "surrogateescape"

    def pack(value: Any) -> bytes:
        if not isinstance(value, str):
            raise unwanted_value("str", value)
        try:
            return str.encode(value, "utf-8", errors)
        except UnicodeEncodeError:
            raise RefusedValueError("the text has a lone surrogate, which UTF-8 does not") from None

    return pack


def _blob(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise unwanted_value("bytes", value)
    return memoryview(value).tobytes()


_INT32, _INT64 = -(1 << 31), -(1 << 63)
_PACKS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "int32": _whole(32, _INT32, int),
    "int64": _whole(64, _INT64, int),
    "uint32": _whole(32, 0, int),
    "uint64": _whole(64, 0, int),
    "sint32": _whole(32, _INT32, lambda number: (number << 1) ^ (number >> 31)),
    "sint64": _whole(64, _INT64, lambda number: (number << 1) ^ (number >> 63)),
    "bool": _truth,
    "double": _real(FIXED_FORMS["double"], "a float or an int that a double holds"),
    "float": _real(FIXED_FORMS["float"], "a number that a float of 32 bits holds"),
    "fixed32": _fixed(FIXED_FORMS["fixed32"], 0),
    "fixed64": _fixed(FIXED_FORMS["fixed64"], 0),
    "sfixed32": _fixed(FIXED_FORMS["sfixed32"], _INT32),
    "sfixed64": _fixed(FIXED_FORMS["sfixed64"], _INT64),
}


def proto_scalar_writer(kind: str, checked: bool) -> ProtoScalarWriterNode:
    """See `proto_build`."""
    if kind == "string":
        return ProtoScalarWriterNode(DELIMITED, _text(checked))
    if kind == "bytes":
        return ProtoScalarWriterNode(DELIMITED, _blob)
    form = FIXED_FORMS.get(kind)
    wire = VARINT if form is None else FIXED32 if form.size == 4 else FIXED64
    return ProtoScalarWriterNode(wire, _PACKS[kind])
