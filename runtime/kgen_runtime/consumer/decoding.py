"""Bytes to typed messages, a whole batch at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import compress
from typing import Any, Generic, NamedTuple, TypeVar

from ..codec import make_rows
from ..errors import KgenError
from ..flow.batch import Batch
from ..flow.failures import failure
from ..flow.spans import spans
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Failure, Message
from ..metrics import ReadCounts, StepCounts
from ..serde.base import Decoder, Role
from .columns import Columns

K = TypeVar("K")
V = TypeVar("V")


class Undecodable(NamedTuple):
    """Why a message can never be decoded, and which part of it; None where that is not known."""

    error: KgenError
    part: Role | None


class BatchDecoder(Generic[K, V]):
    """Decodes batches of one topic. Belongs to one worker thread."""

    def __init__(self, step_id: str, topic: Topic[K, V], kafka: Kafka) -> None:
        self._step_id = step_id
        self._key: Decoder[K] = topic.key.decoder(kafka.store, "key")
        self._value: Decoder[V] = topic.value.decoder(kafka.store, "value")
        self._rows = make_rows(Message)
        self._spans = spans("receive", step_id, topic.name)
        self._counts = ReadCounts(topic.name)

    @cached_property
    def _step(self) -> StepCounts:
        """Only of a step in a flow."""
        return StepCounts(self._step_id)

    def decode(self, rows: Columns) -> Batch[Message[K, V]]:
        """Typed messages, and failures for those that can never be decoded.

        Raises `RegistryUnavailable`: nothing is lost, call again with the same batch.
        """
        if self._spans is None:
            return self._decode(rows)
        with self._spans.batch(len(rows), rows.headers):
            return self._decode(rows)

    def _decode(self, rows: Columns) -> Batch[Message[K, V]]:
        messages, undecodable = self.decode_all(rows)
        self._step.taken.value += len(rows)
        if not undecodable:
            return Batch(messages, [])
        good = [index not in undecodable for index in range(len(rows))]
        return Batch(
            list(compress(messages, good)),
            [self.failure(messages[index], undecodable[index]) for index in sorted(undecodable)],
        )

    def decode_all(self, rows: Columns) -> tuple[list[Message[K, V]], dict[int, Undecodable]]:
        """A message for each row, and by index why some can never be decoded: the part that failed is None
        there. Raises as `decode` does.
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
            self._counts.add(values.schema_ids, rows.keys, rows.values, rows.size)
            return messages, {}
        undecodable = _undecodable(rows, keys.errors, values.errors)
        good = [index not in undecodable for index in range(len(rows))]
        self._counts.add(
            list(compress(values.schema_ids, good)),
            list(compress(rows.keys, good)),
            list(compress(rows.values, good)),
        )
        return messages, undecodable

    def failure(self, message: Message[Any, Any], why: Undecodable) -> Failure:
        """What becomes of a message that cannot be decoded; counted, so to be made once of each."""
        raw = message.raw()
        assert raw is not None
        schema_ids = {"key": message.key_schema_id, "value": message.value_schema_id}
        return failure(
            why.error,
            raw,
            step=self._step_id,
            part=why.part,
            schema_id=None if why.part is None else schema_ids[why.part],
            key_schema_id=message.key_schema_id,
            value_schema_id=message.value_schema_id,
        )


def _undecodable(
    rows: Columns, key_errors: Mapping[int, KgenError], value_errors: Mapping[int, KgenError]
) -> dict[int, Undecodable]:
    """By index; of a message of which both parts failed it is the key's."""
    return {
        **{index: Undecodable(each.error, None) for index, each in rows.unreadable.items()},
        **{index: Undecodable(error, "value") for index, error in value_errors.items()},
        **{index: Undecodable(error, "key") for index, error in key_errors.items()},
    }
