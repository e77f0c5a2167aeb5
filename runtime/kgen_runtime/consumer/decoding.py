"""Bytes to typed messages, a whole batch at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any, Generic, TypeVar

from ..codec import make_rows
from ..errors import KgenError
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
        keys = self._key.decode_many(rows.keys, rows.headers)
        values = self._value.decode_many(rows.values, rows.headers)
        messages: list[Message[K, V]] = self._rows.make(
            len(rows),
            (
                keys.values,
                values.values,
                rows.topics,
                rows.partitions,
                rows.offsets,
                rows.timestamps,
                rows.headers,
                keys.schema_ids,
                values.schema_ids,
                None,
                None,
                rows.origins,
            ),
        )
        if not (keys.errors or values.errors or rows.unreadable):
            self._counts.add(values.schema_ids, rows.keys, rows.values)
            return Batch(messages, [])
        failures = self._failures(messages, rows, keys.errors, values.errors)
        good = [index not in failures for index in range(len(rows))]
        self._counts.add(
            list(compress(values.schema_ids, good)),
            list(compress(rows.keys, good)),
            list(compress(rows.values, good)),
        )
        return Batch(list(compress(messages, good)), [failures[index] for index in sorted(failures)])

    def _failures(
        self,
        messages: Sequence[Message[Any, Any]],
        rows: Columns,
        key_errors: Mapping[int, KgenError],
        value_errors: Mapping[int, KgenError],
    ) -> dict[int, Failure]:
        """By index; of a message of which both parts failed it is the key's."""
        failures: dict[int, Failure] = {}
        for index, each in rows.unreadable.items():
            failures[index] = self._failure(messages[index], each.error, None, None)
        for index, error in key_errors.items():
            message = messages[index]
            failures[index] = self._failure(message, error, "key", message.key_schema_id)
        for index, error in value_errors.items():
            if index not in key_errors:  # a failure is counted when it is made
                message = messages[index]
                failures[index] = self._failure(message, error, "value", message.value_schema_id)
        return failures

    def _failure(
        self, message: Message[Any, Any], error: KgenError, part: Role | None, schema_id: int | None
    ) -> Failure:
        raw = message.raw()
        assert raw is not None
        return failure(
            error,
            raw,
            step=self._step_id,
            part=part,
            schema_id=schema_id,
            key_schema_id=message.key_schema_id,
            value_schema_id=message.value_schema_id,
        )
