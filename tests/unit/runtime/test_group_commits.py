"""What a consumer group is told, and what becomes of a group that may not be used."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.consumer import group_commits
from kgen_runtime.consumer.group_commits import GroupCommits, refusal
from kgen_runtime.consumer.kafka_source import KafkaSource
from kgen_runtime.testing.memory_clients import MemoryMessage

from .conftest import texts

Orders = rt.Topic[str, str]
REFUSED = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)


class Told:
    """A consumer that writes down what it is to commit."""

    def __init__(self) -> None:
        self.offsets: list[tuple[int, int]] = []

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert asynchronous
        self.offsets += [(at.partition, at.offset) for at in offsets]


def tell(group: GroupCommits, *offsets: int) -> list[tuple[int, int]]:
    consumer: Any = Told()
    for offset in offsets:
        group.commit(consumer, 0, offset)
    told: list[tuple[int, int]] = consumer.offsets
    return told


def test_an_offset_is_reported_once() -> None:
    group = GroupCommits("g", "orders")
    assert tell(group, 3, 3, 4) == [(0, 3), (0, 4)]
    group.answered(None, [TopicPartition("orders", 0, 4)])
    assert tell(group, 4) == []


def test_an_offset_that_stays_is_reported_again_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    group = GroupCommits("g", "orders")
    assert tell(group, 3) == [(0, 3)]
    monkeypatch.setattr(group_commits, "_AGAIN", 0.0)
    assert tell(group, 3) == [(0, 3)]


def test_what_could_not_be_committed_is_reported_again(caplog: pytest.LogCaptureFixture) -> None:
    group, failed = GroupCommits("g", "orders"), KafkaError(KafkaError.UNKNOWN_MEMBER_ID)
    for _ in range(3):
        assert tell(group, 3) == [(0, 3)]
        group.answered(failed, [TopicPartition("orders", 0, 3)])
    assert len(caplog.records) == 1
    assert tell(group, 3) == [(0, 3)]
    group.answered(None, [TopicPartition("orders", 0, 3)])
    assert tell(group, 3) == []


def test_a_refused_group_gets_no_more(caplog: pytest.LogCaptureFixture) -> None:
    group = GroupCommits("g", "orders")
    for _ in range(2):
        group.refused(REFUSED)
    assert tell(group, 3) == []
    assert caplog.text.count("READ on the group") == 1


def test_without_a_group_a_refusal_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    group = GroupCommits(None, "orders")
    group.refused(REFUSED)
    assert tell(group, 3) == []
    assert caplog.text == ""


class Refusing(testing.Memory):
    """A broker that does not let the group be used: librdkafka asks for its coordinator again and again and
    gives the reason as an event.
    """

    def consumer(self, overrides: Any) -> Any:
        consumer: Any = super().consumer(overrides)
        event = MemoryMessage(rt.RawMessage(key=None, value=None, topic="orders"), 0, 0, REFUSED)
        events: list[Any] = []

        def committed(at: list[TopicPartition], timeout: float) -> None:
            events.append(event)
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

        def commit(offsets: list[TopicPartition], asynchronous: bool) -> None:
            raise AssertionError("a commit would wait for a coordinator that is not told")

        consumer.committed, consumer.commit = committed, commit
        consumer.poll = lambda timeout: events.pop() if events else None
        return consumer


def source(orders: Orders, start: Any) -> KafkaSource[str, str]:
    kafka = Refusing({orders: texts(4)})
    return KafkaSource("flow.read", orders, kafka, start, "end", 3, "fail", "fail", "g")


def test_the_topic_is_read_though_the_group_is_refused(
    orders: Orders, caplog: pytest.LogCaptureFixture
) -> None:
    reading = source(orders, "earliest")
    part = reading.build_part("flow.read.kafka", reading.list_parts()[0], None)
    values: list[str | None] = []

    def read() -> None:
        for _ in range(100):
            values.extend(message.value for batch in part.next_batch() for message in batch.oks)
            part.snapshot()

    with pytest.raises(StopIteration):
        read()
    reading.commit_ended()
    assert values == ["v0", "v1", "v2", "v3"]
    assert caplog.text.count("not committed to the consumer group g") == 1


def test_what_a_refused_group_has_stored_is_an_error(orders: Orders) -> None:
    reading = source(orders, "stored")
    (key,) = reading.list_parts()
    with pytest.raises(rt.SourceError, match="the consumer group g") as caught:
        reading.build_part("flow.read.kafka", key, None)
    assert "READ on the group" in str(caught.value)
    part = reading.build_part("flow.read.kafka", key, 2)  # a position of its own needs no group
    assert part.snapshot() == 2


def test_a_group_that_does_not_answer_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def __init__(self) -> None:
            self.asked = 0

        def committed(self, at: list[TopicPartition], timeout: float) -> None:
            self.asked += 1
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

        def poll(self, timeout: float) -> None:
            """There are no events."""

    monkeypatch.setattr(group_commits, "_PATIENCE", 0.001)
    consumer: Any = Silent()
    assert refusal(consumer, "g", "orders", 0) is None
    assert consumer.asked > 0
