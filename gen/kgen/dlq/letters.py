"""Reading a dead-letter topic: from its beginning, or from given offsets, to its ends as of the start.

Nothing is committed and no group is joined. Memory is bounded by what librdkafka fetches ahead.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from kgen_runtime.consumer.broker_answers import (
    PASSING,
    AbsentTopicError,
    partitions,
    topic_unreadable_error,
    watermarks,
)
from kgen_runtime.consumer.consumer_options import open_consumer
from kgen_runtime.errors import SourceError
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.messages import RawMessage
from kgen_runtime.routing.letter_headers import Letter, read_letter

from ..progress_callback import ProgressCallback, silent
from .letter_filter import LetterFilter, time_of

_MOST: Final = 128
"""Messages of a batch: with more, whose headers are all held, Python's garbage collection takes longer than
everything else.
"""
_BATCH_BYTES: Final = 16 << 20
"""Its bytes, about: a letter may have 10 MB."""
_WAIT: Final = 0.1
"""Seconds for a batch to fill: also bounds what large messages bring beyond `_BATCH_BYTES`."""
_PATIENCE: Final = 60.0
"""Seconds without a message, an end or an answer of the broker after which reading fails."""
_EARLY: Final = 5.0
"""The same where the broker reported ends that come before those it gave when it was asked, as brokers were
seen to do just after a write.
"""
_READ: Final = "letters read"


@dataclass(frozen=True)
class LetterRange:
    """The letters of one partition: those from `first` on and before `end`, as the broker counts offsets."""

    partition: int
    first: int
    end: int


class LetterReader:
    """Reads one dead-letter topic once. To be used in a `with` block, which closes the consumer.

    Raises `SourceError` if the topic is absent, or the broker does not answer or let it be read.
    """

    def __init__(self, kafka: Kafka, topic: str, progress: ProgressCallback = silent) -> None:
        self.topic = topic
        self._progress = progress
        self._reading: set[int] = set()
        self._early: set[int] = set()
        self._ends: dict[int, int] = {}
        self._consumer: Consumer = open_consumer(kafka, None)
        try:
            self.ranges = [self._range(number) for number in partitions(self._consumer, topic)]
        except BaseException as error:
            if isinstance(error, AbsentTopicError):
                error.hint = "Is the name right, and are these the brokers?"
            self._consumer.close()
            raise

    @property
    def partitions(self) -> list[int]:
        """The numbers of the partitions."""
        return [each.partition for each in self.ranges]

    def begin_at(self, starts: Mapping[int, int], *, alone: bool = False) -> None:
        """Read each partition from an offset on; what is absent or not there any more begins with the first
        letter. With `alone` the partitions that are absent are not read.
        """
        if alone:
            self.ranges = [each for each in self.ranges if each.partition in starts]
        self.ranges = [
            replace(each, first=max(each.first, starts.get(each.partition, 0))) for each in self.ranges
        ]

    def __enter__(self) -> LetterReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def batches(self) -> Iterator[Sequence[Message]]:
        """The letters, those of each partition in order, some at a time. Raises `SourceError`."""
        total = sum(max(each.end - each.first, 0) for each in self.ranges)
        reading = self._reading = {each.partition for each in self.ranges}
        self._early = {each.partition for each in self.ranges if each.first >= each.end}
        self._ends = {}
        most, done, quiet_since = 100, 0, time.monotonic()
        self._consumer.assign(
            [TopicPartition(self.topic, each.partition, each.first) for each in self.ranges]
        )
        while reading:
            found = self._consumer.consume(most, _WAIT)
            batch = self._kept(found)
            if batch:
                count, size = len(batch), sum(map(_size, batch))
                yield batch
                done += count
                self._progress(done, max(done, total), _READ)
                most = max(1, min(_MOST, 1 + _BATCH_BYTES * count // (1 + size)))
            if found:
                quiet_since = time.monotonic()
            elif self._early >= reading and time.monotonic() - quiet_since > _EARLY:
                return
            elif time.monotonic() - quiet_since > _PATIENCE:
                raise SourceError(
                    f"no letters came for {_PATIENCE:g} s",
                    where=f"topic {self.topic}",
                    hint="Is the broker up? Try again.",
                )

    def _range(self, partition: int) -> LetterRange:
        return LetterRange(partition, *watermarks(self._consumer, self.topic, partition))

    def _kept(self, found: Sequence[Message]) -> list[Message]:
        """The letters among them that were there at the start; partitions that are at their ends leave
        `_reading`.
        """
        batch: list[Message] = []
        append, ends = batch.append, self._ends
        for message in found:
            partition: Any = message.partition()
            if message.error() is not None:
                self._on_event(message)
                continue
            end = ends.get(partition)
            if end is None:
                end = ends[partition] = self._end(partition)
            offset: Any = message.offset()
            if offset < end:
                append(message)
            if offset + 1 >= end:
                self._reading.discard(partition)
        return batch

    def _end(self, partition: int) -> int:
        """As of the first fetch, which says it better than asking beforehand: some brokers list an older
        end.
        """
        known = self._consumer.get_watermark_offsets(TopicPartition(self.topic, partition), cached=True)
        return max(self._listed_end(partition), known[1] if known else 0)

    def _listed_end(self, partition: int) -> int:
        return next(each.end for each in self.ranges if each.partition == partition)

    def _on_event(self, message: Message) -> None:
        error = message.error()
        assert error is not None
        if error.code() == KafkaError._PARTITION_EOF:
            partition = message.partition() or 0
            if (message.offset() or 0) >= self._listed_end(partition):
                self._reading.discard(partition)
            else:
                self._early.add(partition)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # retention deleted the first ones meanwhile
            partition = message.partition() or 0
            low, _ = watermarks(self._consumer, self.topic, partition)
            self._consumer.seek(TopicPartition(self.topic, partition, low))
        elif error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return  # nothing is committed, so no group is needed
        elif error.code() not in PASSING and not error.retriable():
            raise topic_unreadable_error(self.topic, error, message.partition())


def read_letters(
    kafka: Kafka,
    topic: str,
    filters: LetterFilter | None = None,
    limit: int | None = None,
    progress: ProgressCallback = silent,
    at: tuple[int, int] | None = None,
) -> Iterator[tuple[RawMessage, Letter]]:
    """The letters that fit, as they stand on the broker and as their headers say, from the beginning of the
    topic to its ends as of the start; at most `limit`. Those of a partition come in order. With `at` only
    those of that partition, from that offset on. Raises `SourceError`.
    """
    wanted, left = filters or LetterFilter(), limit
    with LetterReader(kafka, topic, progress) as reader:
        if at is not None:
            reader.begin_at({at[0]: at[1]}, alone=True)
        for batch in reader.batches():
            for message in batch:
                if left == 0:
                    return
                raw = raw_message(message, topic)
                letter = read_letter(raw.headers, raw.timestamp)
                if wanted.fits(letter, raw.key, time_of(letter, raw.timestamp)):
                    yield raw, letter
                    left = None if left is None else left - 1


def raw_message(message: Any, topic: str) -> RawMessage:
    """A letter as it stands on the broker. Headers whose names are not UTF-8, which confluent-kafka cannot
    give, are left out with all others of the message.
    """
    return RawMessage(
        key=message.key(),
        value=message.value(),
        topic=topic,
        partition=message.partition(),
        offset=message.offset(),
        timestamp=timestamp_of(message),
        headers=headers_of(message),
    )


def headers_of(message: Any) -> tuple[tuple[str, bytes | None], ...]:
    """A letter's headers; none where their names are not UTF-8, which confluent-kafka cannot give."""
    try:
        return tuple(message.headers() or ())
    except UnicodeDecodeError:
        return ()


def timestamp_of(message: Any) -> int | None:
    """In ms since the epoch; None where it has none."""
    kind, timestamp = message.timestamp()
    return timestamp if kind else None


def _size(message: Any) -> int:
    return len(message)
