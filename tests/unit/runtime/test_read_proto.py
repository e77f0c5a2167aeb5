"""Protobuf topics, and topics of several types, in scripts: `rt.read_table`, `rt.to_json`, `rt.read`."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.codec import make_proto_writer

DESCRIPTOR = """descriptor 1
message shop.Order
  1 id string implicit
  2 n int64 implicit
  3 at message google.protobuf.Timestamp explicit
  4 took message google.protobuf.Duration explicit
  5 status enum shop.Status implicit
  6 tags map string int32
  7 lines message shop.Line repeated
  8 card string explicit oneof=payment
  9 cash double explicit oneof=payment
  10 price message confluent.type.Decimal explicit
  11 more message google.protobuf.Struct explicit
  12 before message shop.Order explicit
  13 limit message google.protobuf.UInt32Value explicit
  14 day message google.type.Date explicit
message shop.Line
  1 sku string implicit
  2 raw bytes implicit
message shop.Refund
  1 id string implicit
enum shop.Status open
  0 NEW
  1 SHIPPED
"""
FILE = "package shop; message Order {} message Line {} message Refund {}"
SCHEMAS = rt.Schemas("orders-value", (rt.WriterSchema(1, 3, FILE, type="PROTOBUF"),), descriptor=DESCRIPTOR)


@dataclass(slots=True, kw_only=True)
class Refund:
    id: str = ""


ORDERS: rt.Topic[Any, Any] = rt.Topic(
    "orders", key=rt.StringSerde(), value=rt.ProtobufSerde(SCHEMAS, "shop.Order", {})
)
REFUND: rt.ProtobufSerde[Refund] = rt.ProtobufSerde(SCHEMAS, "shop.Refund", {"shop.Refund": Refund})
WHOLE = {
    "id": "a",
    "n": 5,
    "at": dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc),
    "took": dt.timedelta(seconds=1.5),
    "status": "SHIPPED",
    "tags": {"x": 1},
    "lines": [{"sku": "s", "raw": b"\xff"}],
    "cash": 2.5,
    "price": Decimal("1.20"),
    "more": {"a": [1.0, None]},
    "before": {"id": "z"},
    "limit": 0,
    "day": dt.date(2026, 1, 2),
}


def messages(*values: Any, message: str = "shop.Order", indexes: bytes = b"\0") -> list[rt.RawMessage]:
    encode = make_proto_writer(SCHEMAS.messages, message).encode
    prefix = b"\0\0\0\0\3" + indexes
    payloads = [None if each is None else encode(each, prefix) for each in values]
    return [rt.RawMessage(key=b"k", value=each, topic="orders", partition=0) for each in payloads]


def test_a_column_for_each_field() -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    memory = testing.Memory({ORDERS: messages(WHOLE, None, {"id": "b", "status": 9})})
    table = rt.read_table(ORDERS, memory)
    first, gone, last = table.to_pylist()
    assert {name: first[name] for name in ("id", "n", "at", "took", "status", "cash", "limit", "day")} == {
        name: WHOLE[name] for name in ("id", "n", "at", "took", "status", "cash", "limit", "day")
    }
    assert first["tags"] == [("x", 1)]
    assert (first["lines"], first["card"], first["price"]) == ([{"sku": "s", "raw": b"\xff"}], None, "1.20")
    assert json.loads(first["more"]) == {"a": [1.0, None]}
    assert json.loads(first["before"])["id"] == "z"
    assert gone["_tombstone"]
    assert (last["id"], last["n"], last["at"], last["status"], last["lines"]) == ("b", 0, None, "9", [])
    chosen = rt.read_table(ORDERS, memory, columns=["n", "id", "_offset"])
    assert chosen.to_pylist()[0] == {"n": 5, "id": "a", "_offset": 0}


def test_objects_as_json() -> None:
    assert rt.to_dict(Refund(id="é")) == rt.to_dict(Refund(id="é"), serde=REFUND) == {"id": "é"}
    made = rt.to_json(WHOLE, serde=ORDERS.value)
    assert json.loads(made)["lines"][0]["raw"] == "/w=="
    assert json.loads(made)["took"] == "1.500s"


def test_a_topic_of_types_is_read_and_shown() -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    serde: rt.TypesSerde[Any] = rt.TypesSerde({"shop.Order": ORDERS.value, "shop.Refund": REFUND})
    topic: rt.Topic[Any, Any] = rt.Topic("orders", key=rt.StringSerde(), value=serde)
    memory = testing.Memory(
        {topic: [*messages({"id": "a"}), *messages({"id": "r"}, message="shop.Refund", indexes=b"\2\4")]}
    )
    values = [message.value for message in rt.read(topic, memory)]
    assert values[1] == Refund(id="r")
    first: Any = values[0]
    assert first["id"] == "a"
    assert rt.to_json(values[1], serde=serde) == '{"shop.Refund": {"id": "r"}}'
    made = testing.samples(topic, 4)
    kinds = [type(message.value) for message in rt.read(topic, testing.Memory({topic: made}))]
    assert kinds == [dict, Refund, dict, Refund]
