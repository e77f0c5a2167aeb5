"""The cases for binary input of protobuf's own conformance suite (`binary_json_conformance_suite.cc`): every
type alone, repeated, packed both ways, in maps and in oneofs; input that ends early, illegal tags, groups and
wire types. google.protobuf is the judge.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest
from google.protobuf.message import DecodeError as GoogleError
from tests.unit.codec.protobuf.proto_kit import KINDS, Kit, Proto, file_of, kit_of

from kgen_runtime.codec.protobuf.schema.proto_tree import PACKABLE
from kgen_runtime.errors import DecodeError

VARINT, FIXED64, SIZED, GROUP, END, FIXED32 = range(6)
UNKNOWN = 666
TYPES = [*KINDS, "enum", "message"]
MOST64, MOST32 = (1 << 63) - 1, (1 << 31) - 1


def varint(number: int, longer: int = 0) -> bytes:
    """With so many bytes more than it needs."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number | (0x80 if longer else 0))
    return bytes(out) + (b"\x80" * (longer - 1) + b"\0" if longer else b"")


def zigzag(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def sized(data: bytes) -> bytes:
    return varint(len(data)) + data


_INT32 = [
    *map(varint, (0, 12345, MOST32, -MOST32 - 1, 1 << 33, (1 << 33) - 1, MOST64, -MOST64)),
    varint(12345, 2),
    varint(12345, 7),
]
_BITS32 = [struct.pack("<I", it) for it in (0, 12345, MOST32, 1 << 31, (1 << 32) - 1)]
_BITS64 = [struct.pack("<Q", it) for it in (0, 12345, MOST64, 1 << 63, (1 << 64) - 1)]
VALUES: dict[str, list[bytes]] = {
    "double": [struct.pack("<d", it) for it in (0, 0.1, 1.7976931348623157e308, 2.2250738585072014e-308)],
    "float": [struct.pack("<f", it) for it in (0, 0.1, 1.00000075e-36, 3.402823e38, 1.17549435e-38)],
    "int64": [*map(varint, (0, 12345, MOST64, -MOST64 - 1))],
    "uint64": [*map(varint, (0, 12345, -1))],
    "int32": _INT32,
    "uint32": [*_INT32, varint((1 << 32) - 1), varint((1 << 33) + 1)],
    "fixed64": _BITS64,
    "sfixed64": _BITS64,
    "fixed32": _BITS32,
    "sfixed32": _BITS32,
    "bool": [*map(varint, (0, 1, -1, 12345678, 1 << 33, MOST64, -MOST64 - 1))],
    "sint32": [*map(zigzag, (0, 12345, MOST32, -MOST32 - 1, MOST32 + 2))],
    "sint64": [*map(zigzag, (0, 12345, MOST64, -MOST64 - 1))],
    "string": [*map(sized, (b"", b"Hello world!", b"'\"?\\\a\b\f\n\r\t\v", "谷歌".encode(), "😁".encode()))],
    "bytes": [*map(sized, (b"", b"Hello world!", b"\1\2", b"\xfb"))],
    "enum": [*map(varint, (0, 1, 2, -1, MOST64, -MOST64))],
    "message": [sized(b""), sized(tag(1, VARINT) + varint(1234))],
}


def wire_of(kind: str) -> int:
    if kind in ("string", "bytes", "message"):
        return SIZED
    if kind in ("double", "fixed64", "sfixed64"):
        return FIXED64
    return FIXED32 if kind in ("float", "fixed32", "sfixed32") else VARINT


class Fields:
    """The numbers of the fields of a type."""

    def __init__(self, kind: str) -> None:
        at = TYPES.index(kind) + 1
        self.one, self.all, self.packed, self.unpacked = at, 20 + at, 40 + at, 60 + at
        self.mapped, self.in_oneof = 80 + at, 110 + at


@lru_cache
def kit(syntax: str) -> Kit:
    """`p.M`, with each type in each kind of field, and a group 201 that has a string 2 and a group 202."""
    file = file_of(syntax)
    message = file.message_type.add(name="M")
    message.oneof_decl.add(name="o")

    def add(
        to: Any, name: str, number: int, kind: str, label: int = Proto.LABEL_OPTIONAL, **more: Any
    ) -> Any:
        type_ = {"enum": Proto.TYPE_ENUM, "message": Proto.TYPE_MESSAGE}.get(kind) or KINDS[kind]
        made = to.field.add(name=name, number=number, type=type_, label=label, **more)
        if kind in ("enum", "message"):
            made.type_name = {"enum": ".p.E", "message": ".p.N"}[kind]
        return made

    for kind in TYPES:
        at = Fields(kind)
        add(message, f"one_{kind}", at.one, kind)
        add(message, f"all_{kind}", at.all, kind, Proto.LABEL_REPEATED)
        for name, number, packed in (("packed", at.packed, True), ("unpacked", at.unpacked, False)):
            if kind in PACKABLE or kind == "enum":
                add(message, f"{name}_{kind}", number, kind, Proto.LABEL_REPEATED).options.packed = packed
        add(message, f"oneof_{kind}", at.in_oneof, kind, oneof_index=0)
        entry = message.nested_type.add(name=f"Map{kind.title()}Entry")
        entry.options.map_entry = True
        key = kind if kind not in ("double", "float", "bytes", "enum", "message") else "string"
        add(entry, "key", 1, key)
        add(entry, "value", 2, kind)
        mapped = message.field.add(name=f"map_{kind}", number=at.mapped, label=Proto.LABEL_REPEATED)
        mapped.type, mapped.type_name = Proto.TYPE_MESSAGE, f".p.M.{entry.name}"
    if syntax == "proto2":
        group = message.nested_type.add(name="Data")
        add(group, "text", 2, "string")
        grouped = message.field.add(
            name="data", number=201, type=Proto.TYPE_GROUP, label=Proto.LABEL_OPTIONAL
        )
        grouped.type_name = ".p.M.Data"
    other = file.message_type.add(name="N")
    add(other, "a", 1, "int32")
    add(other, "next", 2, "message")
    add(other, "many", 31, "int32", Proto.LABEL_REPEATED)
    enum = file.enum_type.add(name="E")
    for number in (0, 1, 2, -1):
        enum.value.add(name=f"E{number}".replace("-", "_"), number=number)
    return kit_of(file, "p.M", keeps=True)


@lru_cache
def codec(engine: str, syntax: str, classes: bool = True) -> tuple[Any, Any]:
    """`decode` and `encode`."""
    made = kit(syntax)
    return made.reader(engine, classes=classes).decode, made.writer(engine, classes=classes).encode


def valid(kind: str) -> Iterator[bytes]:
    """Data that is to be read."""
    at, wire, values = Fields(kind), wire_of(kind), VALUES[kind]
    yield from (tag(at.one, wire) + value for value in values)
    yield b"".join(tag(at.one, wire) + value for value in values)
    numbers = [at.all, *([at.packed, at.unpacked] if wire != SIZED else [])]
    for number in numbers:
        yield b"".join(tag(number, wire) + value for value in values)
        if wire != SIZED:
            yield tag(number, SIZED) + sized(b"".join(values))
            yield tag(number, SIZED) + sized(b"")
            yield tag(number, SIZED) + sized(values[1]) + tag(number, wire) + values[0]
    yield from (tag(at.in_oneof, wire) + value for value in values)
    yield b"".join(tag(at.in_oneof, wire) + value for value in values)
    other = Fields("uint32" if kind != "uint32" else "string")
    yield (
        tag(other.in_oneof, SIZED if kind == "uint32" else VARINT)
        + b"\0"
        + tag(at.in_oneof, wire)
        + values[-1]
    )
    key_kind = kind if kind not in ("double", "float", "bytes", "enum", "message") else "string"
    key, key_wire = VALUES[key_kind][1], wire_of(key_kind)
    first, second = tag(1, key_wire) + key, tag(2, wire) + values[1]
    entry = tag(at.mapped, SIZED)
    for parts in (b"", first, second, first + second, second + first, first * 2 + second * 2):
        yield entry + sized(parts)
    yield entry + sized(first + second) + entry + sized(first + tag(2, wire) + values[0])


def damaged(kind: str) -> Iterator[bytes]:
    """Data that ends early."""
    at, wire = Fields(kind), wire_of(kind)
    part = {VARINT: b"\x80", FIXED64: b"abcdefg", SIZED: b"\x80", FIXED32: b"abc"}[wire]
    for number in (at.one, at.all, at.in_oneof, UNKNOWN):
        yield tag(number, wire)
        yield tag(number, wire) + part
        if wire == SIZED:
            yield tag(number, wire) + varint(1)
    if wire != SIZED:
        for number in (at.all, at.packed, at.unpacked):
            yield tag(number, SIZED) + sized(part)
            yield tag(number, SIZED) + varint(1)
    if kind == "message":
        yield tag(at.one, SIZED) + sized(tag(1, VARINT) + b"\x80")
    yield tag(at.mapped, SIZED) + sized(tag(2, wire))
    yield tag(at.mapped, SIZED) + sized(tag(2, wire) + part)


_TEXT = tag(2, SIZED) + sized(b"hello world")
_TAG1 = b"\x88"
ILLEGAL = [
    *(b"\1DEADBEEF", b"\2\1\1", b"\3\4", b"\5DEAD"),  # the field number 0
    _TAG1 + b"\x80\x80\x80\x80\x80\x0f" + varint(1234),
    _TAG1 + b"\x80\x80\x80\x40" + varint(1234),
    _TAG1 + b"\x80\x80\x80\x80\x80\x80\x80\0" + varint(1234),
    _TAG1 + b"\x80" * 11 + b"\0" + varint(1234),
    *(bytes([field << 3 | wire, value]) for wire in (6, 7) for field in range(4) for value in range(4)),
    *(tag(number, END) for number in (201, 1234, 1)),
    *(tag(number, GROUP) for number in (201, 1234, 1)),
    *(tag(17, SIZED) + sized(tag(1234, wire)) for wire in (GROUP, END)),
    *(tag(201, GROUP) + tag(202, wire) + tag(201, END) for wire in (GROUP, END)),
    tag(1, END) + _TEXT,
    tag(1, GROUP) + _TEXT,
    tag(201, GROUP) + _TEXT + tag(202, END),
    tag(201, GROUP) + tag(202, GROUP) + _TEXT + tag(203, END) + tag(201, END),
]


def check_read(engine: Any, syntax: str, data: bytes) -> None:
    """It is read as google.protobuf reads it, and written in a form that it reads the same."""
    judge = kit(syntax).message().FromString(data)
    for classes in (True, False):
        decode, encode = codec(engine, syntax, classes)
        again = kit(syntax).message().FromString(encode(decode(data)))
        if not classes:
            judge.DiscardUnknownFields()
        assert again.SerializeToString(deterministic=True) == judge.SerializeToString(deterministic=True), (
            data
        )


@pytest.mark.parametrize("syntax", ["proto2", "proto3"])
@pytest.mark.parametrize("kind", TYPES)
def test_valid_data_of_every_type(engine: Any, kind: str, syntax: str) -> None:
    for data in valid(kind):
        check_read(engine, syntax, data)


@pytest.mark.parametrize("syntax", ["proto2", "proto3"])
@pytest.mark.parametrize("kind", [*TYPES, ""])
def test_data_that_is_not_valid(engine: Any, kind: str, syntax: str) -> None:
    decode, _ = codec(engine, syntax)
    for data in damaged(kind) if kind else ILLEGAL:
        with pytest.raises(GoogleError):
            kit(syntax).message().FromString(data)
        with pytest.raises(DecodeError):
            decode(data)


@pytest.mark.parametrize("syntax", ["proto2", "proto3"])
def test_messages_are_merged(engine: Any, syntax: str) -> None:
    one, in_oneof = Fields("message").one, Fields("message").in_oneof
    parts = tag(1, VARINT) + varint(1234), tag(2, SIZED) + sized(tag(1, VARINT) + varint(5)), b"\xfa\1\2\1\2"
    for number in (one, in_oneof):
        first = tag(number, SIZED) + sized(tag(2, SIZED) + sized(parts[0] + parts[2]))
        second = tag(number, SIZED) + sized(tag(2, SIZED) + sized(parts[1] + parts[2]) + parts[0])
        check_read(engine, syntax, first + second)
        check_read(engine, syntax, first + second + first)


@pytest.mark.parametrize("syntax", ["proto2", "proto3"])
def test_unknown_fields_stay_in_their_order(engine: Any, syntax: str) -> None:
    parts = (tag(UNKNOWN, SIZED) + sized(b"abc"), tag(UNKNOWN, VARINT) + varint(123))
    data = b"".join(parts) + tag(UNKNOWN, SIZED) + sized(b"def") + tag(UNKNOWN, VARINT) + varint(456)
    decode, encode = codec(engine, syntax)
    assert encode(decode(data)) == data
    check_read(engine, syntax, b"\xa8\x1f\1" + data)
