"""The partitions of a topic as Bytewax reads them: where each begins, its batches, its snapshots."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Final, Generic, NoReturn, TypeAlias, TypeVar

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from .._bytewax import keep_thread_state
from ..errors import RegistryUnavailable, SourceError
from ..flow.split import Batch
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Message
from ..metrics import PartitionCounts, gap, waiting
from ..recovery.folder import check_positions, hold_for_bytewaxs_runner
from ..recovery.start_offsets import Place, pinned
from ..reporting.progress import PROGRESS, RECOVERED, PartitionReading
from ..state.current_folder import recovery_folder
from ..states import moved
from ..stop import STOP, Way
from .alignment import Align, Workers, workers_of
from .bounds import (
    Bound,
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
from .columns import Columns
from .consumer_options import open_consumer
from .decoding import BatchDecoder
from .group_commits import commit_now, refusal
from .partition_reader import PartitionReader
from .partition_state import PARTITION_MOVES, PartitionState
from .topic_watch import TopicWatch

K = TypeVar("K")
V = TypeVar("V")
log = logging.getLogger("kgen_runtime.source")

State: TypeAlias = "int | tuple[int, str]"
"""What recovery stores hold of a partition: the next offset, and the topic's id if the broker reports it."""

_IDLE: Final = (0.001, 0.05)
"""Seconds between two looks at a partition without messages: the first time, and at most."""
_IDLE_SHARE: Final = 0.00025
"""Of one at its end while others are busy, times the number of partitions: together they cost little."""
_AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_AWAY: Final = (0.5, 30.0)
"""Seconds between two tries while the registry is unavailable."""
_NAP: Final = 0.5
"""Seconds, at most, between two looks whether the run is to stop."""
_LOOK_EVERY: Final = 60.0
"""Seconds, where `topic.metadata.refresh.interval.ms` is not set, or is -1, which turns librdkafka's own
looking off.
"""
_REFRESH: Final = "topic.metadata.refresh.interval.ms"


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
        hold_for_bytewaxs_runner()
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
            self.workers = workers_of(self.align, len(self.partitions))
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
        """The lane of this thread reads nothing any more."""
        self._workers.pop(thread).reader.close()


class WorkerConsumer(Generic[K, V]):
    """What the partitions on one worker share."""

    def __init__(self, source: KafkaSource[K, V], thread: int) -> None:
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


class KafkaPartition(StatefulSourcePartition[Batch[Message[K, V]], State], Generic[K, V]):
    """One partition of the topic. Its states are drawn in `partition_state`."""

    def __init__(
        self, source: KafkaSource[K, V], lane: WorkerConsumer[K, V], partition: int, offset: int
    ) -> None:
        self._source = source
        self._topic = source.topic.name
        self._worker = lane
        self._reader = lane.reader
        self._partition = partition
        self._next = offset
        self._state = PartitionState.ASSIGNED
        self._bound = Bound(source.stop, self._topic, partition, self._reader)
        self._held: Columns | None = None  # the batch that waits, as long as it is HELD
        self._try_at = 0.0
        self._awake: datetime | None = None
        self._wait = 0.0
        self._snapshots = 0
        self._quiet_at = 0  # how many snapshots there were then
        self._to_commit: int | None = None
        self._counts = PartitionCounts(self._topic, partition)
        self._reader.assign(partition, offset)
        if source.workers is not None:
            source.workers.joined()
        STOP.join(self)

    def next_batch(self) -> list[Batch[Message[K, V]]]:
        """The next messages, decoded, as one item. Never waits."""
        self._commit()
        if STOP.requested:
            return self._leave(STOP.way)
        if self._reader.later(self._partition):
            return self._wait_for_turn()
        self._worker.check_partitions()
        self._pass_end()
        if self._counts.due():
            self._counts.lag(self._reader.high(self._partition), self._next)
        held = self._state is PartitionState.HELD
        if not held and self._bound.reached(self._next):
            self._end()
        if held and time.monotonic() < self._try_at:
            self._sleep(_NAP)
            return []
        rows = self._held or self._take()
        if rows is not None:
            return self._decoded(rows)
        if self._reader.outrun(self._partition):  # by what this very look has brought
            return self._wait_for_turn()
        self._idle()
        return []

    def next_awake(self) -> datetime | None:
        """None: at once. While idle, later and later."""
        return self._awake

    def snapshot(self) -> State:
        """The offset of the next message to give."""
        self._snapshots += 1
        self._counts.epoch()
        self._to_commit = self._next
        topic_id = self._source.topic_id
        return self._next if topic_id is None else (self._next, topic_id)

    def close(self) -> None:
        """Stop fetching it; the last partition of a worker closes the consumer."""
        self._move(PartitionState.CLOSED)
        STOP.leave(self)
        self._count_held(-1)
        PROGRESS.go_on(self._counts)
        self._counts.close()
        self._reader.release(self._partition)
        if self._reader.idle:
            self._source.drop(self._worker.thread)

    def _take(self) -> Columns | None:
        rows = self._reader.take(self._partition)
        if rows is not None:
            return self._bound.cut(rows) or None
        if self._reader.lost(self._partition) is not None or self._beyond_end():
            self._gap()
        return None

    def _pass_end(self) -> None:
        # The last offsets of a partition may be no messages: markers of transactions, aborted and compacted
        # ones. There is nothing to give of them, and retention may take them.
        if self._state is not PartitionState.HELD and not self._bound.passed:
            self._next = max(self._next, self._reader.end(self._partition))

    def _beyond_end(self) -> bool:
        # Kafka answers such a position with an error; a broker that does not would leave the flow waiting
        # for ever. Asked only after some idleness: a follower may be behind for a moment.
        return self._wait >= _IDLE[1] and 0 <= self._reader.high(self._partition) < self._next

    def _decoded(self, rows: Columns) -> list[Batch[Message[K, V]]]:
        try:
            batch = self._worker.decoder.decode(rows)
        except RegistryUnavailable as error:
            self._hold(rows, error)
            return []
        if self._state is not PartitionState.READING:
            self._read_on()
        self._next = rows.following
        self._awake, self._wait = None, 0.0
        return [batch]

    def _read_on(self) -> None:
        """The first batch was decoded, or the one that was held."""
        if self._state is PartitionState.HELD:
            self._count_held(-1)
            PROGRESS.go_on(self._counts)
            self._held = None
            self._reader.hold(self._partition, False)
        self._move(PartitionState.READING)

    def _hold(self, rows: Columns, error: RegistryUnavailable) -> None:
        """Nothing is wrong with the messages: keep them and try again."""
        if self._state is not PartitionState.HELD:
            self._move(PartitionState.HELD)
            self._held, self._wait = rows, 0.0
            self._count_held(1)
            self._reader.hold(self._partition, True)
        self._back_off(*_AWAY)
        self._try_at = time.monotonic() + self._wait
        PROGRESS.wait(self._counts, f"the schema registry ({self._topic}/{self._partition})")
        PROGRESS.retried(f"asking the schema registry (step {self._source.step_id})")
        self._sleep(min(self._wait, _NAP))
        log.warning("%s/%s waits for the registry: %s", self._topic, self._partition, error.what)

    def _count_held(self, sign: int) -> None:
        if self._held:
            waiting(self._source.step_id, sign * len(self._held.values))

    def _wait_for_turn(self) -> list[Batch[Message[K, V]]]:
        if self._state is not PartitionState.HELD and self._reader.at_end(self._partition):
            # It has nothing to take a turn with, so it does not ask for the next one at once.
            self._pass_end()
            if self._bound.reached(self._next):
                self._end()
            self._idle()
            return []
        self._wait = 0.0
        if self._reader.stalled:
            self._sleep(_IDLE[0])  # the one whose turn it is sleeps
        else:
            self._awake = _AT_ONCE
        return []

    def _idle(self) -> None:
        least, most = _IDLE
        if self._reader.busy:
            # Messages of this one may be next: they come in a row with those of others, which cannot go on
            # while this one sleeps long.
            self._wait = 0.0
            if self._reader.at_end(self._partition):
                least = min(max(least, _IDLE_SHARE * self._reader.count), most)
        self._back_off(least, most)

    def _back_off(self, least: float, most: float) -> None:
        self._wait = min(max(self._wait * 2, least), most)
        self._sleep(self._wait)

    def _sleep(self, seconds: float) -> None:
        self._awake = datetime.now(timezone.utc) + timedelta(seconds=seconds)

    def _gap(self) -> None:
        self._move(PartitionState.LOST)
        low, high = self._reader.range(self._partition)
        to = {"earliest": low, "latest": high}.get(self._source.on_gap)
        if low <= self._next <= high:
            to = self._next  # the broker has it after all, for example after a change of leader
        if to is None:
            raise SourceError(
                f"the next message, offset {self._next}, is not on the broker: it has {low} to {high - 1}",
                where=f"topic {self._topic}, partition {self._partition}",
                hint="Removed by retention, or a new topic? To go on: on_gap='earliest' or 'latest'.",
            )
        log.warning(
            "%s/%s: offset %s is gone, continuing at %s", self._topic, self._partition, self._next, to
        )
        if to != self._next:
            gap(self._topic)
        self._reader.assign(self._partition, to)
        self._next = to
        self._move(PartitionState.ASSIGNED)

    def _commit(self) -> None:
        # Bytewax asks for more only when everything up to the last snapshot has gone through the whole flow
        # and is in the recovery store: now that offset is durable.
        offset, self._to_commit = self._to_commit, None
        if offset is not None:
            self._reader.commit(self._partition, offset)

    def _end(self) -> NoReturn:
        self._move(PartitionState.ENDED)
        self._source.ended(self._partition, self._next)
        raise StopIteration

    def _leave(self, way: Way) -> list[Batch[Message[K, V]]]:
        if way == "end":
            self._end()
        if self._state is PartitionState.QUIET:
            if self._snapshots > self._quiet_at:
                self._move(PartitionState.DRAINED)
                STOP.leave(self)
        elif self._state is not PartitionState.DRAINED:
            self._move(PartitionState.QUIET)
            self._quiet_at = self._snapshots
        self._sleep(_IDLE[1])
        return []

    def _move(self, to: PartitionState) -> None:
        self._state = moved(PARTITION_MOVES, self._state, to)
