"""Exactly-once delivery: what it refuses, and what comes again after a failure, on topics in memory."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.testing import TestingSource, cluster_main
from confluent_kafka import KafkaError, KafkaException

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.kafka.connection import BrokerTopicSettings
from kgen_runtime.producer import delivery, exactly_once, producer_options, worker_transaction
from kgen_runtime.producer import sender as counter
from kgen_runtime.producer.eligibility import check_interval
from kgen_runtime.producer.exactly_once import group_of
from kgen_runtime.producer.outgoing import Outgoing
from kgen_runtime.producer.record_size import batch_limit, client_size, record_size
from kgen_runtime.stop import STOP

from .conftest import Report, delivery_step_of, texts

Text = rt.Message[str, str]
Topic = rt.Topic[str, str]
Steps = Callable[[Stream[Text]], Stream[Any]]


def build(
    kafka: rt.Kafka,
    orders: Topic,
    out: Topic,
    steps: Steps = lambda up: up,
    policy: rt.Policy | None = None,
    delivery: Any = "exactly-once",
) -> Dataflow:
    return rt.check(unchecked(kafka, orders, out, steps, policy, delivery))


def unchecked(
    kafka: rt.Kafka,
    orders: Topic,
    out: Topic,
    steps: Steps,
    policy: rt.Policy | None = None,
    delivery: Any = "exactly-once",
) -> Dataflow:
    flow = Dataflow("flow")
    read = rt.source("in", flow, orders, kafka)
    refused = rt.sink("out", steps(read.oks), out, kafka, delivery=delivery)
    rt.route("errs", read.errs, refused, policy=policy or rt.Crash())
    return flow


def values(kafka: testing.Memory, topic: str = "out") -> list[bytes | None]:
    return [message.value for message in kafka.produced.get(topic, [])]


def counted(up: Stream[Text]) -> Stream[Any]:
    keyed = op.key_on("key", up, lambda message: message.key or "")
    return op.stateful_map("count", keyed, lambda n, message: ((n or 0) + 1, message))


def test_every_input_is_written_once_however_often_it_is_read(orders: Topic, out: Topic) -> None:
    kafka = testing.Memory({orders: texts(50) + texts(50, partition=1)})
    for _ in range(3):  # without recovery: from the beginning each time
        testing.run(build(kafka, orders, out))
    assert Counter(values(kafka)) == {f"v{i}".encode(): 2 for i in range(50)}


def test_a_flow_with_fewer_workers_may_end_at_once(orders: Topic, out: Topic, tmp_path: Path) -> None:
    """Its worker then has gates of several. Only one of them closes what it sends."""
    kafka = testing.Memory({orders: [message for n in range(8) for message in texts(200, partition=n)]})
    recovery = rt.Recovery(tmp_path / "recovery")
    failing = True

    def stop(message: Text) -> Text:
        if failing and message.value == "v150":
            raise ValueError("stopped in the second batch")
        return message

    def run(workers: int) -> None:
        flow = build(kafka, orders, out, lambda up: op.map("stop", up, stop))
        config: dict[str, Any] = {"epoch_interval": timedelta(0), "recovery_config": recovery.config()}
        with recovery.lock():
            cluster_main(flow, [], 0, worker_count_per_proc=workers, **config)

    with pytest.raises(RuntimeError):
        run(workers=4)
    failing = False
    run(workers=1)
    assert Counter(values(kafka)) == {f"v{i}".encode(): 8 for i in range(200)}


@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_what_a_filter_leaves_out_is_not_written_as_a_tombstone(
    orders: Topic, out: Topic, tmp_path: Path, delivery: str
) -> None:
    """Nor is it read again: the flow is done with it."""
    kafka, seen = testing.Memory({orders: texts(10)}), []

    def even(value: str) -> str | None:
        seen.append(value)
        return None if int(value[1:]) % 2 else value

    for _ in range(2):
        steps = lambda up: rt.map_value("even", up, even).oks  # noqa: E731
        flow = unchecked(kafka, orders, out, steps, delivery=delivery)
        testing.run(flow, recovery=rt.Recovery(tmp_path))
    assert values(kafka) == [b"v0", b"v2", b"v4", b"v6", b"v8"]
    assert seen == [f"v{i}" for i in range(10)]


def test_outputs_appear_when_the_epoch_is_committed(orders: Topic, out: Topic, tmp_path: Path) -> None:
    """What a failed epoch had written is not there; the next run writes it."""
    kafka, recovery = testing.Memory({orders: texts(30)}), rt.Recovery(tmp_path)
    seen = []

    def failing(message: Text) -> Text:
        seen.append(message)
        if len(seen) == 17:
            raise ValueError("now")
        return message

    flow = build(kafka, orders, out, lambda up: op.map("fail", up, failing))
    for epoch in (timedelta(0), timedelta(hours=1)):
        del seen[:]
        with pytest.raises(RuntimeError):
            testing.run(flow, recovery=recovery, epoch_interval=epoch)
        assert values(kafka) == []
    testing.run(build(kafka, orders, out), recovery=recovery)
    assert values(kafka) == [f"v{i}".encode() for i in range(30)]


class Recording(testing.Memory):
    """Keeps the options that its producers are made with."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.options: list[dict[str, Any]] = []

    def producer(self, defaults: Any) -> Any:
        self.options.append(dict(defaults))
        return super().producer(defaults)


def test_one_constant_is_the_delivery_timeout_of_both_kinds(
    orders: Topic, out: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer_options, "_DELIVERY_SECONDS", 41.0)
    kafka = Recording({orders: texts(1)})
    assert producer_options.delivery_seconds(kafka) == 41.0
    testing.run(build(kafka, orders, out))
    assert {options["delivery.timeout.ms"] for options in kafka.options} == {41_000}


def test_messages_expire_with_their_transaction_at_the_latest(orders: Topic, out: Topic) -> None:
    kafka = Recording({orders: texts(1)})
    kafka._config["transaction.timeout.ms"] = "30000"
    testing.run(build(kafka, orders, out))
    assert {options["delivery.timeout.ms"] for options in kafka.options} == {30_000}


@pytest.mark.parametrize("name", ["message.timeout.ms", "delivery.timeout.ms"])
def test_the_users_delivery_timeout_stands_alone_under_either_name(
    orders: Topic, out: Topic, name: str
) -> None:
    """librdkafka has two names for it; which of two values holds would hang on their order."""
    kafka = Recording({orders: texts(1)})
    kafka._config[name] = "5000"
    testing.run(build(kafka, orders, out))
    assert kafka.options
    for options in kafka.options:
        given = {**options, **kafka.config}
        both = {"message.timeout.ms", "delivery.timeout.ms"} & given.keys()
        assert {key: given[key] for key in both} == {name: "5000"}


class Hanging(testing.Memory):
    """As librdkafka where no broker answers: `send_offsets_to_transaction` does not heed its timeout."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.broker_is_back = threading.Event()
        self.hangs = "/worker/"

    def producer(self, defaults: Any) -> Any:
        producer: Any = super().producer(defaults)
        if self.hangs in defaults["transactional.id"]:
            producer.send_offsets_to_transaction = lambda *_: self.broker_is_back.wait()
        return producer


def test_a_client_that_hangs_fails_the_flow(
    orders: Topic, out: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counter, "delivery_seconds", lambda kafka: 0.1 - 5)
    monkeypatch.setattr(exactly_once, "GRACE", 0.1)
    kafka = Hanging({orders: texts(3)})
    assert "was not committed within" in delivery_error(build(kafka, orders, out))
    kafka.broker_is_back.set()
    assert values(kafka) == []


def test_a_claim_that_hangs_fails_the_flow(
    orders: Topic, out: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exactly_once, "_CLAIMED", 0.1)
    kafka = Hanging({orders: texts(3)})
    kafka.hangs = "/orders/0"
    assert "orders/0 could not be claimed in time" in delivery_error(build(kafka, orders, out))
    monkeypatch.undo()
    kafka.hangs = "none"
    testing.run(build(kafka, orders, out))
    assert values(kafka) == [b"v0", b"v1", b"v2"]
    kafka.broker_is_back.set()


class Waiting(testing.Memory):
    """Partition 1 can be claimed only once the worker has committed what it has open."""

    def __init__(self) -> None:
        super().__init__()
        self.committed_something = threading.Event()

    def producer(self, defaults: Any) -> Any:
        producer: Any = super().producer(defaults)
        commit = producer.commit_transaction

        def commit_and_note(timeout: float) -> None:
            commit(timeout)
            self.committed_something.set()

        if "/worker/" in defaults["transactional.id"]:
            producer.commit_transaction = commit_and_note
        if defaults["transactional.id"].endswith("/orders/1"):
            producer.init_transactions = lambda timeout: self.committed_something.wait(timeout)
        return producer


def test_no_transaction_is_kept_open_while_partitions_are_claimed(
    out: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It might outlast its timeout: claims of many partitions take their time."""
    monkeypatch.setattr(exactly_once, "_CLAIMED", 10)
    kafka = Waiting()
    step = delivery_step_of(out, kafka, delivery="exactly-once")
    step.produce([rt.Message("k", "v0", "orders", 0, 7)])
    sender = step.sender()
    sender._partitions["orders", 0].claim.result(10)
    sender.poll()
    step.produce([rt.Message("k", "v1", "orders", 1, 3)])
    gate = step.gate(None)
    gate.on_batch([delivery.BatchReceipt("007", [], sender.name, 2)])
    gate.snapshot()
    assert values(kafka) == [b"v0", b"v1"]


class Failing(testing.Memory):
    """As librdkafka where the broker is taken out of the cluster: calls hang, and the messages expire."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.over, self.expired = threading.Event(), threading.Event()

    def producer(self, defaults: Any) -> Any:
        producer: Any = super().producer(defaults)
        if "/worker/" in defaults["transactional.id"]:
            producer.send_offsets_to_transaction = self._hang
            producer.poll = self._poll
        return producer

    def _hang(self, *_: object) -> None:
        self.expired.set()
        self.over.wait()

    def _poll(self, *_: object) -> None:
        if self.expired.is_set():
            raise KafkaException(KafkaError(KafkaError._MSG_TIMED_OUT, "expired", True))


def test_a_transaction_that_fails_is_not_hidden_by_a_call_that_hangs(
    orders: Topic, out: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exactly_once, "_LOOK_EVERY", 0.01)
    kafka = Failing({orders: texts(3) + texts(3, partition=1)})
    told = delivery_error(build(kafka, orders, out))
    kafka.over.set()
    assert "expired" in told


class Forgotten(testing.Memory):
    """As a broker that has forgotten the transactional id: librdkafka gives the messages up, and tells why
    to whoever calls it next.
    """

    def producer(self, defaults: Any) -> Any:
        producer: Any = super().producer(defaults)
        heard: list[Any] = []

        def produce(topic: str, value: Any, key: Any, partition: int, report: Any, *rest: Any) -> None:
            producer.begin_transaction = producer.commit_transaction = fail
            heard.append(lambda: report(KafkaError(KafkaError._PURGE_QUEUE), Report(topic, value, key, 0)))

        def poll(timeout: float) -> int:
            while heard:
                heard.pop()()
            return 0

        def fail(*_: object) -> None:
            raise KafkaException(
                KafkaError(KafkaError.INVALID_PRODUCER_ID_MAPPING, "forgotten", False, False, True)
            )

        producer.produce, producer.poll = produce, poll
        return producer


def test_of_messages_that_went_with_their_transaction_the_cause_is_reported(
    orders: Topic, out: Topic
) -> None:
    told = delivery_error(build(Forgotten({orders: texts(3)}), orders, out))
    assert "the transaction failed: forgotten" in told
    assert "transactional.id.expiration.ms" in told


class Expired(testing.Memory):
    """As librdkafka that has just heard of a transaction which the broker has aborted: `produce` reports no
    more than a wrong state, and `poll` nothing yet.
    """

    def producer(self, defaults: Any) -> Any:
        producer: Any = super().producer(defaults)

        def fail(*_: object) -> None:
            raise KafkaException(KafkaError(KafkaError.INVALID_PRODUCER_EPOCH, "expired", False, False, True))

        def produce(*_: object) -> None:
            producer.begin_transaction = fail
            raise KafkaException(KafkaError(KafkaError._STATE))

        producer.produce = produce
        return producer


def test_of_a_transaction_that_has_failed_before_the_cause_is_reported(orders: Topic, out: Topic) -> None:
    told = delivery_error(build(Expired({orders: texts(3)}), orders, out))
    assert "the transaction failed: expired" in told
    assert "took longer than its timeout" in told


def test_the_cause_is_reported_before_the_epoch_ends_too(out: Topic) -> None:
    step = delivery_step_of(out, Forgotten(), delivery="exactly-once")
    step.produce([rt.Message("k", "v", "orders", 0, 7)])
    gate = step.gate(None)
    gate.on_batch([delivery.BatchReceipt("007", [], step.sender().name, 1)])
    step.sender()._partitions["orders", 0].claim.result()
    with pytest.raises(rt.DeliveryError, match="the transaction failed: forgotten"):
        gate.on_notify()


class Counted(testing.Memory):
    """Counts commits, and those of claims; at the third, the sources are asked to stop."""

    commits = claims = 0
    ends = True

    def producer(self, defaults: Any) -> Any:
        producer: Any = super().producer(defaults)
        commit = producer.commit_transaction

        def counted(timeout: float) -> None:
            commit(timeout)
            if "/worker/" not in defaults["transactional.id"]:
                self.claims += 1
                return
            self.commits += 1
            if self.commits == 3:
                STOP.request()

        producer.commit_transaction = counted
        return producer


def test_the_marker_that_an_earlier_run_left_is_written_again(orders: Topic, out: Topic) -> None:
    """Nobody knows how old it is, and brokers forget old ones: all would be written again."""
    kafka = Counted({orders: texts(5)})
    for _ in range(2):
        testing.run(build(kafka, orders, out), epoch_interval=timedelta(hours=1))
    assert (kafka.claims, kafka.commits) == (2, 1)
    assert len(values(kafka)) == 5


def test_the_marker_of_an_idle_partition_is_kept(
    orders: Topic, out: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nothing is read any more, epochs are closed with a commit."""
    monkeypatch.setattr(worker_transaction, "_KEEP", 0.0)
    kafka = Counted({orders: texts(5)})
    kafka.ends = False
    late = threading.Timer(30, STOP.request)
    late.start()
    testing.run(build(kafka, orders, out), epoch_interval=timedelta(milliseconds=50))
    late.cancel()
    assert kafka.commits >= 3
    assert len(values(kafka)) == 5


def test_a_marker_that_was_just_written_is_left(orders: Topic, out: Topic) -> None:
    kafka = Counted()
    step = delivery_step_of(out, kafka, delivery="exactly-once")
    step.produce([rt.Message("k", "v", "orders", 0, 7)])
    gate = step.gate(None)
    gate.on_batch([delivery.BatchReceipt("007", [], step.sender().name, 1)])
    for _ in range(3):
        gate.snapshot()
    assert kafka.commits == 1
    assert gate.notify_at() > datetime.now(timezone.utc) + timedelta(minutes=50)


def test_messages_that_are_all_refused_before_their_partition_is_claimed_wake_nobody(out: Topic) -> None:
    step = delivery_step_of(out, Waiting(), delivery="exactly-once")
    unwritable: Any = rt.Message("k", 5, "orders", 0, 7)
    (_, receipt), *_ = step.produce([unwritable])
    gate = step.gate(None)
    (failure,), _ = gate.on_batch([receipt])
    assert failure.stage == rt.Stage.SERIALIZE
    assert gate.notify_at() is None
    gate.snapshot()
    assert gate.notify_at() > datetime.now(timezone.utc) + timedelta(minutes=50)


def test_a_marker_that_cannot_be_kept_fails_the_flow(orders: Topic, out: Topic) -> None:
    kafka = Counted({orders: texts(5)})
    testing.run(build(kafka, orders, out))
    told = delivery_error(build(Torn.of(kafka), orders, out))
    assert "the transaction failed" in told


def delivery_error(flow: Dataflow) -> str:
    """The text of what made the flow fail."""
    with pytest.raises(RuntimeError) as caught:
        testing.run(flow)
    told: BaseException | None = caught.value
    while told is not None and not isinstance(told, rt.DeliveryError):
        told = told.__cause__
    return str(told)


class Torn(testing.Memory):
    """Transactions whose id has `torn` in it are not committed."""

    torn = ""

    @classmethod
    def of(cls, kafka: testing.Memory) -> Torn:
        """With what is in there."""
        torn = cls()
        torn.__dict__.update(kafka.__dict__)
        return torn

    def producer(self, defaults: Any) -> Any:
        producer: Any = super().producer(defaults)
        if self.torn in defaults.get("transactional.id", ""):
            producer.commit_transaction = self._tear
        return producer

    def _tear(self, timeout: float) -> None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def test_several_outputs_of_an_input(orders: Topic, out: Topic) -> None:
    def twice(message: Text) -> list[Text]:
        return [message, replace(message, value=f"{message.value}again")]

    kafka = testing.Memory({orders: texts(3)})
    for _ in range(2):
        testing.run(build(kafka, orders, out, lambda up: op.flat_map("twice", up, twice)))
    assert values(kafka) == [b"v0", b"v0again", b"v1", b"v1again", b"v2", b"v2again"]


def test_dead_letters_are_written_once_too(orders: Topic, out: Topic) -> None:
    def broken(up: Stream[Text]) -> Stream[Any]:
        return op.map(
            "break", up, lambda message: message.with_value(17) if message.value == "v3" else message
        )

    kafka = testing.Memory({orders: texts(5)})
    for _ in range(2):
        testing.run(build(kafka, orders, out, broken, rt.DeadLetter("dlq", kafka)))
    assert values(kafka, "dlq") == [b"v3"]
    assert values(kafka) == [b"v0", b"v1", b"v2", b"v4"]


def test_a_flow_with_dead_letters_is_built_without_a_broker(orders: Topic, out: Topic) -> None:
    """Its module is imported by its tests, and there `KGEN_BROKERS` is not set."""
    kafka, flow = rt.Kafka(), Dataflow("flow")
    read = rt.source("read", flow, orders, kafka)
    unsent = rt.sink("out", read.oks, out, kafka, delivery="exactly-once")
    rt.route("errs", read.errs, unsent, policy=rt.DeadLetter("dlq", kafka))
    assert rt.check(flow) is flow


def test_failures_of_a_sink_that_delivers_at_least_once_come_too_late(orders: Topic, out: Topic) -> None:
    kafka = testing.Memory({orders: texts(5)})
    policy = rt.DeadLetter("dlq", kafka, delivery="exactly-once")
    with pytest.raises(rt.FlowError, match="delivers at least once"):
        testing.run(build(kafka, orders, out, policy=policy, delivery="at-least-once"))
    testing.run(build(kafka, orders, out, policy=policy))


def test_a_failure_is_reported_again_where_its_letter_was_not_written(orders: Topic, out: Topic) -> None:
    """The sink's transaction may be committed and the letters' not: the sink leaves out what it has written,
    but not what it could not write.
    """

    def broken(up: Stream[Text]) -> Stream[Any]:
        return op.map(
            "break", up, lambda message: message.with_value(17) if message.value == "v1" else message
        )

    kafka = Torn({orders: texts(3)})
    kafka.torn = ".dead_letter."
    with pytest.raises(RuntimeError):
        testing.run(build(kafka, orders, out, broken, rt.DeadLetter("dlq", kafka)))
    assert values(kafka, "dlq") == []
    kafka.torn = "none"
    testing.run(build(kafka, orders, out, broken, rt.DeadLetter("dlq", kafka)))
    assert values(kafka, "dlq") == [b"v1"]
    assert values(kafka) == [b"v0", b"v2"]


def test_what_is_too_large_for_the_topic_is_found_before_it_is_sent(orders: Topic, out: Topic) -> None:
    class Small(testing.Memory):
        def topic_settings(self, topic: str) -> BrokerTopicSettings:
            return BrokerTopicSettings(batch_limit=100 if topic == "out" else None)

    large = rt.RawMessage(key=b"k", value=b"x" * 100, topic="orders")
    kafka = Small({orders: [*texts(2), large]})
    testing.run(build(kafka, orders, out, policy=rt.DeadLetter("dlq", kafka)))
    assert values(kafka) == [b"v0", b"v1"]
    assert values(kafka, "dlq") == [large.value]
    assert (b"oversize") in dict(kafka.produced["dlq"][0].headers).values()


def test_a_message_without_a_key_does_not_stop_a_flow_into_a_compacted_topic(
    orders: Topic, out: Topic
) -> None:
    class Compacted(testing.Memory):
        def topic_settings(self, topic: str) -> BrokerTopicSettings:
            return BrokerTopicSettings(compacted=topic == "out")

    keyless = rt.RawMessage(key=None, value=b"no key", topic="orders")
    kafka = Compacted({orders: [*texts(2), keyless]})
    testing.run(build(kafka, orders, out, policy=rt.DeadLetter("dlq", kafka)))
    assert values(kafka) == [b"v0", b"v1"]
    (letter,) = kafka.produced["dlq"]
    assert letter.value == b"no key"
    assert b"compacted" in dict(letter.headers)["__kgen.error.message"]  # type: ignore[operator]


@pytest.mark.parametrize(
    "change",
    [
        {"headers": (("a", 1),)},
        {"headers": (("a\udcff", b"x"),)},
        {"timestamp": 1.5},
        {"timestamp": 1 << 70},
        {"target_partition": "0"},
        {"target_topic": 5},
        {"target_topic": "a\udcff"},
        {"target_topic": "a\0b"},
    ],
    ids=str,
)
def test_what_no_producer_takes_goes_to_the_errs(orders: Topic, out: Topic, change: Any) -> None:
    """Each time it is read: whether its letter was written, the sink does not know."""

    def spoilt(up: Stream[Text]) -> Stream[Text]:
        return op.map(
            "spoil", up, lambda message: replace(message, **change) if message.value == "v1" else message
        )

    kafka = testing.Memory({orders: texts(3)})
    for _ in range(2):
        testing.run(build(kafka, orders, out, spoilt, rt.DeadLetter("dlq", kafka, delivery="at-least-once")))
    assert values(kafka) == [b"v0", b"v2"]
    assert values(kafka, "dlq") == [b"v1", b"v1"]
    assert b"serialize" in dict(kafka.produced["dlq"][0].headers).values()


@pytest.mark.parametrize("headers", [(), (("h", b"x" * 100_000),)], ids=["value", "header"])
def test_what_is_too_large_for_librdkafka_is_found_to_the_byte(
    orders: Topic, out: Topic, headers: Any
) -> None:
    """It counts 36 bytes for a message, and its headers, towards `message.max.bytes`."""
    room = 1_000_000 - 36 - len(b"k") - (0 if not headers else 100_000 + 1 + 1 + 3)
    sizes = [room, room + 1]
    large = [rt.RawMessage(key=b"k", value=b"x" * size, topic="orders", headers=headers) for size in sizes]
    kafka = testing.Memory({orders: large})
    kafka._config = {"message.max.bytes": 1_000_000}
    testing.run(build(kafka, orders, out, policy=rt.DeadLetter("dlq", kafka)))
    assert [len(value or b"") for value in values(kafka)] == [room]
    assert [len(value or b"") for value in values(kafka, "dlq")] == [room + 1]


class Batches:
    """A producer that sends what waits as one batch for each topic; over 1,000 bytes, it is refused."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._waiting = inner, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __len__(self) -> int:
        return len(self._waiting)

    def produce(self, *message: Any) -> None:
        self._waiting.append(message)

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        sizes: Counter[str] = Counter()
        waiting, self._waiting = self._waiting, []
        for topic, value, *_ in waiting:
            sizes[topic] += len(value)
        for message in waiting:
            topic, value, key, partition, heard, *_ = message
            if topic == "narrow" and sizes[topic] > 1_000:
                heard(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), Report(topic, value, key, partition))
            else:
                self._inner.produce(*message)
        return 0

    def commit_transaction(self, timeout: float) -> None:
        self.flush(timeout)
        self._inner.commit_transaction(timeout)


class Narrow(testing.Memory):
    """A broker with a topic that takes less than what librdkafka makes of small messages."""

    limit: int | None = 1_000

    def topic_settings(self, topic: str) -> BrokerTopicSettings:
        return BrokerTopicSettings(batch_limit=self.limit if topic == "narrow" else 20_000)

    def producer(self, defaults: Any) -> Any:
        return Batches(super().producer(defaults))


def to_narrow(up: Stream[Text]) -> Stream[Text]:
    return op.map("aim", up, lambda message: replace(message, target_topic="narrow"))


def test_no_batch_is_larger_than_its_topic_takes(orders: Topic, out: Topic) -> None:
    large = [rt.RawMessage(key=b"k", value=b"%03d" % i * 100, topic="orders") for i in range(20)]
    kafka = Narrow({orders: large})
    testing.run(build(kafka, orders, out, to_narrow))
    assert values(kafka, "narrow") == [message.value for message in large]


def test_where_the_limit_is_not_reported_the_setting_is_named(orders: Topic, out: Topic) -> None:
    large = [rt.RawMessage(key=b"k", value=b"%03d" % i * 100, topic="orders") for i in range(20)]
    kafka = Narrow({orders: large})
    kafka.limit = None
    assert "KGEN_KAFKA_BATCH_SIZE" in delivery_error(build(kafka, orders, out, to_narrow))


class Denied:
    """A consumer whose group may not be used: librdkafka tells that to those that poll alone."""

    def __init__(self) -> None:
        self._events = [KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED, "not this group")]

    def consumer_group_metadata(self) -> None:
        return None

    def committed(self, at: Any, timeout: float) -> Any:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def poll(self, timeout: float) -> Any:
        return SimpleNamespace(error=self._events.pop) if self._events else None

    def close(self) -> None:
        """There is nothing to close."""


def test_a_group_that_may_not_be_used_is_reported(orders: Topic, out: Topic) -> None:
    class Guarded(testing.Memory):
        def consumer(self, overrides: Any) -> Any:
            ours = overrides.get("group.id", "").startswith(exactly_once.GROUP_PREFIX)
            return Denied() if ours else super().consumer(overrides)

    kafka = Guarded({orders: texts(3) + texts(3, partition=1)})
    assert "not this group" in delivery_error(build(kafka, orders, out))


def test_a_message_that_does_not_name_its_input_stops_the_flow(orders: Topic, out: Topic) -> None:
    kafka = testing.Memory({orders: texts(1)})
    made: Steps = lambda up: op.map("make", up, lambda message: rt.Message("k", "v"))  # noqa: E731
    assert "with_value" in delivery_error(build(kafka, orders, out, made))
    assert values(kafka) == []


@pytest.mark.parametrize(
    ("steps", "named"),
    [
        (lambda up: op.key_rm("rm", counted(up)), "flow.count"),
        (lambda up: op.redistribute("spread", up), "flow.spread"),
        (lambda up: op.key_rm("rm", kept(up)), "flow.keep"),
    ],
    ids=["stateful", "exchange", "rt.stateful_map"],
)
def test_steps_that_cannot_be_held_are_refused(orders: Topic, out: Topic, steps: Steps, named: str) -> None:
    with pytest.raises(rt.FlowError, match=rf"cannot deliver exactly once.*{named}"):
        build(testing.Memory({orders: []}), orders, out, steps)


def kept(up: Stream[Text]) -> Any:
    keyed = rt.key_on("key", up, lambda message: message.key or "")
    made = rt.stateful_map("keep", keyed.oks, lambda state, message: (message, message))
    rt.route("kept_errs", keyed.errs, made.errs, policy=rt.Crash())
    return made.oks


def test_the_steps_on_single_items_hold(orders: Topic, out: Topic) -> None:
    def steps(up: Stream[Text]) -> Stream[Text]:
        good = rt.filter("filter", up, lambda message: message.value != "v1")
        made = rt.map("map", good.oks, lambda message: message.with_value(f"{message.value}!"))
        each = rt.flat_map("flat_map", made.oks, lambda message: [message])
        same = rt.filter_map("filter_map", each.oks, lambda message: message)
        keyed = rt.key_on("key", same.oks, lambda message: message.key or "")
        errs = (good.errs, made.errs, each.errs, same.errs, keyed.errs)
        rt.route("steps", *errs, policy=rt.Crash())
        return op.key_rm("rm", keyed.oks)

    kafka = testing.Memory({orders: texts(3)})
    testing.run(build(kafka, orders, out, steps))
    assert values(kafka) == [b"v0!", b"v2!"]


def test_stateful_steps_beside_the_sink_are_fine(orders: Topic, out: Topic) -> None:
    def beside(up: Stream[Text]) -> Stream[Text]:
        op.inspect("see", counted(up), lambda step_id, item: None)
        return up

    kafka = testing.Memory({orders: texts(3)})
    testing.run(build(kafka, orders, out, beside))
    assert len(values(kafka)) == 3


def test_a_source_that_is_not_kgens_is_refused(out: Topic) -> None:
    flow = Dataflow("flow")
    up: Any = op.input("in", flow, TestingSource([]))
    with pytest.raises(rt.FlowError, match="is not an rt"):
        rt.sink("out", up, out, testing.Memory(), delivery="exactly-once")


def test_other_brokers_than_the_sources_are_refused(orders: Topic, out: Topic) -> None:
    flow = Dataflow("flow")
    read = rt.source("in", flow, orders, rt.Kafka("a:1"))
    with pytest.raises(rt.FlowError, match="other brokers"):
        rt.sink("out", read.oks, out, rt.Kafka("b:1"), delivery="exactly-once")
    rt.sink("same", read.oks, out, rt.Kafka(["a:1"]), delivery="exactly-once")


def test_a_topic_that_is_read_twice_is_refused(orders: Topic, out: Topic) -> None:
    flow, kafka = Dataflow("flow"), rt.Kafka("a:1")
    first, second = (rt.source(name, flow, orders, kafka) for name in ("a", "b"))
    with pytest.raises(rt.FlowError, match="read twice"):
        rt.sink("out", op.merge("both", first.oks, second.oks), out, kafka, delivery="exactly-once")


def test_dead_letters_of_stateful_steps_are_refused_unless_set_otherwise(orders: Topic, out: Topic) -> None:
    def flow(delivery: Any) -> Dataflow:
        flow, kafka = Dataflow("flow"), rt.Kafka("a:1")
        read = rt.source("in", flow, orders, kafka)
        errs = rt.sink("out", read.oks, out, kafka, delivery="exactly-once")
        windowed = rt.map_value("more", op.key_rm("rm", counted(read.oks)), str)
        op.inspect("see", windowed.oks, lambda step_id, item: None)
        rt.route(
            "errs", read.errs, errs, windowed.errs, policy=rt.DeadLetter("dlq", kafka, delivery=delivery)
        )
        return flow

    with pytest.raises(rt.FlowError, match=r"flow.count.*"):
        rt.check(flow(None))
    rt.check(flow("at-least-once"))


def test_an_unknown_delivery_is_refused(orders: Topic, out: Topic) -> None:
    with pytest.raises(rt.FlowError, match="invalid delivery='twice'"):
        build(testing.Memory({orders: []}), orders, out, delivery="twice")


def test_a_transaction_has_to_outlast_an_epoch(orders: Topic, out: Topic) -> None:
    kafka = rt.Kafka("a:1", config={"transaction.timeout.ms": 15_000})
    flow = build(kafka, orders, out)
    check_interval(flow, timedelta(seconds=7))
    with pytest.raises(rt.ConfigError, match="is 15 s, an epoch 10 s"):
        check_interval(flow, timedelta(seconds=10))
    check_interval(build(kafka, orders, out, delivery="at-least-once"), timedelta(seconds=10))


def test_names_on_the_broker_are_a_contract(orders: Topic, out: Topic) -> None:
    names = []

    class Named(testing.Memory):
        def producer(self, defaults: Any) -> Any:
            names.append(defaults["transactional.id"])
            return super().producer(defaults)

    testing.run(build(Named({orders: texts(1)}), orders, out))
    assert sorted(re.sub("[0-9a-f]{32}", "ID", name) for name in names) == [
        "kgen.flow.out.deliver.out/orders/0",
        "kgen.flow.out.deliver.out/worker/ID",
    ]
    assert group_of("flow.out.deliver", "out") == "kgen.flow.out.deliver.out"


def test_sizes_are_those_of_kafka() -> None:
    out = Outgoing("t", b"v" * 1000, b"key", -1, 0, [("h", b"12"), ("n", None)], False)
    # 61, then: length 2; attributes, deltas 3; key 1+3; value 2+1000; count 1; headers 1+1+1+2, 1+1+1
    assert record_size(out) == 61 + 2 + 3 + 4 + 1002 + 1 + 5 + 3
    assert record_size(Outgoing("t", None, None, -1, 0, None, False)) == 61 + 1 + 3 + 1 + 1 + 1
    assert client_size(out) == 36 + 3 + 1000 + (1 + 1 + 1 + 2) + (1 + 1 + 1)
    assert client_size(Outgoing("t", None, None, -1, 0, None, False)) == 36
    assert batch_limit(20_000) < 20_000
    assert batch_limit(1 << 40) == 1_000_000
