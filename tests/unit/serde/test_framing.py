"""Wire formats, and what is said of bytes in none of them."""

from __future__ import annotations

import struct
import uuid

import pytest

from kgen_runtime.errors import FramingError
from kgen_runtime.serde.framing import id_prefix, split

GUID = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")


def test_prefixes():
    assert split(id_prefix(7) + b"x", (), "value") == (7, 5)
    assert split(b"\x01" + GUID.bytes + b"x", (), "key") == (GUID, 17)
    assert id_prefix(0x01020304) == b"\x00\x01\x02\x03\x04"


def test_as_confluent_writes_them():
    # As in confluent-kafka's SchemaId.id_to_bytes and guid_to_bytes; header_schema_id_serializer puts the
    # latter into the header and leaves the payload bare. (Importing them takes its `schemaregistry` extra.)
    by_id, by_guid = struct.pack(">bI", 0, 7), struct.pack(">b", 1) + GUID.bytes
    assert split(by_id + b"x", (), "key") == (7, 5)
    assert split(b"x", (("__key_schema_id", by_guid),), "key") == (GUID, 0)


def test_headers_are_of_one_role():
    headers = (("other", None), ("__key_schema_id", id_prefix(3)))
    assert split(b"x", headers, "key") == (3, 0)
    assert split(id_prefix(9), headers, "value") == (9, 5)


@pytest.mark.parametrize(
    "header", [None, b"", b"\x00\x00", b"\x02" + bytes(16), bytes(17), b"\x01" + bytes(4)]
)
def test_headers_that_hold_no_id(header):
    with pytest.raises(FramingError, match="header __value_schema_id"):
        split(id_prefix(9), (("__value_schema_id", header),), "value")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "is empty"),
        (b"\x00", "has 1 bytes .00"),
        (b"\x00\x00\x00\x00", "has 4 bytes"),
        (b"\x01" + bytes(15), "prefix alone takes 17"),
        (b"\x00\xff\xff\xff\xff", "schema id -1"),
        (b'{"order_id": 3}', r"begins with 7b 22 6f 72 64 65 72 5f …(?s:.)*JSON text"),
        (b"Obj\x01rest", "container file"),
        (b"\xc3\x01" + bytes(20), "single-object"),
        (b"order-7", 'value = "string"'),
        (b"\x0a\x03abc\x10\x01", "may be Protobuf"),
        (b"\x06\xff\xfe", "Avro without a schema id"),
    ],
)
def test_what_is_not_framed(payload, expected):
    with pytest.raises(FramingError, match=expected):
        split(payload, (), "value")
