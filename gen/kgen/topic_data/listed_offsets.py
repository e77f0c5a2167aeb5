"""The ends of many partitions and the times of their newest messages, asked of the broker at once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from kgen_runtime.consumer.broker_answers import PASSING, TIMEOUT, topic_unreadable_error, watermarks
from kgen_runtime.errors import SourceError

from .topic_ends import Place

_PAUSE: Final = 0.2
"""Seconds between two askings."""
_TOO_OLD: Final = frozenset({KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION})


@dataclass
class ListedOffsets:
    """By topic and partition: the first offset and the one after the last; when the newest message was
    written (ms since the epoch), if the broker says it; and why there are no ends.
    """

    ends: dict[Place, tuple[int, int]] = field(default_factory=dict)
    newest: dict[Place, int] = field(default_factory=dict)
    errors: dict[Place, str] = field(default_factory=dict)


def listed_offsets(admin: AdminClient, consumer: Consumer, places: Iterable[Place]) -> ListedOffsets:
    """What the broker says of these partitions, which all have a leader. Raises nothing."""
    found, left = ListedOffsets(), list(places)
    deadline = time.monotonic() + TIMEOUT
    while left:
        lows, highs = (_asked(admin, left, spec, deadline) for spec in _ENDS)
        again = []
        for place in left:
            low, high = lows[place], highs[place]
            error = low if isinstance(low, KafkaError) else high if isinstance(high, KafkaError) else None
            if error is None:
                found.ends[place] = low.offset, high.offset
            elif error.code() in _TOO_OLD:
                _add_watermarks(found, consumer, place)
            elif (error.retriable() or error.code() in PASSING) and time.monotonic() < deadline:
                again.append(place)
            else:
                found.errors[place] = topic_unreadable_error(place[0], error, place[1]).what
        left = again
        if left:
            time.sleep(_PAUSE)
    filled = [place for place, (low, high) in found.ends.items() if high > low]
    for place, answer in _asked(admin, filled, _SPECS.max_timestamp(), deadline).items():
        if not isinstance(answer, KafkaError) and answer.offset >= 0 and answer.timestamp >= 0:
            found.newest[place] = answer.timestamp
    return found


# Functions without types, in confluent-kafka 2.16.
_SPECS: Any = OffsetSpec
_ENDS: Final = (_SPECS.earliest(), _SPECS.latest())


def _asked(admin: AdminClient, places: list[Place], spec: OffsetSpec, deadline: float) -> dict[Place, Any]:
    """The answer for each partition, or the `KafkaError` that says why there is none."""
    if not places:
        return {}
    seconds = max(deadline - time.monotonic(), 1.0)
    asked: dict[TopicPartition, Future[Any]] = admin.list_offsets(
        {TopicPartition(*place): spec for place in places}, request_timeout=seconds
    )
    return {(each.topic, each.partition): _answer(future) for each, future in asked.items()}


def _answer(future: Future[Any]) -> Any:
    try:
        return future.result()
    except KafkaException as error:
        return error.args[0]


def _add_watermarks(found: ListedOffsets, consumer: Consumer, place: Place) -> None:
    """As older brokers say it, one partition at a time."""
    try:
        found.ends[place] = watermarks(consumer, *place)
    except SourceError as error:
        found.errors[place] = error.what
