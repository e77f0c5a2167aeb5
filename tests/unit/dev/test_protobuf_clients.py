"""confluent-kafka's Protobuf serializer and deserializer on the development registry, without a stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("grpc_tools", reason="needs the extra `protobuf`")

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

from kgen.dev.registry_server import RegistryServer
from kgen.protobuf.proto_parser import parse_proto

MONEY = 'syntax = "proto3"; package lib; message Money { int64 units = 1; }'
ORDER = """
syntax = "proto3";
package shop;
import "lib/money.proto";
import "google/protobuf/timestamp.proto";
message Other {}
message Order {
  string id = 1;
  lib.Money total = 2;
  google.protobuf.Timestamp at = 3;
  optional string note = 4;
  map<string, lib.Money> parts = 5;
  oneof payment { string card = 6; int64 cash = 7; }
}
"""


@pytest.fixture(scope="module")
def order_class(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("proto")
    (folder / "lib").mkdir()
    (folder / "lib" / "money.proto").write_text(MONEY)
    (folder / "order.proto").write_text(ORDER)
    flags = [f"-I{folder}", "--include_imports", f"--descriptor_set_out={folder / 'o'}", "order.proto"]
    builtin = Path(protoc.__file__).parent / "_proto"
    assert protoc.main(["protoc", f"-I{builtin}", *flags]) == 0
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString((folder / "o").read_bytes()).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))


@pytest.mark.parametrize("registers", [True, False], ids=["registers", "takes the latest"])
def test_confluent_writes_and_reads_by_the_registry(order_class: Any, registers: bool) -> None:
    message = order_class(id="o-1", total={"units": 5}, card="x", parts={"a": {"units": 1}})
    context = SerializationContext("orders", MessageField.VALUE)
    with (
        RegistryServer() as server,
        SchemaRegistryClient({"url": server.url}) as client,
        SchemaRegistryClient({"url": server.url}) as earlier,  # of its own: clients remember texts by id
    ):
        if not registers:
            earlier.register_schema("money", Schema(MONEY, "PROTOBUF"))
            references = [SchemaReference("lib/money.proto", "money", 1)]
            earlier.register_schema("orders-value", Schema(ORDER, "PROTOBUF", references))
        options = {"auto.register.schemas": registers, "use.latest.version": not registers}
        payload = ProtobufSerializer(order_class, client, options)(message, context)
        assert payload[5:8] == b"\2\2\n"  # the second message of the file
        read = ProtobufDeserializer(order_class, {}, client)(payload, context)
        assert read.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)
        subjects = {"orders-value": "", ("lib/money.proto" if registers else "money"): "lib/money.proto"}
        texts = {
            name: client.get_latest_version(subject).schema.schema_str for subject, name in subjects.items()
        }
    model = parse_proto(texts.pop(""), texts)
    assert list(model.files.messages) == ["shop.Other", "shop.Order"]
    presence = {it.name: it.presence for it in model.files.schema.names["shop.Order"].fields}
    assert (presence["note"], presence["id"], presence["card"]) == ("explicit", "implicit", "explicit")
