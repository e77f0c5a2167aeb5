"""Dead letters on the local broker: absent topics, brokers that stop, processes that are killed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink
from confluent_kafka import Message, Producer

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.routing.letter_headers import original_headers, read_letter
from kgen_runtime.runner import preflight

from .runtime_flow import text_topic
from .test_runtime import Runner, Topics, values, wait_for

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

POISON = b"\xff"


@pytest.fixture
def topics(dev: Dev, request: pytest.FixtureRequest) -> Topics:
    return Topics(dev.brokers, request.node.name.replace("[", ".").replace("]", ""))


@pytest.fixture
def runner(dev: Dev, tmp_path: Path) -> Runner:
    return Runner(dev.brokers, tmp_path)


def send(brokers: str, topic: str, *messages: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": brokers, "message.max.bytes": 20_000_000})
    for message in messages:
        producer.produce(topic, **message)
        producer.poll(0)
    assert producer.flush(30) == 0


def put_aside(source: str, kafka: rt.Kafka, policy: rt.Policy) -> Dataflow:
    """A flow that does nothing but put aside what is not text."""
    flow = Dataflow("flow")
    read = rt.source("read", flow, text_topic(source), kafka, stop="end")
    op.output("seen", read.oks, TestingSink([]))
    rt.route("errs", read.errs, policy=policy)
    return rt.check(flow)


def letter_of(message: Message) -> Any:
    headers: Any = message.headers() or ()
    return read_letter(headers, message.timestamp()[1])


def test_the_topic_is_created_as_what_is_read_and_keeps_the_order_of_a_key(dev: Dev, topics: Topics) -> None:
    source, kafka = topics.make("in", 3), rt.Kafka(dev.brokers)
    send(dev.brokers, source, *({"key": f"k{i % 7}", "value": POISON + bytes([i])} for i in range(100)))
    letters = f"{source}.dlq"
    assert kafka.find_topic(letters) is None
    flow = put_aside(source, kafka, rt.DeadLetter(letters, kafka))
    preflight.prepare(flow)
    found = kafka.find_topic(letters)
    assert found is not None
    assert found.partitions == 3
    testing.run(flow)
    topics._count[letters] = 3
    by_key: dict[Any, list[Message]] = defaultdict(list)
    for message in topics.read(letters, 100):
        by_key[message.key()].append(message)
    assert len(by_key) == 7
    for messages in by_key.values():
        assert len({message.partition() for message in messages}) == 1
        numbers = [(message.value() or b"")[1] for message in messages]
        assert numbers == sorted(numbers)


def test_messages_of_no_bytes_and_of_ten_megabytes_are_put_aside_byte_for_byte(
    dev: Dev, topics: Topics
) -> None:
    source, kafka = topics.make("in"), rt.Kafka(dev.brokers)
    headers: Any = [("a", None), ("a", b""), ("b", b"\xff\x00")]
    large = POISON * 10_000_000
    send(
        dev.brokers,
        source,
        {"key": b"", "value": POISON, "headers": headers, "timestamp": 1_000},
        {"key": b"\xff\xfe", "value": b"", "timestamp": 2_000},
        {"key": b"k", "value": large, "timestamp": 3_000},
        {"key": None, "value": POISON, "timestamp": 4_000},
    )
    letters = f"{source}.dlq"
    testing.run(put_aside(source, kafka, rt.DeadLetter(letters, kafka)))
    topics._count[letters] = 1
    read = sorted(topics.read(letters, 4), key=lambda message: message.timestamp()[1])
    assert [message.value() for message in read] == [POISON, b"", large, POISON]
    assert [message.key() for message in read] == [b"", b"\xff\xfe", b"k", None]
    assert [message.timestamp()[1] for message in read] == [1_000, 2_000, 3_000, 4_000]
    first: Any = read[0].headers()
    assert original_headers(tuple(first)) == tuple(headers)
    assert [(letter_of(m).offset, letter_of(m).stage) for m in read] == [
        (number, "decode") for number in range(4)
    ]


def test_letters_that_cannot_be_written_stop_the_flow_and_nothing_is_committed(
    dev: Dev, topics: Topics, tmp_path: Path
) -> None:
    """The broker of the dead letters stops while the flow runs, and is there again for the next run."""
    from kgen.dev import Broker

    source, recovery = topics.make("in"), rt.Recovery(tmp_path)
    kafka = rt.Kafka(dev.brokers)
    send(dev.brokers, source, *({"key": f"k{i}", "value": POISON} for i in range(50)))
    config = {"delivery.timeout.ms": 1_000, "log_level": 0}

    def flow_to(address: str) -> Dataflow:
        policy = rt.DeadLetter("letters", rt.Kafka(address, config=config), create=False)
        return put_aside(source, kafka, policy)

    with Broker(0) as broker:
        gone = broker.address
        Topics(gone, "x")
    with pytest.raises(RuntimeError) as caught:
        testing.run(flow_to(gone), recovery=recovery)
    assert any(isinstance(error, rt.DeliveryError) for error in rt.errors.causes(caught.value))
    with Broker(0) as broker:
        there = Topics(broker.address, "")
        there._prefix = "letters"
        letters = there.make("all")
        policy = rt.DeadLetter(letters, rt.Kafka(broker.address), create=False)
        testing.run(put_aside(source, kafka, policy), recovery=recovery)
        assert {message.key() for message in there.read(letters, 50)} == {f"k{i}".encode() for i in range(50)}
    testing.run(put_aside(source, kafka, rt.Crash()), recovery=recovery)  # nothing is left to read


def test_every_poison_is_put_aside_through_sigkill(topics: Topics, runner: Runner, dev: Dev) -> None:
    """In = out + dead letters."""
    source, sink = topics.make("in", 2), topics.make("out", 2)
    letters = topics.make("out.dlq", 2)
    shape = {"from": source, "to": sink, "read": {"batch_size": 50}}
    sent = 0

    def more(count: int) -> None:
        nonlocal sent
        numbers = range(sent, sent + count)
        bad = [{"key": f"k{i % 7}", "value": POISON + str(i).encode()} for i in numbers if i % 50 == 0]
        good = [{"key": f"k{i % 7}", "value": f"v{i}"} for i in numbers if i % 50]
        send(dev.brokers, source, *bad, *good)
        sent += count

    with topics.following(sink) as so_far:
        for _ in range(3):
            before = len(so_far())
            with runner.start(shape, *runner.recovery) as process:
                more(1_000)
                wait_for("some progress", lambda n=before: len(so_far()) > n + 100)  # type: ignore[misc]
                process.kill()
        assert runner.run({**shape, "read": {"stop": "end"}}, *runner.recovery) == 0
        good = {f"v{i}" for i in range(sent) if i % 50}
        wait_for("all messages", lambda: set(values(so_far())) == good)
    bad = {POISON + str(i).encode() for i in range(sent) if i % 50 == 0}
    assert {message.value() for message in topics.read(letters, len(bad))} == bad
