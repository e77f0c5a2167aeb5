"""google.protobuf is the judge: what it writes is read, written again the same, and read by it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from google.protobuf.message import DecodeError as GoogleError
from hypothesis import HealthCheck, given, settings
from tests.unit.codec.protobuf.proto_strategies import SEEDS, fill, made_kit

from kgen_runtime.errors import DecodeError

SETTINGS = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@SETTINGS
@given(SEEDS)
@pytest.mark.parametrize("classes", [True, False])
def test_what_google_writes_is_written_again_byte_for_byte(engine: Any, classes: bool, seed: int) -> None:
    kit, rng = made_kit(seed), random.Random(seed)
    reader, writer = kit.reader(engine, classes=classes), kit.writer(engine, classes=classes)
    for _ in range(4):
        payload = fill(rng, kit.message()(), entries=1).SerializeToString(deterministic=True)
        assert writer.encode(reader.decode(payload)) == payload


@SETTINGS
@given(SEEDS)
def test_messages_one_after_the_other_are_merged(engine: Any, seed: int) -> None:
    kit, rng = made_kit(seed), random.Random(seed)
    reader, writer = kit.reader(engine, out_of_range="raw"), kit.writer(engine)
    message = kit.message()
    payload = b"".join(fill(rng, message()).SerializeToString() for _ in range(3))
    merged = message.FromString(payload).SerializeToString(deterministic=True)
    assert message.FromString(writer.encode(reader.decode(payload))) == message.FromString(merged)


def known_text(message: Any) -> str:
    """A message without its unknown fields, of which a wrapper's Python value keeps none. As text, NaN is the
    same as NaN.
    """
    message.DiscardUnknownFields()
    return str(message)


@SETTINGS
@given(SEEDS)
@pytest.mark.parametrize("maps", [True, False])
def test_damaged_messages_are_taken_and_refused_by_both(engine: Any, maps: bool, seed: int) -> None:
    kit, rng = made_kit(seed, keeps=True, maps=maps), random.Random(seed)
    reader, writer = kit.reader(engine, out_of_range="raw"), kit.writer(engine)
    message = kit.message()
    for _ in range(5):
        payload = bytearray(fill(rng, message()).SerializeToString())
        for _ in range(rng.randint(1, 2)):
            place = rng.randrange(len(payload) + 1)
            payload[place : place + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 2))
        try:
            expected: Any = message.FromString(bytes(payload))
        except GoogleError:
            with pytest.raises(DecodeError):
                reader.decode(bytes(payload))
            continue
        value = reader.decode(bytes(payload))
        if maps:  # an entry with an unknown field in it is not an entry for upb
            continue
        assert known_text(message.FromString(writer.encode(value))) == known_text(expected)
