"""Bytes to typed messages, a whole batch at once."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Generic, TypeVar

from bytewax.connectors.kafka import KafkaSourceMessage

from .codec import make_rows
from .errors import FramingError
from .failures import failure
from .messages import Consumed, Failure, Headers, Message, Origin, RawMessage
from .metrics import ReadCounts
from .serde.base import Decoder, Role
from .settings import Kafka
from .split import Batch
from .topic import Topic

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Columns:
    """The parts of a batch of raw messages: a list of each; one value where it is the same in all.

    `unreadable` says, by index, why a message is none that can be decoded: its key and value are None here,
    and in its origin as they were.
    """

    keys: list[bytes | None]
    values: list[bytes | None]
    headers: list[Headers]
    timestamps: list[int | None]
    offsets: list[int | None]
    topics: list[str] | str
    partitions: list[int | None] | int
    origins: list[Origin] | list[Consumed]
    unreadable: dict[int, FramingError] = field(default_factory=dict)

    @property
    def following(self) -> int:
        """The offset after the last message."""
        return (self.offsets[-1] or 0) + 1


class BatchDecoder(Generic[K, V]):
    """Decodes batches of one topic. Belongs to one worker thread."""

    def __init__(self, step_id: str, topic: Topic[K, V], kafka: Kafka) -> None:
        self._step_id = step_id
        self._key: Decoder[K] = topic.key.decoder(kafka.store, "key")
        self._value: Decoder[V] = topic.value.decoder(kafka.store, "value")
        self._rows = make_rows(Message)
        self._counts = ReadCounts(topic.name)

    def decode(self, rows: Columns) -> Batch[Message[K, V]]:
        """Typed messages, and failures for those that can never be decoded.

        Raises `RegistryUnavailable`: nothing is lost, call again with the same batch.
        """
        keys, key_ids = self._key.decode_many(rows.keys, rows.headers)
        values, value_ids = self._value.decode_many(rows.values, rows.headers)
        for index, error in rows.unreadable.items():
            values[index] = error
        oks: list[Message[K, V]] = self._rows.make(
            len(values),
            (
                keys,
                values,
                rows.topics,
                rows.partitions,
                rows.offsets,
                rows.timestamps,
                rows.headers,
                key_ids,
                value_ids,
                None,
                None,
                rows.origins,
            ),
        )
        if not _any_errors(keys) and not _any_errors(values):
            self._counts.add(value_ids, rows.keys, rows.values)
            return Batch(oks, [])
        good = [not isinstance(m.key, Exception) and not isinstance(m.value, Exception) for m in oks]
        ids, *parts = value_ids, rows.keys, rows.values
        self._counts.add(list(compress(ids, good)), *(list(compress(part, good)) for part in parts))
        return self._separated(oks, rows.unreadable)

    def _separated(
        self, messages: list[Message[Any, Any]], unreadable: Container[int]
    ) -> Batch[Message[K, V]]:
        batch: Batch[Message[K, V]] = Batch([], [])
        for index, message in enumerate(messages):
            if isinstance(message.key, Exception):
                batch.errs.append(self._failure(message, message.key, "key", message.key_schema_id))
            elif isinstance(message.value, Exception):
                part: Role | None = None if index in unreadable else "value"
                batch.errs.append(self._failure(message, message.value, part, message.value_schema_id))
            else:
                batch.oks.append(message)
        return batch

    def _failure(
        self, message: Message[Any, Any], error: Exception, part: Role | None, schema_id: int | None
    ) -> Failure:
        raw = message.raw()
        assert raw is not None
        return failure(error, raw, step=self._step_id, part=part, schema_id=schema_id)


def from_consumed(messages: Sequence[Any], topic: str, partition: int) -> Columns:
    """Columns of what `Consumer.consume` gave for one partition: one message or more, none of them a second
    time (see `_headers`).
    """
    headers, bad = _headers(messages)
    rows = Columns(
        keys=[m.key() for m in messages],
        values=[m.value() for m in messages],
        headers=headers,
        timestamps=[t[1] if t[0] else None for t in [m.timestamp() for m in messages]],
        offsets=[m.offset() for m in messages],
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
    origins: list[Any] = rows.origins
    for index in bad:
        origins[index] = rows.keys[index], rows.values[index], (), rows.timestamps[index]
        rows.keys[index] = rows.values[index] = None
        rows.unreadable[index] = FramingError("a header's name is not UTF-8; all its headers are left out")
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


def _any_errors(values: Sequence[Any]) -> bool:
    return any(issubclass(kind, Exception) for kind in set(map(type, values)))
