"""What one version of a Protobuf file reads of another's messages, held against google.protobuf."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2 as pb
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.diff.protos import class_of, declared

from kgen.compat.proto_reading import proto_unreadable
from kgen.protobuf.declared_files import DeclaredFiles
from kgen.protobuf.descriptor_walk import declared_files

_Field = pb.FieldDescriptorProto
SCALARS = {
    _Field.TYPE_INT32: 3, _Field.TYPE_INT64: 3, _Field.TYPE_UINT32: 3, _Field.TYPE_SINT32: -3,
    _Field.TYPE_SINT64: -3, _Field.TYPE_FIXED32: 7, _Field.TYPE_SFIXED32: 7, _Field.TYPE_FIXED64: 7,
    _Field.TYPE_FLOAT: 1.5, _Field.TYPE_DOUBLE: 1.5, _Field.TYPE_BOOL: True, _Field.TYPE_STRING: "é",
    _Field.TYPE_BYTES: "é".encode(), _Field.TYPE_MESSAGE: None, _Field.TYPE_GROUP: None, _Field.TYPE_ENUM: 1,
}  # fmt: skip
"""Types, and a value of each that another kind of type does not have the bytes of; of integers, a number that
the enum has.
"""
_INTEGERS = {_Field.TYPE_INT32, _Field.TYPE_INT64, _Field.TYPE_UINT32, _Field.TYPE_ENUM, _Field.TYPE_BOOL}

fields = st.builds(
    lambda type_, label, packed, oneof: (type_, label, packed, oneof),
    st.sampled_from(list(SCALARS)),
    st.sampled_from([_Field.LABEL_OPTIONAL] * 3 + [_Field.LABEL_REPEATED, _Field.LABEL_REQUIRED]),
    st.booleans(),
    st.booleans(),
)


@st.composite
def messages(draw: Any) -> pb.FileDescriptorSet:
    """A file with a message of up to four fields: names and numbers are few, so versions share some."""
    names = draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=4))
    numbers = draw(st.permutations([1, 2, 3, 4])) if draw(st.booleans()) else [1, 2, 3, 4]
    file = pb.FileDescriptorProto(name="f.proto", package="shop", syntax="proto2")
    message = file.message_type.add(name="M")
    file.enum_type.add(name="E").value.add(name="NONE", number=0)
    for number in (1, 3):
        file.enum_type[0].value.add(name=f"E{number}", number=number)
    for name, number in zip(names, numbers):
        type_, label, packed, oneof = draw(fields)
        item = message.field.add(name=name, number=number, type=type_, label=label)
        if type_ in (_Field.TYPE_MESSAGE, _Field.TYPE_GROUP):
            inner = message.nested_type.add(name=f"N{name}")
            inner.field.add(name="x", number=1, type=_Field.TYPE_INT32, label=_Field.LABEL_OPTIONAL)
            item.type_name = f".shop.M.N{name}"
        if type_ == _Field.TYPE_ENUM:
            item.type_name = ".shop.E"
        texts = (_Field.TYPE_STRING, _Field.TYPE_BYTES, _Field.TYPE_MESSAGE, _Field.TYPE_GROUP)
        if packed and label == _Field.LABEL_REPEATED and type_ not in texts:
            item.options.packed = True
        if oneof and label == _Field.LABEL_OPTIONAL:
            if not message.oneof_decl:
                message.oneof_decl.add(name="of")
            item.oneof_index = 0
    return pb.FileDescriptorSet(file=[file])


def _set(message: Any, item: Any) -> None:
    value = SCALARS[item.type]
    if value is None:
        inner = getattr(message, item.name)
        (inner.add() if item.is_repeated else inner).x = 5
    elif item.is_repeated:
        getattr(message, item.name).append(value)
    else:
        setattr(message, item.name, value)


def _plain(message: Any, item: Any, like: Any = None) -> Any:
    """The value of a field, as the other's type has it: of a list the last one."""
    value = getattr(message, item.name)
    if item.is_repeated:
        value = value[-1] if value else None
    elif item.has_presence and not message.HasField(item.name):
        value = None
    if value is None:
        return None
    if SCALARS[item.type] is None:
        return value.x
    if isinstance(value, str):
        return value.encode()
    if (
        like is not None
        and _Field.TYPE_BOOL in (like.type, item.type)
        and {like.type, item.type} <= _INTEGERS
    ):
        return bool(value)
    return value % (1 << 32) if isinstance(value, int) and item.type in _INTEGERS else value


def _is_kept(old: pb.FileDescriptorSet, new: pb.FileDescriptorSet) -> bool:
    """Whether a message with every field set, or with those alone that have to be, has all values under its
    numbers and names when it is read with the other version.
    """
    writer, reader = (class_of(files, "shop.M") for files in (old, new))
    names = {it.name: it for it in writer.DESCRIPTOR.fields}
    others = {it.name: it for it in reader.DESCRIPTOR.fields}
    if any(name in others and others[name].number != it.number for name, it in names.items()):
        return False
    for only in (*(it for it in names.values() if it.containing_oneof), None):
        for every in (True, False):
            message = writer()
            for item in names.values():
                if (every or item.is_required) and (item.containing_oneof is None or item is only):
                    _set(message, item)
            try:
                read = reader.FromString(message.SerializeToString())
            except DecodeError:
                return False
            if not read.IsInitialized():
                return False
            for item in names.values():
                other = reader.DESCRIPTOR.fields_by_number.get(item.number)
                before = _plain(message, item, other)
                if other is not None and before is not None and _plain(read, other, item) != before:
                    return False
    return True


@settings(max_examples=80, deadline=None)
@given(messages(), messages())
def test_what_the_wire_says_is_what_google_reads(
    old: pb.FileDescriptorSet, new: pb.FileDescriptorSet
) -> None:
    first, second = (declared_files(files.SerializeToString()) for files in (old, new))
    found = proto_unreadable(first, second)
    assert bool(found) is not _is_kept(old, new), found


def texts(old: DeclaredFiles, new: DeclaredFiles) -> list[str]:
    return [f"{it.path}: {it.message}" for it in proto_unreadable(old, new)]


ORDER = (
    "message Order { string id = 1; int32 count = 2; repeated Line lines = 3; map<string, Line> names = 4; }"
)
LINE = "message Line { int32 price = 1; }"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ORDER + LINE, (ORDER + LINE).replace("count", "pieces"), []),
        (ORDER + LINE, (ORDER + LINE).replace("price", "cents"), []),
        (ORDER + LINE, (ORDER + LINE).replace("count = 2", "count = 7"), ["count: moved from number 2 to 7"]),
        (
            "message A { int32 x = 1; int32 y = 2; }",
            "message A { int32 x = 2; int32 y = 1; }",
            ["x: moved from number 1 to 2", "y: moved from number 2 to 1"],
        ),
        (
            ORDER + LINE,
            ORDER + "message Line { string price = 1; }",
            ["lines[].price: int32 cannot be read as string"],
        ),
        (
            ORDER + LINE,
            ORDER.replace("int32 count = 2", "string colour = 2") + LINE,
            ["count: int32 cannot be read as string: number 2 is colour now"],
        ),
        (
            "message A { map<string, int32> m = 1; }",
            "message A { map<int32, string> m = 1; }",
            [
                "m{}: the key: string cannot be read as int32",
                "m{}: the value: int32 cannot be read as string",
            ],
        ),
        (
            "message A { map<string, int32> m = 1; }",
            "message A { repeated E m = 1; message E { string key = 1; int32 value = 2; } }",
            [],
        ),
        (
            "message A { map<string, int32> m = 1; }",
            "message A { repeated E m = 1; message E { string key = 1; string value = 2; } }",
            ["m{}: int32 of a map, and string of a message"],
        ),
        (
            "message A { int32 x = 1; int32 y = 2; }",
            "message A { oneof of { int32 x = 1; int32 y = 2; } }",
            ["of: messages may have x and y together, and of a oneof only the last one is read"],
        ),
        (
            "message A { oneof of { int32 x = 1; int32 y = 2; } }",
            "message A { oneof p { int32 x = 1; int32 y = 2; } }",
            [],
        ),
        (
            "message A { repeated int32 x = 1; }",
            "message A { int32 x = 1; }",
            ["x[]: a packed list cannot be read as one value"],
        ),
        ("message A { int32 x = 1; }", "message A { repeated int32 x = 1; }", []),
        ("message A { repeated string x = 1; }", "message A { string x = 1; }", []),
        (
            "message A { A a = 1; int32 x = 2; }",
            "message A { A a = 1; bytes x = 2; }",
            ["x: int32 cannot be read as bytes"],
        ),
        ("message A { bytes x = 1; }", "message A { A x = 1; }", ["x: bytes cannot be read as shop.A"]),
        ("message A {} message B {}", "message A {}", [": the message shop.B is gone"]),
        ("package a; message A {}", "package b; message A {}", [": the message a.A is gone"]),
        ("message A { B b = 1; } message B { int32 x = 1; }", "message A {} ", []),
        (
            "message A { int32 x = 1; } message B { int32 x = 1; }",
            "message A { int32 x = 1; } message B { float x = 1; }",
            ["B.x: int32 cannot be read as float"],
        ),
    ],
)
def test_what_is_in_the_way_is_named_by_its_path(old: str, new: str, expected: list[str]) -> None:
    assert texts(declared(old), declared(new)) == expected


def test_a_required_field_is_not_always_there() -> None:
    old, optional, required = (
        declared(f"message A {{ {body} }}", syntax="proto2")
        for body in ("", "optional string id = 1;", "required string id = 1;")
    )
    assert [it.always for it in proto_unreadable(old, required)] == [True]
    assert [it.always for it in proto_unreadable(optional, required)] == [False]
    assert not proto_unreadable(required, optional)
    assert not proto_unreadable(required, old)


def test_messages_inside_of_each_other_are_followed_as_far_as_the_codec_goes() -> None:
    chain = "".join(f"message M{n} {{ M{n + 1} m = 1; }}" for n in range(300))
    old, new = (declared(f"{chain} message M300 {{ {type_} x = 1; }}") for type_ in ("int32", "string"))
    assert [it.message for it in proto_unreadable(old, new)] == [
        "messages are inside of each other too deeply"
    ]
