"""The offsets of a flow, committed to a consumer group for tools that watch. Reading does not need them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_AGAIN: Final = 3600.0
"""Seconds after which an offset that has not changed is committed again: brokers forget those of a group
without members some time after they were last written (`offsets.retention.minutes`, 7 days).
"""
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.2

log = logging.getLogger("kgen_runtime.source")


class GroupCommits:
    """Commits to a group, if there is one, the durable offsets that one consumer has reached in a topic."""

    def __init__(self, name: str | None, topic: str) -> None:
        self._name = name
        self._topic = topic
        self._last_committed: dict[int, tuple[int, float]] = {}
        self._failing: int | None = None

    def commit(self, consumer: Consumer, partition: int, offset: int) -> None:
        """Commit it in the background, unless that was done lately; `answered` gets the result."""
        now = time.monotonic()
        known, at = self._last_committed.get(partition, (None, 0.0))
        if self._name is None or (offset == known and now - at < _AGAIN):
            return
        consumer.commit(offsets=_positions(self._topic, {partition: offset}), asynchronous=True)
        self._last_committed[partition] = offset, now

    def answered(self, error: KafkaError | None, offsets: Sequence[TopicPartition]) -> None:
        """librdkafka's `on_commit`. What failed is committed again with the next epoch."""
        if error is None:
            self._failing = None
            return
        for at in offsets:
            self._last_committed.pop(at.partition, None)
        if error.code() != self._failing:
            self._failing = error.code()
            log.warning("%s (tried again with every epoch)", _uncommitted(self._name, error))

    def refused(self, error: KafkaError) -> None:
        """The broker does not let the user see the group: there is no group to commit to."""
        if self._name is not None:
            log.warning("%s", _uncommitted(self._name, error))
            self._name = None


def refusal(consumer: Consumer, group: str, topic: str, partition: int) -> KafkaError | None:
    """Why the consumer's group may not be used, which is logged; None where it may, or no answer comes.

    A commit to such a group is not a way to find out: librdkafka waits for its coordinator for 45 s.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            consumer.committed([TopicPartition(topic, partition)], timeout=_PAUSE)
        except KafkaException:
            event = consumer.poll(0)  # has the reason; the exception only says that it took too long
            error = None if event is None else event.error()
            if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                log.warning("%s", _uncommitted(group, error))
                return error
        else:
            return None
    return None


def commit_now(consumer: Consumer, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Commit to the consumer group and wait for it. What fails is logged."""
    try:
        consumer.commit(offsets=_positions(topic, offsets), asynchronous=False)
    except KafkaException as error:
        log.warning("%s", _uncommitted(group, error.args[0]))


def _uncommitted(group: str | None, error: KafkaError) -> str:
    text = f"offsets are not committed to the consumer group {group}: {error.str()}"
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        text += "; the user needs READ on the group"
    return text


def _positions(topic: str, offsets: Mapping[int, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
