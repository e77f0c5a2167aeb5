"""Consumers and producers of topics in memory: as much of confluent-kafka's as source and sink use."""
# ruff: noqa: D102 - the methods are confluent-kafka's

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace

from confluent_kafka import KafkaError, TopicPartition

from ..errors import ConfigError
from ..messages import Headers, RawMessage


class MemoryMessage:
    """As `confluent_kafka.Message`."""

    def __init__(self, raw: RawMessage, partition: int, offset: int, error: KafkaError | None = None) -> None:
        self._raw = raw
        self._partition = partition
        self._offset = offset
        self._error = error

    def error(self) -> KafkaError | None:
        return self._error

    def key(self) -> bytes | None:
        return self._raw.key

    def value(self) -> bytes | None:
        return self._raw.value

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return list(self._raw.headers) or None

    def timestamp(self) -> tuple[int, int]:
        return (0, 0) if self._raw.timestamp is None else (1, self._raw.timestamp)

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset


def in_partitions(topic: str, messages: Sequence[RawMessage]) -> dict[int, list[MemoryMessage]]:
    """A topic's messages by partition, each with an offset. Raises `ConfigError` for offsets out of order."""
    found: dict[int, list[MemoryMessage]] = {0: []}
    for raw in messages:
        partition = raw.partition or 0
        there = found.setdefault(partition, [])
        following = there[-1].offset() + 1 if there else 0
        offset = following if raw.offset is None else raw.offset
        if offset < following:
            raise ConfigError(
                f"offset {offset} comes after {following - 1}", where=f"topic {topic}, partition {partition}"
            )
        there.append(MemoryMessage(raw, partition, offset))
    return found


class MemoryConsumer:
    """As much of `confluent_kafka.Consumer` as the source uses."""

    def __init__(
        self,
        topics: Mapping[str, dict[int, list[MemoryMessage]]],
        committed: dict[tuple[str, int], int],
        metadata: dict[tuple[str, int], str],
    ) -> None:
        self._topics = topics
        self._committed = committed
        self._metadata = metadata
        self._assigned: dict[tuple[str, int], int] = {}
        self._paused: set[tuple[str, int]] = set()
        # Those that were reported: each is once, as by librdkafka.
        self._ends: dict[tuple[str, int], int] = {}

    def list_topics(self, topic: str | None = None, timeout: float = 0) -> SimpleNamespace:
        if topic is None:
            return SimpleNamespace(topics=self._topics)
        partitions = self._topics.get(topic)
        error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART) if partitions is None else None
        return SimpleNamespace(topics={topic: SimpleNamespace(error=error, partitions=partitions)})

    def get_watermark_offsets(
        self, at: TopicPartition, timeout: float = 0, cached: bool = False
    ) -> tuple[int, int]:
        there = self._topics[at.topic][at.partition]
        return (there[0].offset(), there[-1].offset() + 1) if there else (0, 0)

    def offsets_for_times(self, at: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        there = self._topics[at[0].topic][at[0].partition]
        late = (m.offset() for m in there if m.timestamp()[1] >= at[0].offset)
        return [TopicPartition(at[0].topic, at[0].partition, next(late, -1))]

    def committed(self, at: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        keys = [(each.topic, each.partition) for each in at]
        return [
            TopicPartition(*key, self._committed.get(key, -1001), self._metadata.get(key, "")) for key in keys
        ]

    def consumer_group_metadata(self) -> MemoryConsumer:
        return self

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        self._committed.update({(at.topic, at.partition): at.offset for at in offsets})
        self._metadata.update({(at.topic, at.partition): at.metadata or "" for at in offsets})

    def incremental_assign(self, at: list[TopicPartition]) -> None:
        for tp in at:
            self._assigned[tp.topic, tp.partition] = tp.offset
            self._ends.pop((tp.topic, tp.partition), None)

    def incremental_unassign(self, at: list[TopicPartition]) -> None:
        for tp in at:
            self._assigned.pop((tp.topic, tp.partition))
            self._paused.discard((tp.topic, tp.partition))

    def consume(self, count: int, timeout: float) -> list[MemoryMessage]:
        given: list[MemoryMessage] = []
        for (topic, partition), position in self._assigned.items():
            if (topic, partition) in self._paused:
                continue
            there = self._topics[topic][partition]
            first = bisect_left(there, position, key=MemoryMessage.offset)
            messages = there[first : first + count - len(given)]
            given += messages
            if messages:
                self._assigned[topic, partition] = messages[-1].offset() + 1
            elif len(given) < count and self._ends.get((topic, partition)) != position:
                self._ends[topic, partition] = position
                nothing = RawMessage(key=None, value=None, topic=topic)
                given.append(
                    MemoryMessage(nothing, partition, position, KafkaError(KafkaError._PARTITION_EOF))
                )
        return given

    def pause(self, at: list[TopicPartition]) -> None:
        """No more of these is given."""
        self._paused.update((tp.topic, tp.partition) for tp in at)

    def resume(self, at: list[TopicPartition]) -> None:
        """See `pause`."""
        self._paused.difference_update((tp.topic, tp.partition) for tp in at)

    def poll(self, timeout: float) -> None:
        """There are no events."""

    def close(self) -> None:
        """There is nothing to close."""


class MemoryProducer:
    """As much of `confluent_kafka.Producer` as the sink uses; everything is delivered at once."""

    def __init__(self, produced: dict[str, list[RawMessage]]) -> None:
        self._produced = produced

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        callback: object,
        on_delivery: object,
        timestamp: int,
        headers: list[tuple[str, bytes | None]] | None,
    ) -> None:
        there = self._produced.setdefault(topic, [])
        carried: Headers = tuple(headers or ())
        there.append(
            RawMessage(
                key=key,
                value=value,
                topic=topic,
                partition=max(partition, 0),
                offset=len(there),
                timestamp=timestamp or None,
                headers=carried,
            )
        )

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        return 0

    def purge(self) -> None:
        """Nothing waits."""

    def __len__(self) -> int:
        return 0


class MemoryTransactions(MemoryProducer):
    """Nothing is in the topics before the commit. There are no other producers to fence."""

    def __init__(self, produced: dict[str, list[RawMessage]]) -> None:
        super().__init__({})
        self._topics = produced
        self._offsets: list[TopicPartition] = []

    def list_topics(self, topic: str, timeout: float) -> None:
        """Waits for a connection, elsewhere."""

    def init_transactions(self, timeout: float) -> None:
        """Nothing is open."""

    def begin_transaction(self) -> None:
        self.abort_transaction(0)

    def send_offsets_to_transaction(
        self, at: list[TopicPartition], group: MemoryConsumer, timeout: float
    ) -> None:
        self._offsets, self._group = at, group

    def commit_transaction(self, timeout: float) -> None:
        for topic, messages in self._produced.items():
            there = self._topics.setdefault(topic, [])
            there += [replace(message, offset=len(there) + i) for i, message in enumerate(messages)]
        self._group.commit(self._offsets, asynchronous=False)
        self._produced.clear()

    def abort_transaction(self, timeout: float) -> None:
        self._produced.clear()
