"""Single letters by their places."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from kgen_runtime._librdkafka import ask_for_token
from kgen_runtime.consumer.consumer_options import open_consumer
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.messages import RawMessage

from .letters import raw_message

_PATIENCE: Final = 20.0
"""Seconds for each letter."""


def letters_at(
    kafka: Kafka, topic: str, places: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], RawMessage]:
    """The letters at these partitions and offsets, as they stand on the broker. Those that are not there any
    more, or do not come in 20 s, are left out.
    """
    consumer: Consumer = open_consumer(kafka, None)
    try:
        ask_for_token(consumer)
        found = ((place, _letter_at(consumer, topic, *place)) for place in sorted(set(places)))
        return {place: letter for place, letter in found if letter is not None}
    finally:
        consumer.close()


def _letter_at(consumer: Consumer, topic: str, partition: int, offset: int) -> RawMessage | None:
    consumer.assign([TopicPartition(topic, partition, offset)])
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        for message in consumer.consume(1, 0.2):
            if message.partition() != partition:
                continue  # of the one before
            error = message.error()
            if error is None:
                return raw_message(message, topic) if message.offset() == offset else None
            if not error.retriable():
                return None
    return None
