"""What a worker knows of its deliveries: one sender for each worker and delivering step."""

from __future__ import annotations

import logging
import time
import uuid
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, NoReturn, Protocol, TypeAlias, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from ..errors import DeliveryError, KgenError
from ..kafka.connection import Kafka, NewTopic
from ..messages import Failure, Message, RawMessage
from ..metrics import ProducedCounts
from ..reporting.progress import PROGRESS
from .broker_refusals import hint
from .outgoing import Outgoing
from .producer_options import delivery_seconds
from .topic_limits import TopicLimits

X = TypeVar("X")

_LOOK_EVERY: Final = 0.005
"""Seconds between two looks at what became of deliveries: one costs as much as queueing a message."""

_SLICE: Final = 1.0
"""Seconds between two looks whether a broker acknowledges anything."""

log = logging.getLogger("kgen_runtime.sink")

DeliveryCallback: TypeAlias = "Callable[[KafkaError | None, KafkaMessage], None]"
Delivery: TypeAlias = Literal["at-least-once", "exactly-once"]
Place: TypeAlias = "tuple[str, int, int]"
"""Topic, partition and offset of the input that an item was made of."""


@dataclass(frozen=True)
class DeliverySpec(Generic[X]):
    """What a step delivers and how: given to `deliver`.

    `encode` makes the function that turns an item into bytes, one for each worker. `refused` says what
    becomes of an item that could not be encoded or that the broker refuses for good: a failure for `errs`,
    or None, which stops the flow. `delivery` is None where the step does as the flow's sinks do. For exactly
    once, `topic` names the transactions, and `place` says of which input an item was made (None: that is
    unknown). `handed_over` gets each batch once, when it was encoded and given to the producer.
    `create`: how `topic` is created where it is absent; `create_as_source`: with as many partitions as what
    the flow reads has. `check_schemas` raises what encoding would raise of
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
    create_as_source: bool = False
    check_schemas: Callable[[], None] = lambda: None
    dead_letters: bool = False
    keyless: bool = False


class KeyedGate(Protocol):
    """As much of a gate as its sender wants to know."""

    key: str


class EpochSender(ABC, Generic[X]):
    """Sends a worker's items and gets their delivery reports. Belongs to one worker thread.

    `drop` makes the step forget it, so that nothing more is sent by it after a failure.
    """

    needs_every_batch = False
    """The gate needs every batch."""

    def __init__(self, step_id: str, spec: DeliverySpec[X], drop: Callable[[], object]) -> None:
        self.name = uuid.uuid4().hex
        self.sent = 0
        """How many batches."""
        self.expected = False
        """The gate will wait for what is sent now when this epoch closes."""
        self._step_id = step_id
        self._spec = spec
        self._drop = drop
        self._encode = spec.encode()
        self._bound = delivery_seconds(spec.kafka) + 5  # librdkafka gives up first, and says why
        self.traffic = ProducedCounts(spec.topic, step_id.removesuffix(".deliver"))
        self._failures: list[Failure] = []
        self._lost: list[tuple[str, KafkaError | None, str | None]] = []
        self._limits = TopicLimits(spec.kafka, spec.topic, spec.options)
        self._gate: Callable[[], KeyedGate | None] | None = None
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

    def adopt(self, gate: KeyedGate) -> None:
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
        """Poll delivery reports without blocking."""

    def poll_if_due(self) -> None:
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
        """What failed for good since the last call. Raises `DeliveryError` if something was lost."""
        self.check()
        failures, self._failures = self._failures, []
        return failures

    def give_back(self, failures: list[Failure]) -> None:
        """Failures of an earlier run that were not sent on."""
        self._failures.extend(failures)

    def check(self) -> None:
        """Raises `DeliveryError` if a message was lost for a reason that is not its own."""
        if self._lost:
            what, error, advice = self._lost[0]
            self._abort(f"{len(self._lost)} message(s) did not arrive: {what}", error, advice)

    @abstractmethod
    def _discard_in_flight(self) -> None:
        """Whatever is under way must not be delivered any more."""

    def _abort(self, what: str, error: KafkaError | None = None, advice: str | None = None) -> NoReturn:
        # The epoch will come again, so nothing of it may be delivered late by a producer that lives on.
        self._discard_in_flight()
        self._drop()
        raise DeliveryError(what, where=f"step {self._step_id}", hint=advice or hint(error))

    def _record_loss(self, topic: str | None, error: KafkaError) -> None:
        self._lost.append((f"not delivered to {topic}: {error.str()}", error, None))

    def _reject(self, item: X, error: Exception) -> None:
        # Called by librdkafka too, from where nothing should be raised: `check` does.
        failure = self._spec.refused(item, error)
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

    def _poll(self, producer: Producer, seconds: float = 0) -> None:
        """Poll delivery reports and errors; a fatal one is raised as an exception too."""
        try:
            producer.poll(seconds)
        except KafkaException as error:
            self._on_error(error.args[0])

    def _put(self, producer: Producer, out: Outgoing, callback: DeliveryCallback) -> None:
        """Queue a message; while librdkafka's queue is full, the flow goes as fast as the broker takes."""
        topic, value, key, partition, timestamp, headers, _ = out
        try:
            producer.produce(topic, value, key, partition, callback, None, timestamp, headers)
        except BufferError:
            with PROGRESS.waiting(f"the Kafka brokers to take messages (step {self._step_id})"):
                self._put_with_retry(producer, out, callback)

    def _put_with_retry(self, producer: Producer, out: Outgoing, callback: DeliveryCallback) -> None:
        topic, value, key, partition, timestamp, headers, _ = out
        deadline = time.monotonic() + self._bound
        while time.monotonic() < deadline:
            self._make_room(producer)
            self.check()
            try:
                producer.produce(topic, value, key, partition, callback, None, timestamp, headers)
            except BufferError:
                continue
            return
        self._abort("the queue of the producer stayed full")

    def _drain(self, producer: Producer) -> None:
        """Wait for all, as long as the broker acknowledges some: a slow one is not a reason to fail."""
        left, deadline = len(producer), time.monotonic() + self._bound
        while left:
            still = producer.flush(min(_SLICE, self._bound))
            self.check()
            if still < left:
                deadline = time.monotonic() + self._bound
            elif time.monotonic() >= deadline:
                self._abort(f"{still} message(s) wait, and none was delivered for {self._bound:.0f} s")
            left = still

    def _make_room(self, producer: Producer) -> None:
        began = time.monotonic()
        self._poll(producer, 0.05)
        self.traffic.queue_was_full(time.monotonic() - began)


def place_of(message: Message[Any, Any] | RawMessage) -> Place | None:
    """Of which input a message was made."""
    topic, partition, offset = message.topic, message.partition, message.offset
    return None if topic is None or partition is None or offset is None else (topic, partition, offset)
