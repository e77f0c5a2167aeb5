"""Where partitions begin and end, as a fetch says it: some brokers list older ends than they have."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, TypeAlias

from confluent_kafka import Consumer, KafkaError, TopicPartition

Place: TypeAlias = "tuple[str, int]"
"""A topic and a partition."""

_PATIENCE: Final = 3.0
"""Seconds for all fetches; what has not answered by then ends where it was listed to."""


def fetched_ends(
    consumer: Consumer, listed: Mapping[Place, tuple[int, int]], seconds: float = _PATIENCE
) -> dict[Place, tuple[int, int]]:
    """The first offset and the one after the last of each partition, at least as late as `listed`. `consumer`
    reports ends of partitions (`consumer_options.open_consumer`), and reads nothing else meanwhile. Raises
    nothing.
    """
    if not listed:
        return {}
    consumer.assign([TopicPartition(*place, ends[1]) for place, ends in listed.items()])
    waiting, until = set(listed), time.monotonic() + seconds
    while waiting and time.monotonic() < until:
        for message in consumer.consume(1_000, 0.1):
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                waiting.discard((message.topic() or "", message.partition() or 0))
    found = {}
    for place, (low, high) in listed.items():
        known = consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        found[place] = low, max(high, known[1] if known else high)
    consumer.unassign()
    return found
