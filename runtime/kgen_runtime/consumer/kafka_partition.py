"""A partition of a topic as Bytewax reads it: its batches, its snapshots, its waits and its end."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta, timezone
from typing import Final, Generic, NoReturn, TypeAlias, TypeVar

from bytewax.inputs import StatefulSourcePartition

from ..errors import RegistryUnavailable, SourceError
from ..flow.batch import Batch
from ..flow.input_hold import INPUT
from ..messages import Message
from ..metrics import PartitionCounts, gap, waiting
from ..reporting.progress import PROGRESS
from ..states import moved
from ..stop import STOP, Way
from .bounds import Bound
from .columns import Columns
from .partition_state import PARTITION_MOVES, PartitionState
from .worker_consumer import PartitionOwner, WorkerConsumer

K = TypeVar("K")
V = TypeVar("V")
log = logging.getLogger("kgen_runtime.source")

State: TypeAlias = "int | tuple[int, str]"
"""What recovery stores hold of a partition: the next offset, and the topic's id if the broker reports it."""

_IDLE: Final = (0.001, 0.05)
"""Seconds between two looks at a partition without messages: the first time, and at most. Where a message
that comes wakes the worker, they begin some milliseconds later.
"""
_IDLE_GROWTH: Final = 1.2
"""Of the time between: so a message waits at most for a fifth of the time for which there was none."""
_IDLE_SHARE: Final = 0.00025
"""The same while others are busy, times the number of partitions: together they cost little."""
_AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_AWAY: Final = (0.5, 30.0)
"""Seconds between two tries while the registry is unavailable."""
_AWAY_GROWTH: Final = 2.0
_NAP: Final = 0.5
"""Seconds, at most, between two looks whether the run is to stop."""


class KafkaPartition(StatefulSourcePartition[Batch[Message[K, V]], State], Generic[K, V]):
    """One partition of the topic. Its states are drawn in `partition_state`."""

    def __init__(
        self, source: PartitionOwner[K, V], lane: WorkerConsumer[K, V], partition: int, offset: int
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
        self._counts = PartitionCounts(self._topic, partition, lane.epochs)
        self._reader.assign(partition, offset)
        if source.workers is not None:
            source.workers.joined()
        STOP.join(self)

    def next_batch(self) -> list[Batch[Message[K, V]]]:
        """The next messages, decoded, as one item. Waits for a millisecond, at most, and not if there is
        anything to do (see `PartitionReader.await_round`).
        """
        PROGRESS.move(self._worker.thread)
        self._commit()
        if STOP.requested:
            return self._leave(STOP.way)
        if INPUT.held:
            self._sleep(_IDLE[1])
            return []
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
        if self._reader.await_round():
            self._awake = _AT_ONCE
        else:
            self._idle()
        return []

    @property
    def place(self) -> str:
        """For people: topic/partition."""
        return f"{self._topic}/{self._partition}"

    @property
    def answered(self) -> bool:
        """Whether the brokers have answered for it: with messages, or that there are none."""
        return self._reader.answered(self._partition)

    def next_awake(self) -> datetime | None:
        """None: at once. While idle, later and later."""
        return self._awake

    def snapshot(self) -> State:
        """The offset of the next message to give."""
        self._snapshots += 1
        self._counts.epoch()
        PROGRESS.epoch_ended()
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
            PROGRESS.rest(self._worker.thread)
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
        self._counts.read(rows.timestamps[-1])
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
        self._back_off(*_AWAY, _AWAY_GROWTH)
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
            longest = most if self._reader.at_end(self._partition) else least
            least = min(_IDLE_SHARE * self._reader.count, longest)
        elif self._reader.awake:
            self._wait, self._awake = 0.0, _AT_ONCE
            return
        self._back_off(least, most, _IDLE_GROWTH)

    def _back_off(self, least: float, most: float, growth: float) -> None:
        self._wait = min(max(self._wait * growth, least), most)
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
