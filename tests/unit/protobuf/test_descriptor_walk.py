"""Descriptor sets as declarations: presence, packing, enums and encodings as every syntax has them."""

from __future__ import annotations

import importlib

import pytest

pytest.importorskip("grpc_tools", reason="needs the extra `protobuf`")

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FieldDescriptor

from kgen.errors import SchemaError
from kgen.protobuf.declared_files import DeclaredFiles, ProtoExtension
from kgen.protobuf.descriptor_walk import declared_files
from kgen.protobuf.protoc import descriptor_set
from kgen_runtime.codec.limits import NAME_LENGTH
from kgen_runtime.codec.protobuf.schema.proto_descriptor import descriptor_text, parse_descriptor
from kgen_runtime.codec.protobuf.schema.proto_tree import (
    EnumRef,
    MessageRef,
    ProtoEnum,
    ProtoMap,
    ProtoMessage,
)

FILES = {
    "proto2": """
        syntax = "proto2";
        package shop;
        message Order {
          required string id = 1;
          optional int32 amount = 2 [default = 7];
          repeated int32 plain = 3;
          repeated int32 packed = 4 [packed = true];
          optional group Old = 5 { optional bytes data = 1 [default = "\\001\\377"]; }
          optional Status status = 6 [default = B];
          map<int32, Order> map = 7;
          oneof payment { string card = 8; Order other = 9; }
          enum Status { A = -1; B = 1; }
        }
        """,
    "proto3": """
        syntax = "proto3";
        package shop;
        import "google/protobuf/timestamp.proto";
        message Order {
          string id = 1;
          optional int32 amount = 2;
          repeated int32 packed = 3;
          repeated int32 plain = 4 [packed = false];
          repeated string texts = 5;
          Status status = 6;
          Order inner = 7;
          google.protobuf.Timestamp when = 8;
          map<string, Status> map = 9;
          oneof payment { string card = 10; int32 cash = 11; }
          int32 unit_price = 12 [json_name = "price"];
          reserved 13, 20 to 30;
          reserved "colour";
        }
        enum Status { option allow_alias = true; UNKNOWN = 0; NONE = 0; reserved -3 to -1; }
        """,
    "editions": """
        edition = "2023";
        package shop;
        option features.utf8_validation = NONE;
        message Order {
          string id = 1 [features.field_presence = IMPLICIT];
          string name = 2 [features.utf8_validation = VERIFY];
          int32 amount = 3;
          string old = 4 [features.field_presence = LEGACY_REQUIRED];
          repeated int32 packed = 5;
          repeated int32 plain = 6 [features.repeated_field_encoding = EXPANDED];
          Order group = 7 [features.message_encoding = DELIMITED];
          Closed closed = 8;
          Open open = 9;
          map<string, Order> map = 10;
          oneof payment { string card = 11; int32 cash = 12; }
        }
        enum Closed { option features.enum_type = CLOSED; A = 1; }
        enum Open { B = 0; }
        """,
    "file of features": """
        edition = "2023";
        package shop;
        option features.field_presence = IMPLICIT;
        option features.enum_type = CLOSED;
        option features.repeated_field_encoding = EXPANDED;
        option features.message_encoding = DELIMITED;
        message Order {
          string id = 1;
          int32 amount = 2 [features.field_presence = EXPLICIT];
          repeated int32 plain = 3;
          Order inner = 4;
          map<string, Order> map = 5;
          repeated Order list = 6;
          Status status = 7 [features.field_presence = EXPLICIT];
        }
        enum Status { A = 1; }
        """,
}


def declared(text: str, **references: str) -> DeclaredFiles:
    return declared_files(descriptor_set(text, references))


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_each_syntax_means_what_protobuf_takes_it_for(text: str) -> None:
    """The judge is google.protobuf, which resolves the same descriptors by itself."""
    descriptors = descriptor_set(text, {})
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)
    schema = declared_files(descriptors).schema
    for named in schema.names.values():
        if isinstance(named, ProtoEnum):
            enum = pool.FindEnumTypeByName(named.name)
            assert named.open == (not enum.is_closed)
            assert named.values == tuple((it.name, it.number) for it in enum.values)
            continue
        message = pool.FindMessageTypeByName(named.name)
        assert {it.name for it in named.fields} == {it.name for it in message.fields}
        for item in named.fields:
            judge = message.fields_by_name[item.name]
            assert item.number == judge.number
            repeated = judge.is_repeated
            assert (item.presence in ("repeated", "packed")) == repeated
            assert (item.presence == "packed") == (repeated and judge.is_packed)
            assert (item.presence == "required") == judge.is_required
            if not repeated:
                assert (item.presence != "implicit") == judge.has_presence, item
            group = isinstance(item.type, MessageRef) and item.type.group
            assert group == (judge.type == FieldDescriptor.TYPE_GROUP), item
            oneof = judge.containing_oneof
            assert item.oneof == (oneof.name if oneof and len(oneof.fields) > 1 else None)


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_the_description_says_all_that_the_tree_has(text: str) -> None:
    schema = declared(text).schema
    assert parse_descriptor(descriptor_text(schema)) == schema


def test_what_is_reserved_and_renamed() -> None:
    schema = declared(FILES["proto3"]).schema
    order, status = schema.names["shop.Order"], schema.names["shop.Status"]
    assert isinstance(order, ProtoMessage)
    assert (order.reserved, order.reserved_names) == (((13, 13), (20, 30)), ("colour",))
    assert status.reserved == ((-3, -1),)
    names = {item.name: item.json_name for item in order.fields}
    assert names == dict.fromkeys(names) | {"unit_price": "price"}


def test_strings_are_checked_as_each_syntax_has_it() -> None:
    for syntax, checked in [("proto2", {False}), ("proto3", {True})]:
        order = declared(FILES[syntax]).schema.names["shop.Order"]
        assert isinstance(order, ProtoMessage)
        scalars = [it.type for it in order.fields]
        maps = [it.keys for it in scalars if isinstance(it, ProtoMap) and it.keys.kind == "string"]
        found = {it.checked for it in [*scalars, *maps] if getattr(it, "kind", "") == "string"}
        assert found == checked
    edition = declared(FILES["editions"]).schema.names["shop.Order"]
    assert isinstance(edition, ProtoMessage)
    assert {it.name: getattr(it.type, "checked", None) for it in edition.fields[:2]} == {
        "id": False,
        "name": True,
    }


def test_only_what_the_file_uses_of_others_is_there() -> None:
    text = """
        syntax = "proto3";
        import "google/type/money.proto";
        import "google/protobuf/timestamp.proto";
        import "other.proto";
        message A { google.type.Money money = 1; google.protobuf.Timestamp when = 2; Used.Inner used = 3; }
        message B {}
        """
    other = 'syntax = "proto3"; message Used { message Inner {} } message Unused {}'
    found = declared_files(descriptor_set(text, {"other.proto": other}))
    assert list(found.schema.names) == ["A", "B", "google.type.Money", "Used.Inner"]
    assert found.messages == ("A", "B")
    assert found.files["Used.Inner"] == "other.proto"
    assert found.nested["Used.Inner"] == ("Used", "Inner")


@pytest.mark.parametrize("known", [False, True])
def test_docs_tags_and_what_is_deprecated(known: bool) -> None:
    if known:  # the extensions are no unknown fields in this process from here on
        importlib.import_module("confluent_kafka.schema_registry.confluent.meta_pb2")
    text = """
        syntax = "proto3";
        package shop;
        import "confluent/meta.proto";
        // An order.
        //  Of two lines.
        message Order {
          option (confluent.message_meta) = { doc: "not this", tags: ["PII"] };
          // Its id.
          string id = 1;
          string note = 2 [deprecated = true];  // behind it
          string name = 3 [(confluent.field_meta) = { doc: "of Confluent", tags: ["PII", "GDPR"] }];
          /* How it
           * is paid. */
          oneof payment { string card = 4; }
        }
        enum Status {
          // Not known.
          UNKNOWN = 0;
        }
        """
    found = declared_files(descriptor_set(text, {}))
    docs = {key: text for key, text in found.docs.items() if key.startswith("shop.")}
    assert docs == {
        "shop.Order": "An order.\n Of two lines.",
        "shop.Order:id": "Its id.",
        "shop.Order:note": "behind it",
        "shop.Order:name": "of Confluent",
        "shop.Order.payment": "How it\nis paid.",
        "shop.Status:UNKNOWN": "Not known.",
    }
    tags = {key: tags for key, tags in found.tags.items() if key.startswith("shop.")}
    assert tags == {"shop.Order": ("PII",), "shop.Order:name": ("PII", "GDPR")}
    assert "shop.Order:note" in found.deprecated


def test_extensions_are_named_but_not_those_of_options() -> None:
    text = """
        syntax = "proto2";
        import "google/protobuf/descriptor.proto";
        message A { extensions 100 to max; extend A { optional string inner = 101; } }
        extend A { optional int32 priority = 100; }
        extend google.protobuf.FieldOptions { optional string mine = 50000; }
        """
    assert declared_files(descriptor_set(text, {})).extensions == (
        ProtoExtension("A", 100, "priority"),
        ProtoExtension("A", 101, "inner"),
    )


def test_twenty_thousand_messages() -> None:
    many = "".join(f"message M{at} {{ M{at + 1} next = 1; }}\n" for at in range(19_999))
    found = declared(f'syntax = "proto3"; {many} message M19999 {{}}')
    assert len(found.schema.names) == len(found.messages) == 20_000


def test_enums_and_maps_of_messages() -> None:
    order = declared(FILES["proto3"]).schema.names["shop.Order"]
    assert isinstance(order, ProtoMessage)
    types = {item.name: item.type for item in order.fields}
    assert isinstance(types["map"], ProtoMap)
    assert types["map"].values == EnumRef("shop.Status")


def test_texts_that_are_not_utf8_are_texts() -> None:
    text = r"""syntax = "proto2";
    message B { optional string a = 1 [default = "\377x", json_name = "\xfe"]; reserved "\xff"; }"""
    (message,) = declared(text).schema.names.values()
    assert isinstance(message, ProtoMessage)
    (field,) = message.fields
    assert (field.default, field.json_name, message.reserved_names) == ("\\xffx", "\\xfe", ("\\xff",))


def test_names_that_the_codec_does_not_take_are_refused() -> None:
    longest = "L" * NAME_LENGTH
    assert declared(f"message {longest} {{}}").messages == (longest,)
    with pytest.raises(SchemaError, match="has more than"):
        declared(f"message {longest}L {{}}")
