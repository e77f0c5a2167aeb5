"""Making consumers: kgen's values of librdkafka's options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError

from .._librdkafka import NO_GROUP, client_of, queue_functions
from ..codec import MessageQueue, open_message_queue
from ..kafka.connection import Kafka

FETCHING: Final = {"fetch.queue.backoff.ms": 50, "fetch.wait.max.ms": 100}
"""librdkafka's options, if the user has not set them, so that the flow is not left without messages.

When 100,000 of a partition wait to be taken, librdkafka fetches no more of it for a time, its own choice
being a second; that many are soon decoded. And it has one fetch under way per broker: one for partitions at
their end waits there for new messages, and all others of that broker with it, by default half a second.
"""


def open_consumer(
    kafka: Kafka, group_id: str | None, on_commit: Callable[[KafkaError | None, Any], None] | None = None
) -> Consumer:
    """A consumer that commits nothing by itself and reports ends and lost positions. Raises `ConfigError`."""
    chosen = {name: kafka.config.get(name, value) for name, value in FETCHING.items()}
    return kafka.consumer(
        {
            **chosen,
            "group.id": group_id or NO_GROUP,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            **({} if on_commit is None else {"on_commit": on_commit}),
        }
    )


def message_queue(consumer: Consumer) -> MessageQueue | None:
    """A queue of its own for what a consumer fetches, so that no message becomes an object of
    confluent-kafka's; None where that cannot be had for certain.
    """
    client, functions = client_of(consumer), queue_functions()
    return None if client is None or functions is None else open_message_queue(consumer, client, functions)
