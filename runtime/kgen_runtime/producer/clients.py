"""Making producers, and what their errors mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, Producer

from ..errors import ConfigError
from ..kafka.connection import Kafka

_DELIVERY_SECONDS: Final = 60.0
_QUEUE_KILOBYTES: Final = 32 * 1024
"""What may wait for the broker, as in Java's client: librdkafka's own gigabyte would be an epoch that a slow
broker takes minutes for.
"""

_LARGEST: Final = 1_000_000
"""librdkafka's own `message.max.bytes`, and `batch.size`."""

TOO_LARGE: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
    }
)
_PERMANENT: Final = TOO_LARGE | {
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
}
OF_A_BATCH: Final = _PERMANENT | {KafkaError._INVALID_DIFFERENT_RECORD}
"""The broker's verdict on a batch, though only one message of it may be at fault."""
_NO_SUCH_PLACE: Final = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_EXCEPTION,
    }
)
_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_TXN_STATE,  # the broker has none open
    }
)
DENIED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
PURGED: Final = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})
"""It went with what was given up, which failed for another reason."""

_NOT_COMMITTED: Final = (
    "Nothing of this epoch was committed; it comes again when the flow is started with recovery."
)
_HINTS: Final[Sequence[tuple[frozenset[int], str]]] = (
    (_NO_SUCH_PLACE, "Create the topic first, or fix its name."),
    (
        _FENCED,
        "Another run of this flow has taken over, or the transaction took longer than its timeout.",
    ),
    (
        frozenset({KafkaError.INVALID_PRODUCER_ID_MAPPING}),
        "The broker has forgotten the transactional id (transactional.id.expiration.ms): start the flow "
        "again.",
    ),
    (DENIED, "docs/guarantees.md lists the rights that a flow needs."),
    (
        frozenset({KafkaError.INVALID_RECORD}),
        "Is the topic compacted (cleanup.policy)? It then takes no message without a key. Allow the flow to "
        "describe the topic's configs: such messages go to the errs.",
    ),
    (
        TOO_LARGE,
        "The topic's max.message.bytes is lower than what was sent, and was not known: allow the flow to "
        "describe the topic's configs, or set batch.size at least 512 below it: "
        'rt.Kafka(config={"batch.size": N}) or KGEN_KAFKA_BATCH_SIZE.',
    ),
)


def open_producer(
    kafka: Kafka, options: Mapping[str, Any], on_error: Callable[[KafkaError], None]
) -> Producer:
    """A producer that keeps order, duplicates nothing by itself, and reports what fails. Raises
    `ConfigError`.
    """
    ours: dict[str, Any] = {
        "enable.idempotence": True,
        "partitioner": "murmur2_random",  # as Java's: a key has one partition, from any writer
        # Messages do not expire by their age, in a queue that is long because the broker is slow: a caller
        # that waits for them looks whether any are acknowledged.
        "delivery.timeout.ms": 0,
        "queue.buffering.max.kbytes": max(_QUEUE_KILOBYTES, 2 * largest_message(kafka, options) // 1024),
        "delivery.report.only.error": True,
        "error_cb": on_error,
    }
    if "message.timeout.ms" in kafka.config:  # another name of delivery.timeout.ms
        del ours["delivery.timeout.ms"]
    return kafka.producer({**ours, **options})


def open_single(kafka: Kafka, options: Mapping[str, Any], on_error: Callable[[KafkaError], None]) -> Producer:
    """A producer that sends every message alone, whatever the user's settings of batches."""
    return open_producer(kafka.with_config({"batch.num.messages": 1}), options, on_error)


def delivery_seconds(kafka: Kafka) -> float:
    """How long the flow waits for a broker that acknowledges nothing. Raises `ConfigError`."""
    names = ("delivery.timeout.ms", "message.timeout.ms")  # of one option
    name = next((name for name in names if name in kafka.config), names[0])
    milliseconds = _number(kafka.config, name, _DELIVERY_SECONDS * 1000)
    return milliseconds / 1000 or 3600.0  # 0 means for ever


def largest_message(kafka: Kafka, options: Mapping[str, Any]) -> int:
    """The bytes of a message that librdkafka takes at most. Raises `ConfigError`."""
    return int(_number({**options, **kafka.config}, "message.max.bytes", _LARGEST))


def queue_room(kafka: Kafka) -> float:
    """The bytes that may wait in a producer's queue, if the user has set that, else infinity. Raises
    `ConfigError`.
    """
    return 1024 * _number(kafka.config, "queue.buffering.max.kbytes", math.inf)


def largest_batch(kafka: Kafka, options: Mapping[str, Any]) -> int:
    """The bytes of several messages that librdkafka sends as one batch at most. Raises `ConfigError`."""
    size = int(_number({**options, **kafka.config}, "batch.size", _LARGEST))
    return min(size, largest_message(kafka, options))


def compresses(kafka: Kafka) -> bool:
    """What the broker counts is less than what is given to the producer."""
    names = ("compression.type", "compression.codec")
    return any(str(kafka.config.get(name, "none")).lower() != "none" for name in names)


def _number(config: Mapping[str, Any], name: str, usual: float) -> float:
    try:
        return float(config.get(name, usual))
    except (TypeError, ValueError):
        raise ConfigError(
            f"the Kafka option {name} is not a number",
            where="rt.Kafka(config=...) or KGEN_KAFKA_<OPTION>",
            hint="Give it as a number, without a unit.",
        ) from None


def is_permanent(error: KafkaError, chosen: bool) -> bool:
    """The message itself is at fault: the same one would fail again, another one would not. `chosen`: it
    says itself where it goes.
    """
    return error.code() in _PERMANENT or (chosen and error.code() in _NO_SUCH_PLACE)


def hint(error: KafkaError | None) -> str:
    """What a user can do about a lost message."""
    code = None if error is None else error.code()
    return next((text for codes, text in _HINTS if code in codes), _NOT_COMMITTED)
