"""Exactly-once delivery on Apache Kafka, which alone fences: the in-memory brokers would let a zombie pass.

SIGKILLs, frozen runs and brokers that are hurt are in tests/faults.
"""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream
from tests.faults.harness import Flow, feed
from tests.faults.shape import Shape
from tests.integration.kafka_flows import Text, text
from tests.kafka.clients import Record, numbered, read_all, send
from tests.kafka.fixtures import AnyBroker, NewTopic
from tests.kafka.processes import wait_for

import kgen_runtime as rt
from kgen_runtime import testing

pytestmark = [pytest.mark.kafka, pytest.mark.needs("transactions")]

Steps = Callable[[Stream[Text]], Stream[Text]]
LONG = timedelta(hours=1)
TOTAL = 20_000
TIMEOUT = 5000
"""Milliseconds: messages expire after as many, which is another error, and a busy broker may be slow."""


class Copy:
    """A flow that copies a topic exactly once, what it cannot write goes to a third one."""

    def __init__(self, broker: AnyBroker, new_topic: NewTopic, **limits: Any) -> None:
        self.broker = broker
        self.topics = new_topic("in", 3), new_topic("out", 2, **limits), new_topic("dlq")
        send(broker.bootstrap, self.topics[0], numbered(range(300), 3))

    def run(self, steps: Steps = lambda up: up, epoch: timedelta = LONG, **config: Any) -> None:
        kafka = rt.Kafka(self.broker.bootstrap, config=config)
        source, out, dlq = self.topics
        flow = Dataflow("copy")
        read = rt.source("in", flow, text(source), kafka, stop="end", batch_size=10)
        refused = rt.sink("out", steps(read.oks), text(out), kafka, delivery="exactly-once")
        rt.route("errs", read.errs, refused, policy=rt.DeadLetter(dlq, kafka))
        testing.run(rt.check(flow), epoch_interval=epoch)

    def written(self, topic: int = 1, isolation: str = "read_committed") -> list[str]:
        messages = read_all(self.broker.bootstrap, self.topics[topic], isolation=isolation)
        return sorted((m.key() or b"").decode() for m in messages)


IDS = sorted(map(str, range(300)))


@pytest.fixture
def copy(kafka: AnyBroker, new_topic: NewTopic) -> Copy:
    return Copy(kafka, new_topic)


def fails_at(count: int) -> Steps:
    """A step that fails at that message, once all before it were handed to librdkafka."""
    seen: list[Text] = []

    def failing(message: Text) -> Text:
        seen.append(message)
        if len(seen) == count:
            raise ValueError("now")
        return message

    return lambda up: op.map("fail", up, failing)


def cause(error: BaseException, kind: type[Exception]) -> BaseException | None:
    found: BaseException | None = error
    while found is not None and not isinstance(found, kind):
        found = found.__cause__
    return found


def test_nothing_is_written_again_without_any_recovery_folder(copy: Copy) -> None:
    copy.run()
    copy.run(epoch=timedelta(0))
    assert copy.written() == IDS


def test_what_a_failed_epoch_wrote_is_never_seen(copy: Copy) -> None:
    with pytest.raises(RuntimeError):
        copy.run(fails_at(250))
    assert copy.written() == []
    copy.run()
    assert copy.written() == IDS


def test_epochs_that_were_committed_before_a_failure_stay(copy: Copy) -> None:
    with pytest.raises(RuntimeError):
        copy.run(fails_at(250), epoch=timedelta(0))
    assert 0 < len(copy.written()) < 300
    copy.run()
    assert copy.written() == IDS


def test_messages_over_the_topics_limit_are_put_aside_and_disturb_no_others(
    kafka: AnyBroker, new_topic: NewTopic
) -> None:
    copy = Copy(kafka, new_topic, max_message_bytes=20_000)
    large = [Record(value=b"x" * size, key=b"%d" % size) for size in (19_000, 19_950, 25_000)]
    send(kafka.bootstrap, copy.topics[0], large)
    for _ in range(2):
        copy.run()
    assert copy.written() == sorted([*IDS, "19000"])
    assert copy.written(2) == ["19950", "25000"]


def test_the_limit_is_found_to_the_byte(kafka: AnyBroker, new_topic: NewTopic) -> None:
    copy = Copy(kafka, new_topic, max_message_bytes=20_000)
    fits = (
        20_000 - 61 - 3 - 3 - 2 - 3 - 1
    )  # batch, its length, attributes and deltas, key, value's length, headers
    send(kafka.bootstrap, copy.topics[0], [Record(value=b"x" * (fits + n), key=b"%d" % n) for n in (0, 1)])
    copy.run()
    assert copy.written(2) == ["1"]
    assert copy.written() == sorted([*IDS, "0"])


def test_librdkafkas_limit_is_found_to_the_byte(kafka: AnyBroker, new_topic: NewTopic) -> None:
    """Its `message.max.bytes`, where that is set below the topic's. A message that it does not take does not
    break the transaction.
    """
    copy = Copy(kafka, new_topic)
    fits = 1_000_000 - 36 - len(b"0")
    large = [Record(value=b"x" * (fits + n), key=b"%d" % n) for n in (0, 1)]
    send(kafka.bootstrap, copy.topics[0], large, message_max_bytes=1_040_000)
    copy.run(**{"message.max.bytes": 1_000_000})  # type: ignore[arg-type]
    assert copy.written(2) == ["1"]
    assert copy.written() == sorted([*IDS, "0"])


def test_messages_between_librdkafkas_limit_and_the_topics_are_written(
    kafka: AnyBroker, new_topic: NewTopic
) -> None:
    copy = Copy(kafka, new_topic)
    large = [Record(value=b"x" * size, key=b"%d" % size) for size in (1_000_001, 1_040_000)]
    send(kafka.bootstrap, copy.topics[0], large, message_max_bytes=1_048_588)
    copy.run()
    assert copy.written() == sorted([*IDS, "1000001", "1040000"])
    assert copy.written(2) == []


def test_a_message_without_a_key_stops_no_flow_into_a_compacted_topic(
    kafka: AnyBroker, new_topic: NewTopic
) -> None:
    copy = Copy(kafka, new_topic, cleanup_policy="compact")
    send(kafka.bootstrap, copy.topics[0], [Record(value=b"keyless")])
    copy.run()
    assert copy.written() == IDS
    assert copy.written(2) == [""]


@pytest.mark.parametrize("config", [{}, {"batch.size": 4_000}, {"batch.size": 30_000}], ids=str)
def test_batches_are_not_larger_than_their_topic_takes(
    kafka: AnyBroker, new_topic: NewTopic, config: dict[str, Any]
) -> None:
    """A message may name a topic whose limit is below the batches of the sink's own."""
    copy, narrow = Copy(kafka, new_topic), new_topic("narrow", max_message_bytes=5_000)

    def aim(message: Text) -> Text:
        return dataclasses.replace(message, value=f"{message.value}" * 100, target_topic=narrow)

    copy.run(lambda up: op.map("aim", up, aim), **config)
    written = read_all(kafka.bootstrap, narrow)
    assert sorted((m.key() or b"").decode() for m in written) == IDS


def test_what_the_client_does_not_take_is_put_aside(copy: Copy) -> None:
    changes: dict[str, Any] = {
        "3": {"headers": (("h", 1),)},
        "4": {"headers": (("h\udcff", b"x"),)},
        "5": {"timestamp": 1.5},
        "6": {"target_partition": "0"},
        "7": {"target_topic": "out\udcff"},
    }

    def spoil(message: Text) -> Text:
        return dataclasses.replace(message, **changes.get(message.key or "", {}))

    for _ in range(2):
        copy.run(lambda up: op.map("spoil", up, spoil))
    assert copy.written(2) == sorted(changes)
    assert copy.written() == sorted(set(IDS) - changes.keys())


def test_a_message_refused_for_another_reason_stops_the_flow(copy: Copy) -> None:
    """librdkafka can only abort then. Nothing is half done."""

    def astray(up: Stream[Text]) -> Stream[Text]:
        return op.map("astray", up, lambda message: rt.Message(*parts(message), target_partition=99))  # type: ignore[misc]

    def parts(message: Text) -> tuple[Any, ...]:
        return message.key, message.value, message.topic, message.partition, message.offset

    with pytest.raises(RuntimeError) as caught:
        copy.run(astray)
    assert "not delivered" in str(cause(caught.value, rt.DeliveryError))
    copy.run()
    assert copy.written() == IDS


def test_a_transaction_that_takes_too_long_is_reported(copy: Copy) -> None:
    ids = range(300, TOTAL)
    send(copy.broker.bootstrap, copy.topics[0], numbered(ids, 3))
    with pytest.raises(RuntimeError) as caught:
        copy.run(lambda up: op.map("slow", up, OnceAborted(copy)), **{"transaction.timeout.ms": TIMEOUT})  # type: ignore[arg-type]
    assert "took longer than its timeout" in str(cause(caught.value, rt.DeliveryError))
    assert copy.written() == ["after", "after"]
    copy.run()
    assert copy.written() == sorted([*IDS, *map(str, ids), "after", "after"])


class OnceAborted:
    """A step that holds up the flow, once a transaction is open, until the broker has aborted it."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._seen = 0

    def __call__(self, message: Text) -> Text:
        self._seen += 1
        bootstrap, out = self._copy.broker.bootstrap, self._copy.topics[1]
        if self._seen % 1000 == 0 and self._copy.written(isolation="read_uncommitted"):
            self._seen = -TOTAL
            # Readers of what is committed see no further than the first open transaction.
            send(bootstrap, out, [Record(value=b"-", key=b"after", partition=p) for p in (0, 1)])
            wait_for(lambda: len(self._copy.written()) == 2, "the transactions to be aborted")
        return message


@pytest.mark.parametrize("workers", [1, 2])
def test_many_partitions_take_few_descriptors(
    kafka: AnyBroker, new_topic: NewTopic, tmp_path: Path, workers: int
) -> None:
    """So few that they fit below a limit of two for each partition, with the soft limit raised to it."""
    count = 200
    shape = Shape(source=new_topic("in", count), sink=new_topic("out", 2), delivery="exactly-once")
    flow = Flow(kafka, shape, tmp_path, workers=workers)
    feed(flow, range(10 * count))
    try:
        run = flow.start(open_files=(100, 2 * count))
        assert run.wait() == 0, run.tail()
        flow.assert_delivered(range(10 * count))
    finally:
        flow.close()


@pytest.mark.parametrize("workers", [(1, 2, 1), (2, 1, 3)], ids=str)
def test_frozen_runs_of_other_sizes_wake_up_too_late(
    kafka: AnyBroker, new_topic: NewTopic, tmp_path: Path, workers: tuple[int, ...]
) -> None:
    """Each run is frozen in the midst of its work and another one, with more or fewer workers, goes on. In
    the end all wake up.
    """
    shape = Shape(source=new_topic("in", 4), sink=new_topic("out", 2), delivery="exactly-once", stop="never")
    flow, frozen = Flow(kafka, shape, tmp_path), []
    try:
        for number, count in enumerate(workers):
            lot = TOTAL // len(workers)
            goal = flow.count() + lot // 2
            feed(flow, range(number * lot, (number + 1) * lot))
            flow.workers, flow.recovery = count, tmp_path / f"recovery{number}"  # each begins from nothing
            run = flow.start()
            flow.reached(goal, run)
            os.killpg(run.process.pid, signal.SIGSTOP)
            frozen.append(run)
        flow.recovery = tmp_path / "last"
        flow.finish()
        for run in frozen:
            os.killpg(run.process.pid, signal.SIGCONT)
            assert run.wait() == 2, run.tail()
        flow.assert_delivered(range(TOTAL // len(workers) * len(workers)))
    finally:
        flow.close()
