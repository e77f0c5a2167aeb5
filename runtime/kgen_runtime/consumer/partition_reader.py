"""One Kafka consumer for all partitions that a worker reads of a topic.

librdkafka starts threads and connections per consumer, so there is one per worker and not one per
partition. `consume` gives what has arrived for any of them; it is sorted into an inbox per partition, from
which Bytewax takes batches partition by partition, those that are behind first (alignment.py). Nothing here
waits.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from confluent_kafka import KafkaError, Message, TopicPartition

from ..codec import arrival_functions
from ..kafka.connection import Kafka
from ..reporting.progress import PROGRESS
from .alignment import PATIENCE, Align, Inbox, Turns, Workers, order_of
from .broker_answers import (
    PASSING,
    topic_unreadable_error,
    watermarks,
)
from .columns import Columns, from_consumed
from .consumer_options import open_consumer
from .group_commits import GroupCommits

MOST_AT_ONCE: Final = 1_000_000
"""confluent-kafka takes no larger number of messages to consume."""

_ROOM: Final = 100_000
"""How many messages may wait for the turns of all partitions of a worker: a fetch brings as many of each."""
_LEAST_ROOM: Final = 2_000
"""The same for each partition, at least."""
_ROOM_BYTES: Final = 64 << 20
"""The same in bytes, about."""
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
        self._order = order_of(align)
        self._turns = Turns(self._order, batch_size, workers, self._fill, self._patience)
        self._found = False
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
        """The last look found messages, of whatever partition, or one waits for another."""
        return self._found or time.monotonic() - self._blocked_at < _BLOCKED

    def close(self) -> None:
        """Close the consumer."""
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
        messages = inbox.take(count)
        if inbox.full and 2 * len(inbox) < self._room_for(messages[0]):
            self._set_full(inbox, False)
        rows = from_consumed(messages, self._topic, partition)
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
        """Sort what has arrived, at most a batch, to its partitions; there may be more."""
        self._assign()
        found = self.consumer.consume(self._batch_size, 0)
        if not found:
            self._found = False
            return False
        self._found = False
        for partition, messages in _RUNS(found):
            if partition >= 0:
                self._found = True
                self._answered.add(partition)
                self._deliver(partition, messages)
                continue
            for message in messages:
                self._on_event(message)
        if self._found:
            PROGRESS.go_on(self._connection)
        return self._found and len(found) == self._batch_size

    def _deliver(self, partition: int, messages: list[Message]) -> None:
        inbox = self._inboxes.get(partition)
        if inbox is None:
            return  # it was released after the fetch
        first = messages[0]
        inbox.put(messages)
        self._turns.join(inbox)
        if not inbox.full and len(inbox) >= self._room_for(first):
            self._set_full(inbox, True)

    def _room_for(self, message: Message) -> int:
        """How many messages may wait of a partition that has such ones."""
        size = len(message.value() or b"") + len(message.key() or b"") + 1
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

    def _on_event(self, message: Message) -> None:
        """Events come among the messages. They have offsets too; only those of ends say what was read."""
        error = message.error()
        assert error is not None
        partition = message.partition()
        inbox = None if partition is None else self._inboxes.get(partition)
        if error.code() == KafkaError._PARTITION_EOF:
            if inbox is not None:
                self._answered.add(inbox.partition)
                inbox.end = message.offset() or 0
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
