"""Dead letters of messages that are nearly as large as their topic takes."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.testing import TestingSource
from hypothesis import given
from hypothesis import strategies as st

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.flow.failures import failure
from kgen_runtime.kafka.connection import BrokerTopicSettings, _kept_ms
from kgen_runtime.producer.outgoing import Outgoing
from kgen_runtime.producer.record_size import record_size
from kgen_runtime.routing.dead_letter_headers import PROFILES
from kgen_runtime.routing.letter_headers import read_letter
from kgen_runtime.routing.letter_size import _at_most

from .conftest import Broker, raw

LIMIT = 20_000


def deep(n: int) -> None:
    if n == 0:
        raise ValueError("no good " * 100)
    deep(n - 1)


def failed(size: int, message: str | None = None) -> rt.Failure:
    """Of a message with a value of so many bytes."""
    original = raw(b"v" * size, partition=3, offset=42, timestamp=99, headers=(("mine", b"1"),))
    with pytest.raises(ValueError, match="no good") as caught:
        deep(40)
    made = failure(caught.value, original, step="flow.handle", stage=rt.Stage.PROCESS)
    return made if message is None else replace(made, message=message)


def letter(profile: Any, made: rt.Failure, limit: int | None = LIMIT, config: Any = ()) -> rt.RawMessage:
    kafka = Broker()
    kafka._config = dict(config)
    kafka.settings["dlq"] = BrokerTopicSettings(batch_limit=limit)
    flow = Dataflow("flow")
    up: Stream[rt.Failure] = op.input("in", flow, TestingSource([made]))
    rt.route("errs", up, policy=rt.DeadLetter("dlq", kafka, headers=profile))
    testing.run(flow)
    (written,) = kafka.produced["dlq"]
    return written


def size_of(written: rt.RawMessage) -> int:
    return record_size(Outgoing("dlq", written.value, written.key, -1, 99, [*written.headers], False))


def original_size(made: rt.Failure) -> int:
    return size_of(made.original)


def read(written: rt.RawMessage) -> Any:
    return read_letter(written.headers, written.timestamp)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_has_room_is_whole(profile: str) -> None:
    made = failed(1_000)
    written = letter(profile, made)
    assert (read(written).traceback, read(written).message) == (made.traceback, made.message)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_traceback_is_cut_first(profile: str) -> None:
    made = failed(LIMIT - 3_500)
    written = letter(profile, made)
    assert size_of(written) <= LIMIT
    assert read(written).message == made.message
    assert 100 < len(read(written).traceback) < len(made.traceback)


@pytest.mark.parametrize("profile", PROFILES)
def test_then_the_message(profile: str) -> None:
    made = failed(LIMIT - 1_250)
    written = letter(profile, made)
    assert size_of(written) <= LIMIT
    assert len(read(written).message) < len(made.message)
    assert (read(written).topic, read(written).offset) == ("orders", 42)
    assert read(written).profile == profile


def test_one_that_has_room_for_no_header_goes_without_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = failed(LIMIT)
    made = failed(LIMIT - (original_size(made) - LIMIT))
    with caplog.at_level(logging.WARNING):
        written = letter("kgen", made)
    assert written.headers == made.original.headers
    assert written.value == made.original.value
    assert "orders/3 offset 42: ValueError: no good" in caplog.text


def test_one_that_does_not_fit_without_headers_stops_the_flow() -> None:
    with pytest.raises(RuntimeError) as caught:
        letter("kgen", failed(LIMIT + 1))
    assert any("max.message.bytes" in str(error) for error in rt.errors.causes(caught.value))


def test_what_is_compressed_is_left_to_the_broker() -> None:
    made = failed(3 * LIMIT)
    written = letter("kgen", made, config={"compression.type": "zstd"})
    assert read(written).traceback == made.traceback


def test_a_broker_that_does_not_report_its_limit_has_the_usual_one() -> None:
    made = failed(1_048_588 - 2_500)
    assert size_of(letter("kgen", made, limit=None)) <= 1_048_588


@given(
    key=st.none() | st.binary(max_size=300),
    value=st.none() | st.binary(max_size=300),
    headers=st.lists(st.tuples(st.text(max_size=200), st.none() | st.binary(max_size=200))),
)
def test_what_is_found_quickly_is_at_least_the_size(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    out = Outgoing("dlq", value, key, -1, 0, [*headers], False)
    assert _at_most(out) >= record_size(out)


@given(
    size=st.integers(0, 6_000),
    message=st.text(max_size=1_000),
    profile=st.sampled_from(sorted(PROFILES)),
    limit=st.integers(1_000, 6_000),
)
def test_a_letter_fits_wherever_its_original_does(size: int, message: str, profile: str, limit: int) -> None:
    """Also with texts whose characters take four bytes each."""
    made = failed(size, message)
    if original_size(made) <= limit:
        assert size_of(letter(profile, made, limit)) <= limit


@pytest.mark.parametrize(("kept", "warned"), [(3_600_000, 1), (None, 0), (10**15, 0)])
def test_letters_that_are_older_than_their_topic_keeps_are_warned_of_once(
    kept: int | None, warned: int, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = Broker()
    kafka.settings["dlq"] = BrokerTopicSettings(kept_ms=kept)
    flow = Dataflow("flow")
    up: Stream[rt.Failure] = op.input("in", flow, TestingSource([failed(1)] * 3))
    rt.route("errs", up, policy=rt.DeadLetter("dlq", kafka))
    testing.run(flow)
    assert len(kafka.produced["dlq"]) == 3
    assert caplog.text.count("retention.ms=-1") == warned


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, 604_800_000),
        ({"retention.ms": "-1"}, None),
        ({"message.timestamp.type": "LogAppendTime"}, None),
        ({"cleanup.policy": "compact"}, None),
        ({"cleanup.policy": "compact,delete"}, 604_800_000),
    ],
)
def test_how_long_a_topic_keeps_a_message(settings: dict[str, str], kept: int | None) -> None:
    usual = {
        "retention.ms": "604800000",
        "message.timestamp.type": "CreateTime",
        "cleanup.policy": "delete",
    }
    assert _kept_ms({**usual, **settings}) == kept
    assert _kept_ms({}) is None
