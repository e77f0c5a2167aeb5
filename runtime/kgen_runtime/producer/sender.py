"""What a worker knows of its deliveries: one counter for each worker and delivering step."""

from __future__ import annotations

import functools
import logging
import time
import uuid
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, NoReturn, Protocol, TypeAlias, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from ..errors import DeliveryError, KgenError, RegistryError
from ..kafka.connection import Kafka, NewTopic
from ..messages import Failure
from ..metrics import ProducedCounts
from ..reporting.progress import PROGRESS
from .clients import OF_A_BATCH, delivery_seconds, hint, is_permanent, open_producer, open_single
from .outgoing import Outgoing
from .topic_limits import Limits

X = TypeVar("X")

_LOOK_EVERY: Final = 0.005
"""Seconds between two looks at what became of deliveries: one costs as much as queueing a message."""

_SLICE: Final = 1.0
"""Seconds between two looks whether a broker acknowledges anything."""
_TOGETHER: Final = 1000
_TOGETHER_BYTES: Final = 1 << 20
"""So many items, or so much of them, share what is kept until all of them are delivered."""

log = logging.getLogger("kgen_runtime.sink")

Heard: TypeAlias = "Callable[[KafkaError | None, KafkaMessage], None]"
Delivery: TypeAlias = Literal["at-least-once", "exactly-once"]
Place: TypeAlias = "tuple[str, int, int]"
"""Topic, partition and offset of the input that an item was made of."""


@dataclass(frozen=True)
class Mail(Generic[X]):
    """What a step delivers and how: given to `deliver`.

    `encode` makes the function that turns an item into bytes, one for each worker. `refused` says what
    becomes of an item that could not be encoded or that the broker refuses for good: a failure for `errs`,
    or None, which stops the flow. `delivery` is None where the step does as the flow's sinks do. For exactly
    once, `topic` names the transactions, and `place` says of which input an item was made (None: it does not
    tell). `handed_over` gets each batch once, when it was encoded and given to the producer.
    `create`: how `topic` is created where it is absent. `check_schemas` raises what encoding would raise of
    every item. `keyless`: no item has a key.
    """

    kafka: Kafka
    encode: Callable[[], Callable[[X], Outgoing]]
    refused: Callable[[X, Exception], Failure | None]
    options: Mapping[str, Any] = field(default_factory=dict)
    delivery: Delivery | None = "at-least-once"
    topic: str = ""
    place: Callable[[X], Place | None] = lambda _: None
    handed_over: Callable[[Sequence[X]], None] = lambda _: None
    create: NewTopic | None = None
    check_schemas: Callable[[], None] = lambda: None
    dead_letters: bool = False
    keyless: bool = False


class Keyed(Protocol):
    """As much of a gate as its counter wants to know."""

    key: str


class Counter(ABC, Generic[X]):
    """Sends a worker's items and hears what became of them. Belongs to one worker thread.

    `drop` makes the step forget it, so that nothing more is sent by it after a failure.
    """

    hears_all = False
    """The gate has to hear of every batch."""

    def __init__(self, step_id: str, mail: Mail[X], drop: Callable[[], object]) -> None:
        self.name = uuid.uuid4().hex
        self.sent = 0
        """How many batches."""
        self.expected = False
        """The gate will wait for what is sent now when this epoch closes."""
        self._step_id = step_id
        self._mail = mail
        self._drop = drop
        self._encode = mail.encode()
        self._bound = delivery_seconds(mail.kafka) + 5  # librdkafka gives up first, and says why
        self.traffic = ProducedCounts(mail.topic)
        self._failures: list[Failure] = []
        self._lost: list[tuple[str, KafkaError | None, str | None]] = []
        self._limits = Limits(mail.kafka, mail.topic, mail.options)
        self._gate: Callable[[], Keyed | None] | None = None
        self._look_at = 0.0

    @property
    def step_id(self) -> str:
        """Of the step that it sends for."""
        return self._step_id

    @property
    def gate(self) -> str | None:
        """The key of this thread's gate, while there is one."""
        gate = None if self._gate is None else self._gate()
        return None if gate is None else gate.key

    @property
    def over(self) -> bool:
        """It had a gate, which is gone: so is the run."""
        return self._gate is not None and self._gate() is None

    def adopt(self, gate: Keyed) -> None:
        """Take this gate as the thread's, unless it has one."""
        if self.gate is None:
            self._gate = weakref.ref(gate)  # weak: when a run ends, Bytewax drops its gates

    @property
    @abstractmethod
    def waiting(self) -> bool:
        """Some deliveries are not known yet, or some failures were not sent on."""

    @property
    def due(self) -> float | None:
        """When an epoch has to be closed though nothing is sent (`time.monotonic`); None: never."""
        return None

    @abstractmethod
    def send(self, items: list[X]) -> None:
        """Encode and queue a batch; waits where the queue is full."""

    @abstractmethod
    def poll(self) -> None:
        """Hear of deliveries. Never waits."""

    def glance(self) -> None:
        """`poll`, if it was not done just now."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            self.poll()

    @abstractmethod
    def settle(self) -> None:
        """There may be no gate here to wait for what was sent."""

    @abstractmethod
    def close_epoch(self, seen: int) -> None:
        """The epoch may be committed only if this returns. `seen`: how many batches belong to it and to
        those before. Raises `DeliveryError`.
        """

    def take_failures(self) -> list[Failure]:
        """What failed for good since the last call. Raises `DeliveryError` where something was lost."""
        self.check()
        failures, self._failures = self._failures, []
        return failures

    def give_back(self, failures: list[Failure]) -> None:
        """Failures of an earlier run that were not sent on."""
        self._failures.extend(failures)

    def check(self) -> None:
        """Raises `DeliveryError` where a message was lost for a reason that is not its own."""
        if self._lost:
            what, error, advice = self._lost[0]
            self._fail(f"{len(self._lost)} message(s) did not arrive: {what}", error, advice)

    @abstractmethod
    def _abandon(self) -> None:
        """Whatever is under way must not be delivered any more."""

    def _fail(self, what: str, error: KafkaError | None = None, advice: str | None = None) -> NoReturn:
        # The epoch will come again, so nothing of it may be delivered late by a producer that lives on.
        self._abandon()
        self._drop()
        raise DeliveryError(what, where=f"step {self._step_id}", hint=advice or hint(error))

    def _lose(self, topic: str | None, error: KafkaError) -> None:
        self._lost.append((f"not delivered to {topic}: {error.str()}", error, None))

    def _refuse(self, item: X, error: Exception) -> None:
        # Called by librdkafka too, from where nothing should be raised: `check` does.
        failure = self._mail.refused(item, error)
        if failure is not None:
            self._failures.append(failure)
        elif isinstance(error, KafkaException):
            self._lost.append((error.args[0].str(), error.args[0], None))
        elif isinstance(error, KgenError):
            self._lost.append((error.what, None, error.hint))
        else:
            self._lost.append((str(error), None, None))

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._lost.append((error.str(), error, None))
        else:
            log.warning("%s: %s", self._step_id, error.str())

    def _hear(self, producer: Producer, seconds: float = 0) -> None:
        """Of deliveries and errors; a fatal one is told as an exception too."""
        try:
            producer.poll(seconds)
        except KafkaException as error:
            self._on_error(error.args[0])

    def _put(self, producer: Producer, out: Outgoing, heard: Heard) -> None:
        """Queue a message; while librdkafka's queue is full, the flow goes as fast as the broker takes."""
        topic, value, key, partition, timestamp, headers, _ = out
        try:
            producer.produce(topic, value, key, partition, heard, None, timestamp, headers)
        except BufferError:
            with PROGRESS.waiting(f"the Kafka brokers to take messages (step {self._step_id})"):
                self._put_patiently(producer, out, heard)

    def _put_patiently(self, producer: Producer, out: Outgoing, heard: Heard) -> None:
        topic, value, key, partition, timestamp, headers, _ = out
        deadline = time.monotonic() + self._bound
        while time.monotonic() < deadline:
            self._make_room(producer)
            self.check()
            try:
                producer.produce(topic, value, key, partition, heard, None, timestamp, headers)
            except BufferError:
                continue
            return
        self._fail("the queue of the producer stayed full")

    def _drain(self, producer: Producer) -> None:
        """Wait for all, as long as the broker acknowledges some: a slow one is no reason to fail."""
        left, deadline = len(producer), time.monotonic() + self._bound
        while left:
            still = producer.flush(min(_SLICE, self._bound))
            self.check()
            if still < left:
                deadline = time.monotonic() + self._bound
            elif time.monotonic() >= deadline:
                self._fail(f"{still} message(s) wait, and none was delivered for {self._bound:.0f} s")
            left = still

    def _make_room(self, producer: Producer) -> None:
        began = time.monotonic()
        self._hear(producer, 0.05)
        self.traffic.queue_was_full(time.monotonic() - began)


class Sent(Generic[X]):
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

        Several where they are alike: reports of failures tell neither timestamp nor headers. Empty where all
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


class AtLeastOnce(Counter[X]):
    """One idempotent producer. At the end of an epoch everything has to be acknowledged.

    The broker refuses batches: with a message that is too large or not valid, the others beside it, and even
    a batch of small ones where the topic's `max.message.bytes` is below the producer's `batch.size`. So what
    was refused is sent again alone, and only what is refused then goes to the errs. So is each of several
    messages of which the report of a failure does not tell which one it means. Such messages come after later
    ones of their partition, and those of them that had arrived come twice.
    """

    def __init__(self, step_id: str, mail: Mail[X], drop: Callable[[], object]) -> None:
        super().__init__(step_id, mail, drop)
        self._producer = open_producer(mail.kafka, self._limits.options, self._on_error)
        self._single: Producer | None = None
        self._under_way = self._begin()
        self._again: deque[tuple[X, int]] = deque()
        self._why = ""

    def _begin(self) -> tuple[Sent[X], Heard]:
        sent: Sent[X] = Sent()
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
        sent, heard = self._under_way
        if sent.full:
            sent, heard = self._under_way = self._begin()
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
                produce(topic, value, key, partition, heard, None, timestamp, headers)
            except BufferError:
                self._queue(self._producer, item, out, heard)
            except KafkaException as error:
                self._failed(item, error.args[0], by_broker=False)
            except (RegistryError, DeliveryError):
                raise  # not this message's fault: every other one would fail too
            except Exception as error:  # noqa: BLE001 - any value may make any serde fail
                self._refuse(item, error)
                count -= 1
        sent.size += size
        self.traffic.add(count, size)

    def poll(self) -> None:
        """See the base."""
        self._hear(self._producer)
        self._send_again()
        if self._single is not None:
            self._hear(self._single)

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

    def _abandon(self) -> None:
        self._producer.purge()
        if self._single is not None:
            self._single.purge()

    def _send_again(self) -> None:
        """Those of a batch that was too large, each alone."""
        while self._again:
            item, partition = self._again.popleft()
            heard = functools.partial(self._on_single, item)
            PROGRESS.retried(f"sent again alone by {self._step_id}")
            out = self._encode(item)._replace(partition=partition)
            self._queue(self._open_single(), item, out, heard)

    def _queue(self, producer: Producer, item: X, out: Outgoing, heard: Heard) -> None:
        """Wait for room; what cannot be queued for another reason is refused."""
        try:
            self._put(producer, out, heard)
        except KafkaException as error:
            self._failed(item, error.args[0], by_broker=False)

    def _open_single(self) -> Producer:
        if self._single is None:
            log.warning(
                "%s: the broker refuses a batch (%s); what was in it is sent again one by one, out of order "
                "and slowly. Where it is too large, set batch.size below the topic's max.message.bytes.",
                *(self._step_id, self._why),
            )
            self._single = open_single(self._mail.kafka, self._limits.options, self._on_error)
        return self._single

    def _on_delivery(self, sent: Sent[X], error: KafkaError | None, message: KafkaMessage) -> None:
        if error is None:
            return
        found = sent.find(message, self._encode)
        if found is None:
            self._lose(message.topic(), error)
        elif error.code() in OF_A_BATCH or (len(found) > 1 and is_permanent(error, chosen=True)):
            self._why = error.str()
            taken = message.partition()
            at = -1 if taken is None else taken
            self._again.extend((item, at if place < 0 else place) for item, place in found)
        else:
            for item, _ in found:
                self._failed(item, error)

    def _on_single(self, item: X, error: KafkaError | None, message: KafkaMessage) -> None:
        if error is not None:
            self._failed(item, error)

    def _failed(self, item: X, error: KafkaError, *, by_broker: bool = True) -> None:
        out = self._encode(item)
        if not is_permanent(error, out.chosen):
            self._lose(out.topic, error)
            return
        self.traffic.refused.value += 1
        told = self._limits.refused if by_broker else self._limits.refused_here
        self._refuse(item, told(out, error))
