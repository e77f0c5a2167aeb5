"""What a flow writes to is looked at when it starts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.testing import TestingSink, TestingSource
from confluent_kafka import KafkaError, KafkaException

import kgen_runtime as rt
from kgen_runtime import run, testing
from kgen_runtime.kafka.connection import BrokerTopicSettings, TopicFound
from kgen_runtime.runner import preflight

from .conftest import raw

Topic = rt.Topic[str, str]
ALL = frozenset({"READ", "WRITE", "DESCRIBE"})


class Broker(testing.Memory):
    """A broker with these topics, what they let the user do, and their settings. An `int` is an error."""

    def __init__(self, inputs: Any = None, /, **topics: Any) -> None:
        super().__init__(inputs)
        self.found: dict[str, Any] = {"orders": ALL, "out": ALL, "dlq": ALL, **topics}
        self.creates: bool | None = False
        self.compacted: set[str] = set()
        self.limits: dict[str, int] = {}
        self.asked: list[str] = []
        self.group: frozenset[str] | int | None = ALL
        self.made: list[tuple[str, rt.NewTopic]] = []

    def find_topic(self, topic: str) -> TopicFound | None:
        found = self.found[topic]
        self.asked.append(topic)
        if isinstance(found, int):
            raise KafkaException(KafkaError(found))
        return None if found is None else TopicFound(3, found or None)

    def creates_topics(self) -> bool | None:
        return self.creates

    def create_topic(self, topic: str, new: rt.NewTopic) -> bool:
        if isinstance(self.found[topic], int):
            raise KafkaException(KafkaError(self.found[topic]))
        absent = self.found[topic] is None
        if absent:
            self.found[topic] = ALL
            self.made.append((topic, new))
        return absent

    def group_allowed(self, group: str) -> frozenset[str] | None:
        assert group == "kgen.flow.write.deliver.out" or group.endswith(".dlq")
        if isinstance(self.group, int):
            raise KafkaException(KafkaError(self.group))
        return self.group

    def topic_settings(self, topic: str) -> BrokerTopicSettings:
        return BrokerTopicSettings(compacted=topic in self.compacted, batch_limit=self.limits.get(topic))


def build(
    kafka: rt.Kafka, orders: Topic, out: Topic, delivery: Any = "at-least-once", create: Any = None
) -> Dataflow:
    flow = Dataflow("flow")
    read = rt.source("in", flow, orders, kafka)
    refused = rt.sink("write", read.oks, out, kafka, delivery=delivery, create=create)
    rt.route("errs", read.errs, refused, policy=rt.DeadLetter("dlq", kafka, create=create))
    return rt.check(flow)


ABSENT = "the topic is not on the broker"
DENIED = KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.parametrize(
    ("topics", "step", "what"),
    [
        ({"out": None}, "flow.write, topic out", ABSENT),
        ({"dlq": None}, "flow.errs.dead_letter, topic dlq", ABSENT),
        ({"out": frozenset({"READ"})}, "flow.write, topic out", "may not WRITE"),
        ({"dlq": DENIED}, "flow.errs.dead_letter, topic dlq", "may not see the topic"),
    ],
)
def test_what_cannot_be_written_to_is_an_error_at_the_start(
    orders: Topic, out: Topic, topics: Any, step: str, what: str
) -> None:
    with pytest.raises(rt.ConfigError, match=what) as caught:
        preflight.prepare(build(Broker(**topics), orders, out))
    assert caught.value.where == f"step {step}"
    assert caught.value.hint


def test_exactly_once_needs_its_group(orders: Topic, out: Topic) -> None:
    for group in (frozenset({"DESCRIBE"}), int(KafkaError.GROUP_AUTHORIZATION_FAILED)):
        kafka = Broker()
        kafka.group = group
        preflight.prepare(build(kafka, orders, out))
        with pytest.raises(rt.ConfigError, match=r"may not READ the group kgen\.flow"):
            preflight.prepare(build(kafka, orders, out, "exactly-once"))


@pytest.mark.parametrize("unknown", [frozenset(), int(KafkaError._TRANSPORT)])
def test_what_the_broker_does_not_say_stops_nothing(orders: Topic, out: Topic, unknown: Any) -> None:
    kafka = Broker(out=unknown, dlq=unknown)
    kafka.group = int(KafkaError._TIMED_OUT)
    preflight.prepare(build(kafka, orders, out, "exactly-once"))


@pytest.mark.parametrize("creates", [True, None])
def test_a_broker_that_creates_topics_is_left_to_it(orders: Topic, out: Topic, creates: bool | None) -> None:
    kafka = Broker(dlq=None)
    kafka.creates = creates
    preflight.prepare(build(kafka, orders, out))
    found = [each.what for each in preflight.examine(build(kafka, orders, out))]
    assert found[2] == "absent; the broker may create it when it is written to"


@pytest.mark.parametrize("create", [None, 3])
def test_a_broker_that_does_not_answer_is_waited_for_once(
    orders: Topic, out: Topic, create: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    silent = int(KafkaError._TIMED_OUT)
    preflight.prepare(build(Broker(out=silent, dlq=silent), orders, out, create=create))
    assert "topic out" in caplog.text
    assert "topic dlq" not in caplog.text


def test_topics_are_created_where_that_is_said(orders: Topic, out: Topic) -> None:
    kafka = Broker(out=None, dlq=None)
    preflight.prepare(build(kafka, orders, out, create=6))
    assert kafka.made == [("out", rt.NewTopic(6)), ("dlq", rt.NewTopic(6))]
    kafka.found["out"] = int(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(rt.ConfigError, match="could not be created") as caught:
        preflight.prepare(build(kafka, orders, out, create=6))
    assert "rights" in str(caught.value)


def test_topics_are_created_by_other_runners_too(orders: Topic, out: Topic) -> None:
    class Both(Broker):
        ends = True

    kafka = Both(out=None)
    kafka._topics = testing.Memory({orders: [rt.RawMessage(key=b"k", value=b"v", topic="orders")]})._topics
    testing.run(build(kafka, orders, out, create=rt.NewTopic(2, config={"cleanup.policy": "compact"})))
    assert [topic for topic, _ in kafka.made] == ["out"]
    assert [each.value for each in kafka.produced["out"]] == [b"v"]


def dead_letters(kafka: rt.Kafka, orders: Topic, **more: Any) -> Dataflow:
    """A flow that writes nothing but dead letters."""
    flow = Dataflow("flow")
    read = rt.source("in", flow, orders, kafka)
    rt.route("errs", read.errs, policy=rt.DeadLetter("dlq", kafka, **more))
    op.output("out", read.oks, TestingSink([]))
    return rt.check(flow)


def test_a_topic_for_dead_letters_is_created_as_what_is_read(orders: Topic) -> None:
    """With its partitions, and room for what is added to its largest message."""
    kafka = Broker(dlq=None)
    kafka.limits["orders"] = 20_000
    seen = [each.what for each in preflight.examine(dead_letters(kafka, orders))]
    assert seen[1:] == ["will be created, with 3 partition(s)"]
    preflight.prepare(dead_letters(kafka, orders))
    assert kafka.made == [
        ("dlq", rt.NewTopic(3, config={"retention.ms": "-1", "max.message.bytes": str(20_000 + 65_536)}))
    ]
    preflight.prepare(dead_letters(kafka, orders))
    assert len(kafka.made) == 1


@pytest.mark.parametrize(
    ("create", "made"), [(6, [("dlq", rt.NewTopic(6))]), (False, []), (None, []), (rt.NewTopic(2), None)]
)
def test_a_topic_for_dead_letters_is_created_otherwise_where_that_is_said(
    orders: Topic, create: Any, made: list[tuple[str, rt.NewTopic]] | None
) -> None:
    kafka = Broker(dlq=None)
    kafka.creates = True
    preflight.prepare(dead_letters(kafka, orders, create=create))
    assert kafka.made == ([("dlq", create)] if made is None else made)


def test_a_topic_for_dead_letters_that_is_there_needs_no_right_to_create(orders: Topic) -> None:
    class Guarded(Broker):
        def create_topic(self, topic: str, new: rt.NewTopic) -> bool:
            raise KafkaException(KafkaError(DENIED))

    preflight.prepare(dead_letters(Guarded(), orders))
    with pytest.raises(rt.ConfigError, match="could not be created") as caught:
        preflight.prepare(dead_letters(Guarded(dlq=None), orders))
    assert "rights" in str(caught.value.hint)


def test_a_broker_that_takes_no_settings_creates_the_topic_without(orders: Topic) -> None:
    class Managed(Broker):
        def create_topic(self, topic: str, new: rt.NewTopic) -> bool:
            if new.config:
                raise KafkaException(KafkaError(KafkaError.POLICY_VIOLATION))
            return super().create_topic(topic, new)

    kafka = Managed(dlq=None)
    kafka.limits["orders"] = 20_000
    preflight.prepare(dead_letters(kafka, orders))
    assert kafka.made == [("dlq", rt.NewTopic(3))]


def test_a_flow_that_reads_with_something_else_leaves_the_topic_to_the_broker() -> None:
    """Nothing says how many partitions there are."""
    kafka = Broker(dlq=None)
    flow = Dataflow("flow")
    up: Stream[rt.Failure] = op.input("in", flow, TestingSource([]))
    rt.route("errs", up, policy=rt.DeadLetter("dlq", kafka))
    with pytest.raises(rt.ConfigError, match=ABSENT):
        preflight.prepare(flow)


def test_a_broker_that_does_not_answer_while_the_flow_runs_is_waited_for_as_by_every_sink(
    orders: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    """By the producer, which has its own time and error."""
    kafka = Broker({orders: [raw(b"\xff")]}, dlq=int(KafkaError._TIMED_OUT))
    testing.run(dead_letters(kafka, orders))
    assert len(kafka.dead_letters) == 1
    assert "topic dlq: it could not be created" in caplog.text


def test_other_runners_create_it_too(orders: Topic) -> None:
    kafka = Broker({orders: [raw(b"\xff")]}, dlq=None)
    testing.run(dead_letters(kafka, orders))
    assert kafka.made == [("dlq", rt.NewTopic(3, config={"retention.ms": "-1"}))]
    assert len(kafka.dead_letters) == 1


@pytest.mark.parametrize("create", [0, -1, True, "6", 1.5])
def test_a_number_of_partitions_is_positive(orders: Topic, out: Topic, create: Any) -> None:
    with pytest.raises(rt.FlowError, match="invalid partitions=") as caught:
        build(Broker(), orders, out, create=create)
    assert "create=6" in str(caught.value.hint)
    with pytest.raises(rt.FlowError, match="invalid replication="):
        rt.NewTopic(1, create)


def test_dead_letters_in_a_compacted_topic_are_warned_of(
    orders: Topic, out: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = Broker()
    kafka.compacted = {"out", "dlq"}
    preflight.prepare(build(kafka, orders, out))
    assert "topic dlq: the topic for dead letters is compacted" in caplog.text
    assert "topic out" not in caplog.text


def test_dead_letters_into_a_topic_that_the_flow_reads_are_warned_of(
    orders: Topic, out: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    loop = "dead letters go to a topic that the flow reads (step flow.in)"
    flow = Dataflow("flow")
    read = rt.source("in", flow, orders, kafka := Broker())
    refused = rt.sink("write", read.oks, out, kafka)
    rt.route("errs", read.errs, refused, policy=rt.DeadLetter(orders.name, kafka))
    preflight.prepare(rt.check(flow))
    assert f"step flow.errs.dead_letter, topic orders: {loop}" in caplog.text
    assert loop in [each.what for each in preflight.examine(flow)]
    caplog.clear()
    preflight.prepare(build(Broker(), orders, out))
    assert loop not in caplog.text


def test_messages_without_keys_do_not_go_to_a_compacted_topic(orders: Topic, out: Topic) -> None:
    """Each would be refused, and with exactly once the first would stop the flow for ever."""
    kafka = Broker()
    kafka.compacted = {"out"}
    preflight.prepare(build(kafka, orders, out))
    keyless: rt.Topic[None, str] = rt.Topic("out", key=rt.NoneSerde(), value=out.value)
    with pytest.raises(rt.ConfigError, match="all messages of this step are without a key") as caught:
        preflight.prepare(build(kafka, orders, keyless))  # type: ignore[arg-type]
    assert caught.value.where == "step flow.write, topic out"
    kafka.compacted = set()
    preflight.prepare(build(kafka, orders, keyless))  # type: ignore[arg-type]


def test_a_topic_for_dead_letters_takes_what_was_read(
    orders: Topic, out: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = Broker()
    for limits in ({"dlq": 1_000_000}, {"orders": 1_000_000}, {"orders": 1_000_000, "dlq": 1_000_000}):
        kafka.limits = limits
        preflight.prepare(build(kafka, orders, out))
        assert "takes" not in caplog.text
    kafka.limits = {"orders": 5_000_000, "out": 1_000_000, "dlq": 1_000_000}
    preflight.prepare(build(kafka, orders, out))
    what = "the topic for dead letters takes 1,000,000 bytes (max.message.bytes), topic orders 5,000,000"
    assert what in caplog.text
    assert "topic out" not in caplog.text
    found = [each.what for each in preflight.examine(build(kafka, orders, out))]
    assert found[1:] == ["written, 3 partition(s), messages up to 1,000,000 bytes", what]


class Said(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        self.event.set()


class Slow(Broker):
    """Does not answer before something was said."""

    def __init__(self, said: Said) -> None:
        super().__init__()
        self.said = said

    def find_topic(self, topic: str) -> TopicFound | None:
        assert self.said.event.wait(30)
        return super().find_topic(topic)


@pytest.fixture
def said() -> Iterator[Said]:
    handler = Said()
    preflight.log.addHandler(handler)
    yield handler
    preflight.log.removeHandler(handler)


def test_that_a_slow_broker_is_waited_for_is_said(
    orders: Topic, out: Topic, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "_SILENCE", 600)
    preflight.prepare(build(Broker(), orders, out))
    assert said.texts == []
    monkeypatch.setattr(preflight, "_SILENCE", 0)
    preflight.prepare(build(Slow(said), orders, out))
    assert [text.partition(":")[0] for text in said.texts] == ["waiting for the Kafka brokers"]


def test_brokers_that_do_not_answer_are_examined_once(orders: Topic, out: Topic) -> None:
    silent = int(KafkaError._TIMED_OUT)
    kafka = Broker(orders=silent, out=silent, dlq=silent)
    found = [(each.topic, each.state) for each in preflight.examine(build(kafka, orders, out))]
    assert found == [("orders", "warning"), ("out", "warning"), ("dlq", "warning")]
    assert kafka.asked == ["orders"]


def test_a_broker_is_asked_once_for_each_topic(orders: Topic, out: Topic) -> None:
    kafka = Broker()
    found = [each.what for each in preflight.examine(build(kafka, orders, out))]
    assert found == ["read, 3 partition(s)", "written, 3 partition(s)", "written, 3 partition(s)"]
    assert kafka.asked == ["orders", "out", "dlq"]


class Unregistered(rt.StringSerde):
    error: rt.KgenError = rt.UnknownSchema("out-value is not registered", hint="Register it.")

    def check_writable(self, store: rt.SchemaStore) -> None:
        raise self.error


def test_a_schema_that_is_not_registered_is_an_error_at_the_start(
    orders: Topic, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = build(Broker(), orders, rt.Topic("out", key=rt.StringSerde(), value=Unregistered()))
    with pytest.raises(rt.ConfigError, match="out-value is not registered") as caught:
        preflight.prepare(flow)
    assert caught.value.hint == "Register it."
    monkeypatch.setattr(Unregistered, "error", rt.RegistryUnavailable("the registry does not answer"))
    preflight.prepare(flow)
    assert "the registry does not answer" in caplog.text


def test_all_that_is_found_can_be_seen_beforehand(orders: Topic, out: Topic) -> None:
    kafka = Broker(orders=frozenset({"DESCRIBE"}), out=None)
    found = [(each.topic, each.state, each.what) for each in preflight.examine(build(kafka, orders, out))]
    assert found == [
        ("orders", "error", "the user may not READ the topic"),
        ("out", "error", ABSENT),
        ("dlq", "ok", "written, 3 partition(s)"),
    ]
    seen = [each.what for each in preflight.examine(build(kafka, orders, out, create=4))]
    assert seen[1:] == ["will be created, with 4 partition(s)", "written, 3 partition(s)"]
    assert kafka.made == []


FLOW = """
from tests.unit.runtime.test_preflight import Broker, build
import kgen_runtime as rt

orders, out = (rt.Topic(name, key=rt.StringSerde(), value=rt.StringSerde()) for name in ("orders", "out"))
flow = build(Broker(dlq=None), orders, out)
"""


def test_the_runner_says_it_in_three_lines_and_exits_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "without_letters.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    assert run.main(["without_letters:flow", "--quiet"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: the topic is not on the broker",
        "  at step flow.errs.dead_letter, topic dlq",
        "  hint: Create the topic first, fix its name, or have it created: create=PARTITIONS.",
    ]
