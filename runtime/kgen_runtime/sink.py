"""Writing typed messages to Kafka."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

from bytewax.dataflow import Stream, operator
from confluent_kafka import KafkaException

from .counter import Mail, Outgoing
from .delivery import deliver
from .encoding import PartError, encoder
from .errors import FlowError
from .failures import failure, original_of
from .messages import Failure, Message, Stage
from .producers import TOO_LARGE
from .settings import Kafka
from .topic import Topic

K = TypeVar("K")
V = TypeVar("V")

_SCHEMA_HEADERS: Final = frozenset({"__key_schema_id", "__value_schema_id"})


@operator
def sink(
    step_id: str,
    up: Stream[Message[K, V]],
    topic: Topic[K, V],
    kafka: Kafka,
    *,
    delivery: Literal["at-least-once"] = "at-least-once",
) -> Stream[Failure]:
    """Write messages to a topic. Gives the stream of those that failed for good.

    Key, value, headers and timestamp are written; a message with `target_topic` or `target_partition` goes
    there instead.

    Delivery: at least once. The producer is idempotent; an epoch is committed only when the broker has
    acknowledged all its messages. A message that cannot be encoded, is too large, or is refused by the
    broker for itself goes to the errs. While the broker is away the flow waits, at most for
    `delivery.timeout.ms` (60 s unless set), then fails with `DeliveryError` and nothing of the epoch
    committed. Without recovery, everything is delivered when the flow ends.

    Raises `FlowError` for another `delivery`.
    """
    if delivery != "at-least-once":
        raise FlowError(f"delivery={delivery!r} is not known", where=step_id, hint="Use 'at-least-once'.")

    def encode() -> Callable[[Message[K, V]], Outgoing]:
        return _outgoing(step_id, topic, kafka)

    def refused(message: Message[K, V], error: Exception) -> Failure:
        return _refused(step_id, message, error)

    return deliver("deliver", up, Mail(kafka, encode, refused))


def _outgoing(step_id: str, topic: Topic[K, V], kafka: Kafka) -> Callable[[Message[K, V]], Outgoing]:
    encode = encoder(step_id, topic, kafka)
    name = topic.name

    def outgoing(message: Message[K, V]) -> Outgoing:
        key, value = encode(message)
        target, partition = message.target_topic, message.target_partition
        return Outgoing(
            target or name,
            value,
            key,
            -1 if partition is None else partition,
            message.timestamp or 0,
            outgoing_headers(message) if message.headers else None,
            target is not None or partition is not None,
        )

    return outgoing


def outgoing_headers(message: Message[Any, Any]) -> list[tuple[str, str | bytes | None]]:
    """The message's headers without those that name the schemas it was read with: it is written with
    others.
    """
    return [header for header in message.headers if header[0] not in _SCHEMA_HEADERS]


def _refused(step_id: str, message: Message[Any, Any], error: Exception) -> Failure:
    part = None
    stage = Stage.SERIALIZE
    if isinstance(error, PartError):
        part, error = error.part, error.error
    elif isinstance(error, KafkaException):
        stage = Stage.OVERSIZE if error.args[0].code() in TOO_LARGE else Stage.PRODUCE
    return failure(error, original_of(message), step=step_id, stage=stage, part=part)
