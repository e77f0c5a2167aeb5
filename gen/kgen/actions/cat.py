"""`kgen cat`: the messages of a topic, with the project's code or with the schemas that they name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kgen_runtime.flow.topic import Topic
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.serde import Role
from kgen_runtime.standalone.topic_rows import TopicRows

from ..dlq.letter_topics import project_topics
from ..project import config
from ..topic_data.message_filter import MessageFilter
from ..topic_data.message_views import MessageViews
from ..topic_data.part_formats import AsWrittenFormat, PartFormat, of_name, of_serde
from ..topic_data.topic_range import TopicRange, topic_range

_BATCH = 100


@dataclass(frozen=True, kw_only=True)
class CatOrder:
    """What is to be shown of a topic: the words of the command line. `begin` and `until` are empty, or as
    `topic_range` takes them.
    """

    topic: str
    begin: str = ""
    until: str = ""
    partitions: tuple[int, ...] = ()
    follow: bool = False
    limit: int | None = None
    where: str | None = None
    key_format: str | None = None
    value_format: str | None = None
    as_written: bool = False


@contextmanager
def opened_messages(kafka: Kafka, order: CatOrder, root: Path) -> Iterator[tuple[MessageViews, TopicRange]]:
    """The messages, and what was found to be their range; closed at the end.

    Raises `ConfigError` for invalid words and a project that cannot be imported, `SourceError` if the topic
    is absent or the broker does not answer in ten seconds.
    """
    fits = None if order.where is None else MessageFilter(order.where)
    key, value = part_formats(kafka, order, root)
    found = topic_range(kafka, order.topic, order.begin, order.until, order.partitions, follow=order.follow)
    size = _BATCH if order.limit is None or fits is not None else max(1, min(_BATCH, order.limit))
    rows = TopicRows(
        order.topic,
        kafka,
        start=found.start,
        stop=found.stop,
        partitions=found.partitions,
        batch_size=size,
        function="kgen cat",
    )
    try:
        yield MessageViews(rows, key, value, fits, order.limit), found
    finally:
        rows.close()


def part_formats(kafka: Kafka, order: CatOrder, root: Path) -> tuple[PartFormat, PartFormat]:
    """How keys and values are read: as the flags say, else as the project does, else as they were written."""
    settings = config.load(root)
    topics = project_topics(root, settings.package) if settings is not None and not order.as_written else {}
    topic = topics.get(order.topic)
    return (
        _format(kafka, order.topic, topic, "key", order.key_format),
        _format(kafka, order.topic, topic, "value", order.value_format),
    )


def _format(
    kafka: Kafka, name: str, topic: Topic[object, object] | None, role: Role, chosen: str | None
) -> PartFormat:
    if chosen is not None:
        return of_name(chosen, kafka.store, role, name)
    if topic is None:
        return AsWrittenFormat(kafka.store, role, name)
    return of_serde(topic.key if role == "key" else topic.value, kafka.store, role)
