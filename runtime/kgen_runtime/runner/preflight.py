"""What a flow reads and writes, looked at before it begins: topics, rights, settings, schemas.

What is wrong there is wrong for every message, or for the first that fails: better said at once than after
half an hour, by a flow that a supervisor starts again and again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

from bytewax.dataflow import Dataflow
from confluent_kafka import KafkaError, KafkaException

from ..consumer.kafka_source import KafkaSource
from ..consumer.source import sources
from ..errors import ConfigError, KgenError, RegistryUnavailable
from ..kafka.connection import BrokerTopicSettings, Kafka, TopicFound
from ..producer.broker_refusals import DENIED
from ..producer.eligibility import deliveries, is_exactly_once
from ..producer.exactly_once import group_of
from ..producer.sender import DeliverySpec
from ..producer.topic_creation import create_missing, wanted_topic

State: TypeAlias = Literal["ok", "warning", "error"]

_NO_ANSWER: Final = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})
_SILENCE: Final = 2.0
"""Seconds before it is said that brokers are waited for."""
_ASKED: Final = "the topics that the flow writes to are checked"
_NOT_ASKED: Final = "not checked: the broker does not answer"
_SETTINGS: Final = "Are KGEN_BROKERS and the security settings right?"
_RIGHTS: Final = "docs/reference/running.md lists the rights that a flow needs."
_ABSENT: Final = "Create the topic first, fix its name, or have it created: create=PARTITIONS."
_READ_ABSENT: Final = "Is the name right? Create the topic first."
_KEYS: Final = "Give the topic's messages a key (rt.Topic(key=...)), or the topic cleanup.policy=delete."
_LARGE_LETTERS: Final = "A large message that fails would stop the flow: raise its max.message.bytes."
_READ_AGAIN: Final = (
    "What fails is read and fails again, without end: give dead letters a topic of their own."
)
_LETTERS: Final = (
    "Letters of one key replace each other there: a dead-letter topic has cleanup.policy=delete."
)

log = logging.getLogger("kgen_runtime.run")


@dataclass(frozen=True)
class PreflightFinding:
    """What was found of a topic that a step reads or writes: how it is, and what to do where it is not
    well.
    """

    step: str
    topic: str
    state: State
    what: str
    hint: str = ""
    silent: bool = False
    """The broker did not answer."""


def prepare(flow: Dataflow) -> None:
    """Create the topics that are to be created, and look at all that the flow writes to. Raises `ConfigError`
    for the first thing that would stop it; what would not is logged, and that brokers are waited for.
    """
    waited = threading.Timer(_SILENCE, log.warning, ("waiting for the Kafka brokers: %s", _ASKED))
    waited.daemon = True
    waited.start()
    try:
        _prepare(flow)
    finally:
        waited.cancel()


def _prepare(flow: Dataflow) -> None:
    silent: set[tuple[str, ...]] = set()
    for step, spec in _written(flow):
        if spec.kafka.brokers in silent:
            continue  # waited for once: the sources will, too
        if not _create(flow, step, spec):
            silent.add(spec.kafka.brokers)
            continue
        for finding in _looked_at(flow, step, spec):
            if finding.silent:
                silent.add(spec.kafka.brokers)
            where = f"step {finding.step}, topic {finding.topic}"
            if finding.state == "error":
                raise ConfigError(finding.what, where=where, hint=finding.hint or None)
            if finding.state == "warning":
                log.warning("%s: %s. %s", where, finding.what, finding.hint)


def examine(flow: Dataflow) -> Iterator[PreflightFinding]:
    """All that is found, of what the flow reads too. Changes nothing. Brokers that do not answer are waited
    for once.
    """
    silent: set[tuple[str, ...]] = set()
    looks: list[tuple[str, str, Kafka, Callable[[], Iterable[PreflightFinding]]]] = []
    for source in sources(flow):
        looks.append((source.step_id, source.topic.name, source.kafka, partial(_of_source, source)))
    for step, spec in _written(flow):
        looks.append((step, spec.topic, spec.kafka, partial(_looked_at, flow, step, spec)))
    for step, topic, kafka, look in looks:
        if kafka.brokers in silent:
            yield PreflightFinding(step, topic, "warning", _NOT_ASKED, _SETTINGS, True)
            continue
        for finding in look():
            if finding.silent:
                silent.add(kafka.brokers)
            yield finding


def _written(flow: Dataflow) -> list[tuple[str, DeliverySpec[Any]]]:
    return [(each.step_id.removesuffix(".deliver"), each.spec) for each in deliveries(flow)]


def _create(flow: Dataflow, step: str, spec: DeliverySpec[Any]) -> bool:
    """Whether the broker has answered."""
    try:
        create_missing(flow, spec)
    except KafkaException as error:
        if error.args[0].code() in _NO_ANSWER:
            log.warning("step %s, topic %s: %s", step, spec.topic, error.args[0].str())
            return False
        raise ConfigError(
            f"the topic could not be created: {error.args[0].str()}",
            where=f"step {step}, topic {spec.topic}",
            hint=_RIGHTS if error.args[0].code() in DENIED else "Create it first, or change create=.",
        ) from error
    return True


def _looked_at(flow: Dataflow, step: str, spec: DeliverySpec[Any]) -> Iterator[PreflightFinding]:
    """What is not well with what a step writes to; that it is well, if nothing is. Asks for it once."""
    try:
        found = spec.kafka.find_topic(spec.topic)
    except KafkaException as error:
        yield _unseen(step, spec.topic, error.args[0])
        return
    if found is None:
        yield _absent(flow, step, spec)
        return
    settings = spec.kafka.topic_settings(spec.topic)
    problems = chain(
        _rights(flow, step, spec, found), _settings(flow, step, spec, settings), _schemas(step, spec)
    )
    first = next(problems, None)
    yield first or PreflightFinding(step, spec.topic, "ok", _described(found, settings))
    yield from problems


def _absent(flow: Dataflow, step: str, spec: DeliverySpec[Any]) -> PreflightFinding:
    try:
        new = wanted_topic(flow, spec)
    except KafkaException as error:
        return _unseen(step, spec.topic, error.args[0])
    if new is not None:
        what = f"will be created, with {new.partitions} partition(s)"
        return PreflightFinding(step, spec.topic, "ok", what)
    if spec.kafka.creates_topics() is False:
        return PreflightFinding(step, spec.topic, "error", "the topic is not on the broker", _ABSENT)
    return PreflightFinding(step, spec.topic, "ok", "absent; the broker may create it when it is written to")


def _described(found: TopicFound, settings: BrokerTopicSettings) -> str:
    """How a topic is that is well."""
    size = "" if settings.batch_limit is None else f", messages up to {settings.batch_limit:,} bytes"
    keys = ", keys are needed (compacted)" if settings.compacted else ""
    return f"written, {found.partitions} partition(s){size}{keys}"


def _rights(
    flow: Dataflow, step: str, spec: DeliverySpec[Any], found: TopicFound
) -> Iterator[PreflightFinding]:
    if found.allowed is not None and "WRITE" not in found.allowed:
        yield PreflightFinding(step, spec.topic, "error", "the user may not WRITE to the topic", _RIGHTS)
    if not is_exactly_once(flow, spec):
        return
    group = group_of(f"{step}.deliver", spec.topic)
    try:
        allowed = spec.kafka.group_allowed(group)
    except KafkaException as error:
        if error.args[0].code() not in DENIED:
            return
        allowed = frozenset()
    if allowed is not None and "READ" not in allowed:
        what = f"the user may not READ the group {group}, which exactly once needs"
        yield PreflightFinding(step, spec.topic, "error", what, _RIGHTS)


def _settings(
    flow: Dataflow, step: str, spec: DeliverySpec[Any], settings: BrokerTopicSettings
) -> Iterator[PreflightFinding]:
    if settings.compacted and spec.keyless:
        what = "the topic is compacted (cleanup.policy), and all messages of this step are without a key"
        yield PreflightFinding(step, spec.topic, "error", what, _KEYS)
    if not spec.dead_letters:
        return
    if settings.compacted:
        yield PreflightFinding(
            step, spec.topic, "warning", "the topic for dead letters is compacted", _LETTERS
        )
    for source in sources(flow):
        if (source.topic.name, source.kafka.brokers) == (spec.topic, spec.kafka.brokers):
            what = f"dead letters go to a topic that the flow reads (step {source.step_id})"
            yield PreflightFinding(step, spec.topic, "warning", what, _READ_AGAIN)
        read = source.kafka.topic_settings(source.topic.name).batch_limit
        if None not in (read, settings.batch_limit) and (settings.batch_limit or 0) < (read or 0):
            what = (
                f"the topic for dead letters takes {settings.batch_limit:,} bytes (max.message.bytes), "
                f"topic {source.topic.name} {read:,}"
            )
            yield PreflightFinding(step, spec.topic, "warning", what, _LARGE_LETTERS)


def _schemas(step: str, spec: DeliverySpec[Any]) -> Iterator[PreflightFinding]:
    try:
        spec.check_schemas()
    except RegistryUnavailable as error:
        yield PreflightFinding(step, spec.topic, "warning", error.what, error.hint or "")
    except KgenError as error:
        yield PreflightFinding(step, spec.topic, "error", error.what, error.hint or "")


def _of_source(source: KafkaSource[Any, Any]) -> Iterator[PreflightFinding]:
    step, topic = source.step_id, source.topic.name
    try:
        found = source.kafka.find_topic(topic)
    except KafkaException as error:
        yield _unseen(step, topic, error.args[0])
        return
    if found is None:
        yield PreflightFinding(step, topic, "error", "the topic is not on the broker", _READ_ABSENT)
    elif found.allowed is not None and "READ" not in found.allowed:
        yield PreflightFinding(step, topic, "error", "the user may not READ the topic", _RIGHTS)
    else:
        yield PreflightFinding(step, topic, "ok", f"read, {found.partitions} partition(s)")


def _unseen(step: str, topic: str, error: KafkaError) -> PreflightFinding:
    if error.code() in DENIED:
        return PreflightFinding(
            step, topic, "error", f"the user may not see the topic: {error.str()}", _RIGHTS
        )
    what = f"the broker does not report whether the topic exists: {error.str()}"
    return PreflightFinding(step, topic, "warning", what, _SETTINGS, error.code() in _NO_ANSWER)
