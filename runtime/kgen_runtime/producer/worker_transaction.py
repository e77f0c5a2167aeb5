"""The transactions of one worker, one after the other, and the source partitions whose outputs are in them.

    READY ──begin──▶ OPEN ──commit──▶ COMMITTING ──committed──▶ READY
      │               │                   │
      └───────────────┴──────discard──────┴─────▶ ENDED

In OPEN and COMMITTING the broker may hold outputs that no reader sees: `discard` aborts them. What breaks a
transaction is not a state here: librdkafka keeps it, `failure` reads it, and `discard` follows.

The outputs of one source partition:

    CLAIMING ──claimed──▶ WRITTEN ──output──▶ MOVED ──wrote──▶ WRITTEN
                            │ ▲
                            └─┘ wrote: the marker again, so that the broker does not forget it

In CLAIMING they are held, as another worker may still write outputs of the partition. In MOVED the marker
that is committed next is another one than the last. Only the worker's own thread moves either.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from .._librdkafka import open_transactions_error, run_apart
from ..kafka.broker_calls import retry_while_retriable
from ..states import Moves, moved
from .claims import GRACE, Claims
from .outgoing import Outgoing

ABORT_SECONDS: Final = 5.0
_KEEP: Final = 3600.0
"""Seconds after which a marker is written again though nothing has moved it: brokers forget markers
(`offsets.retention.minutes`) and transactional ids (`transactional.id.expiration.ms`), after 7 days by
default, and a forgotten marker is a whole partition written again.
"""

log = logging.getLogger("kgen_runtime.sink")


class OutputState(Enum):
    """Of the outputs of a source partition."""

    CLAIMING = auto()
    WRITTEN = auto()
    MOVED = auto()


_OUTPUT_MOVES: Final[Moves[OutputState]] = MappingProxyType(
    {
        OutputState.CLAIMING: frozenset({OutputState.WRITTEN}),
        OutputState.WRITTEN: frozenset({OutputState.MOVED, OutputState.WRITTEN}),
        OutputState.MOVED: frozenset({OutputState.WRITTEN}),
    }
)


class PartitionOutputs:
    """The outputs of one source partition."""

    def __init__(self, topic: str, partition: int, claim: Future[int]) -> None:
        self.topic, self.partition, self.claim = topic, partition, claim
        self.state = OutputState.CLAIMING
        self.held: list[tuple[int, Outgoing]] = []
        self.keep_at = math.inf
        """When the marker has to be written again (`time.monotonic`): never, before the claim."""
        self.written = 0
        """All outputs of inputs before this offset were written: what comes again is left out."""
        self.next = 0
        """What `written` is to be after the next commit."""

    @property
    def to_commit(self) -> bool:
        """Its marker belongs to the next commit."""
        return self.state is OutputState.MOVED or self.keep_at <= time.monotonic()

    def claimed(self, offset: int) -> None:
        """The partition is this worker's, and its marker there."""
        self.next = offset
        self.wrote()

    def add(self, offset: int) -> None:
        """The open transaction has an output of the input at this offset."""
        if self.state is not OutputState.MOVED:
            self._move(OutputState.MOVED)
        if offset >= self.next:
            self.next = offset + 1

    def wrote(self) -> None:
        """The marker was written just now."""
        self._move(OutputState.WRITTEN)
        self.written, self.keep_at = self.next, time.monotonic() + _KEEP

    def _move(self, to: OutputState) -> None:
        self.state = moved(_OUTPUT_MOVES, self.state, to)


class TransactionState(Enum):
    """Of the transactions of a worker."""

    READY = auto()
    OPEN = auto()
    COMMITTING = auto()
    ENDED = auto()


_MOVES: Final[Moves[TransactionState]] = MappingProxyType(
    {
        TransactionState.READY: frozenset({TransactionState.OPEN, TransactionState.ENDED}),
        TransactionState.OPEN: frozenset({TransactionState.COMMITTING, TransactionState.ENDED}),
        TransactionState.COMMITTING: frozenset({TransactionState.READY, TransactionState.ENDED}),
        TransactionState.ENDED: frozenset(),
    }
)


class WorkerTransaction:
    """The transactions of one worker, one after the other."""

    def __init__(self, owner: str, producer: Producer, claims: Claims) -> None:
        self.producer = producer
        self.claims = claims
        self.state = TransactionState.READY
        self.under_way: dict[str, int] = {}
        """The bytes that may share a batch, of topics whose limit is below `batch.size`."""
        self._owner = owner
        self._began = 0.0

    @property
    def busy(self) -> bool:
        """There may be outputs that no reader sees yet."""
        return self.state in (TransactionState.OPEN, TransactionState.COMMITTING)

    def begin(self) -> None:
        """Begin a transaction, unless one is open. Raises `KafkaException`."""
        if self.state is not TransactionState.OPEN:
            state = moved(_MOVES, self.state, TransactionState.OPEN)
            self.producer.begin_transaction()
            self.state, self._began = state, time.monotonic()

    def commit(self, partitions: Sequence[PartitionOutputs], seconds: float) -> Future[None]:
        """Commit the outputs of the open transaction, and the markers of `partitions`: in a thread, which may
        hang, for `seconds`. `committed` has to follow.
        """
        self._move(TransactionState.COMMITTING)
        markers = [TopicPartition(each.topic, each.partition, each.next, self._owner) for each in partitions]
        return run_apart(self._commit, markers, time.monotonic() + seconds)

    def _commit(self, markers: list[TopicPartition], deadline: float) -> None:
        retry_while_retriable(
            lambda left: self.producer.send_offsets_to_transaction(markers, self.claims.group, left),
            deadline,
        )
        retry_while_retriable(self.producer.commit_transaction, deadline)

    def committed(self) -> float:
        """The commit has ended well. Returns the seconds that the transaction was open."""
        self._move(TransactionState.READY)
        self.under_way.clear()
        return time.monotonic() - self._began

    def failure(self) -> KafkaError | None:
        """What broke the open transaction, as far as librdkafka reports it; None if none is open."""
        return open_transactions_error(self.producer) if self.busy else None

    def discard(self) -> None:
        """Nothing is claimed or written any more. What is open is aborted, so that readers need not wait
        until it times out.
        """
        if self.state is TransactionState.ENDED:
            return
        self.claims.abandon()
        busy = self.busy
        self._move(TransactionState.ENDED)
        if busy:
            wait([run_apart(self._abort)], ABORT_SECONDS + GRACE)

    def _abort(self) -> None:
        try:
            self.producer.abort_transaction(ABORT_SECONDS)
        except KafkaException as error:
            log.debug("%s: not aborted: %s", self._owner, error)

    def _move(self, to: TransactionState) -> None:
        self.state = moved(_MOVES, self.state, to)
