"""Dead letters counted by fingerprint, against reading each of them whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from kgen.dlq.letter_filter import LetterFilter, time_of
from kgen.dlq.letter_groups import LetterGroups
from kgen.dlq.letters import LetterReader
from kgen_runtime.routing.letter_headers import read_letter

Headers = list[tuple[str, bytes | None]]


@dataclass
class FakeMessage:
    """As a consumer gives it."""

    given: Headers
    time: tuple[int, int] = (1, 1_000)
    at: int = 0

    def headers(self) -> Headers | None:
        return self.given or None

    def key(self) -> bytes | None:
        return b"k"

    def value(self) -> bytes | None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return self.time

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at

    def error(self) -> None:
        return None

    def __len__(self) -> int:
        return 0


fingerprints = st.sampled_from([b"0" * 16, b"1" * 16, b"NOT-ONE", b"", None, b"\xff" * 16])
stages = st.sampled_from([b"decode", b"process", b"", None, b"\xff"])
seens = st.sampled_from([b"500", b"1500", b"-3", b"x", b"9" * 40, "٣".encode(), None])
own: st.SearchStrategy[Headers] = st.builds(
    lambda fp, stage, seen, message, raised: [
        ("mine", b"x"),
        ("__kgen.error.class", raised),
        ("__kgen.error.stage", stage),
        ("__kgen.error.message", message),
        ("__kgen.error.fingerprint", fp),
        ("__kgen.error.first-seen", seen),
    ],
    fingerprints,
    stages,
    seens,
    st.sampled_from([b"one", b"two"]),
    st.sampled_from([b"x.Y", b"Z", b"", None, b"\xff"]),
)
foreign: st.SearchStrategy[Headers] = st.sampled_from(
    [
        [],
        [("mine", None)],
        [("__connect.errors.stage", b"VALUE_CONVERTER"), ("__connect.errors.exception.class.name", b"x.Y")],
        [("__streams.errors.exception", b"x.Y"), ("__streams.errors.message", b"z")],
        [("kafka_dlt-exception-fqcn", b"x.Y"), ("kafka_dlt-original-offset", b"short")],
        [("__rule.name", b"checked")],
    ]
)
letters = st.lists(st.one_of(own, foreign, st.builds(lambda a, b: a + b, own, foreign)), max_size=40)
wanted_ones = st.sampled_from(
    [
        LetterFilter(),
        LetterFilter(fingerprints=("0",)),
        LetterFilter(stages=("decode",)),
        LetterFilter(since=1_000),
        LetterFilter(until=1_000, stages=("!process",)),
        LetterFilter(classes=("Y",)),
        LetterFilter(classes=("!Z",), stages=("decode",)),
        LetterFilter(keys=(b"k",)),
        LetterFilter(keys=(b"other",)),
    ]
)


@given(letters, wanted_ones)
def test_groups_are_those_of_letters_read_whole(given: list[Headers], wanted: LetterFilter) -> None:
    messages = [FakeMessage(headers, at=number) for number, headers in enumerate(given)]
    groups = LetterGroups(wanted)
    groups.add(messages[:10])
    groups.add(messages[10:])

    counts: Counter[str] = Counter()
    times: dict[str, list[int]] = {}
    for message in messages:
        letter = read_letter(tuple(message.given), 1_000)
        time = time_of(letter, 1_000)
        if wanted.fits(letter, b"k", time):
            counts[letter.fingerprint] += 1
            times.setdefault(letter.fingerprint, []).append(time or 0)
    found = groups.groups()
    assert {group.fingerprint: group.count for group in found} == counts
    assert {group.fingerprint: (group.first, group.last) for group in found} == {
        name: (min(all_), max(all_)) for name, all_ in times.items()
    }
    assert groups.fitting == sum(counts.values())
    assert groups.read == len(messages)
    assert [group.count for group in found] == sorted((group.count for group in found), reverse=True)


def test_there_are_no_more_groups_than_are_kept() -> None:
    groups = LetterGroups(LetterFilter(), most=10)
    groups.add([FakeMessage([("__kgen.error.fingerprint", b"%016x" % (n % 25))]) for n in range(100)])
    assert len(groups.groups()) == 10
    assert groups.rest == 60
    assert groups.fitting == 100


def test_texts_of_a_group_are_bounded() -> None:
    groups = LetterGroups(LetterFilter())
    long = b"x" * 1_000_000
    names = ("message", "class", "stage", "topic", "step", "place", "path")
    groups.add([FakeMessage([(f"__kgen.error.{name}", long) for name in names])])
    (group,) = groups.groups()
    texts = (group.message, group.error_class, group.stage, group.topic, group.step, group.place, group.path)
    assert all(text is not None and len(text) <= 300 for text in texts)


def test_a_letter_whose_headers_have_names_that_are_not_text_is_counted() -> None:
    class Unreadable(FakeMessage):
        def headers(self) -> Headers | None:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid")

    groups = LetterGroups(LetterFilter())
    groups.add([Unreadable([])])
    assert [group.profile for group in groups.groups()] == [None]


def test_a_reader_takes_messages_in_one_way_alone() -> None:
    """What `poll` gives is gone for `consume`: one that polled after its assignment lost the first letter,
    now and then.
    """
    consumer = FakeConsumer()
    reader = LetterReader(cast(Any, FakeKafka(consumer)), "t")
    assert [message.offset() for batch in reader.batches() for message in batch] == [0, 1, 2]


class FakeConsumer:
    """Three messages of one partition, there as soon as it is assigned."""

    def __init__(self) -> None:
        self.waiting: list[FakeMessage] = []

    def assign(self, _: object) -> None:
        self.waiting = [FakeMessage([], at=number) for number in range(3)]

    def consume(self, most: int, _: float) -> list[FakeMessage]:
        found, self.waiting = self.waiting[:most], self.waiting[most:]
        return found

    def poll(self, _: float) -> FakeMessage | None:
        return self.waiting.pop(0) if self.waiting else None

    def list_topics(self, topic: str, timeout: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={0: None})})

    def get_watermark_offsets(self, *_: object, **__: object) -> tuple[int, int]:
        return 0, 3


@dataclass
class FakeKafka:
    """Makes that consumer."""

    made: FakeConsumer
    config: dict[str, Any] = field(default_factory=dict)

    def consumer(self, _: object) -> FakeConsumer:
        return self.made
