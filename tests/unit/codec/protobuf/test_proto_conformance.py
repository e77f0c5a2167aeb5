"""The cases of the specification, one by one, with google.protobuf as the judge."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from google.protobuf.message import DecodeError as GoogleError
from tests.unit.codec.protobuf.proto_kit import KINDS, Kit, Proto, file_of, kit_of

from kgen_runtime.codec import make_proto_reader, make_proto_writer
from kgen_runtime.codec.protobuf.schema.proto_descriptor import parse_descriptor
from kgen_runtime.codec.protobuf.schema.proto_tree import PACKABLE
from kgen_runtime.errors import ConfigError, DecodeError, SchemaError

_BITS: dict[str, list[Any]] = {
    "int32": [0, 1, -1, 127, 128, (1 << 31) - 1, -(1 << 31)],
    "int64": [0, 1, -1, 1 << 40, (1 << 63) - 1, -(1 << 63)],
    "uint32": [0, 1, (1 << 32) - 1],
    "uint64": [0, 1, (1 << 64) - 1],
    "bool": [False, True],
    "float": [0.0, -0.0, 1.5, float("inf"), float("-inf"), struct.unpack("<f", b"\1\0\0\0")[0]],
    "double": [0.0, -0.0, 0.1, float("inf"), 5e-324, 1.7976931348623157e308],
    "string": ["", "a", "é€😀", "\0", "x" * 300],
    "bytes": [b"", b"\0", b"\xff" * 300],
}
EDGES = {
    kind: _BITS.get(kind)
    or _BITS[kind.replace("sint", "int").replace("sfixed", "int").replace("fixed", "uint")]
    for kind in KINDS
}


def kit_with(syntax: str, **fields: Any) -> Kit:
    """A message `p.M` with these fields, each a kind or what is set of its descriptor; `p.N` has an int32
    `n`.
    """
    file = file_of(syntax)
    message = file.message_type.add(name="M")
    for number, (name, given) in enumerate(fields.items(), 1):
        settings = given if isinstance(given, dict) else {"type": KINDS[given]}
        packed = settings.pop("packed", None)
        member = message.field.add(
            **{"name": name, "number": number, "label": Proto.LABEL_OPTIONAL} | settings
        )
        if packed is not None:
            member.options.packed = packed
    other = file.message_type.add(name="N")
    other.field.add(name="n", number=1, type=Proto.TYPE_INT32, label=Proto.LABEL_OPTIONAL)
    other.field.add(
        name="inner", number=2, type=Proto.TYPE_MESSAGE, type_name=".p.N", label=Proto.LABEL_OPTIONAL
    )
    enum = file.enum_type.add(name="E")
    for number in (0, 1, 2):
        enum.value.add(name=f"E{number}", number=number)
    return kit_of(file, "p.M", keeps=True)


def message_field(**more: Any) -> dict[str, Any]:
    return {"type": Proto.TYPE_MESSAGE, "type_name": ".p.N", **more}


def enum_field(**more: Any) -> dict[str, Any]:
    return {"type": Proto.TYPE_ENUM, "type_name": ".p.E", **more}


@pytest.mark.parametrize("kind", KINDS)
def test_every_scalar_alone_and_repeated(engine: Any, kind: str) -> None:
    repeated = {"type": KINDS[kind], "label": Proto.LABEL_REPEATED}
    fields: dict[str, Any] = {"one": kind, "all": repeated}
    if kind in PACKABLE:
        fields["unpacked"] = {**repeated, "packed": False}
    kit = kit_with("proto3", **fields)
    reader, writer, message = kit.reader(engine), kit.writer(engine), kit.message()
    for value in EDGES[kind]:
        payload = message(one=value, all=[value], **({"unpacked": [value] * 2} if len(fields) > 2 else {}))
        data = payload.SerializeToString()
        made = reader.decode(data)
        assert (made.a0, made.a1) == (value, [value])
        assert str(made.a0) == str(value)  # also the sign of a zero
        assert writer.encode(made) == data
    every = message(**dict.fromkeys(list(fields)[1:], EDGES[kind])).SerializeToString()
    assert writer.encode(reader.decode(every)) == every


@pytest.mark.parametrize("kind", sorted(PACKABLE))
def test_repeated_scalars_are_read_packed_and_unpacked(engine: Any, kind: str) -> None:
    repeated = {"type": KINDS[kind], "label": Proto.LABEL_REPEATED}
    packed = kit_with("proto3", x=dict(repeated))
    unpacked = kit_with("proto3", x={**repeated, "packed": False})
    one = packed.message()(x=EDGES[kind]).SerializeToString()
    other = unpacked.message()(x=EDGES[kind]).SerializeToString()
    assert one != other
    for kit, expected in ((packed, one), (unpacked, other)):
        for data in (one, other):
            assert kit.writer(engine).encode(kit.reader(engine).decode(data)) == expected
        both = kit.reader(engine).decode(one + other)
        assert both.a0 == EDGES[kind] * 2


def test_numbers_are_cut_to_the_bits_of_their_type(engine: Any) -> None:
    kit = kit_with("proto3", i="int32", u="uint32", s="sint32", b="bool", e=enum_field())
    reader, message = kit.reader(engine), kit.message()
    for number in ("8180808010", "ffffffffffffffffff7f", "80808080808080808001", "feffffff1f"):
        data = b"".join(bytes([tag]) + bytes.fromhex(number) for tag in (8, 16, 24, 32, 40))
        expected, made = message.FromString(data), reader.decode(data)
        found = (made.a0, made.a1, made.a2, made.a3, made.a4)
        assert found == (expected.i, expected.u, expected.s, expected.b, expected.e)


def test_absence_is_what_the_presence_says(engine: Any) -> None:
    optional = {"type": Proto.TYPE_INT32, "label": Proto.LABEL_OPTIONAL}
    kit = kit_with("proto2", x=optional, m=message_field(), e=enum_field())
    empty = kit.reader(engine).decode(b"")
    assert (empty.a0, empty.a1, empty.a2) == (None, None, None)
    zeros = bytes.fromhex("08001200 1800".replace(" ", ""))
    made = kit.reader(engine).decode(zeros)
    assert (made.a0, made.a1.a0, made.a2) == (0, None, 0)
    assert kit.writer(engine).encode(made) == zeros
    implicit = kit_with("proto3", x="int32", e=enum_field())
    made = implicit.reader(engine).decode(bytes.fromhex("08001000"))
    assert (made.a0, made.a1.name) == (0, "E0")
    assert implicit.writer(engine).encode(made) == b""


def test_required_fields_have_to_be_there(engine: Any) -> None:
    kit = kit_with("proto2", x={"type": Proto.TYPE_INT32, "label": Proto.LABEL_REQUIRED}, y="int32")
    assert not kit.message().FromString(b"\x10\1").IsInitialized()
    with pytest.raises(DecodeError, match="required") as caught:
        kit.reader(engine).decode(b"\x10\1")
    assert caught.value.path == "x"
    assert kit.writer(engine).encode(kit.reader(engine).decode(b"\x08\0")) == b"\x08\0"


def test_a_message_that_comes_again_is_merged(engine: Any) -> None:
    kit = kit_with("proto3", m=message_field())
    data = bytes.fromhex("0a0208010a04120208050a0412021200")
    merged = kit.message().FromString(data).SerializeToString()
    assert kit.writer(engine).encode(kit.reader(engine).decode(data)) == merged
    assert kit.writer(engine, classes=False).encode(kit.reader(engine, classes=False).decode(data)) == merged


def test_the_last_member_of_a_oneof_stays_and_the_same_is_merged(engine: Any) -> None:
    file = file_of()
    message = file.message_type.add(name="M")
    message.oneof_decl.add(name="o")
    for number, kind in ((1, Proto.TYPE_INT32), (2, Proto.TYPE_MESSAGE), (3, Proto.TYPE_STRING)):
        member = message.field.add(name=f"x{number}", number=number, type=kind, label=Proto.LABEL_OPTIONAL)
        member.oneof_index = 0
        if kind == Proto.TYPE_MESSAGE:
            member.type_name = ".p.M"
    kit = kit_of(file, "p.M")
    for data in (
        "0805",
        "08001200",
        "12020805120208001202 1a00",
        "12020805 1a0161 12021a00",
        "0801 1a00",
        "1a00",
    ):
        payload = bytes.fromhex(data.replace(" ", ""))
        expected = kit.message().FromString(payload).SerializeToString()
        for classes in (True, False):
            made = kit.reader(engine, classes=classes).decode(payload)
            assert kit.writer(engine, classes=classes).encode(made) == expected
    made = kit.reader(engine).decode(bytes.fromhex("0805"))
    assert made.a0 == kit.classes["p.M.o.x1"](5)


def test_unknown_fields_are_kept_or_dropped(engine: Any) -> None:
    kit = kit_with("proto3", x="int32")
    data = bytes.fromhex("1001 0805 1d01020304 22026162 2b 3001 2c 0d01020304 0a00".replace(" ", ""))
    made = kit.reader(engine).decode(data)
    assert made.a0 == 5
    assert made.extra == data.replace(bytes.fromhex("0805"), b"", 1)
    assert kit.writer(engine).encode(made) == bytes.fromhex("0805") + made.extra
    assert kit.message().FromString(data) == kit.message().FromString(kit.writer(engine).encode(made))
    assert kit.reader(engine, classes=False).decode(data) == {"x": 5}


_UNKNOWN = b"\xf8\x06\x01"
_PLAIN_VALUES = {
    "google.protobuf.StringValue": b"\x0a\x01a",
    "google.protobuf.BoolValue": b"\x08\x01",
    "google.protobuf.Timestamp": b"\x08\x01",
    "google.protobuf.Duration": b"\x08\x01",
    "google.protobuf.Struct": b"\x0a\x07\x0a\x01k\x12\x02\x20\x01",
    "google.protobuf.Value": b"\x1a\x01a",
    "google.protobuf.ListValue": b"\x0a\x02\x20\x01",
    "google.protobuf.Any": b"\x0a\x03p.N",
    "google.type.Date": b"\x08\xe8\x0f\x10\x01\x18\x01",
    "confluent.type.Decimal": b"\x0a\x01\x05\x10\x01",
}


@pytest.mark.parametrize("oneof", [False, True])
def test_unknown_fields_are_kept_in_messages_and_not_in_plain_values(engine: Any, oneof: bool) -> None:
    file = file_of()
    message = file.message_type.add(name="M")
    if oneof:
        message.oneof_decl.add(name="o")
    names = {**_PLAIN_VALUES, "p.N": b"\x08\x05"}
    for number, name in enumerate(names, 1):
        typed = {"type": Proto.TYPE_MESSAGE, "type_name": f".{name}", "label": Proto.LABEL_OPTIONAL}
        message.field.add(name=f"x{number}", number=number, **typed, **({"oneof_index": 0} if oneof else {}))
    other = file.message_type.add(name="N")
    other.field.add(name="n", number=1, type=Proto.TYPE_INT32, label=Proto.LABEL_OPTIONAL)
    kit = kit_of(file, "p.M", keeps=True)
    for number, (name, body) in enumerate(names.items(), 1):
        bare = bytes([number << 3 | 2, len(body)]) + body
        data = bytes([number << 3 | 2, len(body) + len(_UNKNOWN)]) + body + _UNKNOWN
        written = kit.writer(engine).encode(kit.reader(engine).decode(data))
        assert kit.message().FromString(data).SerializeToString(deterministic=True) == data
        assert (name, written) == (name, data if name == "p.N" else bare)


def test_numbers_that_a_closed_enum_has_not_are_unknown_fields(engine: Any) -> None:
    kit = kit_with(
        "proto2",
        one=enum_field(),
        all=enum_field(label=Proto.LABEL_REPEATED),
        packed=enum_field(label=Proto.LABEL_REPEATED, packed=True),
    )
    data = bytes.fromhex("0807 0801 1001 1007 1002 1a03010702 0809".replace(" ", ""))
    made = kit.reader(engine).decode(data)
    assert (made.a0, made.a1, made.a2) == (1, [1, 2], [1, 2])
    assert made.extra == bytes.fromhex("0807 1007 1807 0809".replace(" ", ""))
    written = kit.writer(engine).encode(made)
    assert kit.message().FromString(written) == kit.message().FromString(data)
    with pytest.raises(Exception, match=r"expected a value of p\.E"):
        kit.writer(engine, classes=False).encode({"one": 7})


def test_entries_without_a_key_or_a_value_have_their_zero(engine: Any) -> None:
    file = file_of()
    message = file.message_type.add(name="M")
    for number, (key, value) in enumerate(
        ((Proto.TYPE_STRING, Proto.TYPE_MESSAGE), (Proto.TYPE_INT32, 5)), 1
    ):
        entry = message.nested_type.add(name=f"X{number}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=key, label=Proto.LABEL_OPTIONAL)
        held = entry.field.add(name="value", number=2, type=value, label=Proto.LABEL_OPTIONAL)
        if value == Proto.TYPE_MESSAGE:
            held.type_name = ".p.M"
        message.field.add(
            name=f"x{number}",
            number=number,
            type=Proto.TYPE_MESSAGE,
            type_name=f".p.M.{entry.name}",
            label=Proto.LABEL_REPEATED,
        )
    kit = kit_of(file, "p.M")
    for data in (
        "0a00",
        "0a0212000a030a0161",
        "1200",
        "12021005",
        "120408011007 120408011008",
        "12061803 0801 1002",
    ):
        payload = bytes.fromhex(data.replace(" ", ""))
        if "1803" in data:  # an unknown field in an entry: upb takes the entry for unknown, others do not
            assert kit.reader(engine, classes=False).decode(payload) == {"x1": {}, "x2": {1: 2}}
            continue
        made = kit.reader(engine).decode(payload)
        assert kit.message().FromString(kit.writer(engine).encode(made)) == kit.message().FromString(payload)


def test_entries_are_written_in_order_of_key(engine: Any) -> None:
    schema = parse_descriptor(
        "descriptor 1\nmessage M\n  1 t map string int32\n  2 s map sint32 bool\n  3 b map bool string\n"
        "  4 u map fixed64 int32\n"
    )
    writer = make_proto_writer(schema, "M", engine=engine)
    read = make_proto_reader(schema, "M", engine=engine).decode
    value = {
        "t": {"é": 1, "a": 2, "": 3, "b": 4, "ab": 5},
        "s": {3: True, -2: False, -(1 << 31): True, 0: False},
        "b": {True: "x", False: "y"},
        "u": {(1 << 64) - 1: 1, 2: 2},
    }
    made = read(writer.encode(value))
    assert made == value
    assert [list(each) for each in made.values()] == [
        ["", "a", "ab", "b", "é"],
        [-(1 << 31), -2, 0, 3],
        [False, True],
        [2, (1 << 64) - 1],
    ]


def test_text_that_is_not_utf8(engine: Any) -> None:
    checked, unchecked = kit_with("proto3", s="string"), kit_with("proto2", s="string")
    data = b"\x0a\x03a\xff\x80"
    with pytest.raises(DecodeError, match="UTF-8") as caught:
        checked.reader(engine).decode(data)
    assert (caught.value.position, caught.value.path) == (1, "s")
    made = unchecked.reader(engine).decode(data)
    assert made.a0 == "a\udcff\udc80"
    assert unchecked.writer(engine).encode(made) == data


@pytest.mark.parametrize(
    ("data", "what", "position", "path"),
    [
        ("08", "ends too early", 1, "x"),
        ("0880", "ends too early", 1, "x"),
        ("08ffffffffffffffffffff01", "longer than 64 bits", 1, "x"),
        ("10ffffffffffffffffffff01", "longer than 64 bits", 1, ""),
        ("888080808000", "tag", 0, ""),
        ("0001", "tag", 0, ""),
        ("0e", "tag", 0, ""),
        ("0f", "tag", 0, ""),
        ("1205", "ends too early", 1, "m"),
        ("12ffffffff0f", "ends too early", 1, "m"),
        ("1281808080800000", "more than 5 bytes", 1, "m"),
        ("12020880", "ends too early", 3, "m.n"),
        ("12041202 0880", "ends too early", 5, "m.inner.n"),
        ("1a020180", "ends too early", 3, "r[1]"),
        ("23", "does not end", 1, ""),
        ("2308", "ends too early", 2, ""),
        ("232c", "did not begin", 1, ""),
        ("24", "did not begin", 0, ""),
        ("25010203", "ends too early", 1, ""),
        ("21 01020304050607", "ends too early", 1, ""),
        ("2a0a", "ends too early", 1, ""),
    ],
)
def test_damaged_messages_are_refused_where_they_are_damaged(
    engine: Any, data: str, what: str, position: int, path: str
) -> None:
    repeated = {"type": Proto.TYPE_INT32, "label": Proto.LABEL_REPEATED}
    kit = kit_with("proto3", x="int32", m=message_field(), r=repeated)
    payload = bytes.fromhex(data.replace(" ", ""))
    with pytest.raises(GoogleError):
        kit.message().FromString(payload)
    with pytest.raises(DecodeError) as caught:
        kit.reader(engine).decode(b"12345" + payload, 5)
    assert (caught.value.position, caught.value.path) == (position + 5, path)
    assert what in caught.value.what


def test_groups_are_read_and_written(engine: Any) -> None:
    schema = parse_descriptor(
        "descriptor 1\nmessage M\n  1 n int32 explicit\n  2 g group M explicit\n  3 r group M repeated\n"
    )
    reader, writer = (
        make_proto_reader(schema, "M", engine=engine),
        make_proto_writer(schema, "M", engine=engine),
    )
    data = bytes.fromhex("13 0801 13 14 14 1b 0802 1c 1b 1c".replace(" ", ""))
    made = reader.decode(data)
    assert made == {"g": {"n": 1, "g": {"r": []}, "r": []}, "r": [{"n": 2, "r": []}, {"r": []}]}
    assert writer.encode(made) == data
    assert reader.decode(bytes.fromhex("1308011413100a14")) == {"g": {"n": 1, "r": []}, "r": []}
    for wrong in ("13", "130801", "1308011c", "12021314"):
        if wrong == "12021314":  # another wire type: an unknown field
            assert reader.decode(bytes.fromhex(wrong)) == {"r": []}
            continue
        with pytest.raises(DecodeError):
            reader.decode(bytes.fromhex(wrong))


def test_depth_is_bounded_also_in_what_is_unknown(engine: Any) -> None:
    schema = parse_descriptor(
        "descriptor 1\nmessage M\n  1 m message M explicit\n  2 s message google.protobuf.Value explicit\n"
    )
    reader = make_proto_reader(schema, "M", engine=engine, max_depth=20)

    def nested(count: int) -> bytes:
        data = b""
        for _ in range(count):
            data = b"\x0a" + bytes([len(data)]) + data
        return data

    assert reader.decode(nested(19)) is not None
    with pytest.raises(DecodeError, match="nested too deeply"):
        reader.decode(nested(20))
    assert reader.decode(b"\x1b" * 19 + b"\x1c" * 19) == {}
    with pytest.raises(DecodeError, match="nested too deeply"):
        reader.decode(b"\x1b" * 20 + b"\x1c" * 20)
    with pytest.raises(DecodeError, match="nested too deeply"):
        make_proto_reader(schema, "M", engine=engine).decode(b"\x1b" * 100_000)
    with pytest.raises(ConfigError):
        make_proto_reader(schema, "M", engine=engine, max_depth=100_000)


def test_messages_of_few_bytes_that_become_many_objects_are_refused(engine: Any) -> None:
    fields = "".join(f"  {number} f{number} int32 repeated\n" for number in range(2, 40))
    schema = parse_descriptor(f"descriptor 1\nmessage M\n  1 m message M repeated\n{fields}")
    with pytest.raises(DecodeError, match="too many items"):
        make_proto_reader(schema, "M", engine=engine).decode(b"\x0a\0" * 10_000)


def test_a_root_that_is_not_there_is_refused(engine: Any) -> None:
    schema = parse_descriptor("descriptor 1\nmessage M\nenum E open\n  0 A\n")
    for root in ("N", "E"):
        with pytest.raises(SchemaError, match="no message"):
            make_proto_reader(schema, root, engine=engine)
