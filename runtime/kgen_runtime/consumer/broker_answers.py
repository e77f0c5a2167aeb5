"""What the broker answers about a topic that is read, and what its errors mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from .._librdkafka import NOT_CONNECTED, ask_for_token
from ..errors import SourceError
from ..kafka.similar_topics import similar_topics
from ..reporting.progress import PROGRESS

R = TypeVar("R")

TIMEOUT: Final = 10.0
"""Seconds to wait for a broker when a flow starts."""

PASSING: Final = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._MAX_POLL_EXCEEDED,  # the flow was held up; without a group nothing follows from it
    }
)

_LEADER_CHANGES: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,  # a leader that is new and does not know its end yet
    }
)
"""librdkafka does not call these retriable: while it reads it looks for the leader itself."""

_PAUSE: Final = 0.2
"""Seconds between two askings."""


class AbsentTopicError(SourceError):
    """The topic is not on the broker."""


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """The partitions of a topic. Raises `SourceError` if the topic is absent or no broker answers."""
    ask_for_token(consumer)

    def listed(seconds: float) -> list[int]:
        found = consumer.list_topics(topic, timeout=seconds).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    try:
        return asked(listed, topic)
    except AbsentTopicError as error:
        near = similar_topics(consumer, topic)
        if near:
            error.hint = f"There are topics of a similar name: {', '.join(near)}."
        raise


def watermarks(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """The first offset there is and the one after the last. Raises `SourceError`."""

    def bounds(seconds: float) -> tuple[int, int]:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=seconds)
        return low, high

    return asked(bounds, topic, partition)


def asked(ask: Callable[[float], R], topic: str, partition: int | None = None) -> R:
    """What the broker answers to `ask`, which takes the seconds it may wait; a lost connection or a leader
    that changes is waited for, for `TIMEOUT` in all. Raises `SourceError`.
    """
    with PROGRESS.waiting(f"the Kafka brokers to answer (topic {topic})"):
        return _asked(ask, topic, partition)


def _asked(ask: Callable[[float], R], topic: str, partition: int | None) -> R:
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return ask(max(deadline - time.monotonic(), _PAUSE))
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            passing = reason.code() in PASSING | NOT_CONNECTED | _LEADER_CHANGES or reason.retriable()
            if not passing or time.monotonic() + _PAUSE > deadline:
                raise topic_unreadable_error(topic, reason, partition) from error
        time.sleep(_PAUSE)


def topic_unreadable_error(topic: str, error: KafkaError, partition: int | None = None) -> SourceError:
    """What a user can do about an error of the broker."""
    where = f"topic {topic}" + (
        f", partition {partition}" if partition is not None and partition >= 0 else ""
    )
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return AbsentTopicError(
            "the topic is not on the broker", where=where, hint="Is the name right? Create the topic first."
        )
    if error.code() in PASSING:
        return SourceError(
            f"no Kafka broker answers: {error.str()}",
            where=where,
            hint="Are they right (KGEN_BROKERS), running, and reachable with these security settings?",
        )
    hint = None
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        hint = "Give the user READ on the topic."
    elif error.code() == KafkaError.TOPIC_EXCEPTION:
        hint = "Names of topics are 1 to 249 letters, digits, '.', '_' and '-'."
    return SourceError(f"the broker refuses to let it be read: {error.str()}", where=where, hint=hint)


def group_forbidden_error(group: str, topic: str) -> SourceError:
    """A consumer group whose offsets are needed is not this user's."""
    return SourceError(
        f"the broker refuses to report what the consumer group {group} has committed",
        where=f"topic {topic}",
        hint="Give the user READ on the group, or begin elsewhere than at start='stored'.",
    )


def topic_recreated_error(topic: str) -> SourceError:
    """Offsets of a topic that was deleted mean nothing in another one of its name."""
    return SourceError(
        "the topic was deleted and recreated since its offsets were stored",
        where=f"topic {topic}",
        hint="To read the new one: start with on_gap='earliest' or 'latest'.",
    )
