"""The sink on Apache Kafka: what is written, where, and what becomes of what the broker refuses."""

from __future__ import annotations

import pytest
from tests.integration.kafka_flows import write
from tests.kafka.clients import read_all
from tests.kafka.fixtures import AnyBroker, NewTopic

import kgen_runtime as rt

pytestmark = pytest.mark.kafka


@pytest.fixture
def rt_kafka(kafka: AnyBroker) -> rt.Kafka:
    return rt.Kafka(kafka.bootstrap)


def test_every_part_of_a_message_arrives(kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic) -> None:
    topic, elsewhere = new_topic("out", 3), new_topic("elsewhere", 3)
    headers = (("a", b"1"), ("a", b"2"), ("none", None), ("empty", b""))
    messages = [
        rt.Message(key="k", value="v", timestamp=1_700_000_000_123, headers=headers, target_partition=2),
        rt.Message(key="gone", value=None),
        rt.Message(key=None, value="keyless"),
        rt.Message(key="k", value="there", target_topic=elsewhere, target_partition=1),
    ]
    assert write(rt_kafka, topic, messages) == []
    found = {(m.key(), m.value()): m for m in read_all(kafka.bootstrap, topic)}
    assert found.keys() == {(b"k", b"v"), (b"gone", None), (None, b"keyless")}
    first = found[b"k", b"v"]
    assert (first.partition(), first.timestamp()[1], tuple(first.headers() or ())) == (
        2,
        1_700_000_000_123,
        headers,
    )
    assert [(m.value(), m.partition()) for m in read_all(kafka.bootstrap, elsewhere)] == [(b"there", 1)]


def test_keys_choose_the_partition_that_java_would(
    kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic
) -> None:
    """Expected: `Utils.toPositive(Utils.murmur2(key)) % 12` of kafka-clients 4.3.1."""
    expected = {"order-1": 10, "a": 4, "köln": 5, "": 9, "42": 4}
    topic = new_topic("out", 12)
    write(rt_kafka, topic, [rt.Message(key=key, value="v") for key in expected])
    found = {(m.key() or b"").decode(): m.partition() for m in read_all(kafka.bootstrap, topic)}
    assert found == expected


@pytest.mark.needs("validation")
def test_messages_beside_one_that_the_broker_refuses_are_written(
    kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic
) -> None:
    """A compacted topic takes no message without a key. The broker refuses the whole batch for it, where the
    message itself names the topic.
    """
    own, topic = new_topic("own"), new_topic("out", cleanup_policy="compact")
    messages = [
        rt.Message(key=None if n == 40 else f"k{n}", value=f"{n}", target_topic=topic) for n in range(100)
    ]
    (failure,) = write(rt_kafka, own, messages)
    assert (failure.stage, failure.original.value) == (rt.Stage.PRODUCE, b"'40'")
    written = sorted(int(m.value() or b"") for m in read_all(kafka.bootstrap, topic))
    assert written == [n for n in range(100) if n != 40]


@pytest.mark.needs("validation")
def test_a_message_without_a_key_is_put_aside_from_a_compacted_topic(
    kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic
) -> None:
    topic = new_topic("out", cleanup_policy="compact,delete")
    (failure,) = write(rt_kafka, topic, [rt.Message(key=key, value="v") for key in ("a", None, "b")])
    assert (failure.stage, "compacted" in failure.message) == (rt.Stage.PRODUCE, True)
    assert [m.key() for m in read_all(kafka.bootstrap, topic)] == [b"a", b"b"]


@pytest.mark.needs("size limits")
@pytest.mark.parametrize("limit", [None, 3_000_000])
def test_a_message_may_be_as_large_as_its_topic_takes(
    kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic, limit: int | None
) -> None:
    """librdkafka's own limit is a million."""
    topic = new_topic("out", **({} if limit is None else {"max_message_bytes": limit}))
    takes = limit or 1_048_588
    sizes = (1_000_001, takes - 100, takes)
    (failure,) = write(rt_kafka, topic, [rt.Message("k", "x" * size) for size in sizes])
    assert failure.stage == rt.Stage.OVERSIZE
    assert f"topic {topic} takes {takes:,}" in failure.message
    assert [len(m.value() or b"") for m in read_all(kafka.bootstrap, topic)] == [*sizes[:2]]


@pytest.mark.needs("size limits")
def test_of_equal_messages_the_one_that_is_too_large_is_reported(
    kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic
) -> None:
    """They differ in their headers alone, of which a report of a failure tells nothing."""
    topic = new_topic("out", max_message_bytes=20_000)
    messages = [_read_at(offset, (("h", b"x" * size),)) for offset, size in enumerate((1, 60_000, 2))]
    (failure,) = write(rt_kafka, topic, messages)
    assert (failure.stage, failure.original.offset) == (rt.Stage.OVERSIZE, 1)
    found = {tuple(m.headers() or ()) for m in read_all(kafka.bootstrap, topic)}
    assert found == {(("h", b"x"),), (("h", b"xx"),)}


def _read_at(offset: int, headers: tuple[tuple[str, bytes | None], ...]) -> rt.Message[str, str]:
    origin = (b"k", b"v", headers, 1)
    return rt.Message("k", "v", topic="in", partition=0, offset=offset, headers=headers, origin=origin)


def test_a_partition_that_is_not_there_is_the_messages_own_fault(
    kafka: AnyBroker, rt_kafka: rt.Kafka, new_topic: NewTopic
) -> None:
    topic = new_topic("out", 2)
    messages = [rt.Message(key="k", value=str(n), target_partition=n) for n in (0, 7, 1)]
    failures = write(rt_kafka, topic, messages)
    assert [f.stage for f in failures] == [rt.Stage.PRODUCE]
    assert sorted(m.value() or b"" for m in read_all(kafka.bootstrap, topic)) == [b"0", b"1"]
