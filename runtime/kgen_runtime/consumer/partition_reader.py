"""One Kafka consumer for all partitions that a worker reads of a topic.

librdkafka starts threads and connections per consumer, so there is one per worker and not one per
partition. `consume` gives what has arrived for any of them; it is sorted into an inbox per partition, from
which Bytewax takes batches partition by partition, those that are behind first (alignment.py). Nothing here
waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from itertools import groupby
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ..errors import SourceError
from ..kafka.connection import Kafka
from ..reporting.progress import PROGRESS
from .alignment import PATIENCE, Align, Inbox, Turns, Workers, order_of
from .columns import Columns, from_consumed
from .group_commits import Group

R = TypeVar("R")

TIMEOUT: Final = 10.0
"""Seconds to wait for a broker when a flow starts."""

_CONFIRM_AFTER: Final = 2.0

FETCHING: Final = {"fetch.queue.backoff.ms": 50, "fetch.wait.max.ms": 100}
"""librdkafka's options, where the user has not set them, so that the flow is not left without messages.

When 100,000 of a partition wait to be taken, librdkafka fetches no more of it for a time, its own choice
being a second; that many are soon decoded. And it has one fetch under way per broker: one for partitions at
their end waits there for new messages, and all others of that broker with it, by default half a second.
"""

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

log = logging.getLogger("kgen_runtime.source")

_PASSING: Final = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._MAX_POLL_EXCEEDED,  # the flow was held up; without a group nothing follows from it
    }
)


_PASSING_ASKED: Final = frozenset({KafkaError._UNKNOWN_PARTITION, KafkaError._DESTROY_BROKER})
"""What librdkafka also answers while it has no connection to the leader of a partition."""
_PAUSE: Final = 0.2
"""Seconds between two askings."""


class AbsentTopicError(SourceError):
    """The topic is not on the broker."""


class Reader:
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
        self._group = Group(group_id, topic)
        self.consumer = open_consumer(kafka, group_id, self._group.answered)
        self._order = order_of(align)
        self._turns = Turns(self._order, batch_size, workers, self._fill, self._patience)
        self._found = False
        self._blocked_at = 0.0
        self._inboxes: dict[int, Inbox] = {}
        self._warned: set[int] = set()

    def assign(self, partition: int, offset: int) -> None:
        """Begin (or begin again) to read a partition at exactly `offset`."""
        self.release(partition)
        inbox = self._inboxes[partition] = Inbox(partition, position=offset)
        self._turns.join(inbox)
        self.consumer.incremental_assign([TopicPartition(self._topic, partition, offset)])

    def release(self, partition: int) -> None:
        """Read it no more."""
        inbox = self._inboxes.pop(partition, None)
        if inbox is not None:
            self._turns.leave(inbox)
            self.consumer.incremental_unassign([TopicPartition(self._topic, partition)])

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
        self._turns.took(inbox, rows)
        if inbox.full and 2 * len(inbox) < self._room_for(rows):
            self._set_full(inbox, False)
        return rows

    def at_end(self, partition: int) -> bool:
        """All there is of this partition has been taken."""
        inbox = self._inboxes[partition]
        return inbox.at_end and not inbox

    def end(self, partition: int) -> int:
        """Where all there is has been taken, the offset that comes next; negative elsewhere."""
        inbox = self._inboxes[partition]
        return inbox.end if inbox.at_end and not inbox else -1

    def lost(self, partition: int) -> KafkaError | None:
        """The broker's answer where the position that follows what was taken is not there any more."""
        inbox = self._inboxes[partition]
        return None if inbox else inbox.lost

    def high(self, partition: int) -> int:
        """The offset after the last message, as of the last fetch; negative where nothing was fetched yet."""
        answer = self.consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
        return answer[1] if answer else -1

    def range(self, partition: int) -> tuple[int, int]:
        """The first offset there is and the one after the last. Raises `SourceError` where the broker is
        away.
        """
        return watermarks(self.consumer, self._topic, partition)

    def commit(self, partition: int, offset: int) -> None:
        """Tell the consumer group, if there is one, about a durable offset."""
        self._group.tell(self.consumer, partition, offset)

    def _fill(self) -> bool:
        """Sort what has arrived, at most a batch, to its partitions; there may be more."""
        found = self.consumer.consume(self._batch_size, 0)
        if not found:
            self._found = False
            return False
        kind = type(found[0])
        partitions = {*map(kind.partition, found)}
        if len(partitions) == 1 and not any(map(kind.error, found)):
            self._found = True
            # Most often: a fetch brings many of one partition.
            self._deliver(found[0].partition() or 0, found)
        else:
            self._found = any(message.error() is None for message in found)
            self._sort(found)
        if self._found:
            PROGRESS.go_on(self._connection)
        return self._found and len(found) == self._batch_size

    def _sort(self, found: list[Message]) -> None:
        for partition, run in groupby(found, _partition_of):
            messages = list(run)
            if partition >= 0:
                self._deliver(partition, messages)
                continue
            for message in messages:
                self._on_event(message)

    def _deliver(self, partition: int, messages: list[Message]) -> None:
        inbox = self._inboxes.get(partition)
        if inbox is None:
            return  # it was released after the fetch
        rows = from_consumed(messages, self._topic, partition)
        inbox.put(rows)
        self._turns.join(inbox)
        if not inbox.full and len(inbox) >= self._room_for(rows):
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
        if inbox.held or inbox.at_end or 0 <= self.high(inbox.partition) <= inbox.position:
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
                inbox.at_end, inbox.end = True, message.offset() or 0
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            if inbox is not None:
                inbox.lost = error
        elif error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            self._group.refused(error)
        elif error.code() in _PASSING or error.retriable():
            if error.code() == KafkaError._ALL_BROKERS_DOWN:
                PROGRESS.wait(self._connection, f"the Kafka brokers, all out of reach (topic {self._topic})")
            if error.code() not in self._warned:
                self._warned.add(error.code())
                log.warning("topic %s: %s (reading goes on when it has passed)", self._topic, error.str())
        else:
            raise unreadable(self._topic, error, partition)


def _partition_of(message: Message) -> int:
    """-1: it is an event."""
    return (message.partition() or 0) if message.error() is None else -1


def open_consumer(
    kafka: Kafka, group_id: str | None, on_commit: Callable[[KafkaError | None, Any], None] | None = None
) -> Consumer:
    """A consumer that commits nothing by itself and reports ends and lost positions. Raises `ConfigError`."""
    chosen = {name: kafka.config.get(name, value) for name, value in FETCHING.items()}
    return kafka.consumer(
        {
            **chosen,
            # confluent-kafka wants one, and librdkafka asks for its coordinator at once. Without commits
            # nothing follows from the answer: who may not use the group may still read the topic.
            "group.id": group_id or "kgen",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            **({} if on_commit is None else {"on_commit": on_commit}),
        }
    )


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """The partitions of a topic. Raises `SourceError` where the topic is absent or no broker answers."""
    consumer.poll(0)  # lets librdkafka ask for an OAuth token, without which the next call would not end well

    def listed(seconds: float) -> list[int]:
        found = consumer.list_topics(topic, timeout=seconds).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    return asked(listed, topic)


def watermarks(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """The first offset there is and the one after the last. Raises `SourceError`."""

    def bounds(seconds: float) -> tuple[int, int]:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=seconds)
        return low, high

    return asked(bounds, topic, partition)


def asked(ask: Callable[[float], R], topic: str, partition: int | None = None) -> R:
    """What the broker answers to `ask`, which takes the seconds it may wait; a lost connection or a leader
    that changes is waited for, for `TIMEOUT` in all. Raises `SourceError`.
    """
    with PROGRESS.waiting(f"the Kafka brokers to answer (topic {topic})"):
        return _asked(ask, topic, partition)


def _asked(ask: Callable[[float], R], topic: str, partition: int | None) -> R:
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return ask(max(deadline - time.monotonic(), _PAUSE))
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            passing = reason.code() in _PASSING | _PASSING_ASKED or reason.retriable()
            if not passing or time.monotonic() + _PAUSE > deadline:
                raise unreadable(topic, reason, partition) from error
        time.sleep(_PAUSE)


def unreadable(topic: str, error: KafkaError, partition: int | None = None) -> SourceError:
    """What a user can do about an error of the broker."""
    where = f"topic {topic}" + (
        f", partition {partition}" if partition is not None and partition >= 0 else ""
    )
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return AbsentTopicError(
            "the topic is not on the broker", where=where, hint="Is the name right? Create the topic first."
        )
    if error.code() in _PASSING:
        return SourceError(
            f"no Kafka broker answers: {error.str()}",
            where=where,
            hint="Are they right (KGEN_BROKERS), running, and reachable with these security settings?",
        )
    hint = None
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        hint = "Give the user READ on the topic."
    return SourceError(f"the broker refuses to let it be read: {error.str()}", where=where, hint=hint)


def closed(group: str, topic: str) -> SourceError:
    """A consumer group whose offsets are needed is not this user's."""
    return SourceError(
        f"the broker refuses to tell what the consumer group {group} has committed",
        where=f"topic {topic}",
        hint="Give the user READ on the group, or begin elsewhere than at start='stored'.",
    )


def made_anew(topic: str) -> SourceError:
    """Offsets of a topic that was deleted mean nothing in another one of its name."""
    return SourceError(
        "the topic was deleted and made anew since its offsets were stored",
        where=f"topic {topic}",
        hint="To read the new one: start with on_gap='earliest' or 'latest'.",
    )


class Watch:
    """Looks now and then, in the background, whether the partitions of a topic are still the ones that are
    read.

    librdkafka says nothing of new partitions to a consumer that was told which to read, nor of a deleted
    topic, nor of another one of its name.
    """

    def __init__(self, kafka: Kafka, topic: str, known: int, topic_id: str | None, every: float) -> None:
        self._kafka = kafka
        self._topic = topic
        self._known = known
        self._id = topic_id
        self._every = every
        self._look_at = time.monotonic() + every
        self._looking: threading.Thread | None = None
        self._gone: SourceError | None = None
        self._count = known

    def check(self) -> int | None:
        """The number of partitions where it has changed. Raises `SourceError` where the topic is gone."""
        if self._gone is not None:
            raise self._gone
        if self._count != self._known:
            return self._count
        if time.monotonic() >= self._look_at and (self._looking is None or not self._looking.is_alive()):
            self._look_at = time.monotonic() + self._every
            self._looking = threading.Thread(target=self._look, name=f"kgen-watch-{self._topic}", daemon=True)
            self._looking.start()
        return None

    def _look(self) -> None:
        consumer = open_consumer(self._kafka, None)
        try:
            try:
                self._count = len(partitions(consumer, self._topic))
                PROGRESS.go_on(f"brokers of {self._topic}")
            except AbsentTopicError:
                time.sleep(_CONFIRM_AFTER)  # a broker that has just started may not know of it yet
                self._count = len(partitions(consumer, self._topic))
            if self._id is not None and self._kafka.topic_id(self._topic) not in (self._id, None):
                self._gone = made_anew(self._topic)
        except AbsentTopicError as error:
            self._gone = error
        except SourceError as error:
            log.info("topic %s: could not look for its partitions: %s", self._topic, error.what)
        finally:
            consumer.close()
