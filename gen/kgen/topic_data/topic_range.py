"""Where reading a topic begins and ends, from the words of the command line."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer

from kgen_runtime.consumer.bounds import Start, first_offset
from kgen_runtime.consumer.broker_answers import AbsentTopicError, partitions, watermarks
from kgen_runtime.consumer.consumer_options import open_consumer
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.standalone.announced_wait import announced
from kgen_runtime.standalone.topic_rows import Until

from ..dlq.letter_filter import millis_of
from ..errors import ConfigError
from .topic_ends import fetched_ends

_PLACE: Final = re.compile(r"(?:(\d{1,9}):)?(-?\d{1,18})")
_SECONDS: Final = 5.0


@dataclass(frozen=True)
class TopicRange:
    """The partitions to read, and where: `start` and `stop` are those of `rt.read`. `count` is how many
    messages that is at most, None if that is not known.
    """

    partitions: tuple[int, ...]
    start: Start
    stop: Until
    count: int | None = None


def topic_range(
    kafka: Kafka, topic: str, begin: str, until: str, chosen: Sequence[int], *, follow: bool
) -> TopicRange:
    """The range that `--from`, `--until`, `--partition` and `--follow` ask for.

    Raises `ConfigError` for invalid ones, `SourceError` if the topic is absent (with near names), or the
    broker does not answer in ten seconds.
    """
    if follow and until:
        raise ConfigError("--follow and --until exclude each other", where="--until")
    consumer = open_consumer(kafka, None)
    try:
        with announced(f"the Kafka brokers {', '.join(kafka.brokers)} to answer"):
            numbers = _partitions(consumer, topic, chosen)
            return _RangeFinder(consumer, topic, numbers).range(begin, until, follow)
    finally:
        consumer.close()


def _partitions(consumer: Consumer, topic: str, chosen: Sequence[int]) -> list[int]:
    try:
        there = partitions(consumer, topic)
    except AbsentTopicError as error:
        error.hint = near_topics(consumer, topic) or "Is the name right, and are these the brokers?"
        raise
    absent = sorted(set(chosen) - set(there))
    if absent:
        last = f"0 to {there[-1]}" if there else "none"
        raise ConfigError(
            f"topic {topic} has no partition {absent[0]}", where="--partition", hint=f"It has {last}."
        )
    return sorted(set(chosen)) if chosen else there


def near_topics(consumer: Consumer, topic: str) -> str | None:
    """A hint that names topics with names near that one; None if there are none, or none is known."""
    try:
        known = consumer.list_topics(timeout=_SECONDS).topics
    except Exception:  # noqa: BLE001 - a hint only
        return None
    near = difflib.get_close_matches(topic, known, 3, 0.6)
    near += [name for name in known if topic and topic in name and name not in near][: 3 - len(near)]
    return f"Is {' or '.join(near)} meant? `kgen topics` lists them." if near else None


class _RangeFinder:
    def __init__(self, consumer: Consumer, topic: str, numbers: Sequence[int]) -> None:
        self._consumer = consumer
        self._topic = topic
        self._numbers = list(numbers)

    def range(self, begin: str, until: str, follow: bool) -> TopicRange:
        """See `topic_range`."""
        listed = {
            (self._topic, number): watermarks(self._consumer, self._topic, number) for number in self._numbers
        }
        ends = {number: found for (_, number), found in fetched_ends(self._consumer, listed).items()}
        first = self._offsets("--from", begin or "beginning", ends)
        numbers = tuple(first)
        if follow:
            return TopicRange(numbers, first, None)
        last = self._offsets("--until", until or "end", ends)
        stop = {number: max(last.get(number, first[number]), first[number]) for number in numbers}
        if not until or until == "end":  # the first fetch may know of more than was listed
            return TopicRange(numbers, first, "end", sum(stop[n] - first[n] for n in numbers))
        return TopicRange(numbers, first, stop, sum(stop[n] - first[n] for n in numbers))

    def _offsets(self, option: str, text: str, ends: dict[int, tuple[int, int]]) -> dict[int, int]:
        if text == "beginning":
            return {number: low for number, (low, _) in ends.items()}
        if text == "end":
            return {number: high for number, (_, high) in ends.items()}
        place = _PLACE.fullmatch(text)
        if place is not None:
            return self._placed(option, place, ends)
        millis = millis_of(text, option)
        if millis < 0:
            raise ConfigError(f"{option} {text} is before 1970", where=option)
        if millis > time.time() * 1000:
            raise ConfigError(
                f"{option} {text} is in the future", where=option, hint="--follow waits for what comes."
            )
        return {number: first_offset(self._consumer, self._topic, number, millis) for number in ends}

    def _placed(self, option: str, place: re.Match[str], ends: dict[int, tuple[int, int]]) -> dict[int, int]:
        offset = int(place[2])
        if place[1] is not None:
            number = int(place[1])
            if number not in ends:
                raise ConfigError(f"partition {number} is not read", where=option)
            ends = {number: ends[number]} if option == "--from" else ends
            return {
                n: min(max(offset, low), high) if n == number else high for n, (low, high) in ends.items()
            }
        if place[2].startswith("-"):
            return {number: max(low, high + offset) for number, (low, high) in ends.items()}
        return {number: min(max(offset, low), high) for number, (low, high) in ends.items()}
