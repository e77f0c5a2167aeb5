"""Source, sink, recovery and runner on the local broker, and what becomes of the messages when processes
die.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
import pytest
import requests
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.consumer import broker_answers

from .runtime_flow import build, text_topic

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 180.0


def wait_for(what: str, condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {DEADLINE} s: {what}")


class Topics:
    """Makes, fills and reads the topics of one test."""

    def __init__(self, brokers: str, prefix: str) -> None:
        self.brokers = brokers
        self._prefix = prefix
        self._count: dict[str, int] = {}

    def make(self, name: str, partitions: int = 1) -> str:
        topic = f"{self._prefix}.{name}"
        admin = AdminClient({"bootstrap.servers": self.brokers})
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(10)
        self._count[topic] = partitions
        return topic

    def fill(self, topic: str, count: int, first: int = 0) -> None:
        producer = Producer({"bootstrap.servers": self.brokers})
        for i in range(first, first + count):
            producer.produce(topic, f"v{i}", f"k{i % 7}", timestamp=1 + i * 100)
            producer.poll(0)
        assert producer.flush(20) == 0

    @contextmanager
    def following(self, topic: str) -> Iterator[Callable[[], list[Message]]]:
        """All messages so far, at each call."""
        consumer = Consumer(
            {"bootstrap.servers": self.brokers, "group.id": "test", "enable.auto.commit": False}
        )
        consumer.assign([TopicPartition(topic, p, 0) for p in range(self._count[topic])])
        seen: list[Message] = []

        def so_far() -> list[Message]:
            seen.extend(m for m in consumer.consume(10_000, 0.1) if m.error() is None)
            return seen

        try:
            yield so_far
        finally:
            consumer.close()

    def read(self, topic: str, at_least: int) -> list[Message]:
        with self.following(topic) as so_far:
            wait_for(f"{at_least} messages in {topic}", lambda: len(so_far()) >= at_least)
            return list(so_far())

    def committed(self, group: str, topic: str) -> int:
        """The sum of the group's offsets."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": group})
        try:
            at = [TopicPartition(topic, p) for p in range(self._count[topic])]
            return sum(max(found.offset, 0) for found in consumer.committed(at, timeout=10))
        finally:
            consumer.close()


@pytest.fixture
def topics(dev: Dev, request: pytest.FixtureRequest) -> Topics:
    return Topics(dev.brokers, request.node.name.replace("[", ".").replace("]", ""))


@dataclass
class Runner:
    """Runs `runtime_flow` in processes of its own."""

    brokers: str
    folder: Path

    @contextmanager
    def start(self, shape: dict[str, Any], *args: str, module: str = "kgen_runtime.run") -> Iterator[Any]:
        env = {**os.environ, "KGEN_BROKERS": self.brokers, "SHAPE": json.dumps(shape)}
        env.pop("KGEN_REGISTRY_URL", None)
        command = [sys.executable, "-m", module, "tests.integration.runtime_flow:flow", *args]
        with (self.folder / "stderr").open("ab") as err:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=err, stdout=err)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def run(self, shape: dict[str, Any], *args: str, module: str = "kgen_runtime.run") -> int:
        with self.start(shape, *args, module=module) as process:
            return int(process.wait(DEADLINE))

    @property
    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def recovery(self) -> tuple[str, ...]:
        return ("--recovery", str(self.folder / "recovery"), "--epoch-interval", "0.2")


@pytest.fixture
def runner(dev: Dev, tmp_path: Path) -> Runner:
    return Runner(dev.brokers, tmp_path)


def values(messages: list[Message]) -> list[str]:
    return [(message.value() or b"").decode() for message in messages]


def expected(count: int) -> set[str]:
    return {f"v{i}" for i in range(count)}


def test_round_trip_with_the_registry(dev: Dev, topics: Topics) -> None:
    source, sink, letters = topics.make("in", 2), topics.make("out", 2), topics.make("dlq")
    text = '{"type": "record", "name": "Order", "fields": [{"name": "n", "type": "long"}]}'
    ids = [register(dev, f"{name}-value", text) for name in (source, sink)]
    inbound, outbound = (avro_topic(name, text, id_) for name, id_ in zip((source, sink), ids))
    kafka = rt.Kafka(dev.brokers, registry=dev.registry)
    produce_orders(dev, source, ids[0], 500)
    flow = Dataflow("flow")
    read = rt.source("read", flow, inbound, kafka, stop="end")
    doubled = rt.map_value("double", read.oks, lambda order: {"n": order["n"] * 2})
    errs = rt.sink("out", doubled.oks, outbound, kafka)
    rt.route("errs", read.errs, doubled.errs, errs, policy=rt.DeadLetter(letters, kafka))
    testing.run(rt.check(flow))
    decoded = outbound.value.decoder(kafka.store, "value").decode_many(
        [message.value() for message in topics.read(sink, 500)]
    )
    assert sorted(order["n"] for order in decoded.values) == [2 * n for n in range(500)]
    poison = topics.read(letters, 3)
    assert {message.value() for message in poison} == {b"", b"\x00\x00", b"text"}
    assert all(dict(message.headers() or [])["__kgen.error.stage"] == b"framing" for message in poison)


def register(dev: Dev, subject: str, text: str) -> int:
    answer = requests.post(f"{dev.registry}/subjects/{subject}/versions", json={"schema": text}, timeout=10)
    answer.raise_for_status()
    return int(answer.json()["id"])


def avro_topic(name: str, text: str, id_: int) -> rt.Topic[bytes, Any]:
    schemas = rt.Schemas(f"{name}-value", (rt.WriterSchema(version=1, id=id_, text=text),))
    return rt.Topic(name, key=rt.BytesSerde(), value=rt.AvroSerde(schemas, {}))


def produce_orders(dev: Dev, topic: str, id_: int, count: int) -> None:
    producer = Producer({"bootstrap.servers": dev.brokers})
    for n in range(count):
        zigzag = bytes([2 * n & 0x7F | 0x80, 2 * n >> 7]) if n > 63 else bytes([2 * n])
        producer.produce(topic, b"\x00" + id_.to_bytes(4, "big") + zigzag)
    for poison in (b"", b"\x00\x00", b"text"):
        producer.produce(topic, poison)
    assert producer.flush(20) == 0


def collect(
    kafka: rt.Kafka, topic: str, recovery: rt.Recovery | None = None, **options: Any
) -> list[str | None]:
    seen: list[rt.Message[str, str]] = []
    flow = Dataflow("flow")
    read = rt.source("read", flow, text_topic(topic), kafka, stop="end", **options)
    op.output("seen", read.oks, TestingSink(seen))
    rt.route("errs", read.errs, policy=rt.Crash())
    testing.run(flow, recovery=recovery)
    return [message.value for message in seen]


def test_a_restart_reads_on(dev: Dev, topics: Topics, tmp_path: Path) -> None:
    topic, kafka, recovery = topics.make("in", 3), rt.Kafka(dev.brokers), rt.Recovery(tmp_path)
    topics.fill(topic, 100)
    assert sorted(collect(kafka, topic, recovery)) == sorted(expected(100))  # type: ignore[type-var]
    assert collect(kafka, topic, recovery) == []
    topics.fill(topic, 20, first=100)
    assert sorted(collect(kafka, topic, recovery)) == sorted(expected(120) - expected(100))  # type: ignore[type-var]


def test_a_position_beyond_the_end_is_reported(dev: Dev, topics: Topics, tmp_path: Path) -> None:
    """A recovery folder that is older than the broker's data: the flow would wait for ever."""
    topic = topics.make("in")
    topics.fill(topic, 5)
    kafka, recovery = rt.Kafka(dev.brokers), rt.Recovery(tmp_path)
    collect(testing.Memory({text_topic(topic): testing.samples(text_topic(topic), 50)}), topic, recovery)
    with pytest.raises(RuntimeError) as caught:
        collect(kafka, topic, recovery)
    error = cause(caught.value, rt.SourceError)
    assert "offset 50, is not on the broker" in str(error)


def test_a_broker_that_is_unavailable_is_reported(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_answers, "TIMEOUT", 0.5)
    with pytest.raises(RuntimeError) as caught:
        collect(rt.Kafka("127.0.0.1:1", config={"log_level": 0}), "any")
    assert "KGEN_BROKERS" in str(cause(caught.value, rt.SourceError))


def test_an_absent_topic_is_reported(dev: Dev) -> None:
    with pytest.raises(RuntimeError) as caught:
        collect(rt.Kafka(dev.brokers), "no.such.topic")
    assert "Create the topic first" in str(cause(caught.value, rt.SourceError))


def cause(error: BaseException | None, kind: type[Exception]) -> BaseException:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__
    assert error is not None
    return error


def test_a_full_queue_makes_the_flow_wait(dev: Dev, topics: Topics) -> None:
    source, sink = topics.make("in"), topics.make("out")
    topics.fill(source, 2000)
    kafka = rt.Kafka(dev.brokers, config={"queue.buffering.max.messages": 10, "linger.ms": 0})
    testing.run(build({"from": source, "to": sink, "read": {"stop": "end"}}, kafka))
    assert values(topics.read(sink, 2000)) == [f"v{i}" for i in range(2000)]


def test_an_oversize_message_is_a_dead_letter(dev: Dev, topics: Topics) -> None:
    source, sink, letters = topics.make("in"), topics.make("out"), topics.make("out.dlq")
    producer = Producer({"bootstrap.servers": dev.brokers})
    for value in ("small", "x" * 3000, "small"):
        producer.produce(source, value)
    producer.flush(10)
    kafka = rt.Kafka(dev.brokers, config={"message.max.bytes": 2000})
    flow = Dataflow("flow")
    read = rt.source("read", flow, text_topic(source), kafka, stop="end")
    errs = rt.sink("write", read.oks, text_topic(sink), kafka)
    rt.route("errs", read.errs, errs, policy=rt.DeadLetter(letters, kafka))
    testing.run(flow)
    (letter,) = topics.read(letters, 1)
    assert len(letter.value() or b"") == 3000
    assert dict(letter.headers() or [])["__kgen.error.stage"] == b"oversize"
    assert len(topics.read(sink, 2)) == 2


def test_a_broker_that_goes_away_fails_the_flow(tmp_path: Path) -> None:
    from kgen.dev import Broker

    with Broker(0) as broker:
        topics = Topics(broker.address, "gone")
        source, sink = topics.make("in"), topics.make("out")
        topics.fill(source, 10)
        config = {"delivery.timeout.ms": 1000, "log_level": 0}
        kafka = rt.Kafka(broker.address, config=config)
        flow = Dataflow("flow")
        read = rt.source("read", flow, text_topic(source), kafka, stop="end")

        def leave(value: str) -> str:
            broker.stop()
            return value

        last = rt.map_value("leave", read.oks, leave)
        errs = rt.sink("write", last.oks, text_topic(sink), kafka)
        rt.route("errs", read.errs, last.errs, errs, policy=rt.Crash())
        with pytest.raises(RuntimeError) as caught:
            testing.run(flow, recovery=rt.Recovery(tmp_path))
    assert "did not arrive" in str(cause(caught.value, rt.DeliveryError))


@pytest.mark.parametrize("steps", [0, 40])
def test_sigkill_loses_nothing(topics: Topics, runner: Runner, steps: int) -> None:
    source, sink = topics.make("in", 2), topics.make("out", 2)
    shape = {"from": source, "to": sink, "steps": steps, "read": {"batch_size": 50}}
    topics.fill(source, 1000)
    sent = 1000
    with topics.following(sink) as so_far:
        for _ in range(3):
            before = len(so_far())
            with runner.start(shape, *runner.recovery) as process:
                topics.fill(source, 1000, first=sent)
                sent += 1000
                wait_for("some progress", lambda n=before: len(so_far()) > n + 100)  # type: ignore[misc]
                process.kill()
        shape["read"]["stop"] = "end"  # type: ignore[index]
        assert runner.run(shape, *runner.recovery) == 0
        wait_for("all messages", lambda: set(values(so_far())) == expected(sent))


@pytest.mark.parametrize("scale", [(), ("--processes", "2", "--workers", "2")], ids=["one", "four"])
def test_sigterm_leaves_cleanly_with_windows_whole(
    topics: Topics, runner: Runner, scale: tuple[str, ...]
) -> None:
    """Each window comes out once, with all its messages: Bytewax closes them at an end of input, so there
    must be none.
    """
    source, sink = topics.make("in", 2), topics.make("out")
    shape = {"from": source, "to": sink, "windows": True, "read": {"group_id": topics._prefix}}
    for first in (0, 350):
        topics.fill(source, 350, first)
        with runner.start(shape, *runner.recovery, *scale) as process:
            wait_for("durable", lambda f=first: topics.committed(topics._prefix, source) == f + 350)  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0, runner.said
    shape["read"]["stop"] = "end"  # type: ignore[index]
    assert runner.run(shape, *runner.recovery, *scale) == 0, runner.said
    counted = Counter(values(topics.read(sink, 49)))
    assert sum(int(text.partition("=")[2]) for text in counted) * 7 >= 700
    # 700 messages, one each 100 ms, by 7 keys: 7 windows of 100 messages, in each 14 or 15 of a key
    told = [text for text, times in counted.items() for _ in range(times)]
    assert len(told) == 49
    assert {int(text.partition("=")[2]) for text in told} <= {13, 14, 15}
    assert "panicked" not in runner.said


def test_sigterm_without_recovery_flushes(topics: Topics, runner: Runner) -> None:
    source, sink = topics.make("in", 2), topics.make("out", 2)
    topics.fill(source, 500)
    shape = {"from": source, "to": sink, "read": {"group_id": topics._prefix}}
    with topics.following(sink) as so_far, runner.start(shape) as process:
        wait_for("some output", so_far)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        was_read = topics.committed(topics._prefix, source)  # one of the partitions may not have been yet
        assert 0 < was_read <= 500
        wait_for("all that was read", lambda: len(so_far()) >= was_read)
        assert len(set(values(so_far()))) == was_read == len(so_far())


def test_a_finished_run_commits_to_the_group(topics: Topics, runner: Runner) -> None:
    source, sink = topics.make("in", 2), topics.make("out")
    topics.fill(source, 100)
    assert runner.run({"from": source, "to": sink, "read": {"stop": "end", "group_id": topics._prefix}}) == 0
    assert topics.committed(topics._prefix, source) == 100


def test_one_process_killed_takes_all_down(topics: Topics, runner: Runner) -> None:
    source, sink = topics.make("in", 4), topics.make("out", 2)
    shape: dict[str, Any] = {"from": source, "to": sink, "read": {}}
    topics.fill(source, 1000)
    with topics.following(sink) as so_far:
        with runner.start(shape, *runner.recovery, "--processes", "2") as process:
            wait_for("output", so_far)
            os.kill(children(process.pid)[0], signal.SIGKILL)
            assert process.wait(DEADLINE) == 2
        shape["read"]["stop"] = "end"
        assert runner.run(shape, *runner.recovery, "--processes", "2") == 0, runner.said
        wait_for("all messages", lambda: set(values(so_far())) == expected(1000))


def children(pid: int) -> list[int]:
    task = Path(f"/proc/{pid}/task/{pid}/children")
    if not task.exists():
        pytest.skip("needs /proc")
    return [int(child) for child in task.read_text().split()]


def test_bytewaxs_own_runner_runs_it_too(topics: Topics, runner: Runner) -> None:
    source, sink = topics.make("in"), topics.make("out")
    topics.fill(source, 50)
    shape = {"from": source, "to": sink, "read": {"stop": "end"}}
    assert runner.run(shape, module="bytewax.run") == 0, runner.said
    assert set(values(topics.read(sink, 50))) == expected(50)


def test_rescaling_keeps_the_position(topics: Topics, runner: Runner) -> None:
    source, sink = topics.make("in", 4), topics.make("out")
    shape = {"from": source, "to": sink, "read": {"stop": "end"}}
    for round_, workers in enumerate(("1", "3", "2")):
        topics.fill(source, 100, first=100 * round_)
        assert runner.run(shape, *runner.recovery, "--workers", workers) == 0, runner.said
    assert sorted(values(topics.read(sink, 300))) == sorted(expected(300))


def test_rescaling_keeps_the_state(topics: Topics, runner: Runner) -> None:
    source, sink = topics.make("in", 4), topics.make("out")
    shape = {"from": source, "to": sink, "numbers": True, "read": {"stop": "end"}}
    for round_, scale in enumerate((["-w", "1"], ["-w", "3"], ["-w", "2"], ["-p", "2"])):
        topics.fill(source, 70, first=70 * round_)
        assert runner.run(shape, *runner.recovery, *scale) == 0, runner.said
    told = sorted(values(topics.read(sink, 280)))
    assert told == sorted(f"k{key}={n}" for key in range(7) for n in range(1, 41))


def test_a_group_gets_durable_offsets_only(dev: Dev, topics: Topics, tmp_path: Path) -> None:
    source = topics.make("in")
    topics.fill(source, 100)
    flow = Dataflow("flow")
    read = rt.source(
        "read", flow, text_topic(source), rt.Kafka(dev.brokers), stop="end", group_id=topics._prefix
    )

    def fail(messages: list[Any]) -> list[Any]:
        raise ValueError("before anything is durable")

    op.output("out", op.flat_map_batch("fail", read.oks, fail), TestingSink([]))
    rt.route("errs", read.errs, policy=rt.Crash())
    with pytest.raises(RuntimeError):
        testing.run(flow, recovery=rt.Recovery(tmp_path), epoch_interval=timedelta(0))
    assert topics.committed(topics._prefix, source) == 0
