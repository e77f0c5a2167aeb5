"""One Kafka consumer for all partitions that a worker reads of a topic.

librdkafka starts threads and connections per consumer, so there is one per worker and not one per
partition. `consume` gives what has arrived for any of them; it is sorted into an inbox per partition, from
which Bytewax takes batches partition by partition, those that are behind first (alignment.py). Nothing here
waits but `await_messages`, and `await_round`, a millisecond at most.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from confluent_kafka import KafkaError, TopicPartition

from ..codec import MessageQueue, arrival_functions
from ..kafka.connection import Kafka
from ..reporting.progress import PROGRESS
from .alignment import PATIENCE, Align, Inbox, Turns, Workers, order_of
from .broker_answers import (
    PASSING,
    topic_unreadable_error,
    watermarks,
)
from .columns import Columns, from_consumed, from_parts
from .consumer_options import message_queue, open_consumer
from .group_commits import GroupCommits

MOST_AT_ONCE: Final = 1_000_000
"""confluent-kafka takes no larger number of messages to consume."""

_ROOM: Final = 100_000
"""How many messages may wait for the turns of all partitions of a worker: a fetch brings as many of each."""
_LEAST_ROOM: Final = 2_000
"""The same for each partition, at least."""
_ROOM_BYTES: Final = 64 << 20
"""The same in bytes, about."""
_AHEAD: Final = 8
"""How many batches are taken at once of what was fetched, where they are small: each time costs as well."""
_FEW: Final = 8
"""Partitions that are all looked at again for each message that comes; more are looked at less often."""
_ALERT: Final = 5
"""Rounds of looks in a row that wait for a message, before partitions begin to sleep."""
_ROUND: Final = 0.001
"""Seconds for which a round waits, at most: other steps of the worker wait as well."""
_BLOCKED: Final = 0.05
"""Seconds after which a partition that waits for others is looked at less often."""

_RUNS: Final = arrival_functions().runs

log = logging.getLogger("kgen_runtime.source")


class PartitionReader:
    """Reads the partitions of one topic that belong to one worker thread; used by that thread only."""

    def __init__(
        self,
        kafka: Kafka,
        topic: str,
        group_id: str | None,
        batch_size: int,
        align: Align = "messages",
        workers: Workers | None = None,
    ) -> None:
        self._topic = topic
        self._batch_size = batch_size
        self._connection = f"brokers of {topic}"
        self._group = GroupCommits(group_id, topic)
        self.consumer = open_consumer(kafka, group_id, self._group.answered)
        self._queue = message_queue(self.consumer)
        self._order = order_of(align)
        self._turns = Turns(self._order, batch_size, workers, self._fill, self._patience)
        self._at_once = batch_size  # how many are taken of what was fetched
        self._found = False
        self._brought = 0  # messages of the last look
        self._empty = 0  # looks in a row that have brought none
        self._blocked_at = 0.0
        self._inboxes: dict[int, Inbox] = {}
        self._to_assign: list[TopicPartition] = []
        self._answered: set[int] = set()
        self._warned: set[int] = set()

    def assign(self, partition: int, offset: int) -> None:
        """Begin (or begin again) to read a partition at exactly `offset`."""
        self.release(partition)
        inbox = self._inboxes[partition] = Inbox(partition, position=offset)
        self._turns.join(inbox)
        self._to_assign.append(TopicPartition(self._topic, partition, offset))

    def release(self, partition: int) -> None:
        """Read it no more."""
        inbox = self._inboxes.pop(partition, None)
        self._answered.discard(partition)
        if inbox is not None:
            self._turns.leave(inbox)
            self._assign()
            self.consumer.incremental_unassign([TopicPartition(self._topic, partition)])

    def _assign(self) -> None:
        """All together, when messages are first asked for: one by one, librdkafka would ask for the first
        ones alone, and all would wait for the others' first answer.
        """
        if self._to_assign:
            if self._queue is not None:
                for each in self._to_assign:
                    self._queue.forward(self._topic, each.partition)
            self.consumer.incremental_assign(self._to_assign)
            self._to_assign = []

    @property
    def count(self) -> int:
        """How many partitions are read."""
        return len(self._inboxes)

    @property
    def idle(self) -> bool:
        """No partition is read."""
        return not self._inboxes

    @property
    def busy(self) -> bool:
        """Messages of other partitions are here, or were found by the last look, or wait for another one."""
        if self._alert:
            return self._brought >= self._batch_size or any(inbox.ready for inbox in self._inboxes.values())
        return self._found or time.monotonic() - self._blocked_at < _BLOCKED

    @property
    def _alert(self) -> bool:
        """A message that comes wakes who waits for it, and all partitions are looked at then."""
        return self._queue is not None and len(self._inboxes) <= _FEW

    @property
    def awake(self) -> bool:
        """There is nothing, but it has not been so for long: rounds wait for messages, so nobody sleeps."""
        return self._alert and self._empty < _ALERT * len(self._inboxes)

    def await_round(self) -> bool:
        """To be called by a partition whose look has brought nothing: the last one of a round of all
        partitions waits a moment for a message of any. Whether one has come.
        """
        if not self._alert or self.busy:
            return False
        self._empty += 1
        return self._empty % len(self._inboxes) == 0 and self.await_messages(_ROUND)

    def await_messages(self, seconds: float) -> bool:
        """Wait so long for a message of any partition, which is then here, or for an event. Whether a message
        has come.
        """
        if self._queue is None:
            time.sleep(seconds)
            return False
        self._found = False
        self._fill_from_queue(self._queue, seconds)
        return self._found

    def close(self) -> None:
        """Close the consumer."""
        if self._queue is not None:
            self._queue.close()
            self._queue = None
        self.consumer.close()

    def hold(self, partition: int, held: bool) -> None:
        """Fetch no more for a partition that cannot go on for now, so that its messages do not fill the
        memory.
        """
        inbox = self._inboxes[partition]
        if inbox.held != held:
            inbox.held = held
            self._pause(inbox)
        if inbox.ready:
            self._turns.join(inbox)

    def later(self, partition: int) -> bool:
        """Others go first."""
        return self._turns.later(self._inboxes[partition])

    def outrun(self, partition: int) -> bool:
        """It has messages, and others, which have some as well, go first."""
        return self._turns.outrun(self._inboxes[partition])

    @property
    def stalled(self) -> bool:
        """None of the partitions gave anything when they were asked last."""
        return self._turns.stalled

    def take(self, partition: int) -> Columns | None:
        """At most a batch of messages of this partition; None where none has arrived, or where it would get
        too far ahead of others. Never waits.
        """
        inbox = self._inboxes[partition]
        while not inbox and self._fill() and self._turns.counts(inbox):
            pass
        if not inbox:
            self._turns.idle()
            return None
        count = self._turns.allowed(inbox)
        if not count:
            self._blocked_at = time.monotonic()
            return None
        rows = inbox.take(count)
        if inbox.full and 2 * len(inbox) < self._room_for(rows):
            self._set_full(inbox, False)
        self._turns.took(inbox, rows)
        return rows

    def at_end(self, partition: int) -> bool:
        """All there is of this partition has been taken."""
        return self.end(partition) >= 0

    def end(self, partition: int) -> int:
        """If all there is has been taken, the offset that comes next; negative elsewhere."""
        inbox = self._inboxes[partition]
        return -1 if inbox else inbox.end

    def answered(self, partition: int) -> bool:
        """Whether a fetch of it was answered. Any thread may ask."""
        return partition in self._answered

    def lost(self, partition: int) -> KafkaError | None:
        """The broker's answer where the position that follows what was taken is not there any more."""
        inbox = self._inboxes[partition]
        return None if inbox else inbox.lost

    def high(self, partition: int) -> int:
        """The offset after the last message, as of the last fetch; negative where nothing was fetched yet."""
        self._assign()
        answer = self.consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
        return answer[1] if answer else -1

    def range(self, partition: int) -> tuple[int, int]:
        """The first offset there is and the one after the last. Raises `SourceError` if the broker is
        unavailable.
        """
        return watermarks(self.consumer, self._topic, partition)

    def commit(self, partition: int, offset: int) -> None:
        """Commit a durable offset to the consumer group, if there is one."""
        self._group.commit(self.consumer, partition, offset)

    def _fill(self) -> bool:
        """Sort what has arrived, at most a few batches, to its partitions; there may be more."""
        self._assign()
        self._found = False
        self._brought = 0
        # The client's callbacks are called here, and errors come that are of no partition; with a queue of
        # our own no messages, but for a partition that librdkafka knows again. These come before what is in
        # that queue, so they are taken first.
        more = self._fill_from_consumer()
        if self._queue is not None and not more:
            more = self._fill_from_queue(self._queue)
        if self._found:
            PROGRESS.go_on(self._connection)
        return self._found and more

    def _fill_from_consumer(self) -> bool:
        found = self.consumer.consume(self._batch_size, 0)
        if not found:
            return False
        more = len(found) == self._batch_size  # afterwards the list may be empty
        for partition, messages in _RUNS(found):
            if partition >= 0:
                self._deliver(from_consumed(messages, self._topic, partition))
                continue
            for message in messages:
                error = message.error()
                assert error is not None
                self._on_event(error, message.partition(), message.offset())
        return more

    def _fill_from_queue(self, queue: MessageQueue, seconds: float = 0) -> bool:
        count, most = 0, self._at_once
        for partition, parts in queue.fetch(most, self._batch_size, seconds):
            if partition >= 0:
                rows = from_parts(parts, self._topic, partition)
                count += len(rows)
                self._deliver(rows)
                continue
            code, text, of, offset = parts
            count += 1
            self._on_event(KafkaError(code, text), of, offset)
        return count == most

    def _deliver(self, rows: Columns) -> None:
        partition = rows.partitions
        assert isinstance(partition, int)
        self._found = True
        self._brought += len(rows)
        self._empty = 0
        self._answered.add(partition)
        inbox = self._inboxes.get(partition)
        if inbox is None:
            return  # it was released after the fetch
        room = self._room_for(rows)
        # Not so many that a partition is paused when it has been taken from once more.
        self._at_once = max(self._batch_size, min(_AHEAD * self._batch_size, room // 2))
        inbox.put(rows)
        self._turns.join(inbox)
        if not inbox.full and len(inbox) >= room:
            self._set_full(inbox, True)

    def _room_for(self, rows: Columns) -> int:
        """How many messages may wait of a partition that has such ones."""
        size = len(rows.values[0] or b"") + len(rows.keys[0] or b"") + 1
        share = max(_ROOM // len(self._inboxes), _LEAST_ROOM)
        return max(min(share, _ROOM_BYTES // len(self._inboxes) // size), 2 * self._batch_size)

    def _set_full(self, inbox: Inbox, full: bool) -> None:
        # What librdkafka has fetched of it beyond this is dropped, and fetched again: dear, but seldom.
        inbox.full = full
        self._pause(inbox)

    def _pause(self, inbox: Inbox) -> None:
        act = self.consumer.pause if inbox.full or inbox.held else self.consumer.resume
        act([TopicPartition(self._topic, inbox.partition)])

    def _patience(self, inbox: Inbox) -> float:
        """Seconds for which others wait for a partition without messages."""
        if inbox.lost is not None:
            return 0.0
        if inbox.held or inbox.end >= 0 or 0 <= self.high(inbox.partition) <= inbox.position:
            return self._order.wait
        return max(PATIENCE, self._order.wait)

    def _on_event(self, error: KafkaError, partition: int | None, offset: int | None) -> None:
        """Events come among the messages. They have offsets too; only those of ends say what was read."""
        inbox = None if partition is None else self._inboxes.get(partition)
        if error.code() == KafkaError._PARTITION_EOF:
            if inbox is not None:
                self._answered.add(inbox.partition)
                inbox.end = offset or 0
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            if inbox is not None:
                inbox.lost = error
        elif error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            self._group.refused(error)
        elif error.code() in PASSING or error.retriable():
            if error.code() == KafkaError._ALL_BROKERS_DOWN:
                PROGRESS.wait(self._connection, f"the Kafka brokers, all out of reach (topic {self._topic})")
            if error.code() not in self._warned:
                self._warned.add(error.code())
                log.warning("topic %s: %s (reading goes on when it has passed)", self._topic, error.str())
        else:
            raise topic_unreadable_error(self._topic, error, partition)
