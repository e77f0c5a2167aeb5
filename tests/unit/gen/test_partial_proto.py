"""What is shown of a Protobuf message that cannot be read: the fields before the byte at fault."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kgen.dlq.partial_decode import MOST_FIELDS
from kgen.dlq.partial_proto import decode_proto
from kgen_runtime.codec import make_proto_writer
from kgen_runtime.codec.protobuf.schema.proto_descriptor import parse_descriptor

SCHEMA = parse_descriptor("""descriptor 1
message shop.Order
  1 id string implicit
  2 n fixed32 explicit
  3 lines message shop.Line repeated
  4 far fixed64 explicit
  5 many int32 packed
message shop.Line
  1 sku string implicit
  2 count int32 explicit
""")
WHOLE = {"id": "a", "n": 7, "lines": [{"sku": "x", "count": 2}, {"sku": "y"}], "far": 9, "many": [1, 2]}
PAYLOAD = make_proto_writer(SCHEMA, "shop.Order").encode(WHOLE, b"frame")
FIELDS = {
    "id": '"a"',
    "n": "7",
    "lines[0].sku": '"x"',
    "lines[0].count": "2",
    "lines[1].sku": '"y"',
    "far": "9",
    "many[0]": "1",
    "many[1]": "2",
}


def shown(payload: bytes) -> dict[str, str]:
    return {each.path: each.text for each in decode_proto(SCHEMA, "shop.Order", payload, 5).fields}


def test_a_whole_message() -> None:
    found = decode_proto(SCHEMA, "shop.Order", PAYLOAD, 5)
    assert (found.what, found.position, found.more) == ("", None, False)
    assert shown(PAYLOAD) == FIELDS


@given(st.integers(5, len(PAYLOAD) - 1))
def test_cut_anywhere_it_has_the_fields_before_the_cut(cut: int) -> None:
    found = shown(PAYLOAD[:cut])
    assert found.items() <= {**FIELDS, "id": found.get("id", ""), "lines": "[]", "many": "[]"}.items()
    if cut > PAYLOAD.index(b"\x1a"):
        assert {"id", "n"} <= found.keys()


@given(st.binary(max_size=60))
def test_any_bytes_of_a_message(data: bytes) -> None:
    found = decode_proto(SCHEMA, "shop.Order", data, 0)
    assert found.position is None or found.what


def test_the_place_of_the_fault_is_named() -> None:
    found = decode_proto(SCHEMA, "shop.Order", b"\x0a\x01a\x1a\x03\x0a\x09x", 0)
    assert (found.fields[0].path, found.fields[0].text) == ("id", '"a"')
    assert found.path == "lines[0].sku"
    assert found.position


def test_there_are_fields_enough() -> None:
    many = make_proto_writer(SCHEMA, "shop.Order").encode({"many": [1] * (MOST_FIELDS + 5)})
    found = decode_proto(SCHEMA, "shop.Order", many, 0)
    assert found.more
    assert len(found.fields) == MOST_FIELDS
    assert decode_proto(SCHEMA, "shop.Gone", many, 0).what
