"""Decoding and encoding for streams that begin or end elsewhere."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.dataflow import Stream, operator

from ..consumer.columns import from_messages
from ..consumer.decoding import BatchDecoder
from ..errors import EncodeError
from ..flow.argument_checks import check_consumed, check_message, checked, explaining
from ..flow.batch import Batch
from ..flow.failure_ports import carry_failures
from ..flow.failures import failure, original_of
from ..flow.per_thread import PerThread
from ..flow.retry import retry_until_available
from ..flow.split import Split, split
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Failure, Message, RawMessage, Stage
from ..metrics import StepCounts
from ..producer.encoding import PartError, encoder
from ..producer.validation import outgoing_headers
from ..reporting.call_site import note_step
from ..serde.base import Role

K = TypeVar("K")
V = TypeVar("V")

Consumed: TypeAlias = "KafkaSourceMessage[bytes | None, bytes | None] | RawMessage"
Produced: TypeAlias = "KafkaSinkMessage[bytes | None, bytes | None]"


@checked
@operator
def deserialize(
    step_id: str, up: Stream[Consumed], topic: Topic[K, V], kafka: Kafka | None = None
) -> Split[Message[K, V]]:
    """Decode messages that were read by something else: `KafkaSourceMessage` or `RawMessage`.

    `kafka` says which registry; the environment does where it is None. `errs` gets what can never be
    decoded. While the registry is unavailable and a schema is not known, the step waits.
    """
    note_step(step_id)
    settings = kafka or Kafka.from_env()
    decoder = PerThread(lambda: BatchDecoder(step_id, topic, settings))

    def decoded(messages: list[Consumed]) -> list[Batch[Message[K, V]]]:
        rows = from_messages(messages, topic.name)
        return [retry_until_available(step_id, lambda: decoder.get().decode(rows), messages=len(messages))]

    return split("split", op.flat_map_batch("decode", up, explaining(step_id, decoded, check_consumed)))


@checked
@operator
def serialize(
    step_id: str, up: Stream[Message[K, V]], topic: Topic[K, V], kafka: Kafka | None = None
) -> Split[Produced]:
    """Encode messages for something else to write: gives `KafkaSinkMessage`, for `kop.output` or `KafkaSink`.

    `kafka` says which registry; the environment does where it is None. `errs` gets what cannot be encoded.
    """
    note_step(step_id)
    settings = kafka or Kafka.from_env()
    encoders = PerThread(lambda: encoder(step_id, topic, settings))
    counts = PerThread(lambda: StepCounts(step_id))

    def encoded(messages: list[Message[K, V]]) -> list[Batch[Produced]]:
        encode = encoders.get()
        batch: Batch[Produced] = Batch([], [])
        counts.get().taken.value += len(messages)
        for message in messages:
            try:
                key, value = encode(message)
                batch.oks.append(_sink_message(message, key, value, topic))
            except PartError as error:
                batch.errs.append(_serialize_failure(step_id, message, error.error, error.part))
            except EncodeError as error:  # of the headers
                batch.errs.append(_serialize_failure(step_id, message, error, None))
        return [batch]

    return split("split", op.flat_map_batch("encode", up, explaining(step_id, encoded, check_message)))


def _sink_message(
    message: Message[K, V], key: bytes | None, value: bytes | None, topic: Topic[K, V]
) -> Produced:
    return KafkaSinkMessage(
        key=key,
        value=value,
        topic=message.target_topic or topic.name,
        headers=outgoing_headers(message, topic, key, value),  # type: ignore[arg-type]  # null header values are fine
        partition=message.target_partition,
        timestamp=message.timestamp or 0,
    )


def _serialize_failure(
    step_id: str, message: Message[Any, Any], error: Exception, part: Role | None
) -> Failure:
    return failure(
        error,
        original_of(message),
        step=step_id,
        stage=Stage.SERIALIZE,
        part=part,
        key_schema_id=message.key_schema_id,
        value_schema_id=message.value_schema_id,
    )


carry_failures(deserialize, serialize)
