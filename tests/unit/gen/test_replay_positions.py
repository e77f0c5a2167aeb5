"""Which letters were put back: replays with filters and limits after each other send each letter once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen.dlq.letter_brief import BriefReader
from kgen.dlq.letter_filter import LetterFilter, time_of
from kgen.dlq.replay_positions import ReplayPositions, already_sent
from kgen.dlq.replayed_record import replayed_headers
from kgen.errors import ConfigError
from kgen_runtime.routing.letter_headers import Letter, read_letter

LETTERS = [
    Letter(fingerprint=f"{n % 3}abc", stage="process" if n % 2 else "decode", first_seen=n) for n in range(20)
]
FILTERS = [
    LetterFilter(),
    LetterFilter(fingerprints=("1",)),
    LetterFilter(fingerprints=("!0",)),
    LetterFilter(stages=("process",)),
    LetterFilter(since=5, until=15),
    LetterFilter(keys=(b"k0",)),
]


def run(
    committed: dict[int, tuple[int, str]], wanted: LetterFilter, limit: int, id_: str | None = "one"
) -> tuple[list[int], dict[int, tuple[int, str]]]:
    """As a replay does it; the letters it sends, and what it commits."""
    positions = ReplayPositions("t", id_, wanted, committed)
    others, reached, sent = positions.others(0), positions.starts().get(0, 0), []
    for number in range(reached, len(LETTERS)):
        if len(sent) >= limit:
            break
        letter, key = LETTERS[number], b"k%d" % (number % 4)

        def fits(asked: LetterFilter, letter: Letter = letter, key: bytes = key) -> bool:
            return asked.fits(letter, key, time_of(letter, None))

        if fits(wanted) and not already_sent(others, number, fits):
            sent.append(number)
        reached = number + 1
    (marker,) = positions.markers({0: reached})
    return sent, {0: (marker.offset, marker.metadata or "")}


@given(st.lists(st.tuples(st.sampled_from(FILTERS), st.integers(1, 20)), max_size=12))
def test_each_letter_is_sent_once_and_in_the_end_all_are(rounds: list[tuple[LetterFilter, int]]) -> None:
    committed: dict[int, tuple[int, str]] = {}
    sent: Counter[int] = Counter()
    for wanted, limit in [*rounds, (LetterFilter(), 100)]:
        some, committed = run(committed, wanted, limit)
        sent.update(some)
    assert sent == dict.fromkeys(range(20), 1)
    assert committed[0][1] == '{"v":1,"id":"one"}'  # nothing is left to note of filters


def test_what_was_committed_of_another_topic_of_the_name_means_nothing() -> None:
    _, committed = run({}, LetterFilter(), 100)
    assert run(committed, LetterFilter(), 100)[0] == []
    assert run(committed, LetterFilter(), 100, "two")[0] == list(range(20))
    assert run(committed, LetterFilter(), 100, None)[0] == []


@pytest.mark.parametrize(
    "metadata", ["", "x", "[]", '{"done":3}', '{"done":[[1]]}', '{"done":[[1,{"x":1}]]}', "[" * 999]
)
def test_metadata_of_others_counts_as_none(metadata: str) -> None:
    assert run({0: (5, metadata)}, LetterFilter(), 100)[0] == list(range(5, 20))


def test_no_more_filters_than_the_broker_can_note() -> None:
    committed: dict[int, tuple[int, str]] = {}
    with pytest.raises(ConfigError, match="different filters are on their way") as caught:  # noqa: PT012
        for number in range(200):
            _, committed = run(committed, LetterFilter(fingerprints=(f"{number:016x}",)), 1)
    assert caught.value.hint


def test_the_history_is_bounded_and_the_count_is_the_last_header() -> None:
    headers: list[tuple[str, str | bytes | None]] = [("mine", b"1"), ("__connect.errors.topic", b"t")]
    given_headers = tuple((name, value) for name, value in headers if not isinstance(value, str))
    for number in range(30):
        sent = replayed_headers(given_headers, "f" * 16, number, 1_000 + number)
        given_headers = tuple((name, value) for name, value in sent if not isinstance(value, str))
    assert given_headers[0] == ("mine", b"1")
    assert given_headers[1] == ("__kgen.replay.count", b"30")
    name, history = given_headers[2]
    assert name == "__kgen.replay.history"
    rounds = (history or b"").split(b",")
    assert rounds == [b"%s@%d" % (b"f" * 16, 1_010 + n) for n in range(20)]
    wild = (("__kgen.replay.history", b"x" * 10_000_000 + b",y"), ("__kgen.replay.history", None))
    assert replayed_headers(wild[:1], "f", 0, 1)[-1] == ("__kgen.replay.history", b"y,f@1")
    assert replayed_headers(wild, "f", 0, 1)[-1] == ("__kgen.replay.history", b"f@1")


values = st.sampled_from([None, b"", b"7", b"-1", b"x", b"0" * 16, b"1" * 30, b"decode", b"\xff"])
names = st.sampled_from(
    [
        f"__kgen.error.{name}"
        for name in ("fingerprint", "stage", "class", "topic", "partition", "timestamp", "first-seen")
    ]
    + ["__kgen.replay.count", "mine", "__connect.errors.topic", "kafka_dlt-original-topic"]
)


@given(st.lists(st.tuples(names, values), max_size=12), st.none() | st.integers(0, 10**13))
def test_what_is_read_in_brief_is_what_is_read_whole(
    headers: list[tuple[str, bytes | None]], timestamp: int | None
) -> None:
    given_headers = tuple(headers)
    brief = BriefReader().read(given_headers, timestamp)
    letter = read_letter(given_headers, timestamp)
    assert (brief.fingerprint, brief.stage, brief.topic) == (letter.fingerprint, letter.stage, letter.topic)
    assert brief.error_class == letter.error_class
    assert (brief.partition, brief.timestamp, brief.replays) == (
        letter.partition,
        letter.timestamp,
        letter.replays,
    )
    assert brief.time == time_of(letter, timestamp)
