"""At-least-once delivery: one idempotent producer, and everything acknowledged at the end of an epoch."""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from ..errors import DeliveryError, RegistryError
from ..reporting.progress import PROGRESS
from .broker_refusals import OF_A_BATCH, is_permanent
from .outgoing import Outgoing
from .producer_options import open_producer, open_single
from .sender import DeliveryCallback, DeliverySpec, EpochSender

X = TypeVar("X")
log = logging.getLogger("kgen_runtime.sink")

_TOGETHER: Final = 1000
_TOGETHER_BYTES: Final = 1 << 20
"""So many items, or so much of them, share what is kept until all of them are delivered."""


class InFlight(Generic[X]):
    """Items under way. One for many, not for each: a hundred thousand may be waiting, and garbage collection
    visits all of them. So which one failed has to be found, but few fail.
    """

    def __init__(self) -> None:
        self.size = 0
        self._items: list[X] = []
        self._left: dict[tuple[str, bytes | None, bytes | None], list[tuple[X, int]]] | None = None

    @property
    def full(self) -> bool:
        """Take another one for what comes next."""
        return len(self._items) >= _TOGETHER or self.size >= _TOGETHER_BYTES or self._left is not None

    def add(self, items: list[X]) -> None:
        """These are sent now."""
        self._items += items

    def find(self, message: KafkaMessage, encode: Callable[[X], Outgoing]) -> list[tuple[X, int]] | None:
        """The items that this message may have been, each found once, and the partitions they were for.

        Several where they are alike: reports of failures have neither timestamp nor headers. Empty where all
        were found before; None where no such message was sent.
        """
        if self._left is None:
            self._left = self._by_content(encode)
        alike = self._left.get((message.topic() or "", message.value(), message.key()))
        if alike is None:
            return None
        partition = message.partition()
        places = {-1, partition} if partition is not None and partition >= 0 else {at for _, at in alike}
        found = [each for each in alike if each[1] in places]
        alike[:] = [each for each in alike if each[1] not in places]
        return found

    def _by_content(
        self, encode: Callable[[X], Outgoing]
    ) -> dict[tuple[str, bytes | None, bytes | None], list[tuple[X, int]]]:
        left: dict[tuple[str, bytes | None, bytes | None], list[tuple[X, int]]] = {}
        for item in self._items:
            try:
                out = encode(item)
            except Exception:  # noqa: BLE001, S112 - it was refused before
                continue
            left.setdefault((out.topic, out.value, out.key), []).append((item, out.partition))
        return left


class AtLeastOnce(EpochSender[X]):
    """One idempotent producer. At the end of an epoch everything has to be acknowledged.

    The broker refuses batches: with a message that is too large or not valid, the others beside it, and even
    a batch of small ones where the topic's `max.message.bytes` is below the producer's `batch.size`. So what
    was refused is sent again alone, and only what is refused then goes to the errs. So is each of several
    messages of which the report of a failure does not identify the one it means. Such messages come after
    later ones of their partition, and those of them that had arrived come twice.
    """

    def __init__(self, step_id: str, spec: DeliverySpec[X], drop: Callable[[], object]) -> None:
        super().__init__(step_id, spec, drop)
        self._producer = open_producer(spec.kafka, self._limits.options, self._on_error)
        self._single: Producer | None = None
        self._under_way = self._begin()
        self._again: deque[tuple[X, int]] = deque()
        self._why = ""

    def _begin(self) -> tuple[InFlight[X], DeliveryCallback]:
        sent: InFlight[X] = InFlight()
        return sent, functools.partial(self._on_delivery, sent)

    @property
    def waiting(self) -> bool:
        """See the base."""
        return bool(self._failures or self._lost or len(self._producer) or self._again or self._singles)

    @property
    def _singles(self) -> int:
        return 0 if self._single is None else len(self._single)

    def send(self, items: list[X]) -> None:
        """See the base."""
        self.sent += 1
        self.traffic.taken.value += len(items)
        sent, callback = self._under_way
        if sent.full:
            sent, callback = self._under_way = self._begin()
        sent.add(items)
        produce, encode = self._producer.produce, self._encode
        large, unkeyed = self._limits.large, self._limits.compacted
        count, size = len(items), 0
        for item in items:
            try:
                topic, value, key, partition, timestamp, headers, _ = out = encode(item)
                if value:
                    size += len(value)
                    if len(value) > large:
                        self._limits.check(out)
                if key:
                    size += len(key)
                elif key is None and topic in unkeyed:
                    self._limits.check(out)
                produce(topic, value, key, partition, callback, None, timestamp, headers)
            except BufferError:
                self._queue(self._producer, item, out, callback)
            except KafkaException as error:
                self._route_failure(item, error.args[0], by_broker=False)
            except (RegistryError, DeliveryError):
                raise  # not this message's fault: every other one would fail too
            except Exception as error:  # noqa: BLE001 - any value may make any serde fail
                self._reject(item, error)
                count -= 1
        sent.size += size
        self.traffic.add(count, size)

    def poll(self) -> None:
        """See the base."""
        self._poll(self._producer)
        self._send_again()
        if self._single is not None:
            self._poll(self._single)

    def settle(self) -> None:
        """Wait for it now."""
        self._flush()

    def close_epoch(self, seen: int) -> None:
        """Wait until everything is delivered."""
        self._flush()

    def _flush(self) -> None:
        self._drain(self._producer)
        self._send_again()
        if self._single is not None:
            self._drain(self._single)
        self.check()
        self._under_way = self._begin()  # lets go of what was delivered

    def _discard_in_flight(self) -> None:
        self._producer.purge()
        if self._single is not None:
            self._single.purge()

    def _send_again(self) -> None:
        """Those of a batch that was too large, each alone."""
        while self._again:
            item, partition = self._again.popleft()
            callback = functools.partial(self._on_single, item)
            PROGRESS.retried(f"sent again alone by {self._step_id}")
            out = self._encode(item)._replace(partition=partition)
            self._queue(self._open_single(), item, out, callback)

    def _queue(self, producer: Producer, item: X, out: Outgoing, callback: DeliveryCallback) -> None:
        """Wait for room; what cannot be queued for another reason is refused."""
        try:
            self._put(producer, out, callback)
        except KafkaException as error:
            self._route_failure(item, error.args[0], by_broker=False)

    def _open_single(self) -> Producer:
        if self._single is None:
            log.warning(
                "%s: the broker refuses a batch (%s); what was in it is sent again one by one, out of order "
                "and slowly. Where it is too large, set batch.size below the topic's max.message.bytes.",
                *(self._step_id, self._why),
            )
            self._single = open_single(self._spec.kafka, self._limits.options, self._on_error)
        return self._single

    def _on_delivery(self, sent: InFlight[X], error: KafkaError | None, message: KafkaMessage) -> None:
        if error is None:
            return
        found = sent.find(message, self._encode)
        if found is None:
            self._record_loss(message.topic(), error)
        elif error.code() in OF_A_BATCH or (len(found) > 1 and is_permanent(error, chosen=True)):
            self._why = error.str()
            taken = message.partition()
            at = -1 if taken is None else taken
            self._again.extend((item, at if place < 0 else place) for item, place in found)
        else:
            for item, _ in found:
                self._route_failure(item, error)

    def _on_single(self, item: X, error: KafkaError | None, message: KafkaMessage) -> None:
        if error is not None:
            self._route_failure(item, error)

    def _route_failure(self, item: X, error: KafkaError, *, by_broker: bool = True) -> None:
        out = self._encode(item)
        if not is_permanent(error, out.chosen):
            self._record_loss(out.topic, error)
            return
        self.traffic.refused.value += 1
        reason = self._limits.refused if by_broker else self._limits.refused_here
        self._reject(item, reason(out, error))
