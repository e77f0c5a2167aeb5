"""Keys and values without a schema."""

from __future__ import annotations

import pytest
from confluent_kafka.serialization import DoubleSerializer, IntegerSerializer, StringSerializer

from kgen_runtime.errors import DecodeError, EncodeError
from kgen_runtime.serde import (
    BytesSerde,
    DoubleSerde,
    IntSerde,
    LongSerde,
    NoneSerde,
    SchemaStore,
    StringSerde,
)

STORE = SchemaStore(None)

CASES = [
    (StringSerde(), "smörgås", "smörgås".encode()),
    (BytesSerde(), b"\x00\xff", b"\x00\xff"),
    (IntSerde(), -2, b"\xff\xff\xff\xfe"),
    (LongSerde(), 1 << 40, b"\0\0\1\0\0\0\0\0"),
    (DoubleSerde(), 1.5, b"\x3f\xf8\0\0\0\0\0\0"),
]


@pytest.mark.parametrize(("serde", "value", "payload"), CASES)
def test_both_ways(serde, value, payload):
    assert serde.encoder(STORE, "key").encode(value) == payload
    assert serde.decoder(STORE, "key").decode_many([payload, None, payload]) == (
        [value, None, value],
        [None] * 3,
        {},
    )
    assert serde.encoder(STORE, "key").encode(None) is None
    assert serde.deserializer(payload) == value
    assert serde.serializer(value) == payload


def test_as_confluent_writes_them():
    assert StringSerde().deserializer(StringSerializer()("ä")) == "ä"
    assert IntSerde().deserializer(IntegerSerializer()(7)) == 7
    assert DoubleSerde().deserializer(DoubleSerializer()(0.1)) == 0.1


@pytest.mark.parametrize(
    ("serde", "good", "bad"),
    [
        (StringSerde(), b"ok", b"ok\xff"),
        (IntSerde(), b"\0\0\0\1", b"\1"),
        (LongSerde(), bytes(8), bytes(9)),
        (DoubleSerde(), bytes(8), b""),
    ],
)
def test_a_bad_payload_has_its_error_beside_the_values(serde, good, bad):
    values, _, errors = serde.decoder(STORE, "key").decode_many([good, bad, None, good])
    assert list(errors) == [1]
    assert isinstance(errors[1], DecodeError)
    assert errors[1].__traceback__ is None
    assert values[0] == values[3] is not None
    assert values[1] is values[2] is None
    with pytest.raises(DecodeError):
        serde.deserializer(bad)


@pytest.mark.parametrize(
    ("serde", "value"),
    [
        (StringSerde(), 3),
        (StringSerde(), "\ud800"),
        (BytesSerde(), "x"),
        (IntSerde(), 1 << 31),
        (IntSerde(), True),
        (LongSerde(), 1.0),
        (LongSerde(), 1 << 63),
        (DoubleSerde(), "1"),
        (DoubleSerde(), 10**400),
        (NoneSerde(), 0),
    ],
)
def test_values_that_do_not_fit(serde, value):
    with pytest.raises(EncodeError):
        serde.encoder(STORE, "key").encode(value)


def test_none_reads_nothing():
    assert NoneSerde().decoder(STORE, "key").decode_many([b"x", None]) == ([None, None], [None, None], {})
