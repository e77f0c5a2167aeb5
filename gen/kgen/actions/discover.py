"""`kgen discover`: what the messages of topics are, and the entries of kgen.toml for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.standalone.topic_rows import TopicRows

from ..discovery.part_findings import PartFinding, findings
from ..discovery.payload_census import PayloadCensus
from ..discovery.registered_types import RegisteredTypes
from ..discovery.topic_entry import KgenTomlEntry, topic_entry
from ..errors import ConfigError
from ..model.subject_filter import exactly, wanted
from ..project import config, interrupts, mutex, paths, transaction
from ..project.transaction import Write
from ..topic_data.topic_range import topic_range
from .inputs import Workspace

_BATCH: Final = 500


@dataclass(frozen=True)
class DiscoveredTopic:
    """A topic: how many messages were read of it, what they are, and its entry for kgen.toml."""

    name: str
    messages: int
    findings: tuple[PartFinding, ...]
    entry: KgenTomlEntry

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {
            "topic": self.name,
            "messages": self.messages,
            "findings": [each.as_json() for each in self.findings],
            "entry": self.entry.as_json(),
        }


def discover(workspace: Workspace, kafka: Kafka, topics: Sequence[str], last: int) -> list[DiscoveredTopic]:
    """What the last `last` messages of each partition of some topics are. Writes nothing.

    Raises `SourceError` if a topic is absent or the brokers do not answer, `RegistryUnavailable`.
    """
    types = RegisteredTypes(kafka.store.registry)
    return [_discovered(workspace, kafka, topic, last, types) for topic in dict.fromkeys(topics)]


def _discovered(
    workspace: Workspace, kafka: Kafka, topic: str, last: int, types: RegisteredTypes
) -> DiscoveredTopic:
    keys, values = PayloadCensus("key"), PayloadCensus("value")
    span = topic_range(kafka, topic, f"-{last}", "", (), follow=False)
    rows = TopicRows(
        topic,
        kafka,
        start=span.start,
        stop=span.stop,
        partitions=span.partitions,
        batch_size=_BATCH,
        function="kgen discover",
    )
    read = 0
    try:
        for batch in rows.batches():
            keys.add(batch.keys, batch.headers)
            values.add(batch.values, batch.headers)
            read += len(batch)
            workspace.progress(min(read, span.count or read), span.count or read, f"messages of {topic}")
    finally:
        rows.close()
    found = tuple(each for census in (keys, values) for each in findings(census, topic, types))
    return DiscoveredTopic(topic, read, found, topic_entry(topic, found))


@dataclass(frozen=True)
class EntryChange:
    """What becomes of one setting of a topic in kgen.toml: `kept` is what stands there instead."""

    topic: str
    name: str
    value: str | list[str]
    kept: Any = None


def new_entries(workspace: Workspace, found: Sequence[DiscoveredTopic]) -> tuple[EntryChange, ...]:
    """The settings that kgen.toml has not, or has another value for. Writes nothing. Raises `ConfigError`."""
    settings = config.load(workspace.root)
    tables = settings.topics if settings else {}
    return tuple(_changes(found, {name: config.table_of(it) for name, it in tables.items()}))


def write_entries(workspace: Workspace, found: Sequence[DiscoveredTopic]) -> tuple[EntryChange, ...]:
    """Write them into kgen.toml, whose other lines stay: settings that have another value there, too.

    Raises `ConfigError`, also if there is no kgen.toml.
    """
    root = workspace.root
    text_to_write_to(workspace)
    with mutex.exclusive(root, workspace.say):
        with interrupts.held():
            transaction.heal(root)
        text = text_to_write_to(workspace)
        settings = config.parse(text)
        changes = new_entries(workspace, found)
        after = text
        for change in changes:
            if change.kept is None:
                after = config.with_topic(after, change.topic, change.name, change.value)
        subjects = {subject for each in found for subject in each.entry.subjects}
        left = [exactly(it) for it in sorted(subjects) if not wanted(it, settings.subjects)]
        after = config.with_subjects(after, left)
        if after != text:
            config.parse(after)
            with interrupts.held():
                write = Write(config.NAME, after.encode(), paths.digest(paths.read(root, config.NAME)))
                transaction.apply(root, [write])
    return changes


def text_to_write_to(workspace: Workspace) -> str:
    """The text of kgen.toml. Raises `ConfigError` if there is none."""
    text = config.read_text(workspace.root)
    if text is None:
        raise ConfigError(
            "there is no kgen.toml to write to",
            where=str(workspace.root.resolve()),
            hint="`kgen pull --registry URL` makes one; without --write nothing is written",
        )
    return text


def _changes(
    found: Sequence[DiscoveredTopic], tables: Mapping[str, Mapping[str, Any]]
) -> Iterator[EntryChange]:
    for topic in found:
        present = tables.get(topic.name, {})
        for name, value in topic.entry.settings.items():
            if present.get(name) != value:
                yield EntryChange(topic.name, name, value, present.get(name))
