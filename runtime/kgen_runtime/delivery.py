"""Producing to Kafka from inside a flow, so that no epoch is committed before its messages are on the broker.

Bytewax's recovery waits for stateful steps only, and a sink has no stream for what failed. So messages are
produced, asynchronously, by a plain step on whatever worker holds them; that step sends one small ticket per
batch to a stateful step, the gate. A ticket is keyed so that it stays on its worker: a gate knows the thread
it was built on, and the step, on that same thread, looks up its gate. When the epoch closes, the gate's
`snapshot` waits for this worker's deliveries, and raises if one failed: then the epoch is not committed and
comes again.

A message that the broker refuses for good must not stop the flow for ever, and may be found only in
`snapshot`, when nothing can be sent on any more. Such failures become the gate's state: durable with the
epoch, and sent to `errs` at once afterwards, also by the next run.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Generic, NamedTuple, NoReturn, TypeAlias, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Stream, operator
from bytewax.operators import KeyedStream, StatefulBatchLogic
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from .errors import DeliveryError, RegistryError
from .messages import Failure
from .settings import Kafka

X = TypeVar("X")

GATES: Final = 512
"""Keys of tickets: so many that each worker owns one, whatever their number. Never less, or recovery stores
would not fit.
"""
_POLL_EVERY: Final = timedelta(milliseconds=100)
_DELIVERY_SECONDS: Final = 60.0

log = logging.getLogger("kgen_runtime.sink")

Ticket: TypeAlias = "tuple[str, list[Failure]]"
"""The gate's own key, and failures for `errs`."""
Heard: TypeAlias = "Callable[[KafkaError | None, KafkaMessage], None]"


class Outgoing(NamedTuple):
    """A message in bytes, in the order of `Producer.produce`. `chosen`: the message itself says where it
    goes.
    """

    topic: str
    value: bytes | None
    key: bytes | None
    partition: int  # -1: by the key
    timestamp: int  # ms since the epoch, 0: now
    headers: list[tuple[str, str | bytes | None]] | None
    chosen: bool


@dataclass(frozen=True)
class Mail(Generic[X]):
    """What a step delivers and how: given to `deliver`.

    `encode` makes the function that turns an item into bytes, one for each worker. `refused` says what
    becomes of an item that could not be encoded or that the broker refuses for good: a failure for `errs`,
    or None, which stops the flow.
    """

    kafka: Kafka
    encode: Callable[[], Callable[[X], Outgoing]]
    refused: Callable[[X, Exception], Failure | None]
    options: Mapping[str, Any] = field(default_factory=dict)


@operator
def deliver(step_id: str, up: Stream[X], mail: Mail[X]) -> Stream[Failure]:
    """Produce every item; what comes out is what failed for good. See the module's text for the guarantee."""
    office = PostOffice(step_id, mail)
    tickets = op.flat_map_batch("produce", up, office.produce)
    failures: KeyedStream[Failure] = op.stateful_batch("gate", tickets, office.gate)
    return op.map("errs", failures, lambda keyed: keyed[1])


class PostOffice(Generic[X]):
    """The counters (one per worker thread) of one delivering step."""

    def __init__(self, step_id: str, mail: Mail[X]) -> None:
        self._step_id = step_id
        self._mail = mail
        self._counters: dict[int, Counter[X]] = {}

    def produce(self, items: list[X]) -> list[tuple[str, Ticket]]:
        """Hand a batch to librdkafka; tickets for the gate."""
        counter = self.counter()
        counter.send(items)
        gate = counter.gate
        if gate is not None:
            counter.poll(0)
            return [(gate, (gate, counter.take_failures()))]
        # No gate was built on this thread yet: wake them all, one of them here, and wait for delivery
        # meanwhile.
        counter.flush()
        keys = [f"{i:03}" for i in range(GATES)]
        return [(key, (key, [])) for key in keys[1:]] + [(keys[0], (keys[0], counter.take_failures()))]

    def gate(self, state: tuple[str, list[Failure]] | None) -> Gate[X]:
        """Built by Bytewax on the worker that owns its key."""
        return Gate(self.counter(), state)

    def counter(self) -> Counter[X]:
        """This thread's."""
        thread = threading.get_ident()
        if thread not in self._counters:
            self._counters[thread] = Counter(
                self._step_id, self._mail, lambda: self._counters.pop(thread, None)
            )
        return self._counters[thread]


@dataclass(slots=True)
class Sent(Generic[X]):
    """A batch under way, and which of it were found to have failed."""

    items: list[X]
    found: set[int] = field(default_factory=set)


class Counter(Generic[X]):
    """One producer, and what is known of its deliveries. Belongs to one worker thread."""

    def __init__(self, step_id: str, mail: Mail[X], drop: Callable[[], object]) -> None:
        self._step_id = step_id
        self._mail = mail
        self._drop = drop
        self._encode = mail.encode()
        self._bound = delivery_seconds(mail.kafka) + 5  # librdkafka gives up first, and says why
        self._producer = open_producer(mail.kafka, mail.options, self._on_error)
        self._failures: list[Failure] = []
        self._lost: list[tuple[str, KafkaError | None]] = []
        self._gate: Callable[[], Gate[X] | None] = lambda: None

    @property
    def gate(self) -> str | None:
        """The key of this thread's gate, while there is one."""
        gate = self._gate()
        return None if gate is None else gate.key

    def adopt(self, gate: Gate[X]) -> None:
        """Take this gate as the thread's, unless it has one."""
        if self._gate() is None:
            self._gate = weakref.ref(gate)  # weak: when a run ends, Bytewax drops its gates

    @property
    def waiting(self) -> bool:
        """Some deliveries are not known yet, or some failures were not sent on."""
        return bool(self._failures or self._lost or len(self._producer))

    def send(self, items: list[X]) -> None:
        """Encode and queue a batch; waits where the queue is full."""
        heard = functools.partial(self._on_delivery, Sent(items))
        produce, encode = self._producer.produce, self._encode
        for item in items:
            try:
                topic, value, key, partition, timestamp, headers, _ = encode(item)
                produce(topic, value, key, partition, heard, None, timestamp, headers)
            except BufferError:
                self._wait_for_room(item, heard)
            except KafkaException as error:
                self._failed(item, error.args[0])
            except (RegistryError, DeliveryError):
                raise  # not this message's fault: every other one would fail too
            except Exception as error:  # noqa: BLE001 - any value may make any serde fail
                self._refuse(item, error)

    def take_failures(self) -> list[Failure]:
        """What failed for good since the last call. Raises `DeliveryError` where something was lost."""
        self.check()
        failures, self._failures = self._failures, []
        return failures

    def give_back(self, failures: list[Failure]) -> None:
        """Failures of an earlier run that were not sent on."""
        self._failures.extend(failures)

    def poll(self, seconds: float) -> None:
        """Hear of deliveries."""
        self._producer.poll(seconds)

    def flush(self) -> None:
        """Wait until everything is delivered. Raises `DeliveryError` where something was not within the
        bound.
        """
        left = self._producer.flush(self._bound)
        if left:
            self._fail(f"{left} message(s) were not delivered within {self._bound:.0f} s")
        self.check()

    def check(self) -> None:
        """Raises `DeliveryError` where a message was lost for a reason that is not its own."""
        if self._lost:
            what, error = self._lost[0]
            self._fail(f"{len(self._lost)} message(s) lost: {what}", error)

    def _wait_for_room(self, item: X, heard: Heard) -> None:
        """librdkafka's queue is full: the flow goes as fast as the broker takes."""
        deadline = time.monotonic() + self._bound
        topic, value, key, partition, timestamp, headers, _ = self._encode(item)
        while time.monotonic() < deadline:
            self._producer.poll(0.05)
            self.check()
            try:
                self._producer.produce(topic, value, key, partition, heard, None, timestamp, headers)
            except BufferError:
                continue
            return
        self._fail("the queue of the producer stayed full")

    def _on_delivery(self, sent: Sent[X], error: KafkaError | None, message: KafkaMessage) -> None:
        # One of these for a batch, not for each message: a hundred thousand may be waiting, and garbage
        # collection visits all of them. So which one it was has to be found, but few fail.
        if error is None:
            return
        item = self._find(sent, message)
        if item is None:
            self._lost.append((f"not delivered to {message.topic()}: {error.str()}", error))
        else:
            self._failed(item, error)

    def _find(self, sent: Sent[X], message: KafkaMessage) -> X | None:
        """The item that became this message."""
        wanted = (message.value(), message.key(), message.timestamp()[1])
        for index, item in enumerate(sent.items):
            try:
                out = self._encode(item)
            except Exception:  # noqa: BLE001, S112 - it was refused before
                continue
            same = (out.value, out.key, out.timestamp or wanted[2]) == wanted
            if same and index not in sent.found:
                sent.found.add(index)
                return item
        return None

    def _failed(self, item: X, error: KafkaError) -> None:
        out = self._encode(item)
        if is_permanent(error, out):
            self._refuse(item, KafkaException(error))
        else:
            self._lost.append((f"not delivered to {out.topic}: {error.str()}", error))

    def _refuse(self, item: X, error: Exception) -> None:
        # Called by librdkafka too, from where nothing should be raised: `check` does.
        failure = self._mail.refused(item, error)
        if failure is not None:
            self._failures.append(failure)
        elif isinstance(error, KafkaException):
            self._lost.append((error.args[0].str(), error.args[0]))
        else:
            self._lost.append((str(error), None))

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._lost.append((error.str(), error))
        else:
            log.warning("%s: %s", self._step_id, error.str())

    def _fail(self, what: str, error: KafkaError | None = None) -> NoReturn:
        # The epoch will come again, so nothing of it may be delivered late by a producer that lives on.
        self._producer.purge()
        self._drop()
        raise DeliveryError(what, where=f"step {self._step_id}", hint=_hint(error))


class Gate(StatefulBatchLogic[Ticket, Failure, "tuple[str, list[Failure]]"], Generic[X]):
    """Holds the epoch until this worker's deliveries are known."""

    def __init__(self, counter: Counter[X], state: tuple[str, list[Failure]] | None) -> None:
        self._counter = counter
        self.key = ""
        if state is not None:
            self.key = state[0]
            counter.give_back(state[1])
            counter.adopt(self)

    def on_batch(self, values: list[Ticket]) -> tuple[list[Failure], bool]:
        """Send the failures on; a gate that its thread does not need is dropped."""
        self.key = values[0][0]
        self._counter.adopt(self)
        failures = [failure for _, failures in values for failure in failures]
        return failures, self._spare

    def on_notify(self) -> tuple[list[Failure], bool]:
        """Between batches: hear of deliveries."""
        self._counter.poll(0)
        return self._counter.take_failures(), self._spare

    def on_eof(self) -> tuple[list[Failure], bool]:
        """The last chance to send failures on."""
        self._counter.flush()
        return self._counter.take_failures(), StatefulBatchLogic.DISCARD

    def notify_at(self) -> datetime | None:
        """Soon, while something is under way."""
        if self._counter.waiting or self._spare:
            return datetime.now(timezone.utc) + _POLL_EVERY
        return None

    @property
    def _spare(self) -> bool:
        return self._counter.gate != self.key

    def snapshot(self) -> tuple[str, list[Failure]]:
        """Called when the epoch closes, before it can be committed: raising here makes it come again."""
        self._counter.flush()
        failures = self._counter.take_failures()
        self._counter.give_back(failures)
        return self.key, failures


def open_producer(
    kafka: Kafka, options: Mapping[str, Any], on_error: Callable[[KafkaError], None]
) -> Producer:
    """A producer that keeps order, duplicates nothing by itself, and reports what fails. Raises
    `ConfigError`.
    """
    ours: dict[str, Any] = {
        "enable.idempotence": True,
        "partitioner": "murmur2_random",  # as Java's: a key has one partition, whoever writes it
        "delivery.timeout.ms": int(_DELIVERY_SECONDS * 1000),
        "delivery.report.only.error": True,
        "error_cb": on_error,
    }
    if "message.timeout.ms" in kafka.config:  # another name of delivery.timeout.ms
        del ours["delivery.timeout.ms"]
    return kafka.producer({**ours, **options})


def delivery_seconds(kafka: Kafka) -> float:
    """How long librdkafka tries to deliver a message."""
    config = kafka.config
    milliseconds = config.get(
        "delivery.timeout.ms", config.get("message.timeout.ms", _DELIVERY_SECONDS * 1000)
    )
    return float(milliseconds) / 1000 or 3600.0  # 0 means for ever


_PERMANENT: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.INVALID_RECORD,
        KafkaError.POLICY_VIOLATION,
    }
)
_NO_SUCH_PLACE: Final = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_EXCEPTION,
    }
)


def is_permanent(error: KafkaError, out: Outgoing) -> bool:
    """The message itself is at fault: the same one would fail again, another one would not."""
    return error.code() in _PERMANENT or (out.chosen and error.code() in _NO_SUCH_PLACE)


def _hint(error: KafkaError | None) -> str:
    if error is not None and error.code() in _NO_SUCH_PLACE:
        return "Create the topic first, or mend its name."
    return "Nothing of this epoch was committed; it comes again when the flow is started with recovery."
