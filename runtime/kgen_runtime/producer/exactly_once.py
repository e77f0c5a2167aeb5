"""Exactly-once delivery: outputs and the places of their inputs, in one transaction per worker and epoch.

The marker of a source partition (the offset after the last input whose outputs were written) is the offset
of a consumer group that belongs to the step, committed inside the transaction that holds the outputs. When
the epoch closes, the transaction is committed. What then comes again, because the recovery store recorded
the epoch or not, is left out where the marker has passed it. That is exact because a closed epoch is a
prefix of each source partition: all outputs of an input lie in one epoch, and Bytewax's sources begin the
next one only when the whole flow is done with it.

Brokers forget markers that are old. One that nothing moves is written again now and then, in a transaction
without outputs.

Before a worker writes the first output of a source partition it claims the partition (see `claims`), which
fences the worker that had it, also one that only seemed dead and wakes up later; only then is the marker
read. So it does not matter how many workers there were before. A worker has one producer for all its
partitions. The states of its transactions, and of the partitions' outputs, are drawn in `worker_transaction`.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Final, Generic, NoReturn, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from ..errors import DeliveryError, RegistryError
from ..kafka.broker_calls import seconds_left
from ..reporting.progress import PROGRESS
from .broker_refusals import PURGED
from .claims import GRACE, START, Claims, owner_of
from .eligibility import transaction_ms
from .outgoing import Outgoing
from .producer_options import delivery_ms_within, largest_batch, open_producer
from .record_size import batch_limit, record_size
from .sender import DeliverySpec, EpochSender
from .validation import check_message
from .worker_transaction import OutputState, PartitionOutputs, WorkerTransaction

X = TypeVar("X")

GROUP_PREFIX: Final = "kgen."
_HELD: Final = 10_000
"""Messages of a worker kept while their partitions are being claimed."""
_LOOK_EVERY: Final = 1.0
"""Seconds between two looks whether a commit that takes long has failed."""
_CLAIMED: Final = 3 * START + 2 * GRACE
"""Seconds after which the claim that is next counts as hanging: a slot and the worker's own id come first."""

log = logging.getLogger("kgen_runtime.sink")


def group_of(step_id: str, topic: str) -> str:
    """The consumer group with the markers of a step: with the transactional ids, a contract with earlier
    runs.
    """
    return f"{GROUP_PREFIX}{step_id}.{topic}"


class ExactlyOnce(EpochSender[X], Generic[X]):
    """A transactional producer, and the source partitions that this worker has outputs of."""

    needs_every_batch = True

    def __init__(self, step_id: str, spec: DeliverySpec[X], drop: Callable[[], object]) -> None:
        super().__init__(step_id, spec, drop)
        self._group = group_of(step_id, spec.topic)
        self._timeout = transaction_ms(spec.kafka) / 1000
        self._options = {
            **self._limits.options,
            "transaction.timeout.ms": transaction_ms(spec.kafka),
            "delivery.timeout.ms": delivery_ms_within(transaction_ms(spec.kafka)),
            "batch.size": batch_limit(self._limits.batch(spec.topic)),
        }
        self._batch = largest_batch(spec.kafka, self._options)
        self._partitions: dict[tuple[str, int], PartitionOutputs] = {}
        self._pending: list[PartitionOutputs] = []
        self._held = 0
        self._narrow: set[str] = set()
        self._purged: KafkaError | None = None

    @functools.cached_property
    def _transaction(self) -> WorkerTransaction:
        """Opened with the first outputs: a worker without any needs no producer."""
        owner = owner_of(self._group, self.name)
        producer = self._open(owner)
        claims = Claims(self._spec.kafka, self._group, owner, producer, self._open)
        return WorkerTransaction(owner, producer, claims)

    @property
    def _busy(self) -> bool:
        return bool(self._partitions) and self._transaction.busy  # without any there is none

    def _open(self, transactional_id: str) -> Producer:
        options = {**self._options, "transactional.id": transactional_id}
        return open_producer(self._spec.kafka, options, self._on_error)

    @property
    def waiting(self) -> bool:
        """See the base."""
        failed = self._failures or self._lost or self._purged
        return bool(failed or self._busy or self._held)

    @property
    def due(self) -> float | None:
        """See the base."""
        claimed = (each for each in self._partitions.values() if each.state is not OutputState.CLAIMING)
        return min((outputs.keep_at for outputs in claimed), default=None)

    def send(self, items: list[X]) -> None:
        """Queue what the marker has not passed. What cannot be sent is reported again on replay;
        consumers deduplicate.
        """
        self.sent += 1
        self.traffic.taken.value += len(items)
        claiming = OutputState.CLAIMING
        for item in items:
            outputs, offset = self._outputs_of(item)
            try:
                out = self._encode(item)
                check_message(out)
                self._limits.check(out)  # what the broker refuses breaks the whole transaction
            except (RegistryError, DeliveryError):
                raise
            except Exception as error:  # noqa: BLE001 - any value may make any serde fail
                self._reject(item, error)
                continue
            if outputs.state is claiming:
                self._hold(outputs, offset, out)
            else:
                self._produce(outputs, offset, out)

    def poll(self) -> None:
        """See the base."""
        if self._pending and all(outputs.claim.done() for outputs in self._pending):
            self._release()
        if self._busy:
            self._poll(self._transaction.producer)

    def settle(self) -> None:
        """The epoch is not over: the gate that is being woken will commit."""

    def close_epoch(self, seen: int) -> None:
        """Commit the outputs, with the markers that they move and those that are to be kept."""
        if seen != self.sent:
            self._abort(f"a transaction holds messages of another epoch ({seen} batches of {self.sent})")
        if self._pending:
            self._commit()  # its transaction is not to wait for claims
        self._release()
        self._commit()

    def _commit(self) -> None:
        self.check()
        partitions = [outputs for outputs in self._partitions.values() if outputs.to_commit]
        if not partitions and not self._busy:
            return
        try:
            self._transaction.begin()
        except KafkaException as error:
            self._transaction_failed(error)
        self._wait_for_commit(self._transaction.commit(partitions, self._bound))
        seconds = self._transaction.committed()
        self.check()
        for outputs in partitions:
            outputs.wrote()
        self._check_time(seconds)

    def _wait_for_commit(self, commit: Future[None]) -> None:
        """A failure fails the flow at once, also while the call hangs."""
        deadline = time.monotonic() + self._bound + GRACE
        while not wait([commit], min(_LOOK_EVERY, seconds_left(deadline))).done:
            self._poll(self._transaction.producer)
            self.check()
            if time.monotonic() >= deadline:
                self._abort(f"the transaction was not committed within {self._bound:.0f} s")
        if (error := commit.exception()) is not None:
            self._transaction_failed(error)

    def check(self) -> None:
        """See the base. What was purged went with its transaction: reported is what broke that."""
        super().check()
        if self._purged is not None:
            error = self._transaction.failure() or self._purged
            self._abort(f"the transaction failed: {error.str()}", error)

    def _check_time(self, seconds: float) -> None:
        if seconds > self._timeout / 2:
            log.warning(
                "%s: a transaction took %.1f s and may take %g s (transaction.timeout.ms): make it longer, "
                "or the epochs shorter",
                *(self._step_id, seconds, self._timeout),
            )

    def _outputs_of(self, item: X) -> tuple[PartitionOutputs, int]:
        place = self._spec.place(item)
        if place is None:
            raise DeliveryError(
                "a message does not carry the input it was made of, so it cannot be delivered exactly once",
                where=f"step {self._step_id}",
                hint="Create it with message.with_value(...) or dataclasses.replace(message, ...).",
            )
        topic, partition, offset = place
        outputs = self._partitions.get((topic, partition))
        if outputs is None:
            claim = self._transaction.claims.want((topic, partition))
            outputs = self._partitions[topic, partition] = PartitionOutputs(topic, partition, claim)
            self._pending.append(outputs)
        return outputs, offset

    def _hold(self, outputs: PartitionOutputs, offset: int, out: Outgoing) -> None:
        outputs.held.append((offset, out))
        self._held += 1
        if self._held >= _HELD:
            self._release()

    def _release(self) -> None:
        """Wait until all partitions are claimed, then send what came meanwhile. Not one by one: claims of
        many partitions may take longer than a transaction may be open.
        """
        pending, self._pending = self._pending, []
        for outputs in pending:
            self._take(outputs)
        for outputs in pending:
            held, outputs.held = outputs.held, []
            self._held -= len(held)
            for offset, out in held:
                self._produce(outputs, offset, out)

    def _take(self, outputs: PartitionOutputs) -> None:
        """Wait for the claim."""
        try:
            outputs.claimed(outputs.claim.result(_CLAIMED))
        except KafkaException as error:
            self._transaction_failed(error)
        except FutureTimeoutError:
            self._abort(f"source partition {outputs.topic}/{outputs.partition} could not be claimed in time")
        if outputs.held and outputs.held[0][0] < outputs.next:
            log.info(
                "%s: outputs of %s/%s before offset %s were written by an earlier run",
                *(self._step_id, outputs.topic, outputs.partition, outputs.next),
            )

    def _produce(self, outputs: PartitionOutputs, offset: int, out: Outgoing) -> None:
        if offset < outputs.written:
            PROGRESS.passed_over(letter=self._spec.dead_letters)
            return
        try:
            self._transaction.begin()
            if self._limits.batch(out.topic) < self._batch:
                self._bound_batch(out)
            self._put(self._transaction.producer, out, self._on_delivery)
        except KafkaException as error:
            self._transaction_failed(error)
        self.traffic.add(1, len(out.value or b"") + len(out.key or b""))
        outputs.add(offset)

    def _bound_batch(self, out: Outgoing) -> None:
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
        under_way = self._transaction.under_way
        if under_way.get(out.topic, 0) + size > limit:
            self._drain(self._transaction.producer)
            under_way.clear()
        under_way[out.topic] = under_way.get(out.topic, 0) + size

    def _on_delivery(self, error: KafkaError | None, message: KafkaMessage) -> None:
        if error is None:
            return
        if error.code() in PURGED:
            self._purged = error
        else:
            self._record_loss(message.topic(), error)

    def _transaction_failed(self, error: BaseException) -> NoReturn:
        if not isinstance(error, KafkaException):
            raise error
        self._poll(self._transaction.producer)  # of the first of several errors, which says most
        super().check()
        # Of a transaction that has failed before, a call may report no more than that it has.
        cause = self._transaction.failure() or error.args[0]
        self._abort(f"the transaction failed: {cause.str()}", cause)

    def _discard_in_flight(self) -> None:
        if self._partitions:
            self._transaction.discard()
