"""Topics that a flow writes to and that are absent: how they are created."""

from __future__ import annotations

import logging
from typing import Any, Final

from bytewax.dataflow import Dataflow
from confluent_kafka import KafkaError, KafkaException

from ..consumer.source import sources
from ..kafka.connection import NewTopic
from .broker_refusals import DENIED
from .sender import DeliverySpec

log = logging.getLogger("kgen_runtime.sink")

HEADERS_ROOM: Final = 65_536
"""Bytes by which a topic for dead letters takes larger messages than what is read: they get headers."""
_LARGEST: Final = (1 << 31) - 1
_NO_SUCH_CONFIG: Final = frozenset(
    {KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION, KafkaError.INVALID_REQUEST}
)


def wanted_topic(flow: Dataflow, spec: DeliverySpec[Any]) -> NewTopic | None:
    """How the topic of a step would be created; None if it is not to be, or if nothing that the flow reads
    says how many partitions it needs. Raises `KafkaException` if a broker does not answer.
    """
    if not spec.create_as_source:
        return spec.create
    partitions, limit = 0, 0
    for source in sources(flow):
        try:
            found = source.kafka.find_topic(source.topic.name)
        except KafkaException as error:
            if error.args[0].code() not in DENIED:
                raise
            continue  # the source says so itself
        if found is not None:
            partitions = max(partitions, found.partitions)
            limit = max(limit, source.kafka.topic_settings(source.topic.name).batch_limit or 0)
    if not partitions:
        return None
    # A letter has the timestamp of its original, by which the broker deletes: what was old when it failed
    # would be gone at once.
    config = {"retention.ms": "-1"}
    if limit:
        config["max.message.bytes"] = str(min(limit + HEADERS_ROOM, _LARGEST))
    return NewTopic(partitions, config=config)


def create_missing(flow: Dataflow, spec: DeliverySpec[Any]) -> None:
    """Create the topic of a step where it is absent and to be created. Raises `KafkaException`."""
    if spec.create_as_source and not _is_absent(spec):
        return  # a user who may not create topics is not asked to
    new = wanted_topic(flow, spec)
    if new is None:
        return
    try:
        made = spec.kafka.create_topic(spec.topic, new)
    except KafkaException as error:
        if not spec.create_as_source or error.args[0].code() not in _NO_SUCH_CONFIG:
            raise
        log.info("topic %s: the broker does not take %s: %s", spec.topic, dict(new.config), error)
        made = spec.kafka.create_topic(spec.topic, NewTopic(new.partitions))
    if made:
        log.info("topic %s created, with %s partition(s)", spec.topic, new.partitions)


def create_if_asked(flow: Dataflow, spec: DeliverySpec[Any]) -> None:
    """The same while a flow runs: what the broker does not do, or not now, is logged. Producing waits for
    brokers, and fails with its own error if the topic stays absent.
    """
    try:
        create_missing(flow, spec)
    except KafkaException as error:
        log.warning("topic %s: it could not be created: %s", spec.topic, error.args[0].str())


def _is_absent(spec: DeliverySpec[Any]) -> bool:
    try:
        return spec.kafka.find_topic(spec.topic) is None
    except KafkaException as error:
        if error.args[0].code() in DENIED:
            return False  # unknown; that it cannot be seen is found when it is looked at
        raise
