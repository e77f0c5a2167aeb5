"""Which dead letters a command is about, as its options say it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen.cli.dlq_options import letter_filter
from kgen.dlq.letter_filter import LetterFilter, filter_of_json, key_of, millis_of, time_of
from kgen.errors import ConfigError
from kgen_runtime.routing.letter_headers import Letter

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01", 1_767_225_600_000),
        ("2026-01-01T02:00:00+02:00", 1_767_225_600_000),
        ("1d", 1_767_225_600_000),
        ("24h", 1_767_225_600_000),
        ("90s", 1_767_311_910_000),
    ],
)
def test_times(text: str, millis: int) -> None:
    assert millis_of(text, "--since", NOW) == millis


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "-1d", "999999999d", "1w", "\x1b[2J"])
def test_what_is_not_a_time(text: str) -> None:
    with pytest.raises(ConfigError, match="not a time") as caught:
        millis_of(text, "--since", NOW)
    assert caught.value.where == "--since"
    assert caught.value.hint
    assert "\x1b" not in str(caught.value)


def test_keys() -> None:
    assert key_of("müller") == "müller".encode()
    assert key_of("0x00ff") == b"\x00\xff"
    with pytest.raises(ConfigError, match="hexadecimal"):
        key_of("0xyz")


def letter(fingerprint: str = "0123456789abcdef", stage: str = "decode", seen: int | None = None) -> Letter:
    return Letter(fingerprint=fingerprint, stage=stage, first_seen=seen, error_class="shop.errors.OddError")


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (LetterFilter(), True),
        (LetterFilter(fingerprints=("0123",)), True),
        (LetterFilter(fingerprints=("abcd", "0123456789abcdef")), True),
        (LetterFilter(fingerprints=("abcd",)), False),
        (LetterFilter(fingerprints=("!0123",)), False),
        (LetterFilter(fingerprints=("!abcd",)), True),
        (LetterFilter(stages=("decode", "process")), True),
        (LetterFilter(stages=("dec",)), False),
        (LetterFilter(stages=("!decode",)), False),
        (LetterFilter(classes=("OddError",)), True),
        (LetterFilter(classes=("Other", "shop.errors.OddError")), True),
        (LetterFilter(classes=("errors.OddError",)), False),
        (LetterFilter(classes=("oddError",)), False),
        (LetterFilter(classes=("!OddError",)), False),
        (LetterFilter(classes=("!shop.errors.OddError",)), False),
        (LetterFilter(classes=("!Other",)), True),
        (LetterFilter(keys=(b"k", b"other")), True),
        (LetterFilter(keys=(b"other",)), False),
        (LetterFilter(since=100), True),
        (LetterFilter(since=101), False),
        (LetterFilter(until=101), True),
        (LetterFilter(until=100), False),
    ],
)
def test_what_fits(wanted: LetterFilter, fits: bool) -> None:
    assert wanted.fits(letter(), b"k", 100) is fits


def test_a_letter_without_a_time_is_of_none() -> None:
    assert not LetterFilter(since=0).fits(letter(), b"k", None)
    assert LetterFilter().fits(letter(), b"k", None)


def test_the_time_is_that_of_the_failure_where_it_is_known() -> None:
    assert time_of(letter(seen=5), 7) == 5
    assert time_of(letter(), 7) == 7
    assert time_of(letter(), None) is None


names = st.lists(st.text("!abc012", min_size=1, max_size=5), max_size=3).map(tuple)
millis = st.none() | st.integers(0, 2**45)
filters = st.builds(
    LetterFilter,
    fingerprints=names,
    stages=names,
    classes=names,
    since=millis,
    until=millis,
    keys=st.lists(st.binary(max_size=4), max_size=3).map(tuple),
)


@given(filters, st.text("abc012", max_size=4), st.none() | st.binary(max_size=4), millis)
def test_a_filter_that_was_stored_fits_the_same(
    wanted: LetterFilter, fingerprint: str, key: bytes | None, time: int | None
) -> None:
    stored = filter_of_json(wanted.as_json())
    one = letter(fingerprint, "b0")
    assert stored.fits(one, key, time) is wanted.fits(one, key, time)
    assert stored.as_json() == wanted.as_json()


@pytest.mark.parametrize("found", [[], "x", None, {"fingerprint": 3}, {"key": ["xyz"]}, {"later": 1}])
def test_what_is_not_a_filter(found: object) -> None:
    with pytest.raises(ValueError):
        filter_of_json(found)


def test_options_that_fit_nothing_are_errors() -> None:
    with pytest.raises(ConfigError, match="--since is not before --until"):
        letter_filter(None, None, "2026-01-02", "2026-01-01", None)
    with pytest.raises(ConfigError, match="--class is empty"):
        letter_filter(None, None, None, None, None, [""])
    with pytest.raises(ConfigError, match="--fingerprint is empty"):
        letter_filter(["!"], None, None, None, None)


@pytest.mark.parametrize("text", ["ConnectionError:", "xyz", "!!ab", "0123456789abcdef0", "ab cd", "\x1b[2J"])
def test_what_is_not_a_fingerprint_is_refused(text: str) -> None:
    """It would fit no letter, which looks as if there were none."""
    with pytest.raises(ConfigError, match="not a fingerprint") as caught:
        letter_filter([text], None, None, None, None)
    assert caught.value.where == "--fingerprint"
    assert "\x1b" not in str(caught.value)


def test_fingerprints_may_be_cut_and_in_capitals() -> None:
    found = letter_filter(["AB12", "!0123456789abcdef"], None, None, None, None)
    assert found.fingerprints == ("ab12", "!0123456789abcdef")
