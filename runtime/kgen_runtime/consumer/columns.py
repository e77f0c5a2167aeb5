"""Raw messages of Kafka, a column for each of their parts: what is done to many at once costs least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bytewax.connectors.kafka import KafkaSourceMessage

from ..errors import FramingError
from ..messages import Consumed, Headers, Origin, RawMessage


class Unreadable(NamedTuple):
    """Why a message is none that can be decoded, and what it was."""

    error: FramingError
    origin: Origin


@dataclass(slots=True)
class Columns:
    """The parts of a batch of raw messages: a list of each; one value where it is the same in all.

    `unreadable` has, by index, those that cannot be decoded: their key and value are None here.
    """

    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[Headers]
    timestamps: list[int | None]
    offsets: list[int | None]
    topics: list[str] | str
    partitions: list[int | None] | int
    origins: list[Origin | Consumed]
    unreadable: dict[int, Unreadable] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def following(self) -> int:
        """The offset after the last message."""
        return (self.offsets[-1] or 0) + 1

    def part(self, begin: int, end: int) -> Columns:
        """Some of the messages, all being of one partition."""
        keys, values = self.keys[begin:end], self.values[begin:end]
        headers, timestamps = self.headers[begin:end], self.timestamps[begin:end]
        origins: list[Any] = [*zip(keys, values, headers, timestamps)]
        offsets, partition = self.offsets[begin:end], self.partitions
        made = Columns(keys, values, headers, timestamps, offsets, self.topics, partition, origins)
        for at, each in self.unreadable.items():
            if begin <= at < end:
                made.unreadable[at - begin], origins[at - begin] = each, each.origin
        return made

    def add(self, others: Columns) -> None:
        """Those follow, of the same partition.

        Origins are left out, and made again by `part`: these may wait for long, and garbage collection would
        visit each.
        """
        before = len(self.values)
        self.keys += others.keys
        self.values += others.values
        self.headers += others.headers
        self.timestamps += others.timestamps
        self.offsets += others.offsets
        self.origins = []
        for at, each in others.unreadable.items():
            self.unreadable[before + at] = each

    def drop(self, count: int) -> None:
        """Without the first `count`; origins are left out."""
        for part in (self.keys, self.values, self.headers, self.timestamps, self.offsets):
            del part[:count]
        self.unreadable = {at - count: each for at, each in self.unreadable.items() if at >= count}
        self.origins = []


def from_consumed(messages: Sequence[Any], topic: str, partition: int) -> Columns:
    """Columns of what `Consumer.consume` gave for one partition: one message or more, none of them a second
    time (see `_headers`).
    """
    headers, bad = _headers(messages)
    kind = type(messages[0])  # its methods are called by `map`: twice as fast as in a comprehension
    rows = Columns(
        keys=[*map(kind.key, messages)],
        values=[*map(kind.value, messages)],
        headers=headers,
        timestamps=[time if type_ else None for type_, time in map(kind.timestamp, messages)],
        offsets=[*map(kind.offset, messages)],
        topics=topic,
        partitions=partition,
        origins=list(messages),
    )
    return _without(bad, rows) if bad else rows


def _headers(messages: Sequence[Consumed]) -> tuple[list[Headers], list[int]]:
    """Those of each message, and the indices of messages that cannot give them: Kafka takes any bytes for the
    name of a header, confluent-kafka takes names for UTF-8.

    Such a message must not be asked again: its next answer has holes where objects should be.
    """
    headers: list[Headers] = []
    bad: list[int] = []
    # Called by `map`, which sees the error at once. confluent-kafka gives a result along with it, and from a
    # call that CPython (3.11 and later) has specialised it comes up anywhere later.
    left = map(type(messages[0]).headers, messages)
    while len(headers) < len(messages):
        try:
            for found in left:
                headers.append(tuple(found) if found else ())
        except (UnicodeDecodeError, SystemError):
            bad.append(len(headers))
            headers.append(())
    return headers, bad


def _without(bad: Sequence[int], rows: Columns) -> Columns:
    for index in bad:
        origin = rows.keys[index], rows.values[index], (), rows.timestamps[index]
        error = FramingError("a header's name is not UTF-8; all its headers are left out")
        rows.origins[index], rows.unreadable[index] = origin, Unreadable(error, origin)
        rows.keys[index] = rows.values[index] = None
    return rows


def from_messages(
    messages: Sequence[RawMessage | KafkaSourceMessage[bytes | None, bytes | None]], topic: str
) -> Columns:
    """Columns of messages read by something else; `topic` is for those that do not say theirs."""
    keys = [m.key for m in messages]
    values = [m.value for m in messages]
    headers = [tuple(m.headers) for m in messages]
    timestamps = [_timestamp(t) if isinstance(t := m.timestamp, tuple) else t for m in messages]
    return Columns(
        keys=keys,
        values=values,
        headers=headers,
        timestamps=timestamps,
        offsets=[m.offset for m in messages],
        topics=[m.topic or topic for m in messages],
        partitions=[m.partition for m in messages],
        origins=list(zip(keys, values, headers, timestamps)),
    )


def _timestamp(of: tuple[int, int]) -> int | None:
    kind, timestamp = of
    return timestamp if kind else None  # kind 0: the message has none
