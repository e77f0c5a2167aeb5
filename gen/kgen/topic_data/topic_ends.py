"""Where partitions begin and end, and the times of their newest messages, as a fetch says it: some brokers
list older ends than they have, and no times.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, TypeAlias

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, TopicPartition

Place: TypeAlias = "tuple[str, int]"
"""A topic and a partition."""

_PATIENCE: Final = 3.0
"""Seconds for all fetches; what has not answered by then ends where it was listed to."""
_LAST: Final = 5
"""Offsets of a partition that are read for a time: the last ones may be markers of transactions."""


def fetched_ends(
    consumer: Consumer,
    listed: Mapping[Place, tuple[int, int]],
    seconds: float = _PATIENCE,
    newest: dict[Place, int] | None = None,
) -> dict[Place, tuple[int, int]]:
    """The first offset and the one after the last of each partition, at least as late as `listed`. `consumer`
    reports ends of partitions (`consumer_options.open_consumer`), and reads nothing else meanwhile. `newest`
    has times of newest messages (ms since the epoch); the last messages of partitions that are not in it are
    read, and their times added. Raises nothing.
    """
    if not listed:
        return {}
    timeless = set() if newest is None else listed.keys() - newest.keys()
    consumer.assign(
        [
            TopicPartition(*place, max(low, high - _LAST) if place in timeless else high)
            for place, (low, high) in listed.items()
        ]
    )
    waiting, until = set(listed), time.monotonic() + seconds
    while waiting and time.monotonic() < until:
        for message in consumer.consume(1_000, 0.1):
            place, error = (message.topic() or "", message.partition() or 0), message.error()
            if error is None and newest is not None and place in timeless:
                kind, millis = message.timestamp()
                if kind != TIMESTAMP_NOT_AVAILABLE:
                    newest[place] = max(millis, newest.get(place, 0))
            elif error is None or error.code() == KafkaError._PARTITION_EOF:
                waiting.discard(place)
    found = {}
    for place, (low, high) in listed.items():
        known = consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        found[place] = low, max(high, known[1] if known else high)
    consumer.unassign()
    return found
