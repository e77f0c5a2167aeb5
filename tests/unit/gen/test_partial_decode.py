"""What can be read of a payload up to the byte that is wrong."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen.dlq.moment_text import moment_text
from kgen.dlq.partial_decode import MOST_FIELDS, PartialDecode, decode_avro, decode_json
from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import DecodeError

ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID"]}},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 2}},
        {"name": "note", "type": ["null", "string"]},
        {"name": "tags", "type": {"type": "map", "values": "int"}},
        {
            "name": "lines",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Line",
                    "fields": [{"name": "sku", "type": "string"}, {"name": "price", "type": "double"}],
                },
            },
        },
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
SCHEMA = parse(json.dumps(ORDER))
WHOLE = (
    b"\x02a\x02" + b"\x04\x00\xc8" + b"\xab\xcd" + b"\x02\x04hi" + b"\x02\x02k\x0e\x00"
    b"\x04\x02x" + bytes(8) + b"\x02y" + bytes(8) + b"\x00" + b"\x10"
)
FIELDS = [
    ("id", '"a"', 0, 2),
    ("status", '"PAID"', 2, 3),
    ("total", "2.00", 3, 6),
    ("hash", "0xabcd", 6, 8),
    ("note", '"hi"', 9, 12),
    ("tags['k']", "7", 15, 16),
    ("lines[0].sku", '"x"', 18, 20),
    ("lines[0].price", "0.0", 20, 28),
    ("lines[1].sku", '"y"', 28, 30),
    ("lines[1].price", "0.0", 30, 38),
    ("at", "8", 39, 40),
]


def rows(found: PartialDecode) -> list[tuple[str, str, int, int]]:
    return [(each.path, each.text, each.begin, each.end) for each in found.fields]


def test_a_whole_payload() -> None:
    found = decode_avro(SCHEMA, WHOLE, 0)
    assert rows(found) == FIELDS
    assert (found.what, found.more) == ("", False)


def test_bytes_that_are_left_over() -> None:
    found = decode_avro(SCHEMA, b"FRAME" + WHOLE + b"xx", 5)
    assert (found.what, found.position) == ("2 bytes are left over after the value", 45)
    assert len(found.fields) == len(FIELDS)


@given(st.integers(0, len(WHOLE) - 1))
def test_cut_anywhere_it_has_the_fields_before_the_cut(cut: int) -> None:
    found = decode_avro(SCHEMA, WHOLE[:cut], 0)
    assert rows(found) == [each for each in FIELDS if each[3] <= cut]
    with pytest.raises(DecodeError) as caught:
        make_reader(SCHEMA).decode(WHOLE[:cut])
    assert found.position == caught.value.position
    assert found.path == caught.value.path


@given(st.binary(max_size=60), st.integers(0, 5))
def test_any_bytes(data: bytes, at: int) -> None:
    """The codec's own reader is the judge of whether they are a value, and of the byte that is wrong."""
    found = decode_avro(SCHEMA, data, min(at, len(data)))
    assert all(0 <= each.begin <= each.end <= len(data) for each in found.fields)
    judge = refusal(data)
    if at == 0:
        assert bool(found.what) == (judge is not None)
        assert judge is None or judge.position == found.position


def refusal(data: bytes) -> DecodeError | None:
    try:
        make_reader(SCHEMA).decode(data)
    except DecodeError as error:
        return error
    return None


@given(st.integers(0, 2**32))
def test_samples_are_whole(seed: int) -> None:
    payload = make_writer(SCHEMA).encode(sample(SCHEMA, random.Random(seed)))
    found = decode_avro(SCHEMA, payload, 0)
    assert not found.what


def test_it_is_bounded() -> None:
    many = parse('{"type": "array", "items": "null"}')
    count = b"\xfe\xff\xff\xff\x0f"  # 2 ** 31 - 1 items of no bytes
    found = decode_avro(many, count, 0)
    assert len(found.fields) == MOST_FIELDS
    assert found.more
    nested = parse('{"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]}')
    found = decode_avro(nested, b"\x02" * 100_000, 0)
    assert found.what
    assert len(found.path) <= 200
    long = parse('"string"')
    (only,) = decode_avro(long, make_writer(long).encode("x" * 1_000_000), 0).fields
    assert len(only.text) <= 200


def test_json() -> None:
    found = decode_json(b'\0\0\0\0\x07{"a": [1, {"b~/": null}], "c": 1.50, "d": {}}', 5)
    assert [(each.path, each.text) for each in found.fields] == [
        ("/a/0", "1"),
        ("/a/1/b~0~1", "null"),
        ("/c", "1.50"),
        ("/d", "{}"),
    ]
    bad = decode_json('{"ü": 1, x'.encode(), 0)
    assert (bad.position, bad.fields) == (10, [])
    assert bad.what
    assert decode_json(b'{"x": \xff}', 0).what
    assert decode_json(b"[" * 100_000, 0).what
    assert decode_json(b"1" * 10_000, 0).what
    assert decode_json(json.dumps(list(range(5_000))).encode(), 0).more
    assert [each.path for each in decode_json(b'"x"', 0).fields] == ["/"]


def test_times_are_shown_as_times() -> None:
    found = decode_avro(SCHEMA, WHOLE, 0)
    at = found.fields[-1]
    assert (at.path, at.text, at.shown) == ("at", "8", "1970-01-01T00:00:00.008Z")
    assert all(each.shown == each.text for each in found.fields[:-1])


@pytest.mark.parametrize(
    ("logical", "number", "text"),
    [
        ("date", -1, "1969-12-31"),
        ("date", 2**31 - 1, ""),
        ("time-millis", 45_000_250, "12:30:00.250"),
        ("time-micros", 1, "00:00:00.000001"),
        ("time-millis", 86_400_000, ""),
        ("time-millis", -1, ""),
        ("timestamp-millis", 1_768_478_527_538, "2026-01-15T12:02:07.538Z"),
        ("timestamp-millis", -1, "1969-12-31T23:59:59.999Z"),
        ("timestamp-micros", 1_768_478_527_538_001, "2026-01-15T12:02:07.538001Z"),
        ("timestamp-nanos", 1_768_478_527_538_001_999, "2026-01-15T12:02:07.538001999Z"),
        ("local-timestamp-millis", 1_768_478_527_538, "2026-01-15T12:02:07.538"),
        ("timestamp-millis", 2**63 - 1, ""),
        ("timestamp-millis", -(2**63), ""),
        ("", 5, ""),
        ("decimal", 5, ""),
        ("timestamp-weeks", 5, ""),
    ],
)
def test_numbers_as_times(logical: str, number: int, text: str) -> None:
    assert moment_text(logical, number) == text
