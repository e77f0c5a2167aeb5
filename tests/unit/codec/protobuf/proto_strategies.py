"""Files of Protobuf with messages of all kinds of fields, and values of them, as google.protobuf has both."""

from __future__ import annotations

import random
from typing import Any

from google.protobuf import descriptor_pb2
from hypothesis import strategies as st
from tests.unit.codec.protobuf.proto_kit import KINDS, Kit, Proto, file_of, kit_of

WELL_KNOWN = (
    ".google.protobuf.Timestamp",
    ".google.protobuf.Duration",
    ".google.protobuf.Struct",
    ".google.protobuf.Value",
    ".google.protobuf.ListValue",
    ".google.protobuf.Any",
    ".google.protobuf.Int64Value",
    ".google.protobuf.StringValue",
    ".google.protobuf.BoolValue",
    ".google.protobuf.DoubleValue",
    ".google.protobuf.BytesValue",
)
_KEYS = [kind for kind in KINDS if kind not in ("double", "float", "bytes")]


def made_kit(seed: int, *, keeps: bool = False, maps: bool = True) -> Kit:
    """A file with a few messages and enums, the same for the same seed."""
    rng = random.Random(seed)
    syntax = rng.choice(["proto2", "proto3", "proto3", "editions"])
    file = file_of(syntax)
    for number in range(2):
        made = file.enum_type.add(name=f"E{number}")
        for place, value in enumerate([0, *rng.sample([1, 2, -1, 7, 1 << 30, -(1 << 31)], 3)]):
            made.value.add(name=f"E{number}_{place}", number=value)
        if syntax == "editions" and number:
            made.options.features.enum_type = descriptor_pb2.FeatureSet.CLOSED
    count = rng.randint(1, 3)
    for number in range(count):
        _message(rng, file, syntax, file.message_type.add(name=f"M{number}"), count, maps)
    return kit_of(file, "p.M0", keeps=keeps)


def _message(rng: random.Random, file: Any, syntax: str, message: Any, count: int, maps: bool) -> None:
    numbers = rng.sample([*range(1, 20), 15, 16, 2047, 2048, 536_870_911], rng.randint(1, 10))
    for number in dict.fromkeys(numbers):
        _add_field(rng, syntax, message, number, count, maps)
    if rng.random() < 0.5:
        message.oneof_decl.add(name="choice")
        for number in range(30, 30 + rng.randint(1, 4)):
            member = message.field.add(name=f"c{number}", number=number, label=Proto.LABEL_OPTIONAL)
            member.oneof_index = 0
            _set_type(rng, member, count)
    for member in message.field:
        if not member.proto3_optional:
            continue
        member.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{member.name}")


def _add_field(rng: random.Random, syntax: str, message: Any, number: int, count: int, maps: bool) -> None:
    member = message.field.add(name=f"f{number}", number=number, label=Proto.LABEL_OPTIONAL)
    shape = rng.random()
    if shape < 0.2 and maps:
        entry = message.nested_type.add(name=f"F{number}Entry")
        entry.options.map_entry = True
        key = entry.field.add(name="key", number=1, label=Proto.LABEL_OPTIONAL)
        key.type = KINDS[rng.choice(_KEYS)]
        value = entry.field.add(name="value", number=2, label=Proto.LABEL_OPTIONAL)
        _set_type(rng, value, count)
        member.label = Proto.LABEL_REPEATED
        member.type = Proto.TYPE_MESSAGE
        member.type_name = f".p.{message.name}.{entry.name}"
        return
    _set_type(rng, member, count)
    packable = member.type not in (Proto.TYPE_STRING, Proto.TYPE_BYTES, Proto.TYPE_MESSAGE)
    if shape < 0.5:
        member.label = Proto.LABEL_REPEATED
        if packable and syntax == "editions":
            features = descriptor_pb2.FeatureSet
            member.options.features.repeated_field_encoding = rng.choice([features.PACKED, features.EXPANDED])
        elif packable:
            member.options.packed = rng.random() < 0.5
    elif syntax == "proto3" and shape < 0.7:
        member.proto3_optional = True
    elif syntax == "editions" and packable and member.type != Proto.TYPE_ENUM and shape < 0.7:
        member.options.features.field_presence = descriptor_pb2.FeatureSet.IMPLICIT
    if member.type == Proto.TYPE_MESSAGE and syntax == "editions" and rng.random() < 0.4:
        member.options.features.message_encoding = descriptor_pb2.FeatureSet.DELIMITED


def _set_type(rng: random.Random, member: Any, count: int) -> None:
    choice = rng.random()
    if choice < 0.65:
        member.type = KINDS[rng.choice(list(KINDS))]
    elif choice < 0.75:
        member.type, member.type_name = Proto.TYPE_ENUM, f".p.E{rng.randrange(2)}"
    elif choice < 0.87:
        member.type, member.type_name = Proto.TYPE_MESSAGE, f".p.M{rng.randrange(count)}"
    else:
        member.type, member.type_name = Proto.TYPE_MESSAGE, rng.choice(WELL_KNOWN)


def fill(rng: random.Random, message: Any, depth: int = 3, entries: int = 3) -> Any:
    """Set some fields of a message of google.protobuf. Gives the message. `entries`: at most, in a map."""
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        message.seconds = rng.choice([0, 1, -1, 253_402_300_799, -62_135_596_800, rng.randrange(1 << 32)])
        message.nanos = rng.choice([0, 1_000, 999_999_000, 1, 999_999_999])
    elif name == "google.protobuf.Duration":
        message.seconds = rng.choice([0, 0, 1, -1, 315_576_000_000, -315_576_000_000])
        message.nanos = rng.choice([0, 1_000, 999_999_999, 5]) * (-1 if message.seconds < 0 else 1)
    elif name == "google.protobuf.Value":
        _fill_value(rng, message, depth, entries)
    else:
        for member in message.DESCRIPTOR.fields:
            if rng.random() < 0.6:
                _set_field(rng, message, member, depth, entries)
    return message


def _fill_value(rng: random.Random, message: Any, depth: int, entries: int) -> None:
    kind = rng.choice(
        ["null_value", "number_value", "string_value", "bool_value", "struct_value", "list_value"]
    )
    if kind in ("struct_value", "list_value"):
        inner = getattr(message, kind)
        inner.SetInParent()
        if depth > 0:
            fill(rng, inner, depth - 1, entries)
    else:
        _set_field(rng, message, message.DESCRIPTOR.fields_by_name[kind], depth, entries)


def _set_field(rng: random.Random, message: Any, member: Any, depth: int, entries: int) -> None:
    entry = member.message_type
    if entry is not None and entry.GetOptions().map_entry:
        for _ in range(rng.randint(0, entries)):
            key = _scalar(rng, entry.fields_by_name["key"])
            value = entry.fields_by_name["value"]
            if value.message_type is None:
                getattr(message, member.name)[key] = _scalar(rng, value)
            elif depth > 0:
                fill(rng, getattr(message, member.name)[key], depth - 1, entries)
    elif member.is_repeated:
        for _ in range(rng.randint(0, 3)):
            if member.message_type is None:
                getattr(message, member.name).append(_scalar(rng, member))
            elif depth > 0:
                fill(rng, getattr(message, member.name).add(), depth - 1, entries)
    elif member.message_type is None:
        setattr(message, member.name, _scalar(rng, member))
    elif depth > 0:
        getattr(message, member.name).SetInParent()
        fill(rng, getattr(message, member.name), depth - 1, entries)


def _scalar(rng: random.Random, member: Any) -> Any:
    if member.enum_type is not None:
        values = [value.number for value in member.enum_type.values]
        if member.enum_type.name == "NullValue":
            return 0
        return rng.choice(values if member.enum_type.is_closed else [*values, 3, 1 << 20, -5])
    kind = next(name for name, number in KINDS.items() if number == member.type)
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "string":
        return rng.choice(["", "a", "ä€😀", "x" * 200, "b\0c"])
    if kind == "bytes":
        return rng.choice([b"", b"\0\xff", b"z" * 130])
    if kind in ("double", "float"):
        return rng.choice([0.0, -0.0, 1.5, -2.25, float("inf"), 1e30 if kind == "double" else 0.5])
    bits, lowest = int(kind[-2:]), 0 if kind[0] in "uf" else -(1 << int(kind[-2:]) - 1)
    return rng.choice([0, 1, lowest, lowest + (1 << bits) - 1, rng.randrange(lowest, lowest + (1 << bits))])


SEEDS = st.integers(0, 1 << 32)
