"""Topics of text, and brokers that misbehave."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bytewax.dataflow import Dataflow
from confluent_kafka import KafkaError, KafkaException

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.kafka.connection import BrokerTopicSettings
from kgen_runtime.producer import delivery as deliveries
from kgen_runtime.producer import sink
from kgen_runtime.producer.broker_refusals import OF_A_BATCH
from kgen_runtime.producer.sender import place_of
from kgen_runtime.stop import STOP, ShutdownState


@pytest.fixture(autouse=True)
def fresh_stop() -> Iterator[None]:
    STOP.reset()
    yield
    STOP.reset()


class RecordedActions:
    """Of a runner: which states requests led to, and what else was reported."""

    def __init__(self) -> None:
        self.requests: list[ShutdownState] = []
        self.reports: list[str] = []

    def requested(self, state: ShutdownState) -> None:
        self.requests.append(state)

    def drained(self) -> None:
        self.reports.append("drained")

    def leave(self) -> None:
        self.reports.append("leave")

    def stuck(self) -> None:
        self.reports.append("stuck")


@pytest.fixture
def runner() -> RecordedActions:
    """A runner with recovery has begun a run."""
    actions = RecordedActions()
    STOP.load(actions)
    STOP.begin("drain", actions)
    return actions


@pytest.fixture
def orders() -> rt.Topic[str, str]:
    return rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())


@pytest.fixture
def out() -> rt.Topic[str, str]:
    return rt.Topic("out", key=rt.StringSerde(), value=rt.StringSerde())


class ThreadStates:
    """Counts the Python states of the threads that call it: a thread has one, or one for each call."""

    def __init__(self) -> None:
        self._local = threading.local()
        self.counts: Counter[int] = Counter()

    def __call__(self, item: Any) -> Any:
        if not hasattr(self._local, "seen"):
            self._local.seen = True
            self.counts[threading.get_ident()] += 1
        return item


def texts(count: int, topic: str = "orders", partition: int = 0) -> list[rt.RawMessage]:
    return [
        rt.RawMessage(
            key=f"k{i}".encode(), value=f"v{i}".encode(), topic=topic, partition=partition, timestamp=1000 + i
        )
        for i in range(count)
    ]


def raw(value: bytes | None, key: bytes | None = b"k", **more: Any) -> rt.RawMessage:
    return rt.RawMessage(key=key, value=value, topic="orders", **more)


class Report:
    """A delivery report's message."""

    def __init__(self, topic: str, value: bytes | None, key: bytes | None, partition: int) -> None:
        self._parts = topic, value, key, max(partition, 0)

    def topic(self) -> str:
        return self._parts[0]

    def value(self) -> bytes | None:
        return self._parts[1]

    def key(self) -> bytes | None:
        return self._parts[2]

    def partition(self) -> int:
        return self._parts[3]

    def timestamp(self) -> tuple[int, int]:
        return (0, -1)  # librdkafka tells none of a message that failed


class Broker(testing.Memory):
    """A broker whose answer to each message is `verdict(value)`: None takes it, an error code refuses it
    later, and where the verdict is on the batch, as Kafka's mostly are, all that came with it.

    `room` bounds the local queue, which empties on `poll`; `away`: nothing is ever answered.
    """

    def __init__(self, *inputs: Any, verdict: Callable[[bytes | None], int | None] = lambda _: None) -> None:
        super().__init__(*inputs)
        self.verdict = verdict
        self.refused_at_once: dict[bytes, int] = {}
        self.settings: dict[str, BrokerTopicSettings] = {}
        self.room: int | None = None
        self.away = False
        self.buffer_errors = 0
        self.flushes = 0
        self.purged = 0

    def topic_settings(self, topic: str) -> BrokerTopicSettings:
        return self.settings.get(topic, BrokerTopicSettings())

    def judge(self, value: bytes | None, partition: int, headers: Any) -> int | None:
        """For brokers that look at more than the value."""
        return self.verdict(value)

    def producer(self, defaults: Any) -> Any:
        self.options = dict(defaults)
        return Producer(self, super().producer(defaults), self.config.get("batch.num.messages") == 1)


class Producer:
    def __init__(self, broker: Broker, inner: Any, alone: bool) -> None:
        self._broker = broker
        self._alone = alone
        self._inner = inner
        self._waiting: list[Any] = []

    def produce(
        self,
        topic: str,
        value: Any,
        key: Any,
        partition: int,
        heard: Any,
        _: None,
        timestamp: int,
        headers: Any,
    ) -> None:
        if self._broker.room is not None and len(self._waiting) >= self._broker.room:
            self._broker.buffer_errors += 1
            raise BufferError("Local: Queue full")
        if value in self._broker.refused_at_once:
            raise KafkaException(KafkaError(self._broker.refused_at_once[value]))
        self._waiting.append((topic, value, key, partition, heard, timestamp, headers))

    def poll(self, timeout: float) -> int:
        if self._broker.away:
            return 0
        waiting, self._waiting = self._waiting, []
        verdicts = [
            self._broker.judge(value, partition, headers) for _, value, _, partition, _, _, headers in waiting
        ]
        spoilt = {
            (topic, max(partition, 0)): code
            for (topic, _, _, partition, *_), code in zip(waiting, verdicts)
            if code in OF_A_BATCH and not self._alone
        }
        for (topic, value, key, partition, heard, timestamp, headers), verdict in zip(waiting, verdicts):
            code = spoilt.get((topic, max(partition, 0)), verdict)
            if code is None:
                self._inner.produce(topic, value, key, partition, None, None, timestamp, headers)
            else:
                heard(KafkaError(code), Report(topic, value, key, partition))
        return len(waiting)

    def flush(self, timeout: float) -> int:
        self._broker.flushes += 1
        self.poll(0)
        return len(self._waiting)

    def purge(self) -> None:
        self._broker.purged += 1
        self._waiting = []

    def __len__(self) -> int:
        return len(self._waiting)


def delivery_step_of(out: rt.Topic[str, str], kafka: rt.Kafka, delivery: Any = "at-least-once") -> Any:
    """The delivering step of a sink, outside of a flow that runs."""
    module: Any = sink
    spec = deliveries.DeliverySpec(  # type: ignore[attr-defined]
        kafka,
        lambda: module._outgoing("flow.out", out, kafka),
        lambda message, error: module._refused("flow.out", message, error),
        delivery=delivery,
        topic=out.name,
        place=place_of,
    )
    return deliveries.DeliveryStep("flow.out", spec, Dataflow("f"))
