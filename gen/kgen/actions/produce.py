"""`kgen produce`: lines of JSON to a topic, checked against its schema before they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final

from kgen_runtime.errors import DeliveryError, RefusedError
from kgen_runtime.flow.topic import Topic
from kgen_runtime.kafka.connection import Kafka, new_topic
from kgen_runtime.serde import BytesSerde, Role
from kgen_runtime.standalone.announced_wait import announced
from kgen_runtime.standalone.topic_writer import Writer, find_target

from ..dlq.letter_topics import project_topics
from ..errors import ConfigError, UnknownSchema
from ..project import config
from ..topic_data.line_inputs import LineMessage, LineReader, Shape
from ..topic_data.message_limits import MessageLimits
from ..topic_data.part_inputs import (
    GuessedInput,
    PartInput,
    input_of_name,
    input_of_registry,
    input_of_serde,
)

_BATCH: Final = 1_000
"""Lines of stdin that are checked before any of them is sent."""


@dataclass(frozen=True, kw_only=True)
class ProduceOrder:
    """What is to be written, and how: `file` None is stdin. A topic that is absent is created with `create`
    partitions; None: it is an error.
    """

    topic: str
    file: Path | None = None
    key_field: str | None = None
    key_format: str | None = None
    value_format: str | None = None
    lines: Shape = "auto"
    partition: int | None = None
    create: int | None = None
    dry_run: bool = False


@dataclass
class ProduceTotals:
    """How many lines were checked, how many messages were sent, and how many of these acknowledged."""

    checked: int = 0
    sent: int = 0
    delivered: int = 0


def produce(
    kafka: Kafka,
    order: ProduceOrder,
    root: Path,
    stdin: IO[str],
    totals: ProduceTotals,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Check and send. Of a file all lines are checked before the first is sent; of stdin a thousand at a
    time, so that what comes before a line that does not fit may have been delivered: `totals` says how many.

    Raises `ConfigError` for a line that does not fit, `UnknownSchema`, `RulesError` and `RegistryError` of
    the schema, `DeliveryError`.
    """
    with announced(f"the Kafka brokers to answer (topic {order.topic})"):
        there = _is_there(kafka, order)
        limits = MessageLimits(kafka, order.topic) if there else None
    reader = line_reader(kafka, order, root)
    source = "stdin" if order.file is None else str(order.file)
    if order.file is not None or order.dry_run:
        for each in _messages(reader, order.file, stdin):
            if limits is not None:
                limits.check(each, source)
            totals.checked += 1
    if order.dry_run:
        return
    topic = Topic(order.topic, BytesSerde(), BytesSerde())
    with _counted(totals) as sent, Writer(topic, kafka, create=order.create) as writer:
        messages = _messages(reader, order.file, stdin)
        if limits is None:  # what a topic takes is known once it is there
            limits = MessageLimits(kafka, order.topic)
            if order.file is not None:
                for each in _messages(reader, order.file, stdin):
                    limits.check(each, source)
        if order.file is None:
            messages = _checked(messages, limits, totals)
        for batch in _batches(messages):
            for each in batch:
                _send(writer, each, order, source)
                sent.append(1)
                totals.sent += 1
            writer.flush()
            totals.delivered += len(sent)
            sent.clear()
            progress(totals.delivered)


def _is_there(kafka: Kafka, order: ProduceOrder) -> bool:
    """Whether the topic is there, and not to be created. Raises `DeliveryError`, and `ConfigError` for a
    partition that it has not.
    """
    create = new_topic(order.create)
    found = find_target(order.topic, kafka, create, "--create 1 creates it with one partition.")
    partitions = found.partitions if found is not None else order.create or 1
    if order.partition is not None and order.partition >= partitions:
        raise ConfigError(
            f"topic {order.topic} has no partition {order.partition}",
            where="--partition",
            hint=f"It has 0 to {partitions - 1}."
            if found is not None
            else "--create has so many partitions.",
        )
    return found is not None


def _send(writer: Writer[bytes, bytes], each: LineMessage, order: ProduceOrder, source: str) -> None:
    try:
        writer.send(
            each.value,
            key=each.key,
            headers=each.headers or None,
            timestamp=each.timestamp,
            partition=order.partition,
        )
    except RefusedError as error:
        raise ConfigError(error.what, where=each.place(source), hint=error.hint) from None


@contextmanager
def _counted(totals: ProduceTotals) -> Iterator[list[int]]:
    """What was sent and not yet counted, which counts as delivered as far as an error does not name it."""
    sent: list[int] = []
    try:
        yield sent
        totals.delivered += len(sent)
    except DeliveryError as error:
        totals.delivered += max(0, len(sent) - len(getattr(error, "undelivered", sent)))
        raise
    except Exception:
        totals.delivered += len(sent)  # the writer's end has delivered them
        raise


def _checked(
    messages: Iterator[LineMessage], limits: MessageLimits, totals: ProduceTotals
) -> Iterator[LineMessage]:
    for each in messages:
        limits.check(each, "stdin")
        totals.checked += 1
        yield each


def _batches(messages: Iterator[LineMessage]) -> Iterator[list[LineMessage]]:
    while batch := list(islice(messages, _BATCH)):
        yield batch


def _messages(reader: LineReader, file: Path | None, stdin: IO[str]) -> Iterator[LineMessage]:
    if file is None:
        yield from reader.messages(_decoded(stdin), "stdin")
        return
    try:
        with file.open(encoding="utf-8") as opened:
            yield from reader.messages(_decoded(opened), str(file))
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror}", where=str(file)) from error


def _decoded(opened: IO[str]) -> Iterator[str]:
    try:
        for first in opened:
            yield first.removeprefix("\ufeff")  # what PowerShell writes before UTF-8
            break
        yield from opened
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the input is not UTF-8: {error.reason}", hint="Lines of JSON are UTF-8."
        ) from None


def line_reader(kafka: Kafka, order: ProduceOrder, root: Path) -> LineReader:
    """How lines become messages: as the flags say, else as the project does, else as the registry has it."""
    settings = config.load(root)
    topics = project_topics(root, settings.package) if settings is not None else {}
    topic = topics.get(order.topic)
    return LineReader(
        _input(kafka, order.topic, topic, "key", order.key_format),
        _input(kafka, order.topic, topic, "value", order.value_format),
        order.key_field,
        order.lines,
    )


def _input(
    kafka: Kafka, name: str, topic: Topic[object, object] | None, role: Role, chosen: str | None
) -> PartInput:
    if chosen is not None:
        return input_of_name(chosen, kafka.store, role, name)
    if topic is not None:
        return input_of_serde(topic.key if role == "key" else topic.value, kafka.store, role)
    if role == "value":
        return input_of_registry(kafka.store, role, name)
    if kafka.store.registry is None:
        return GuessedInput()
    try:
        return input_of_registry(kafka.store, role, name)
    except UnknownSchema:
        return GuessedInput()
