"""What is read from the headers of dead letters, whichever system wrote them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kgen_runtime as rt
from kgen_runtime.flow.failures import failure
from kgen_runtime.routing.dead_letter_headers import PROFILES
from kgen_runtime.routing.letter_headers import Letter, original_headers, read_letter

from .conftest import raw

ORIGINAL = raw(b"v", b"k", partition=3, offset=42, timestamp=99, headers=(("h", b"1"), ("n", None)))


def failed(**more: Any) -> rt.Failure:
    try:
        raise ValueError("no good")
    except ValueError as error:
        return failure(error, ORIGINAL, step="flow.handle", stage=rt.Stage.PROCESS, **more)


def letter_of(profile: str, failure: rt.Failure) -> tuple[rt.Headers, Letter]:
    headers = (*ORIGINAL.headers, *PROFILES[profile](failure, ORIGINAL))
    return headers, read_letter(headers, 99)


def test_what_kgen_writes_is_read_whole() -> None:
    made = failed(schema_id=7, part="value", key_schema_id=6, value_schema_id=7)
    made.path, made.position, made.attempts = "lines[3].price", 17, 4
    _, letter = letter_of("kgen", made)
    assert letter == Letter(
        profile="kgen",
        stage="process",
        error_class="ValueError",
        cause_class="ValueError",
        message="no good",
        fingerprint=made.fingerprint,
        topic="orders",
        partition=3,
        offset=42,
        timestamp=99,
        flow="flow",
        step="flow.handle",
        part="value",
        schema_id=7,
        key_schema_id=6,
        value_schema_id=7,
        path="lines[3].price",
        position=17,
        place=made.place,
        traceback=made.traceback,
        first_seen=made.first_seen,
        attempts=4,
        replays=0,
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_says_where_the_original_was_and_why_it_failed(profile: str) -> None:
    headers, letter = letter_of(profile, failed())
    assert letter.profile == profile
    assert (letter.topic, letter.partition, letter.offset, letter.timestamp) == ("orders", 3, 42, 99)
    assert (letter.stage, letter.error_class, letter.message) == ("process", "ValueError", "no good")
    assert "no good" in letter.traceback
    assert original_headers(headers) == ORIGINAL.headers


@pytest.mark.parametrize("profile", PROFILES)
def test_failures_of_one_kind_have_one_fingerprint(profile: str) -> None:
    one, same = letter_of(profile, failed())[1], letter_of(profile, failed())[1]
    try:
        int("x")
    except ValueError as error:
        other = letter_of(profile, failure(error, ORIGINAL, step="flow.other", place="flow.other+1"))[1]
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 16


def test_confluents_rules_are_read() -> None:
    headers = (
        ("__rule.name", b"checkLen"),
        ("__rule.mode", b"WRITE"),
        ("__rule.subject", b"orders-value"),
        ("__rule.topic", b"orders"),
        ("__rule.exception", b"Expr failed: 'size(message.greet) == 4'"),
    )
    letter = read_letter(headers, 5)
    assert (letter.profile, letter.stage, letter.part) == ("confluent", "serialize", "value")
    assert (letter.topic, letter.flow, letter.step) == ("orders", "orders-value", "checkLen")
    assert letter.message == "Expr failed: 'size(message.greet) == 4'"
    assert letter.first_seen == 5
    assert original_headers(headers) == ()


def test_the_newest_kind_of_headers_counts() -> None:
    older = PROFILES["connect"](failed(), ORIGINAL)
    newer = PROFILES["kgen"](failed(), ORIGINAL)
    assert read_letter((*older, *newer), None).profile == "kgen"
    assert read_letter((*newer, *older), None).profile == "connect"
    again = (*newer, ("__kgen.replay.count", b"2"), ("__kgen.replay.history", b"0123456789abcdef@5"))
    assert read_letter(again, None).profile == "kgen"


def test_replays_are_counted_and_their_headers_kept() -> None:
    headers = (("__kgen.error.stage", b"decode"), ("__kgen.replay.count", b"2"), ("mine", None))
    assert read_letter(headers, None).replays == 2
    assert original_headers(headers) == headers[1:]


def test_the_last_of_several_headers_of_one_name_counts() -> None:
    headers = (("__streams.errors.topic", b"first"), ("__streams.errors.topic", b"last"))
    assert read_letter(headers, None).topic == "last"


def test_a_topic_without_error_headers_is_read_too() -> None:
    letter = read_letter((("mine", b"1"),), 5)
    assert letter.profile is None
    assert letter.timestamp == 5
    assert len(letter.fingerprint) == 16


@pytest.mark.parametrize("number", [b"", b"x", b"\xff", b"1.5", b"9" * 5_000, b" 1", b"1\n", None, b"-1"])
def test_a_number_that_is_broken_is_not_known(number: bytes | None) -> None:
    headers = (("__kgen.error.stage", b"decode"), ("__kgen.error.offset", number))
    assert read_letter(headers, None).offset is None


@pytest.mark.parametrize("number", [b"", b"12", struct.pack(">i", 3), struct.pack(">q", -1), None])
def test_a_binary_number_of_another_size_is_not_known(number: bytes | None) -> None:
    headers = (("kafka_dlt-exception-fqcn", b"E"), ("kafka_dlt-original-offset", number))
    assert read_letter(headers, None).offset is None


def test_large_texts_are_bounded() -> None:
    headers = (("__connect.errors.exception.stacktrace", b"\n" * 10_000_000),)
    assert len(read_letter(headers, None).traceback) <= 65_536


NAMES = st.sampled_from(
    [name for profile in PROFILES.values() for name, _ in profile(failed(schema_id=7, part="key"), ORIGINAL)]
    + ["__rule.name", "__rule.exception", "__rule.mode", "__kgen.replay.count", "__kgen.error.", "mine"]
)


@given(
    st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=40))),
    st.none() | st.integers(),
)
def test_nothing_in_headers_makes_it_raise(
    headers: list[tuple[str, bytes | None]], timestamp: int | None
) -> None:
    letter = read_letter(tuple(headers), timestamp)
    assert len(letter.fingerprint) == 16
    assert letter.replays >= 0
    assert all(
        not name.startswith(("__kgen.error", "__rule")) for name, _ in original_headers(tuple(headers))
    )
