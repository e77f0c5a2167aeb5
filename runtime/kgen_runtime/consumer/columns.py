"""Raw messages of Kafka, a column for each of their parts: what is done to many at once costs least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..codec import arrival_functions
from ..errors import FramingError
from ..messages import Headers, Origin, RawMessage

if TYPE_CHECKING:
    from bytewax.connectors.kafka import KafkaSourceMessage

_COLUMNS: Final = arrival_functions().columns


class Unreadable(NamedTuple):
    """Why a message is none that can be decoded, and what it was."""

    error: FramingError
    origin: Origin


@dataclass(slots=True)
class Columns:
    """The parts of a batch of raw messages: a list of each; one value where it is the same in all.

    `unreadable` has, by index, those that cannot be decoded: their key and value are None here. `size`: the
    bytes of all keys and values, where that is known.
    """

    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[Headers]
    timestamps: list[int | None]
    offsets: list[int | None]
    topics: list[str] | str
    partitions: list[int | None] | int
    origins: list[Origin]
    unreadable: dict[int, Unreadable] = field(default_factory=dict)
    size: int | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def following(self) -> int:
        """The offset after the last message."""
        return (self.offsets[-1] or 0) + 1

    def extend(self, following: Columns) -> None:
        """By messages of the same partition."""
        begin = len(self)
        self.keys += following.keys
        self.values += following.values
        self.headers += following.headers
        self.timestamps += following.timestamps
        self.offsets += following.offsets
        self.origins += following.origins
        for at, each in following.unreadable.items():
            self.unreadable[begin + at] = each
        sized = self.size is not None and following.size is not None
        self.size = self.size + following.size if sized else None  # type: ignore[operator]

    def part(self, begin: int, end: int) -> Columns:
        """Some of the messages, all being of one partition."""
        made = Columns(
            self.keys[begin:end],
            self.values[begin:end],
            self.headers[begin:end],
            self.timestamps[begin:end],
            self.offsets[begin:end],
            self.topics,
            self.partitions,
            self.origins[begin:end],
        )
        for at, each in self.unreadable.items():
            if begin <= at < end:
                made.unreadable[at - begin] = each
        return made

    def at(self, indices: Sequence[int]) -> Columns:
        """Those of the messages, which are all of one partition, by rising index."""
        return Columns(
            [self.keys[i] for i in indices],
            [self.values[i] for i in indices],
            [self.headers[i] for i in indices],
            [self.timestamps[i] for i in indices],
            [self.offsets[i] for i in indices],
            self.topics,
            self.partitions,
            [self.origins[i] for i in indices],
            {to: self.unreadable[i] for to, i in enumerate(indices) if i in self.unreadable},
        )


def from_consumed(messages: list[Any], topic: str, partition: int) -> Columns:
    """Columns of what `Consumer.consume` gave for one partition. The list is empty afterwards (see
    `codec.ArrivalFunctions.columns`).
    """
    return from_parts(_COLUMNS(messages), topic, partition)


def from_parts(parts: tuple[Any, ...], topic: str, partition: int) -> Columns:
    """Columns of what `codec.ArrivalFunctions.columns` gives."""
    keys, values, headers, timestamps, offsets, origins, size, bad = parts
    rows = Columns(keys, values, headers, timestamps, offsets, topic, partition, origins, size=size)
    return _without(bad, rows) if bad else rows


def _without(bad: Sequence[int], rows: Columns) -> Columns:
    for index in bad:
        error = FramingError("a header's name is not UTF-8; all its headers are left out")
        rows.unreadable[index] = Unreadable(error, rows.origins[index])
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
