"""Bytes to typed messages, a whole batch at once."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import compress
from typing import Any, Generic, TypeVar

from ..codec import make_rows
from ..flow.failures import failure
from ..flow.split import Batch
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Failure, Message
from ..metrics import ReadCounts
from ..serde.base import Decoder, Role
from .columns import Columns

K = TypeVar("K")
V = TypeVar("V")


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
        for index, each in rows.unreadable.items():
            values[index] = each.error
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


def _any_errors(values: Sequence[Any]) -> bool:
    return any(issubclass(kind, Exception) for kind in set(map(type, values)))
