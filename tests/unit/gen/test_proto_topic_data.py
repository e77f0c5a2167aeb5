"""Protobuf, and several types in one topic, in `kgen cat` and `kgen produce`: each reads the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

import kgen_runtime as rt
from kgen.errors import ConfigError
from kgen.topic_data.line_inputs import LineReader
from kgen.topic_data.part_formats import of_serde
from kgen.topic_data.part_inputs import input_of_serde
from kgen_runtime.codec import make_proto_writer
from kgen_runtime.errors import EncodeError, UnexpectedTypeError

DESCRIPTOR = """descriptor 1
message shop.Order
  1 id string implicit
  2 at message google.protobuf.Timestamp explicit
  3 status enum shop.Status implicit
message shop.Refund
  1 cents int64 implicit
enum shop.Status open
  0 NEW
"""
FILE = "package shop; message Order {} message Refund {} message Other {}"
SCHEMAS = rt.Schemas("orders-value", (rt.WriterSchema(1, 3, FILE, type="PROTOBUF"),), descriptor=DESCRIPTOR)
ORDER: rt.ProtobufSerde[Any] = rt.ProtobufSerde(SCHEMAS, "shop.Order", {})
TYPES: rt.TypesSerde[Any] = rt.TypesSerde(
    {"shop.Order": ORDER, "shop.Refund": rt.ProtobufSerde(SCHEMAS, "shop.Refund", {})}
)
STORE = rt.SchemaStore(None)
FIRST = b"\0\0\0\0\3\0"
SECOND = b"\0\0\0\0\3\2\2"


def payload(value: Any) -> bytes:
    return make_proto_writer(SCHEMAS.messages, "shop.Order").encode(value, FIRST)


def test_what_is_shown_can_be_produced() -> None:
    given = [payload({"id": "a"}), None, payload({"id": "é", "status": 9}), FIRST + b"\x0a\x05a"]
    made = of_serde(ORDER, STORE, "value").texts(given, [()] * 4)
    assert made.texts == [
        '{"id": "a", "status": "NEW"}', "null", '{"id": "\\u00e9", "status": 9}', None
    ]  # fmt: skip
    assert made.ids == [3, None, 3, 3]
    assert [*made.errors] == [3]
    write = input_of_serde(ORDER, STORE, "value").encode
    assert [write(json.loads(text)) for text in made.texts[:3] if text] == given[:3]
    assert of_serde(ORDER, STORE, "value").values(given[:1], [()]).values == [{"id": "a", "status": "NEW"}]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('{"payment": 1}', "stdin, line 1, /, field payment"),
        ('{"value": {"at": "now"}}', "stdin, line 1, /value, field at"),
        ('{"value": []}', "stdin, line 1, /value"),
    ],
)
def test_what_does_not_fit_is_named(line: str, place: str) -> None:
    reader = LineReader(input_of_serde(ORDER, STORE, "key"), input_of_serde(ORDER, STORE, "value"))
    with pytest.raises(ConfigError) as error:
        list(reader.messages([line], "stdin"))
    assert error.value.where == place


def test_times_that_python_has_not_are_shown() -> None:
    far = FIRST + b"\x12\x07\x08\xff\xff\xff\xff\xff\x7f"
    shown = of_serde(ORDER, STORE, "value")
    (text,) = shown.texts([far], [()]).texts
    assert text == '{"id": "", "at": {"raw": "CP//////fw=="}, "status": "NEW"}'
    assert input_of_serde(ORDER, STORE, "value").encode(json.loads(text)) == far


def test_types_stand_under_their_names() -> None:
    given = [payload({"id": "a"}), SECOND + b"\x08\x05", None, b"\0\0\0\0\3\2\4"]
    shown = of_serde(TYPES, STORE, "value")
    made = shown.texts(given, [()] * 4)
    assert made.texts == [
        '{"shop.Order": {"id": "a", "status": "NEW"}}', '{"shop.Refund": {"cents": 5}}', "null", None
    ]  # fmt: skip
    assert made.ids == [3, 3, None, 3]
    assert isinstance(made.errors[3], UnexpectedTypeError)
    write = input_of_serde(TYPES, STORE, "value").encode
    assert [write(json.loads(text)) for text in made.texts[:3] if text] == given[:3]
    for found in (shown.values(given, [()] * 4), shown.records(given, [()] * 4)):
        assert found.values == [{"id": "a", "status": "NEW"}, {"cents": 5}, None, None]
        assert [*found.errors] == [3]
    for wrong in ({"id": "a"}, {"shop.Order": None}, 5, {}):
        with pytest.raises(EncodeError, match="the type of the value is not given") as error:
            write(wrong)
        assert "shop.Order, shop.Refund" in (error.value.hint or "")
