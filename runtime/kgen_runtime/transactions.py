"""Exactly-once delivery: outputs and the place of their input, in one transaction per source partition.

The marker of a source partition (the offset after the last input whose outputs were written) is the offset
of a consumer group that belongs to the step, committed inside the transaction that holds the outputs. When
the epoch closes, the transaction is committed. What then comes again, because the recovery store heard of
the epoch or not, is left out where the marker has passed it. That is exact because a closed epoch is a
prefix of each source partition: all outputs of an input lie in one epoch, and Bytewax's sources begin the
next one only when the whole flow is done with it.

Brokers forget markers that are old. One that nothing moves is written again now and then, in a transaction
without outputs.

Every source partition has a transactional id of its own. Whoever reads the partition next takes that id
over, which ends the transaction of whoever had it, also of one that only seemed dead and wakes up later;
only then is the marker read. So it does not matter how many workers there were before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Final, Generic, NoReturn, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from .conditions import transaction_ms
from .counter import Counter, Mail
from .errors import DeliveryError, RegistryError
from .outgoing import Outgoing
from .producers import DENIED, PURGED, largest_batch, open_producer
from .sendable import check_message
from .settings import Kafka
from .sizes import batch_limit, record_size

X = TypeVar("X")
R = TypeVar("R")

GROUP_PREFIX: Final = "kgen."
_HELD: Final = 10_000
"""Messages kept while a transactional producer is being opened."""
_START: Final = 60.0
_ABORT: Final = 5.0
_PAUSE: Final = 0.05
_GRACE: Final = 5.0
"""Seconds past a deadline after which a call of librdkafka counts as hanging."""
_LOOK_EVERY: Final = 5.0
"""Seconds between two looks why a marker does not come."""
_KEEP: Final = 3600.0
"""Seconds after which a marker is written again though nothing has moved it: brokers forget markers
(`offsets.retention.minutes`) and transactional ids (`transactional.id.expiration.ms`), after 7 days by
default, and a forgotten marker is a whole partition written again.
"""

log = logging.getLogger("kgen_runtime.sink")


def group_of(step_id: str, topic: str) -> str:
    """The consumer group with the markers of a step: with the transactional ids, a contract with earlier
    runs.
    """
    return f"{GROUP_PREFIX}{step_id}.{topic}"


class Markers:
    """Reads the markers, and names them to transactions."""

    def __init__(self, kafka: Kafka, group: str) -> None:
        options = {"group.id": group, "enable.auto.commit": False, "isolation.level": "read_committed"}
        self._consumer = kafka.consumer(options)
        self.group: Any = self._consumer.consumer_group_metadata()
        self._denied: KafkaError | None = None

    def read(self, topic: str, partition: int) -> int:
        """The first offset whose outputs were not written; waits for transactions that are being ended."""
        deadline = time.monotonic() + _START
        found = None
        while found is None:
            seconds = max(min(_LOOK_EVERY, deadline - time.monotonic()), 0.1)
            try:
                (found,) = self._consumer.committed([TopicPartition(topic, partition)], timeout=seconds)
            except KafkaException as error:
                self._check_rights()
                if error.args[0].code() != KafkaError._TIMED_OUT or time.monotonic() > deadline:
                    raise
        if found.error is not None:
            raise KafkaException(found.error)
        return max(found.offset, 0)

    def _check_rights(self) -> None:
        # `committed` only times out then; the reason is told once, to whoever polls.
        event = self._consumer.poll(0)
        error = None if event is None else event.error()
        if error is not None and error.code() in DENIED:
            self._denied = error
        if self._denied is not None:
            raise KafkaException(self._denied)


class Lane:
    """The transactions of one source partition."""

    def __init__(self, topic: str, partition: int, producer: Producer, markers: Markers) -> None:
        self.topic, self.partition = topic, partition
        self.producer = producer
        self.opening: Future[int] | None = None
        self.held: list[tuple[int, Outgoing]] = []
        self.busy = False
        self.keep_at = 0.0
        """When the marker has to be written again (`time.monotonic`): at once where an earlier run has left
        it, nobody knows how old.
        """
        self.under_way: dict[str, int] = {}
        """The bytes that may share a batch, of topics whose limit is below `batch.size`."""
        self.written = 0
        """All outputs of inputs before this offset were written: what comes again is left out."""
        self.next = 0
        """What `written` is to be after the next commit."""
        self._markers = markers
        self._began = 0.0

    def take_over(self) -> int:
        """End whatever transaction is open on this partition, then read its marker."""
        self.producer.init_transactions(_START)
        return self._markers.read(self.topic, self.partition)

    def begin(self) -> None:
        """Begin a transaction, unless one is open."""
        if not self.busy:
            self.producer.begin_transaction()
            self.busy, self._began = True, time.monotonic()

    def commit(self, seconds: float) -> float:
        """Commit the outputs, if there are any, and the marker; for how long the transaction was open."""
        self.begin()
        marker = [TopicPartition(self.topic, self.partition, self.next)]
        deadline = time.monotonic() + seconds
        _patiently(
            lambda left: self.producer.send_offsets_to_transaction(marker, self._markers.group, left),
            deadline,
        )
        _patiently(self.producer.commit_transaction, deadline)
        now = time.monotonic()
        self.busy, self.written, self.keep_at = False, self.next, now + _KEEP
        self.under_way.clear()
        return now - self._began

    def failure(self) -> KafkaError | None:
        """What broke the open transaction: librdkafka tells it to whoever asks for another."""
        try:
            self.producer.begin_transaction()
        except KafkaException as error:
            found: KafkaError = error.args[0]
            return found if found.fatal() or found.txn_requires_abort() else None
        return None

    def abort(self) -> None:
        """So that readers need not wait until the transaction times out."""
        try:
            self.producer.abort_transaction(_ABORT)
        except KafkaException as error:
            log.debug("%s/%s: not aborted: %s", self.topic, self.partition, error)


class ExactlyOnce(Counter[X], Generic[X]):
    """A transactional producer for each source partition that this worker has outputs of."""

    hears_all = True

    def __init__(self, step_id: str, mail: Mail[X], drop: Callable[[], object]) -> None:
        super().__init__(step_id, mail, drop)
        self._group = group_of(step_id, mail.topic)
        self._markers = Markers(mail.kafka, self._group)
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._batch = 0
        self._narrow: set[str] = set()
        self._purged: KafkaError | None = None
        self._timeout = transaction_ms(mail.kafka) / 1000

    @property
    def waiting(self) -> bool:
        """See the base."""
        told = self._failures or self._lost or self._purged
        return bool(told or any(lane.busy or lane.held for lane in self._lanes.values()))

    @property
    def due(self) -> float | None:
        """See the base."""
        return min((lane.keep_at for lane in self._lanes.values()), default=None)

    def send(self, items: list[X]) -> None:
        """Queue what the marker has not passed. What cannot be sent is told on a repetition as well: whoever
        takes the failures knows what it has.
        """
        self.sent += 1
        for item in items:
            lane, offset = self._lane(item)
            try:
                out = self._encode(item)
                check_message(out)
                self._limits.check(out)  # what the broker refuses breaks the whole transaction
            except (RegistryError, DeliveryError):
                raise
            except Exception as error:  # noqa: BLE001 - any value may make any serde fail
                self._refuse(item, error)
                continue
            if lane.opening is None:
                self._produce(lane, offset, out)
            else:
                self._hold(lane, offset, out)

    def poll(self) -> None:
        """See the base."""
        for lane in self._lanes.values():
            if lane.opening is not None and lane.opening.done():
                self._release(lane)
            if lane.busy:
                self._hear(lane.producer)

    def settle(self) -> None:
        """The epoch is not over: the gate that is being woken will commit."""

    def close_epoch(self, seen: int) -> None:
        """Commit, all partitions at once: those with outputs, and those whose markers are to be kept."""
        if seen != self.sent:
            self._fail(f"a transaction holds messages of another epoch ({seen} batches of {self.sent})")
        for lane in self._lanes.values():
            self._release(lane)
        self.check()
        now = time.monotonic()
        lanes = [lane for lane in self._lanes.values() if lane.busy or lane.keep_at <= now]
        commits = [_apart(lane.commit, self._bound) for lane in lanes]
        # One that has failed fails the flow: others may hang then, and messages behind it expire.
        done, hanging = wait(commits, self._bound + _GRACE, FIRST_EXCEPTION)
        for commit in done:
            if (error := commit.exception()) is not None:
                self._broken(error)
        self.check()
        if hanging:
            self._fail(f"{len(hanging)} transaction(s) were not committed within {self._bound:.0f} s")
        self._check_time(max((commit.result() for commit in commits), default=0.0))

    def check(self) -> None:
        """See the base. What was purged went with its transaction: told is what broke that."""
        super().check()
        if self._purged is not None:
            causes = (lane.failure() for lane in self._lanes.values())
            error = next((cause for cause in causes if cause is not None), self._purged)
            self._fail(f"the transaction failed: {error.str()}", error)

    def _check_time(self, seconds: float) -> None:
        if seconds > self._timeout / 2:
            log.warning(
                "%s: a transaction took %.1f s and may take %g s (transaction.timeout.ms): make it longer, "
                "or the epochs shorter",
                *(self._step_id, seconds, self._timeout),
            )

    def _lane(self, item: X) -> tuple[Lane, int]:
        place = self._mail.place(item)
        if place is None:
            raise DeliveryError(
                "a message does not tell which input it was made of, so it cannot be delivered exactly once",
                where=f"step {self._step_id}",
                hint="Make it with message.with_value(...) or dataclasses.replace(message, ...).",
            )
        topic, partition, offset = place
        return self._lanes.get((topic, partition)) or self._open(topic, partition), offset

    def _open(self, topic: str, partition: int) -> Lane:
        limit = self._limits.batch(self._mail.topic)
        options = {
            **self._limits.options,
            "transactional.id": f"{self._group}/{topic}/{partition}",
            "transaction.timeout.ms": transaction_ms(self._mail.kafka),
            "delivery.timeout.ms": min(60_000, transaction_ms(self._mail.kafka)),
            "batch.size": batch_limit(limit),
        }
        self._batch = largest_batch(self._mail.kafka, options)
        producer = open_producer(self._mail.kafka, options, self._on_error)
        lane = self._lanes[topic, partition] = Lane(topic, partition, producer, self._markers)
        lane.opening = _apart(lane.take_over)
        return lane

    def _hold(self, lane: Lane, offset: int, out: Outgoing) -> None:
        lane.held.append((offset, out))
        if len(lane.held) >= _HELD:
            self._release(lane)

    def _release(self, lane: Lane) -> None:
        """Wait until the partition is taken over, and send what came meanwhile."""
        if lane.opening is None:
            return
        try:
            lane.written = lane.next = lane.opening.result(2 * _START + _GRACE)
        except KafkaException as error:
            self._broken(error)
        except FutureTimeoutError:
            self._fail(f"the transactions of {lane.topic}/{lane.partition} could not be taken over")
        held, lane.held, lane.opening = lane.held, [], None
        if held and held[0][0] < lane.next:
            log.info(
                "%s: outputs of %s/%s before offset %s were written by an earlier run",
                *(self._step_id, lane.topic, lane.partition, lane.next),
            )
        for offset, out in held:
            self._produce(lane, offset, out)

    def _produce(self, lane: Lane, offset: int, out: Outgoing) -> None:
        if offset < lane.written:
            return
        try:
            lane.begin()
            if self._limits.batch(out.topic) < self._batch:
                self._bound_batch(lane, out)
            self._put(lane.producer, out, self._on_delivery)
        except KafkaException as error:
            self._broken(error)
        self.traffic.add(1, len(out.value or b"") + len(out.key or b""))
        if offset >= lane.next:
            lane.next = offset + 1

    def _bound_batch(self, lane: Lane, out: Outgoing) -> None:
        """librdkafka fills a batch up to `batch.size`, whatever the topic takes: what may make it too large
        is sent before.
        """
        size, limit = record_size(out), self._limits.batch(out.topic)
        if out.topic not in self._narrow:
            self._narrow.add(out.topic)
            log.warning(
                "%s: topic %s takes batches of %s bytes, less than batch.size (%s): what goes there is sent "
                "in small portions, slowly. Set batch.size to %s to send more at a time.",
                *(self._step_id, out.topic, limit, self._batch, batch_limit(limit)),
            )
        if lane.under_way.get(out.topic, 0) + size > limit:
            self._drain(lane.producer)
            lane.under_way.clear()
        lane.under_way[out.topic] = lane.under_way.get(out.topic, 0) + size

    def _on_delivery(self, error: KafkaError | None, message: KafkaMessage) -> None:
        if error is None:
            return
        if error.code() in PURGED:
            self._purged = error
        else:
            self._lose(message.topic(), error)

    def _broken(self, error: BaseException) -> NoReturn:
        if not isinstance(error, KafkaException):
            raise error
        for lane in self._lanes.values():
            self._hear(lane.producer)  # of the first of several errors, which says most
        super().check()
        self._fail(f"the transaction failed: {error.args[0].str()}", error.args[0])

    def _abandon(self) -> None:
        wait([_apart(lane.abort) for lane in self._lanes.values() if lane.busy], _ABORT + _GRACE)


def _apart(call: Callable[..., R], *arguments: Any) -> Future[R]:
    """In a thread that may hang without keeping the process: with librdkafka 2.16 at least,
    `send_offsets_to_transaction` does not heed its timeout while no broker answers (librdkafka #5456).
    """
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(call(*arguments))
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)

    threading.Thread(target=run, name="kgen-transaction", daemon=True).start()
    return future


def _patiently(call: Callable[[float], object], deadline: float) -> None:
    """Again, while the broker says that it may pass. `call` takes the seconds that are left."""
    while True:
        try:
            call(max(deadline - time.monotonic(), 0.1))
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_PAUSE)
