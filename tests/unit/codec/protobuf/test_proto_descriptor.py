"""The text that describes messages at run time."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2
from tests.unit.codec.protobuf.proto_kit import Proto, file_of, kit_of

from kgen_runtime.codec.protobuf.schema.proto_descriptor import descriptor_text, parse_descriptor
from kgen_runtime.codec.protobuf.schema.proto_tree import (
    EnumRef,
    MessageRef,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoScalar,
    ProtoSchema,
    json_name_of,
)
from kgen_runtime.errors import SchemaError

TEXT = """descriptor 1
message shop.Order
  1 id string implicit
  2 lines message shop.Order repeated
  3 codes sint32 packed
  4 tags map string message shop.Order
  5 status enum shop.Status implicit
  6 when message google.protobuf.Timestamp explicit
  7 card string explicit oneof=payment
  8 cash int64 explicit oneof=payment json="cash Cents"
  9 note string explicit default="a \\"b\\" = c\\n" unchecked
  10 old group shop.Order explicit
  100 [shop.priority] int32 explicit
  reserved 12 20..30
  reserved-names "colour" "size of"
enum shop.Status closed
  0 UNKNOWN
  -1 LOST
  reserved 7
"""


def test_a_text_is_a_tree_and_the_tree_that_text() -> None:
    schema = parse_descriptor(TEXT)
    assert descriptor_text(schema) == TEXT
    order, status = schema.names["shop.Order"], schema.names["shop.Status"]
    assert isinstance(order, ProtoMessage)
    fields = {field.name: field for field in order.fields}
    assert fields["tags"] == ProtoField(
        4, "tags", ProtoMap(ProtoScalar("string"), MessageRef("shop.Order")), "repeated"
    )
    assert fields["note"].default == 'a "b" = c\n'
    assert fields["note"].type == ProtoScalar("string", checked=False)
    assert fields["cash"].json_name == "cash Cents"
    assert fields["old"].type == MessageRef("shop.Order", group=True)
    assert fields["status"].type == EnumRef("shop.Status")
    assert [member.name for member in order.oneofs["payment"]] == ["card", "cash"]
    assert (order.reserved, order.reserved_names) == (((12, 12), (20, 30)), ("colour", "size of"))
    assert status == ProtoEnum("shop.Status", (("UNKNOWN", 0), ("LOST", -1)), open=False, reserved=((7, 7),))


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "begin"),
        ("descriptor 2\n", 1, "begin"),
        ("descriptor 1\nmessage a b\n", 2, "expected"),
        ("descriptor 1\nmessage .a\n", 2, "not a full name"),
        ("descriptor 1\nmessage a\nmessage a\n", 3, "twice"),
        ("descriptor 1\nmessage a\n  0 x int32 implicit\n", 3, "not from 1"),
        ("descriptor 1\nmessage a\n  536870912 x int32 implicit\n", 3, "not from 1"),
        ("descriptor 1\nmessage a\n  99999999999 x int32 implicit\n", 3, "32 bits"),
        ("descriptor 1\nmessage a\n  ١ x int32 implicit\n", 3, "32 bits"),
        ("descriptor 1\nmessage a\n  1 x int implicit\n", 3, "unknown type"),
        ("descriptor 1\nmessage a\n  1 x map double int32\n", 3, "unknown type"),
        ("descriptor 1\nmessage a\n  1 x map string map string int32\n", 3, "unknown type"),
        ("descriptor 1\nmessage a\n  1 x map string group a\n", 3, "unknown type"),
        ("descriptor 1\nmessage a\n  1 x string packed\n", 3, "packed"),
        ("descriptor 1\nmessage a\n  1 x message a implicit\n", 3, "explicit"),
        ("descriptor 1\nmessage a\n  1 x int32 implicit oneof=o\n", 3, "explicit"),
        ("descriptor 1\nmessage a\n  1 x int32\n", 3, "presence"),
        ("descriptor 1\nmessage a\n  1 x int32 implicit size=3\n", 3, "presence"),
        ('descriptor 1\nmessage a\n  1 x int32 implicit json="x\n', 3, "JSON string"),
        ("descriptor 1\nmessage a\n  1 x int32 implicit\n  2 x int32 implicit\n", 4, "twice"),
        ("descriptor 1\nmessage a\n  1 x int32 implicit\n  1 y int32 implicit\n", 4, "twice"),
        ("descriptor 1\nmessage a\n  1 x message b explicit\n", 3, "b is not defined"),
        ("descriptor 1\nmessage a\n  1 x enum a implicit\n", 3, "a is not defined"),
        ("descriptor 1\nmessage a\n  1 x enum google.protobuf.Any implicit\n", 3, "not defined"),
        ("descriptor 1\nenum e open\n", 2, "no values"),
        ("descriptor 1\nenum e open\n  0 A\n  1 A\n", 4, "of the enum's own"),
        ("descriptor 1\nmessage a\n  \n", 3, "empty line"),
        ("descriptor 1\nmessage a\n  1  x int32 implicit\n", 3, "two spaces"),
    ],
)
def test_a_text_that_is_not_well_formed_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(SchemaError, match=what) as caught:
        parse_descriptor(text)
    assert caught.value.where == f"line {line} of the description"


def test_what_a_message_needs_is_found_from_it() -> None:
    schema = parse_descriptor(TEXT + "message other.One\n  1 x enum shop.Status implicit\n")
    assert list(schema.reachable("other.One").names) == ["other.One", "shop.Status"]
    assert list(schema.reachable("shop.Order").names) == ["shop.Order", "shop.Status"]
    assert schema.reachable("google.protobuf.Any") == ProtoSchema({})
    with pytest.raises(KeyError):
        schema.reachable("shop.Nothing")


def test_long_chains_of_messages_are_parsed_without_recursion() -> None:
    count = 5_000
    lines = [f"message m{n}\n  1 x message m{(n + 1) % count} explicit\n" for n in range(count)]
    schema = parse_descriptor("descriptor 1\n" + "".join(lines))
    assert len(schema.reachable("m7").names) == count


@pytest.mark.parametrize("name", ["unit_price", "_a", "a__b", "a_1", "aB_cD", "x_", "A_b"])
def test_json_names_are_those_of_protoc(name: str) -> None:
    file = file_of()
    message = file.message_type.add(name="M")
    message.field.add(name=name, number=1, type=Proto.TYPE_INT32, label=Proto.LABEL_OPTIONAL)
    found = kit_of(file, "p.M").pool.FindMessageTypeByName("p.M").fields[0]
    assert json_name_of(name) == found.json_name


def test_features_of_editions_are_resolved() -> None:
    file = file_of("editions")
    file.options.features.utf8_validation = descriptor_pb2.FeatureSet.NONE
    message = file.message_type.add(name="M")
    message.field.add(name="x", number=1, type=Proto.TYPE_STRING, label=Proto.LABEL_OPTIONAL)
    made = kit_of(file, "p.M").schema.names["p.M"]
    assert isinstance(made, ProtoMessage)
    assert made.fields == (ProtoField(1, "x", ProtoScalar("string", checked=False), "explicit"),)
