"""Protobuf as JSON values and back; google.protobuf's JSON mapping reads what is made here."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kgen_runtime.codec import make_proto_reader, make_proto_writer
from kgen_runtime.codec.avro.json_encoding import dumps
from kgen_runtime.codec.protobuf.proto_json import ProtoJson
from kgen_runtime.codec.protobuf.proto_samples import sample_proto
from kgen_runtime.codec.protobuf.schema.proto_descriptor import parse_descriptor
from kgen_runtime.codec.values import AnyMessage, NanosDatetime, OutOfRange
from kgen_runtime.errors import EncodeError

FILE = """syntax = "proto3";
package s;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
message M {
  int64 a_long = 1;
  string text = 2;
  bytes data = 3;
  google.protobuf.Timestamp at = 4;
  google.protobuf.Duration span = 5;
  repeated M inner = 6;
  map<int32, bytes> by_number = 7;
  map<bool, E> by_flag = 8;
  oneof choice { string card = 9; google.protobuf.UInt64Value cash = 10; }
  E kind = 11;
  repeated double ratios = 12;
  google.protobuf.Value any = 13;
  google.protobuf.Struct more = 14;
  uint64 big = 15;
  optional bool flag = 16;
}
enum E { ZERO = 0; ONE = 1; }
"""
SCHEMA = parse_descriptor("""descriptor 1
message s.M
  1 a_long int64 implicit
  2 text string implicit
  3 data bytes implicit
  4 at message google.protobuf.Timestamp explicit
  5 span message google.protobuf.Duration explicit
  6 inner message s.M repeated
  7 by_number map int32 bytes
  8 by_flag map bool enum s.E
  9 card string explicit oneof=choice
  10 cash message google.protobuf.UInt64Value explicit oneof=choice
  11 kind enum s.E implicit
  12 ratios double packed
  13 any message google.protobuf.Value explicit
  14 more message google.protobuf.Struct explicit
  15 big uint64 implicit
  16 flag bool explicit
enum s.E open
  0 ZERO
  1 ONE
message s.Others
  1 day message google.type.Date explicit
  2 price message confluent.type.Decimal explicit
  3 any message google.protobuf.Any explicit
  4 at message google.protobuf.Timestamp explicit
""")
JSON = ProtoJson(SCHEMA, "s.M")
OTHERS = ProtoJson(SCHEMA, "s.Others")


@pytest.fixture(scope="module")
def message(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from google.protobuf import descriptor_pool, message_factory
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from grpc_tools import protoc

    folder: Path = tmp_path_factory.mktemp("proto")
    (folder / "m.proto").write_text(FILE)
    included = Path(protoc.__file__).parent / "_proto"
    out = folder / "o"
    arguments = [
        "protoc",
        f"-I{folder}",
        f"-I{included}",
        "--include_imports",
        f"--descriptor_set_out={out}",
        "m.proto",
    ]
    assert protoc.main(arguments) == 0
    pool = descriptor_pool.DescriptorPool()
    for file in FileDescriptorSet.FromString(out.read_bytes()).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("s.M"))


def test_googles_mapping_reads_it_and_is_read(message: Any) -> None:
    from google.protobuf import json_format

    rng = random.Random(7)
    encode, decode = make_proto_writer(SCHEMA, "s.M").encode, make_proto_reader(SCHEMA, "s.M").decode
    for _ in range(100):
        payload = encode(sample_proto(SCHEMA, "s.M", rng))
        text = dumps(JSON.of_value(decode(payload)))
        theirs = json_format.Parse(text, message())
        assert theirs == message.FromString(payload)
        for names in (True, False):
            for written in (text, json_format.MessageToJson(theirs, preserving_proto_field_name=names)):
                value = json.loads(written, parse_float=Decimal)
                assert message.FromString(encode(JSON.to_value(value))) == theirs


def test_values_that_are_not_finite_or_known() -> None:
    value = {"ratios": [math.nan, math.inf, -math.inf], "kind": 7, "any": None, "big": 2**64 - 1}
    assert JSON.of_value(value) == {
        "ratios": ["NaN", "Infinity", "-Infinity"], "kind": 7, "any": None, "big": 2**64 - 1
    }  # fmt: skip
    back = JSON.to_value(JSON.of_value(value))
    assert math.isnan(back["ratios"].pop(0))
    assert back == {**value, "ratios": [math.inf, -math.inf]}


def test_types_that_are_easier_to_read() -> None:
    at = NanosDatetime.of(dt.datetime(2026, 1, 2, 3, 4, 5, 600_000, dt.timezone.utc), 7)
    value = {
        "day": dt.date(2026, 1, 2),
        "price": Decimal("1.20"),
        "any": AnyMessage("type.googleapis.com/s.M", b"\xff"),
        "at": at,
    }
    made = OTHERS.of_value(value)
    assert dumps(made) == (
        '{"day": "2026-01-02", "price": 1.20, "any": {"@type": "type.googleapis.com/s.M", "value": "/w=="}, '
        '"at": "2026-01-02T03:04:05.600000007Z"}'
    )
    back = OTHERS.to_value(json.loads(dumps(made), parse_float=Decimal))
    assert back == value
    assert back["at"].nanosecond == 7
    beyond = {"at": OutOfRange(b"\x08\x01", "google.protobuf.Timestamp")}
    assert OTHERS.to_value(OTHERS.of_value(beyond)) == beyond


@pytest.mark.parametrize(
    ("value", "path", "what"),
    [
        ({"nope": 1}, "nope", "no such field; it has a_long, text"),
        ({"aLong": 1, "a_long": 1}, "a_long", "given twice"),
        ({"a_long": "x"}, "a_long", "expected a whole number, not 'x'"),
        ({"a_long": True}, "a_long", "expected a whole number"),
        ({"a_long": 1.5}, "a_long", "expected a whole number"),
        ({"data": "*"}, "data", "expected base64"),
        ({"at": "yesterday"}, "at", "expected a time such as"),
        ({"at": "0000-01-01T00:00:00Z"}, "at", "expected a time"),
        ({"span": "1 s"}, "span", "expected seconds such as 1.5s"),
        ({"inner": [{"text": 5}]}, "inner[0].text", "expected a text, not 5"),
        ({"inner": {}}, "inner", "expected an array"),
        ({"by_number": {"x": ""}}, "by_number", "expected a int32 as key"),
        ({"by_flag": {"true": "TWO"}}, "by_flag['true']", "expected one of ZERO, ONE, or a number"),
        ({"more": []}, "more", "expected an object"),
        ({"more": {"a": [0, Decimal("1e400")]}}, "more['a'][1]", "expected a number that is not too large"),
        ({"more": {"a": 10**400}}, "more['a']", "not too large"),
        ({"any": -(10**309)}, "any", "not too large"),
        ({"ratios": [1, Decimal("-1e309")]}, "ratios[1]", "not too large"),
        ({"ratios": [10**309]}, "ratios[0]", "not too large"),
        ([], "", "expected an object"),
    ],
)
def test_what_does_not_fit_is_refused(value: Any, path: str, what: str) -> None:
    with pytest.raises(EncodeError, match=what) as error:
        JSON.to_value(value)
    assert error.value.path == path
