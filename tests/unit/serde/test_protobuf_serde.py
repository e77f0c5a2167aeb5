"""Protobuf in Confluent's framing: message indexes in payload and headers, by the order of the writer's file.

Confluent's own serializer and deserializer are the judges.
"""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import header_schema_id_serializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.schema_registry.schema_registry_client import SchemaRegistryClient
from confluent_kafka.serialization import MessageField, SerializationContext
from tests.unit.serde.conftest import Registry

import kgen_runtime as rt
from kgen_runtime.errors import (
    ConfigError,
    DecodeError,
    EncodeError,
    FramingError,
    SchemaError,
    UnexpectedTypeError,
)
from kgen_runtime.flow.failures import stage_of
from kgen_runtime.messages import Stage
from kgen_runtime.serde import RegistryClient
from kgen_runtime.serde.framing import id_prefix

FILE = """syntax = "proto3";
package shop;
message Order {
  string id = 1;
  map<string, int32> stock = 3;
  message Line { string sku = 1; int32 count = 2; }
  repeated Line lines = 2;
  message Note { string text = 1; }
}
message Refund { string id = 1; int64 cents = 2; }
"""
DESCRIPTOR = """descriptor 1
message shop.Order
  1 id string implicit
  3 stock map string int32
  2 lines message shop.Order.Line repeated
message shop.Order.Line
  1 sku string implicit
  2 count int32 implicit
message shop.Order.Note
  1 text string implicit
message shop.Refund
  1 id string implicit
  2 cents int64 implicit
"""
MOVED = FILE.replace("message Order", "message First { } message Order")
OLDER = FILE.replace("package shop;", "package store;")
GUID = "00000000-0000-0000-0000-00000000000a"
SCHEMAS = rt.Schemas(
    "orders-value",
    (
        rt.WriterSchema(1, 8, OLDER, type="PROTOBUF"),
        rt.WriterSchema(2, 9, MOVED, type="PROTOBUF"),
        rt.WriterSchema(3, 10, FILE, guid=GUID, type="PROTOBUF"),
    ),
    descriptor=DESCRIPTOR,
)


@dataclass(slots=True, kw_only=True)
class Line:
    sku: str = ""
    count: int = 0


@dataclass(slots=True, kw_only=True)
class Order:
    id: str = ""
    lines: list[Line] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Note:
    text: str = ""


@dataclass(slots=True, kw_only=True)
class Refund:
    id: str = ""
    cents: int = 0


ORDER: rt.ProtobufSerde[Order] = rt.ProtobufSerde(
    SCHEMAS, "shop.Order", {"shop.Order": Order, "shop.Order.Line": Line}
)
NOTE: rt.ProtobufSerde[Note] = rt.ProtobufSerde(SCHEMAS, "shop.Order.Note", {"shop.Order.Note": Note})
REFUND: rt.ProtobufSerde[Refund] = rt.ProtobufSerde(SCHEMAS, "shop.Refund", {"shop.Refund": Refund})
TYPES: rt.TypesSerde[Order | Refund] = rt.TypesSerde({"shop.Order": ORDER, "shop.Refund": REFUND})

A = Order(id="a", lines=[Line(sku="x", count=2)], stock={"x": 1})
BODY = b"\n\x01a\x12\x05\n\x01x\x10\x02\x1a\x05\n\x01x\x10\x01"
REFUNDED = b"\n\x01r\x10\x05"


def decode(serde: rt.Serde[Any], *payloads: bytes | None, **more: Any) -> Any:
    return serde.decoder(rt.SchemaStore(None), "value").decode_many(payloads, **more)


def test_a_message_is_found_by_its_indexes() -> None:
    first = id_prefix(10) + b"\x00" + BODY
    assert decode(ORDER, first, first) == ([A, A], [10, 10], {})
    second = id_prefix(9) + b"\x02\x02" + BODY
    older = id_prefix(8) + b"\x00" + BODY  # its package was another
    assert decode(ORDER, first, None, second, older) == ([A, None, A, A], [10, None, 9, 8], {})
    assert decode(ORDER, second, second) == ([A, A], [9, 9], {})
    nested = id_prefix(10) + b"\x04\x00\x02" + b"\n\x02hi"
    by_descriptor = id_prefix(10) + b"\x04\x00\x04" + b"\n\x02hi"  # where the map's entry has a place too
    assert decode(NOTE, nested, by_descriptor).values == [Note(text="hi")] * 2


def test_what_is_written_is_read() -> None:
    serde: Any
    for serde, value in ((ORDER, A), (REFUND, Refund(id="r", cents=5)), (NOTE, Note(text="é"))):
        payload = serde.encoder(rt.SchemaStore(None), "value").encode(value)
        assert decode(serde, payload) == ([value], [10], {})
    assert ORDER.encoder(rt.SchemaStore(None), "value").encode(A) == id_prefix(10) + b"\x00" + BODY
    with pytest.raises(EncodeError):
        ORDER.encoder(rt.SchemaStore(None), "value").encode(Refund())  # type: ignore[arg-type]


def test_types_of_one_file() -> None:
    payloads = [
        id_prefix(10) + b"\x02\x02" + REFUNDED,
        id_prefix(10) + b"\x00" + BODY,
        id_prefix(10) + b"\x04\x00\x02",
        id_prefix(10) + b"\x02\x02" + REFUNDED,
        id_prefix(9) + b"\x02\x02" + BODY,
        id_prefix(8) + b"\x02\x02" + REFUNDED,
    ]
    values, ids, errors = decode(TYPES, *payloads)
    refund = Refund(id="r", cents=5)
    assert values == [refund, A, None, refund, A, refund]
    assert ids == [10, 10, 10, 10, 9, 8]
    (error,) = errors.values()
    assert isinstance(error, UnexpectedTypeError)
    assert "shop.Order.Note" in error.what
    assert decode(TYPES, payloads[0], payloads[0]).values == [refund, refund]
    guid = b"\x01" + uuid.UUID(GUID).bytes
    headers = [(("__value_schema_id", guid + b"\x02\x02"),), (("__value_schema_id", guid + b"\x00"),)]
    assert decode(TYPES, REFUNDED, BODY, headers=headers) == ([refund, A], [10, 10], {})
    encode = TYPES.encoder(rt.SchemaStore(None), "value").encode
    assert [encode(A), encode(refund)] == [payloads[1], payloads[0]]


@pytest.mark.parametrize(
    ("payload", "stage", "what"),
    [
        (
            id_prefix(10) + b"\x02\x02",
            "unexpected-type",
            "a message of type shop.Refund: the value is read as",
        ),
        (id_prefix(10) + b"\x02\x0e", "framing", r"no message at \[7\]"),
        (id_prefix(10) + b"\x04\x00\x0e", "framing", r"no message at \[0, 7\]"),
        (id_prefix(10) + b"\x02\x01", "framing", "negative"),
        (id_prefix(10) + b"\x01\x01", "framing", "-1 message indexes"),
        (id_prefix(10), "framing", "end at byte 5"),
        (id_prefix(10) + b"\x02" + b"\xff" * 11, "framing", "more than 5 bytes"),
        (id_prefix(99) + b"\x00", "unknown-schema", "unknown schema id 99"),
        (b"\x01" + b"\x00" * 15, "framing", "its prefix alone takes 17"),
        (BODY, "framing", "begins with 0a"),
        (b"", "framing", "is empty"),
        (id_prefix(10) + b"\x00\x0a\x05a", "decode", "ends|end"),
    ],
)
def test_bad_messages_have_their_error(payload: bytes, stage: str, what: str) -> None:
    good = id_prefix(10) + b"\x00" + BODY
    for batch in ([payload], [good, payload, good]):
        at = len(batch) // 2
        values, _, errors = decode(ORDER, *batch)
        assert [*errors] == [at]
        assert values == [A if each is good else None for each in batch]
        assert stage_of(errors[at]) is Stage(stage)
        with pytest.raises(type(errors[at]), match=what):
            raise errors[at]


def test_damaged_bytes_have_their_place() -> None:
    error = decode(ORDER, id_prefix(10) + b"\x00\x0a\x01a\x12\x03\x0a\x05x").errors[0]
    assert isinstance(error, DecodeError)
    assert error.position >= 6
    assert error.path.startswith("lines")


def test_headers_with_indexes() -> None:
    prefix = id_prefix(10)
    for header, what in (
        (prefix + b"\x00\x00", "goes on after the message indexes, at byte 6"),
        (prefix, "end at byte 5"),
        (b"\x02" + prefix, "not a schema id or GUID"),
        (None, "is null"),
    ):
        error = decode(ORDER, BODY, headers=[(("__value_schema_id", header),)]).errors[0]
        assert isinstance(error, FramingError)
        assert what in error.what
    assert decode(ORDER, BODY, headers=[(("__value_schema_id", prefix + b"\x00"),)]) == ([A], [10], {})


def test_messages_without_a_frame() -> None:
    bare: rt.ProtobufSerde[Order] = rt.ProtobufSerde(SCHEMAS, "shop.Order", ORDER.classes, framing="none")
    assert decode(bare, BODY, None, b"", b"\xff")[:2] == ([A, None, Order(), None], [None] * 4)
    assert decode(bare, BODY, BODY).values == [A, A]
    assert bare.encoder(rt.SchemaStore(None), "value").encode(A) == BODY
    assert bare.encoder(rt.SchemaStore(None), "value").encode(None) is None


def test_what_is_wrong_with_a_serde() -> None:
    with pytest.raises(ConfigError, match="invalid framing"):
        rt.ProtobufSerde(SCHEMAS, "shop.Order", {}, framing="avro")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="out_of_range"):
        rt.ProtobufSerde(SCHEMAS, "shop.Order", {}, out_of_range="x")  # type: ignore[arg-type]
    gone: rt.ProtobufSerde[Any] = rt.ProtobufSerde(SCHEMAS, "shop.Gone", {})
    for make in (gone.decoder, gone.encoder):
        with pytest.raises(SchemaError, match="Gone"):
            make(rt.SchemaStore(None), "value")
    assert repr(ORDER) == "ProtobufSerde('shop.Order', 'orders-value', version=3, id=10)"


def test_a_writer_schema_that_arrives_later(
    registry: Registry, client: Callable[..., RegistryClient]
) -> None:
    registry.add("orders-value", 3, 10, FILE, schemaType="PROTOBUF")
    registry.add(
        "orders-value", 4, 11, MOVED, guid="00000000-0000-0000-0000-00000000000b", schemaType="PROTOBUF"
    )
    registry.add("orders-value", 5, 12, "message {", schemaType="PROTOBUF")
    registry.add("other", 1, 13, '"string"')
    store = rt.SchemaStore(client(registry.server.url))
    decoder = ORDER.decoder(store, "value")
    by_guid = b"\x01" + uuid.UUID(int=11).bytes + b"\x02\x02" + BODY
    payloads = [id_prefix(11) + b"\x02\x02" + BODY, id_prefix(10) + b"\x00" + BODY, by_guid]
    values, ids, errors = decoder.decode_many(
        [*payloads, id_prefix(11) + b"\x00", id_prefix(12) + b"\x00", id_prefix(13) + b"\x00"]
    )
    assert (values[:3], ids[:2]) == ([A, A, A], [11, 10])
    assert isinstance(errors[3], UnexpectedTypeError)
    assert "does not parse" in errors[4].what
    assert "is of type AVRO, not Protobuf" in errors[5].what


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The classes that google.protobuf makes of FILE."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from grpc_tools import protoc

    folder: Path = tmp_path_factory.mktemp("proto")
    (folder / "shop.proto").write_text(FILE)
    assert protoc.main(["protoc", f"-I{folder}", f"--descriptor_set_out={folder / 'o'}", "shop.proto"]) == 0
    files = descriptor_pb2.FileDescriptorSet.FromString((folder / "o").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    message_factory.GetMessages(files.file, pool=pool)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name, _, _ in CASES}


CASES = [
    ("shop.Order", ORDER, A),
    ("shop.Refund", REFUND, Refund(id="r", cents=5)),
    ("shop.Order.Note", NOTE, Note(text="é")),
]


@pytest.mark.parametrize(("name", "serde", "value"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("in_headers", [False, True], ids=["payload", "headers"])
def test_confluent_reads_and_writes_the_same(
    module: Any,
    registry: Registry,
    client: Callable[..., RegistryClient],
    name: str,
    serde: rt.ProtobufSerde[Any],
    value: Any,
    in_headers: bool,
) -> None:
    theirs = SchemaRegistryClient.new_client({"url": "mock://"})
    options = {"schema.id.serializer": header_schema_id_serializer} if in_headers else {}
    context = SerializationContext("orders", MessageField.VALUE, [])
    message = module[name]()
    body = serde.make_writer().encode(value)
    message.ParseFromString(body)
    payload = ProtobufSerializer(module[name], theirs, options)(message, context)
    registered = theirs.get_latest_version("orders-value")
    text = registered.schema.schema_str
    # What a registry makes of it is the text; some keep what they were given.
    assert text == b64encode(module[name].DESCRIPTOR.file.serialized_pb).decode()
    for kept in (FILE, text):
        id_ = registered.schema_id
        assert id_ is not None
        registry.add("orders-value", 1, id_, kept, guid=registered.guid, schemaType="PROTOBUF")
        decoder = serde.decoder(rt.SchemaStore(client(registry.server.url)), "value")
        headers: Any = tuple(context.headers)  # type: ignore[arg-type]
        values, _, errors = decoder.decode_many([payload], [headers])
        assert not errors
        assert values == [value]

    ours = serde.encoder(rt.SchemaStore(None), "value").encode(value)
    read = ProtobufDeserializer(module[name], {"use.deprecated.format": False})
    assert read(ours, SerializationContext("orders", MessageField.VALUE)) == message
