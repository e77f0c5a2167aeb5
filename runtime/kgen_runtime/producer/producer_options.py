"""Making producers: kgen's values of librdkafka's options, and what the user's mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, Producer

from ..errors import ConfigError
from ..kafka.connection import Kafka

_DELIVERY_SECONDS: Final = 60.0
"""`delivery.timeout.ms` unless set: how long a flow waits for a broker that acknowledges nothing."""
_QUEUE_KILOBYTES: Final = 32 * 1024
"""What may wait for the broker, as in Java's client: librdkafka's own gigabyte would be an epoch that a slow
broker takes minutes for.
"""

_LARGEST: Final = 1_000_000
"""librdkafka's own `message.max.bytes`, and `batch.size`."""


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
    ours.update(options)
    if "message.timeout.ms" in kafka.config:  # another name of delivery.timeout.ms
        del ours["delivery.timeout.ms"]
    return kafka.producer(ours)


def open_single(kafka: Kafka, options: Mapping[str, Any], on_error: Callable[[KafkaError], None]) -> Producer:
    """A producer that sends every message alone, whatever the user's settings of batches."""
    return open_producer(kafka.with_config({"batch.num.messages": 1}), options, on_error)


def delivery_seconds(kafka: Kafka) -> float:
    """How long the flow waits for a broker that acknowledges nothing. Raises `ConfigError`."""
    names = ("delivery.timeout.ms", "message.timeout.ms")  # of one option
    name = next((name for name in names if name in kafka.config), names[0])
    milliseconds = _number(kafka.config, name, _DELIVERY_SECONDS * 1000)
    return milliseconds / 1000 or 3600.0  # 0 means for ever


def delivery_ms_within(transaction_ms: int) -> int:
    """The `delivery.timeout.ms` of messages of a transaction: with it at the latest they expire."""
    return min(int(_DELIVERY_SECONDS * 1000), transaction_ms)


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
