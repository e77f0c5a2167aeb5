"""What the partitions of a source share on one worker: the client, the decoder, the watch on the topic."""

from __future__ import annotations

import logging
from typing import Final, Generic, Protocol, TypeVar

from ..errors import SourceError
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..metrics import EpochClock
from ..stop import STOP
from .alignment import Align, Workers
from .bounds import OnGap, OnNewPartitions, Stop
from .decoding import BatchDecoder
from .partition_reader import PartitionReader
from .topic_watch import TopicWatch

K = TypeVar("K")
V = TypeVar("V")
log = logging.getLogger("kgen_runtime.source")

_LOOK_EVERY: Final = 60.0
"""Seconds, where `topic.metadata.refresh.interval.ms` is not set, or is -1, which turns librdkafka's own
looking off.
"""
_REFRESH: Final = "topic.metadata.refresh.interval.ms"


class PartitionOwner(Protocol[K, V]):
    """The source that partitions are of: its settings, and what it has found of its topic."""

    step_id: str
    topic: Topic[K, V]
    kafka: Kafka
    stop: Stop
    batch_size: int
    on_gap: OnGap
    on_new_partitions: OnNewPartitions
    align: Align
    workers: Workers | None
    partitions: list[int]
    topic_id: str | None
    commit_group_id: str | None

    def ended(self, partition: int, offset: int) -> None:
        """A partition has been read to where it ends."""

    def drop(self, thread: int) -> None:
        """The worker of this thread reads nothing any more."""


class WorkerConsumer(Generic[K, V]):
    """What the partitions on one worker share."""

    def __init__(self, source: PartitionOwner[K, V], thread: int) -> None:
        self.thread = thread
        self.reader = PartitionReader(
            source.kafka,
            source.topic.name,
            source.commit_group_id,
            source.batch_size,
            source.align,
            source.workers,
        )
        self.decoder = BatchDecoder(source.step_id, source.topic, source.kafka)
        self.epochs = EpochClock(source.step_id)
        self._source = source
        every = float(source.kafka.config.get(_REFRESH, -1)) / 1000
        every = _LOOK_EVERY if every < 0 else every
        self._watch = TopicWatch(
            source.kafka, source.topic.name, len(source.partitions), source.topic_id, every
        )

    def check_partitions(self) -> None:
        """Other partitions than at the start need a restart. Raises `SourceError`."""
        source = self._source
        count = None if source.kafka.ends else self._watch.check()
        if count is None or STOP.requested:
            return
        known = len(source.partitions)
        what = f"the topic now has {count} partitions, this run reads {known}"
        if source.on_new_partitions == "fail" or count < known:
            raise SourceError(what, where=f"topic {source.topic.name}", hint="Start the flow again.")
        log.warning("topic %s: %s; stopping for a restart", source.topic.name, what)
        STOP.request(restart=True)
