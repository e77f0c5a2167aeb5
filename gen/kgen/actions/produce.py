"""`kgen produce`: lines of JSON to a topic, checked against its schema before they are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final

from kgen_runtime.errors import DeliveryError, RefusedError
from kgen_runtime.flow.topic import Topic
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.serde import BytesSerde, Role
from kgen_runtime.standalone.topic_writer import AbsentTargetError, Writer

from ..dlq.letter_topics import project_topics
from ..errors import ConfigError, UnknownSchema
from ..project import config
from ..topic_data.line_inputs import LineMessage, LineReader, Shape
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
    """How many lines were checked, and how many messages were sent and acknowledged."""

    checked: int = 0
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
    reader = line_reader(kafka, order, root)
    if order.file is not None:
        for _ in _of_file(reader, order.file):
            totals.checked += 1
    if order.dry_run:
        if order.file is None:
            for _ in reader.messages(_decoded(stdin), "stdin"):
                totals.checked += 1
        return
    topic = Topic(order.topic, BytesSerde(), BytesSerde())
    with _counted(totals) as sent, _writer(topic, kafka, order.create) as writer:
        if order.file is not None:
            batches: Iterable[list[LineMessage]] = _batches(_of_file(reader, order.file))
        else:
            batches = _batches(_checked(reader.messages(_decoded(stdin), "stdin"), totals))
        for batch in batches:
            for each in batch:
                _send(writer, each, order)
                sent.append(1)
            writer.flush()
            totals.delivered += len(sent)
            sent.clear()
            progress(totals.delivered)


def _writer(topic: Topic[bytes, bytes], kafka: Kafka, create: int | None) -> Writer[bytes, bytes]:
    try:
        return Writer(topic, kafka, create=create)
    except AbsentTargetError as error:
        near = kafka.similar_topics(topic.name)
        advice = f"There are topics of a similar name: {', '.join(near)}. " if near else ""
        error.hint = f"{advice}--create 1 creates it with one partition."
        raise


def _send(writer: Writer[bytes, bytes], each: LineMessage, order: ProduceOrder) -> None:
    try:
        writer.send(
            each.value,
            key=each.key,
            headers=each.headers or None,
            timestamp=each.timestamp,
            partition=order.partition,
        )
    except RefusedError as error:
        raise ConfigError(error.what, where=f"line {each.line:,}", hint=error.hint) from None


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


def _checked(messages: Iterator[LineMessage], totals: ProduceTotals) -> Iterator[LineMessage]:
    for each in messages:
        totals.checked += 1
        yield each


def _batches(messages: Iterator[LineMessage]) -> Iterator[list[LineMessage]]:
    while batch := list(islice(messages, _BATCH)):
        yield batch


def _of_file(reader: LineReader, file: Path) -> Iterator[LineMessage]:
    try:
        with file.open(encoding="utf-8") as opened:
            yield from reader.messages(_decoded(opened), str(file))
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror}", where=str(file)) from error


def _decoded(opened: IO[str]) -> Iterator[str]:
    try:
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
