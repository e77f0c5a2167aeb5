"""Which worker may write the outputs of a source partition, so that at most one does.

A worker writes the outputs of all its source partitions with one producer. Its transactional id is new for
every worker of every run, so nothing but the broker knows whom to fence before a partition is written by
another worker: beside the committed offset of each source partition (see `exactly_once`) stands its owner,
the transactional id of the worker that writes the partition's outputs. To claim a partition, a worker

1. takes the transactional id of the partition itself (`init_transactions`). That fences any other claim of
   the partition that is under way, and runs of earlier versions, which wrote with that id;
2. reads the owner and takes its id too: the broker aborts what the owner has open, and refuses it from then
   on, also where it only seemed dead and wakes up later;
3. reads the committed offset, which nothing can move now. Where another owner stands there (a claim that was
   under way at 1 has been committed after all), it goes back to 2;
4. commits that offset with itself as the owner, in a transaction of the partition's id, which fails where
   another claim has begun since.

So a worker whose claim was committed is the owner until it has been fenced. The worker takes its own id
before any claim, never again, and nobody else writes with it: fencing it is final.

A claim's states, with the numbers of the steps:

                     1             2, 3               4
    WANTED ─────▶ TAKING ─────▶ FENCING ⟲ ─────▶ COMMITTING ─────▶ COMMITTED
      │             │              │                  │
      ├─────────────┴──────────────┴──────────────────┴───error──▶ FAILED
      └─(until COMMITTING)────────────the worker gives up────────▶ ABANDONED

An abandoned claim goes no further: it might fence the run that has begun instead.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from .._librdkafka import run_apart
from ..kafka.broker_calls import retry_while_retriable, seconds_left
from ..kafka.connection import Kafka
from ..states import Moves, moved
from .broker_refusals import DENIED

Partition: TypeAlias = "tuple[str, int]"
"""Topic and number."""

START: Final = 60.0
"""Seconds for a worker's own id, and for each claim."""
GRACE: Final = 5.0
"""Seconds past a deadline after which a call of librdkafka counts as hanging."""
AT_ONCE: Final = 8
"""Claims of a process that are under way together: each has producers of its own, which go afterwards."""
_LOOK_EVERY: Final = 5.0
"""Seconds between two looks why an offset does not come."""

log = logging.getLogger("kgen_runtime.sink")

_slots = threading.BoundedSemaphore(AT_ONCE)


def owner_of(group: str, worker: str) -> str:
    """The transactional id of a worker, which is unique: a contract with earlier runs."""
    return f"{group}/worker/{worker}"


class Committed(NamedTuple):
    """Of a source partition: the first offset whose outputs were not written, and the transactional id of the
    worker that may write them, "" if none is known.
    """

    offset: int
    owner: str


class CommittedOffsets:
    """Reads what is committed in the group of a step. Used by several threads."""

    def __init__(self, kafka: Kafka, group: str) -> None:
        options = {"group.id": group, "enable.auto.commit": False}
        self._stable = kafka.consumer({**options, "isolation.level": "read_committed"})
        self._latest = kafka.consumer({**options, "isolation.level": "read_uncommitted"})
        self.group: Any = self._stable.consumer_group_metadata()
        """Names the group to transactions, after `close` too."""
        self._denied: KafkaError | None = None

    def latest(self, partition: Partition, deadline: float) -> Committed:
        """As of the last commit, though a transaction is open that may move it. Raises `KafkaException`."""
        return self._read(self._latest, partition, deadline)

    def stable(self, partition: Partition, deadline: float) -> Committed:
        """Waits for transactions that are being ended. Raises `KafkaException`."""
        return self._read(self._stable, partition, deadline)

    def close(self) -> None:
        """Leave the broker."""
        self._stable.close()
        self._latest.close()

    def _read(self, consumer: Consumer, partition: Partition, deadline: float) -> Committed:
        while True:
            seconds = min(_LOOK_EVERY, seconds_left(deadline))
            try:
                (found,) = consumer.committed([TopicPartition(*partition)], timeout=seconds)
            except KafkaException as error:
                self._check_rights(consumer)
                if error.args[0].code() != KafkaError._TIMED_OUT or time.monotonic() > deadline:
                    raise
                continue
            if found.error is not None:
                raise KafkaException(found.error)
            return Committed(max(found.offset, 0), found.metadata or "")

    def _check_rights(self, consumer: Consumer) -> None:
        # `committed` only times out then; the reason is reported once, to the caller that polls.
        event = consumer.poll(0)
        error = None if event is None else event.error()
        if error is not None and error.code() in DENIED:
            self._denied = error
        if self._denied is not None:
            raise KafkaException(self._denied)


class ClaimState(Enum):
    """Of the claim of one source partition."""

    WANTED = auto()
    TAKING = auto()
    FENCING = auto()
    COMMITTING = auto()
    COMMITTED = auto()
    FAILED = auto()
    ABANDONED = auto()


_OUTCOMES: Final = frozenset({ClaimState.FAILED, ClaimState.ABANDONED})
_MOVES: Final[Moves[ClaimState]] = MappingProxyType(
    {
        ClaimState.WANTED: frozenset({ClaimState.TAKING}) | _OUTCOMES,
        ClaimState.TAKING: frozenset({ClaimState.FENCING}) | _OUTCOMES,
        ClaimState.FENCING: frozenset({ClaimState.FENCING, ClaimState.COMMITTING}) | _OUTCOMES,
        ClaimState.COMMITTING: frozenset({ClaimState.COMMITTED, ClaimState.FAILED}),
        ClaimState.COMMITTED: frozenset(),
        ClaimState.FAILED: frozenset(),
        ClaimState.ABANDONED: frozenset(),
    }
)


class Claim:
    """The claim of one source partition. A thread of its own makes it, the worker's may abandon it."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.offset: Future[int] = Future()
        """The committed offset, once the partition is the worker's; or the error of the claim."""
        self.state = ClaimState.WANTED
        self._lock = threading.Lock()

    def enter(self, step: ClaimState) -> None:
        """Go on to the next step. Raises `CancelledError` if it was abandoned."""
        with self._lock:
            if self.state is ClaimState.ABANDONED:
                raise CancelledError
            self.state = moved(_MOVES, self.state, step)

    def fail(self, error: BaseException) -> None:
        """It cannot be made."""
        with suppress(CancelledError):
            self.enter(ClaimState.FAILED)
        self.offset.set_exception(error)

    def abandon(self) -> None:
        """Make it no further, unless it is being committed or at its end."""
        with self._lock:
            if ClaimState.ABANDONED in _MOVES[self.state]:
                self.state = moved(_MOVES, self.state, ClaimState.ABANDONED)


class Claims:
    """Claims source partitions for one worker, in threads of its own.

    `worker` is the producer that writes the outputs, with the transactional id `owner`; `open_producer` makes
    others, with a given id. A claim takes a minute at most. Some are under way at once, in the order in which
    they were asked for.
    """

    def __init__(
        self,
        kafka: Kafka,
        group: str,
        owner: str,
        worker: Producer,
        open_producer: Callable[[str], Producer],
    ) -> None:
        self._kafka = kafka
        self._group = group
        self._owner = owner
        self._open = open_producer
        self._ready = run_apart(worker.init_transactions, START)
        self._lock = threading.Lock()
        self._claims: list[Claim] = []
        self._wanted: deque[Claim] = deque()
        self._threads = 0
        self._offsets: CommittedOffsets | None = None
        self._fencing = threading.Lock()
        self._fenced = {owner, ""}
        self.group: Any = None
        """Names the group to transactions, once something is claimed."""

    def want(self, partition: Partition) -> Future[int]:
        """The committed offset, once the partition is this worker's; or the `KafkaException` of its claim."""
        claim = Claim(partition)
        with self._lock:
            if self._offsets is None:
                self._offsets = CommittedOffsets(self._kafka, self._group)
                self.group = self._offsets.group
            self._claims.append(claim)
            self._wanted.append(claim)
            if self._threads < AT_ONCE:
                self._threads += 1
                # A daemon: it may hang (see `run_apart`), and is not to keep the process.
                threading.Thread(
                    target=self._work, args=(self._offsets,), name="kgen-claims", daemon=True
                ).start()
        return claim.offset

    def abandon(self) -> None:
        """Claim nothing more: another run may have begun. Nothing is to be wanted afterwards."""
        with self._lock:
            self._wanted.clear()
            for claim in self._claims:
                claim.abandon()

    def _work(self, offsets: CommittedOffsets) -> None:
        while (claim := self._next()) is not None:
            try:
                with _slot():
                    claim.offset.set_result(self._claim(claim, offsets))
            except BaseException as error:  # noqa: BLE001 - the worker that waits gets it
                claim.fail(error)

    def _next(self) -> Claim | None:
        with self._lock:
            if self._wanted:
                return self._wanted.popleft()
            self._threads -= 1
            if self._threads:
                return None
            offsets, self._offsets = self._offsets, None
        if offsets is not None:
            offsets.close()
        return None

    def _claim(self, claim: Claim, offsets: CommittedOffsets) -> int:
        self._ready.result(START + GRACE)
        claim.enter(ClaimState.TAKING)
        deadline = time.monotonic() + START
        topic, number = partition = claim.partition
        producer = self._taken(f"{self._group}/{topic}/{number}", topic, deadline)
        claim.enter(ClaimState.FENCING)
        self._fence(claim, offsets.latest(partition, deadline).owner, deadline)
        while (found := offsets.stable(partition, deadline)).owner not in self._fenced:
            self._fence(claim, found.owner, deadline)
        claim.enter(ClaimState.COMMITTING)
        marker = [TopicPartition(topic, number, found.offset, self._owner)]
        producer.begin_transaction()
        retry_while_retriable(
            lambda left: producer.send_offsets_to_transaction(marker, offsets.group, left), deadline
        )
        retry_while_retriable(producer.commit_transaction, deadline)
        claim.enter(ClaimState.COMMITTED)
        return found.offset

    def _taken(self, transactional_id: str, topic: str, deadline: float) -> Producer:
        producer = self._open(transactional_id)
        with suppress(KafkaException):
            # Waits for a connection. Without one librdkafka looks for the coordinator again after 500 ms.
            producer.list_topics(topic, timeout=min(_LOOK_EVERY, seconds_left(deadline)))
        producer.init_transactions(seconds_left(deadline))
        return producer

    def _fence(self, claim: Claim, owner: str, deadline: float) -> None:
        """For ever. One of another group is left alone: who may commit to this one may write any text."""
        with self._fencing:
            if owner in self._fenced:
                return
            claim.enter(ClaimState.FENCING)  # it may have been abandoned meanwhile
            if owner.startswith(owner_of(self._group, "")):
                self._taken(owner, claim.partition[0], deadline)
            else:
                log.warning("group %s has an owner that is not one of its own: %.100r", self._group, owner)
            self._fenced.add(owner)


@contextmanager
def _slot() -> Iterator[None]:
    """Of those of the process. Claims that hang keep theirs: they are not waited for longer than they may
    take.
    """
    taken = _slots.acquire(timeout=START)
    try:
        yield
    finally:
        if taken:
            _slots.release()
