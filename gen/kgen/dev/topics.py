"""Topics of the local broker: make them, fill them, read them whole."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from kgen_runtime.errors import DeliveryError, KgenError
from kgen_runtime.messages import RawMessage

KeyValue: TypeAlias = "tuple[bytes | None, bytes | None]"

# Apache Kafka's defaults. tansu reports only what a topic was created with, and Quix Streams' `group_by`
# fails on a topic without them.
_REPORTED = {"retention.ms": "604800000", "retention.bytes": "-1"}


def create(brokers: str, topics: Mapping[str, int]) -> None:
    """Make topics with these numbers of partitions; those that are there already stay as they are. Raises
    `KgenError` if one cannot be created.
    """
    for error in not_created(brokers, topics).values():
        raise error


def not_created(brokers: str, topics: Mapping[str, int]) -> dict[str, KgenError]:
    """The same, with why some of them cannot be created."""
    found: dict[str, KgenError] = {}
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    wanted = [NewTopic(name, partitions, 1, config=_REPORTED) for name, partitions in topics.items()]
    for name, made in admin.create_topics(wanted).items() if wanted else ():
        try:
            made.result()
        except KafkaException as e:
            if e.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                found[name] = KgenError(f"topic {name} cannot be created: {e.args[0].str()}", where=brokers)
    return found


def write(brokers: str, topic: str, messages: Sequence[KeyValue]) -> None:
    """Produce keys and values. Raises `DeliveryError` if one is not delivered."""
    failed: list[str] = []

    def delivered(error: Any, message: Any) -> None:
        if error is not None:
            failed.append(str(error))

    producer = Producer({"bootstrap.servers": brokers, "log_level": 0, "message.timeout.ms": 30_000})
    for key, value in messages:
        producer.produce(topic, key=key, value=value, on_delivery=delivered)
        producer.poll(0)
    if producer.flush(35) or failed:
        raise DeliveryError(f"messages were not delivered: {failed[:1] or 'no answer'}", where=topic)


def read(brokers: str, topic: str, *, wait: float = 30.0) -> list[RawMessage]:
    """Every message of a topic, partition by partition; none where there is no such topic.

    The end of a partition is where the broker says so while reading: what tansu answers to a question for it
    is wrong. Raises `KgenError` if that takes longer than `wait` seconds.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "kgen-dev-read",  # never joined
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=wait).topics[topic].partitions
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        return _until_ends(consumer, set(partitions), time.monotonic() + wait)
    finally:
        consumer.close()


def _until_ends(consumer: Consumer, reading: set[int], end: float) -> list[RawMessage]:
    found: list[RawMessage] = []
    while reading:
        if time.monotonic() > end:
            raise KgenError("the topic could not be read to its end in time")
        for message in consumer.consume(10_000, 0.2):
            error = message.error()
            if error is None:
                found.append(_raw(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                reading.discard(message.partition())
            else:
                raise KgenError(f"the topic cannot be read: {error}")
    return sorted(found, key=lambda m: (m.partition or 0, m.offset or 0))


def _raw(message: Any) -> RawMessage:
    kind, timestamp = message.timestamp()
    return RawMessage(
        key=message.key(),
        value=message.value(),
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        timestamp=timestamp if kind else None,
        headers=tuple(message.headers() or ()),
    )
