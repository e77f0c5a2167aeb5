"""A topic as a source of Bytewax's: its partitions, and where each begins."""

from __future__ import annotations

import logging
import threading
from typing import TypeVar

from bytewax.inputs import FixedPartitionedSource

from .._bytewax import keep_thread_state
from ..flow.batch import Batch
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Message
from ..metrics import gap
from ..recovery.folder import check_positions, hold_for_bytewaxs_runner
from ..recovery.start_offsets import Place, pinned
from ..reporting.progress import PROGRESS, RECOVERED, PartitionReading
from ..state.current_folder import recovery_folder
from ..stop import STOP
from .alignment import Align, Workers, workers_of
from .bounds import (
    OnGap,
    OnNewPartitions,
    Start,
    Stop,
    first_offset,
    start_name,
    start_text,
    stop_text,
)
from .broker_answers import group_forbidden_error, partitions, topic_recreated_error
from .consumer_options import open_consumer
from .group_commits import commit_now, refusal
from .kafka_partition import KafkaPartition, State
from .worker_consumer import WorkerConsumer

K = TypeVar("K")
V = TypeVar("V")
log = logging.getLogger("kgen_runtime.source")


class KafkaSource(FixedPartitionedSource[Batch[Message[K, V]], State]):
    """The Bytewax source behind `source`: an item is a whole batch, a snapshot the next offset of a
    partition.
    """

    def __init__(
        self,
        step_id: str,
        topic: Topic[K, V],
        kafka: Kafka,
        start: Start,
        stop: Stop,
        batch_size: int,
        on_gap: OnGap,
        on_new_partitions: OnNewPartitions,
        group_id: str | None,
        align: Align = "messages",
    ) -> None:
        hold_for_bytewaxs_runner()
        self.step_id = step_id
        self.topic = topic
        self.kafka = kafka
        self.start = start
        self.stop = stop
        self.batch_size = batch_size
        self.on_gap = on_gap
        self.on_new_partitions = on_new_partitions
        self.group_id = group_id
        self.align = align
        self.workers: Workers | None = None
        self.partitions: list[int] = []
        self.topic_id: str | None = None
        self.commit_group_id = group_id  # the group to commit offsets to: none if the broker refuses it
        self._resumed = False
        self._ended: dict[int, int] = {}
        self._workers: dict[int, WorkerConsumer[K, V]] = {}  # by thread: a worker is a thread

    def list_parts(self) -> list[str]:
        """`<topic>/<partition>`: these keys are in recovery stores and must not change."""
        keep_thread_state()  # all workers ask, also those that read no partition
        if not self.partitions and self.start == "latest" and recovery_folder() is None:
            log.warning(
                "topic %s: start='latest' without a recovery folder: what arrives while the flow is "
                "down may never be read",
                self.topic.name,
            )
        consumer = open_consumer(self.kafka, self.group_id)
        try:
            self.partitions = partitions(consumer, self.topic.name)
            if self.group_id is not None:
                refused = refusal(consumer, self.group_id, self.topic.name, self.partitions[0])
                self.commit_group_id = self.group_id if refused is None else None
        finally:
            consumer.close()
        check_positions(f"{self.step_id}.kafka", self.topic.name, self.partitions)
        self.topic_id = self.kafka.topic_id(self.topic.name)
        self._resumed = False
        if not self._workers:  # all workers list, and then build
            self.workers = workers_of(self.align, self, len(self.partitions))
        STOP.list()
        return [f"{self.topic.name}/{partition}" for partition in self.partitions]

    def build_part(self, step_id: str, for_part: str, resume_state: State | None) -> KafkaPartition[K, V]:
        """Begin at the stored offset, else where `start` says."""
        partition = int(for_part.rpartition("/")[2])
        thread = threading.get_ident()
        if thread not in self._workers:
            self._workers[thread] = WorkerConsumer(self, thread)
        lane = self._workers[thread]
        if resume_state is not None:
            self._resumed = True
            offset = self._resume(lane, partition, resume_state)
        else:
            offset = self._first(lane, step_id, partition)
        why = start_text(self.start) if resume_state is None else RECOVERED
        PROGRESS.reading(
            PartitionReading(
                self.step_id, self.topic.name, partition, offset, why, stop_text(self.stop, partition)
            )
        )
        return KafkaPartition(self, lane, partition, offset)

    def _first(self, lane: WorkerConsumer[K, V], step_id: str, partition: int) -> int:
        """Where a partition without a stored offset begins."""
        folder, start = recovery_folder(), self.start
        if start == "stored" and self.group_id is not None and self.commit_group_id is None:
            raise group_forbidden_error(self.group_id, self.topic.name)
        new = self._resumed  # all that can be known without the folder: others of this process
        if start not in ("earliest", "stored") and folder is not None:
            # These would be other offsets the next time, after a crash before the first epoch is committed.
            place = Place(step_id, self.topic.name, start_name(start))
            with PROGRESS.waiting("the worker that looks up the first offsets"):
                kept = pinned(folder, place, lambda: self._find(lane))
            if partition in kept:
                return self._resume(lane, partition, kept[partition])
            new = True
        if new and start == "latest":
            start = "earliest"  # else what was written to it since the last run would be lost
        return first_offset(lane.reader.consumer, self.topic.name, partition, start)

    def _find(self, lane: WorkerConsumer[K, V]) -> dict[int, tuple[int, str | None]]:
        consumer, topic = lane.reader.consumer, self.topic.name
        return {p: (first_offset(consumer, topic, p, self.start), self.topic_id) for p in self.partitions}

    def _resume(self, lane: WorkerConsumer[K, V], partition: int, state: int | tuple[int, str | None]) -> int:
        offset, known = state if isinstance(state, tuple) else (state, None)
        if known is None or self.topic_id in (None, known):
            return offset
        # The offset means nothing there: it may exist and be another message.
        if self.on_gap == "fail":
            raise topic_recreated_error(self.topic.name)
        to = first_offset(lane.reader.consumer, self.topic.name, partition, self.on_gap)
        log.warning("%s/%s was recreated, continuing at %s", self.topic.name, partition, to)
        gap(self.topic.name)
        return to

    def ended(self, partition: int, offset: int) -> None:
        """A partition has been read to where it ends."""
        self._ended[partition] = offset

    def commit_ended(self) -> None:
        """Once a run has ended well: commit to the consumer group for partitions that were read to their end.

        Until then nothing says that their last messages are durable, and afterwards no one is there to be
        asked.
        """
        if self.commit_group_id is None or not self._ended:
            return
        consumer = open_consumer(self.kafka, self.commit_group_id)
        try:
            commit_now(consumer, self.commit_group_id, self.topic.name, self._ended)
        finally:
            consumer.close()

    def drop(self, thread: int) -> None:
        """The worker of this thread reads nothing any more."""
        self._workers.pop(thread).reader.close()
