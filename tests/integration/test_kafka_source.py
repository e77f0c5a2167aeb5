"""The source on Apache Kafka: where it begins and ends, what it reads of transactions, what a group hears."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import windowing
from bytewax.testing import TestingSink, run_main
from confluent_kafka import Consumer, Producer, TopicPartition
from tests.integration.kafka_flows import Text, ids, read, text
from tests.kafka.clients import QUIET, Record, create_topic, numbered, read_all, send, send_unnamed
from tests.kafka.fixtures import AnyBroker, NewTopic
from tests.kafka.processes import wait_for

import kgen_runtime as rt
from kgen_runtime.consumer.kafka_source import KafkaSource

pytestmark = pytest.mark.kafka

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def rt_kafka(kafka: AnyBroker) -> rt.Kafka:
    return rt.Kafka(kafka.bootstrap)


def _at(minute: int) -> int:
    return int((NOON + timedelta(minutes=minute)).timestamp() * 1000)


@pytest.fixture
def minutes(kafka: AnyBroker, new_topic: NewTopic) -> str:
    """A topic with one message a minute from noon on, ids 0 to 59, in three partitions."""
    topic = new_topic("minutes", 3)
    records = (Record(b"%d" % i, b"%d" % i, i % 3, _at(i)) for i in range(60))
    send(kafka.bootstrap, topic, records)
    return topic


def test_begins_at_the_earliest(rt_kafka: rt.Kafka, minutes: str) -> None:
    assert ids(read(rt_kafka, minutes)) == list(range(60))


@pytest.mark.needs("offsets by time")
def test_begins_at_a_time(rt_kafka: rt.Kafka, minutes: str) -> None:
    assert ids(read(rt_kafka, minutes, start=NOON + timedelta(minutes=50))) == list(range(50, 60))
    assert ids(read(rt_kafka, minutes, start=_at(58))) == [58, 59]
    assert read(rt_kafka, minutes, start=NOON + timedelta(days=1)) == []


def test_ends_at_a_time(rt_kafka: rt.Kafka, minutes: str) -> None:
    assert ids(read(rt_kafka, minutes, stop=NOON + timedelta(minutes=10))) == list(range(10))


def test_ends_at_offsets(rt_kafka: rt.Kafka, minutes: str) -> None:
    assert ids(read(rt_kafka, minutes, stop={0: 2, 1: 1, 2: 0})) == [0, 1, 3]


def test_provenance_is_exact(rt_kafka: rt.Kafka, minutes: str) -> None:
    for message in read(rt_kafka, minutes):
        number = int(message.value or "")
        where = (message.topic, message.partition, message.offset)
        assert where == (minutes, number % 3, number // 3)
        assert message.timestamp == _at(number)


@pytest.mark.needs("ends of partitions")
def test_latest_is_pinned_at_the_first_start(
    kafka: AnyBroker, rt_kafka: rt.Kafka, minutes: str, tmp_path: Path
) -> None:
    """What arrives while the flow is down is read, though it never had a message before."""
    assert read(rt_kafka, minutes, tmp_path / "r", start="latest") == []
    send(kafka.bootstrap, minutes, numbered(range(60, 80), 3))
    assert ids(read(rt_kafka, minutes, tmp_path / "r", start="latest")) == list(range(60, 80))
    assert read(rt_kafka, minutes, tmp_path / "r", start="latest") == []


def test_a_group_gets_the_position_of_the_flow(
    kafka: AnyBroker, rt_kafka: rt.Kafka, minutes: str, tmp_path: Path
) -> None:
    """Kafka 4 takes commits from a consumer with assigned partitions, without members in the group."""
    group = f"{minutes}.group"
    read(rt_kafka, minutes, tmp_path / "r", group_id=group)
    assert _committed(kafka, group, minutes) == [20, 20, 20]
    send(kafka.bootstrap, minutes, numbered(range(60, 90), 3))
    assert ids(read(rt_kafka, minutes, start="stored", group_id=group)) == list(range(60, 90))


def test_stored_without_a_commit_begins_at_the_earliest(rt_kafka: rt.Kafka, minutes: str) -> None:
    messages = read(rt_kafka, minutes, start="stored", group_id=f"{minutes}.never")
    assert ids(messages) == list(range(60))


def _committed(kafka: AnyBroker, group: str, topic: str) -> list[int]:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group, **QUIET})
    try:
        return [
            p.offset for p in consumer.committed([TopicPartition(topic, p) for p in range(3)], timeout=10)
        ]
    finally:
        consumer.close()


class Transactions:
    """A transactional producer."""

    def __init__(self, kafka: AnyBroker, topic: str) -> None:
        self.topic = topic
        config = {"bootstrap.servers": kafka.bootstrap, "transactional.id": topic, **QUIET}
        self.producer = Producer(config)
        self.producer.init_transactions(30)

    def begin(self, numbers: range) -> None:
        self.producer.begin_transaction()
        for number in numbers:
            self.producer.produce(self.topic, b"%d" % number, b"%d" % number, number % 3)
        assert self.producer.flush(30) == 0

    def commit(self, numbers: range) -> None:
        self.begin(numbers)
        self.producer.commit_transaction(30)

    def abort(self, numbers: range) -> None:
        self.begin(numbers)
        self.producer.abort_transaction(30)


@pytest.fixture
def transactions(kafka: AnyBroker, new_topic: NewTopic) -> Transactions:
    return Transactions(kafka, new_topic("tx", 3))


@pytest.mark.needs("transactions")
def test_only_committed_messages_are_read(rt_kafka: rt.Kafka, transactions: Transactions) -> None:
    """The end of the topic is a marker, and before it there is a stretch without a visible message."""
    transactions.commit(range(30))
    transactions.abort(range(30, 60))
    transactions.commit(range(60, 90))
    transactions.abort(range(90, 120))
    assert ids(read(rt_kafka, transactions.topic)) == [*range(30), *range(60, 90)]


@pytest.mark.needs("transactions")
def test_restarts_between_transactions_repeat_nothing(
    rt_kafka: rt.Kafka, transactions: Transactions, tmp_path: Path
) -> None:
    """Stored offsets may point at a marker, or at an aborted stretch that ends the topic."""
    found = []
    for lot in (range(30), range(30, 60), range(60, 90)):
        transactions.commit(lot)
        found += ids(read(rt_kafka, transactions.topic, tmp_path / "r"))
        transactions.abort(lot)
        found += ids(read(rt_kafka, transactions.topic, tmp_path / "r"))
    assert found == list(range(90))


@pytest.mark.needs("transactions")
def test_an_open_transaction_is_not_read(
    rt_kafka: rt.Kafka, transactions: Transactions, tmp_path: Path
) -> None:
    """`stop="end"` ends before it; the next run finds it, committed meanwhile."""
    transactions.commit(range(30))
    transactions.begin(range(30, 60))
    assert ids(read(rt_kafka, transactions.topic, tmp_path / "r")) == list(range(30))
    transactions.producer.commit_transaction(30)
    assert ids(read(rt_kafka, transactions.topic, tmp_path / "r")) == list(range(30, 60))


@pytest.mark.needs("transactions")
def test_a_stop_behind_an_open_transaction_is_waited_for(
    kafka: AnyBroker, rt_kafka: rt.Kafka, transactions: Transactions
) -> None:
    transactions.commit(range(30))
    transactions.begin(range(30, 60))
    send(kafka.bootstrap, transactions.topic, numbered(range(60, 90), 3))
    topic, stop = text(transactions.topic), {0: 25, 1: 0, 2: 0}  # 10, a marker, 10 that are open, 4 others
    source = KafkaSource("f.in", topic, rt_kafka, "earliest", stop, 100, "fail", "fail", None)
    part = source.build_part("f.in.kafka", source.list_parts()[0], None)
    given: list[str | None] = []

    def take() -> bool:
        given.extend(message.value for batch in part.next_batch() for message in batch.oks)
        return part._reader.at_end(0)

    wait_for(take, "the last stable offset")
    take()  # would end
    assert len(given) == 10
    transactions.producer.commit_transaction(30)

    def ended() -> bool:
        try:
            take()
        except StopIteration:
            return True
        return False

    wait_for(ended, "the stop")
    part.close()
    assert given == [str(3 * i) for i in range(24)]


@pytest.mark.needs("transactions")
def test_uncommitted_may_be_asked_for(kafka: AnyBroker, transactions: Transactions) -> None:
    transactions.abort(range(30))
    eager = rt.Kafka(kafka.bootstrap, config={"isolation.level": "read_uncommitted"})
    assert ids(read(eager, transactions.topic)) == list(range(30))


def test_a_group_that_was_in_use_is_reported_afterwards(
    kafka: AnyBroker, rt_kafka: rt.Kafka, minutes: str
) -> None:
    """Kafka takes commits from outside only while a group has no members."""
    group = f"{minutes}.in-use"
    member = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group, **QUIET})
    member.subscribe([minutes])
    wait_for(lambda: member.poll(0.1) is None and bool(member.assignment()), "the member of the group")
    source = KafkaSource("f.in", text(minutes), rt_kafka, "earliest", "never", 100, "fail", "fail", group)
    part = source.build_part("f.in.kafka", source.list_parts()[0], None)

    def epoch() -> None:
        part.next_batch()
        part.snapshot()

    def refused() -> bool:
        epoch()
        return part._reader._group._failing is not None

    wait_for(refused, "the refusal of a commit")
    member.close()

    def told() -> bool:
        epoch()
        return _committed(kafka, group, minutes)[0] == 20

    wait_for(told, "the commit")
    part.close()


def test_a_header_whose_name_is_not_text_is_a_failure_of_its_message(
    kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic
) -> None:
    topic = new_topic("odd")
    for number in range(9):
        if number % 3 == 2:
            send_unnamed(kafka.bootstrap, topic, Record(b"odd", b"%d" % number), b"\xff\xfe")
        else:
            send(kafka.bootstrap, topic, numbered([number], 1))
    flow = Dataflow("odd")
    messages: list[Text] = []
    source = rt.source("in", flow, text(topic), rt_kafka, stop="end")
    op.output("out", source.oks, TestingSink(messages))
    rt.route("errs", source.errs, policy=rt.DeadLetter(f"{topic}.dlq", rt_kafka))
    create_topic(kafka.bootstrap, f"{topic}.dlq")
    run_main(flow)
    assert ids(messages) == [0, 1, 3, 4, 6, 7]
    letters = read_all(kafka.bootstrap, f"{topic}.dlq")
    assert [(letter.key(), letter.value()) for letter in letters] == [
        (b"%d" % number, b"odd") for number in (2, 5, 8)
    ]
    offsets = [dict(letter.headers() or ())["__kgen.error.offset"] for letter in letters]
    assert offsets == [b"2", b"5", b"8"]


def test_an_empty_topic_ends_at_once(rt_kafka: rt.Kafka, new_topic: NewTopic, tmp_path: Path) -> None:
    assert read(rt_kafka, new_topic("empty", 3), tmp_path / "r") == []


def test_many_partitions(kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic) -> None:
    topic = new_topic("many", 64)
    send(kafka.bootstrap, topic, numbered(range(2000), 64))
    assert ids(read(rt_kafka, topic)) == list(range(2000))


@pytest.mark.parametrize(("partitions", "align"), [(4, "messages"), (4, "timestamp"), (16, "timestamp")])
def test_a_backlog_in_order_within_its_partitions_is_not_late(
    kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic, partitions: int, align: Literal["messages"]
) -> None:
    """librdkafka gives what it has fetched of one partition after what it has of another."""
    count, begin = 20_000, int(datetime.now(timezone.utc).timestamp() * 1000) - 3_600_000
    topic = new_topic("backlog", partitions)
    records = (Record(b"%d" % n, b"k", n % partitions, begin + 10 * n) for n in range(count))
    send(kafka.bootstrap, topic, records)
    assert _late(rt_kafka, topic, align) == (0, count)


def _late(kafka: rt.Kafka, topic: str, align: Literal["messages"]) -> tuple[int, int]:
    """How many messages came too late for windows that wait for 10 s, and how many there were."""
    late: list[object] = []
    counts: list[tuple[str, tuple[int, int]]] = []
    flow = Dataflow("late")
    split = rt.source("in", flow, text(topic), kafka, stop="end", align=align)
    clock: Any = windowing.EventClock(_event_time, timedelta(seconds=10))
    windower = windowing.TumblingWindower(timedelta(minutes=1), NOON)
    windows = windowing.count_window("windows", split.oks, clock, windower, lambda _: "all")
    op.output("counts", windows.down, TestingSink(counts))
    op.output("late", windows.late, TestingSink(late))
    rt.route("errs", split.errs, policy=rt.Crash())
    run_main(rt.check(flow))
    return len(late), len(late) + sum(number for _, (_, number) in counts)


def _event_time(message: Text) -> datetime:
    return datetime.fromtimestamp((message.timestamp or 0) / 1000, timezone.utc)
