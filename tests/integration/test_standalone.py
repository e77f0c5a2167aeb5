"""Topics read and written in scripts, on the local broker."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest
from tests.kafka.clients import Record, create_topic, send

import kgen_runtime as rt
from kgen.dev import Dev

pytestmark = pytest.mark.broker

_count = itertools.count()
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def topic(dev: Dev) -> rt.Topic[str, str]:
    """An empty topic of three partitions."""
    name = create_topic(dev.brokers, f"standalone-{next(_count)}", 3)
    return rt.Topic(name, key=rt.StringSerde(), value=rt.StringSerde())


@pytest.fixture
def kafka(dev: Dev) -> rt.Kafka:
    return rt.Kafka(dev.brokers, registry=dev.registry)


def test_what_a_writer_wrote_is_read_at_once(kafka: rt.Kafka, topic: rt.Topic[str, str]) -> None:
    with rt.Writer(topic, kafka) as writer:
        for n in range(300):
            writer.send(str(n), key=f"k{n % 7}", timestamp=NOON + timedelta(minutes=n))
        writer.flush()
        assert len(list(rt.read(topic, kafka))) == 300
        writer.send(None, key="k0")
    found = list(rt.read(topic, kafka))
    assert sorted(int(m.value) for m in found if m.value is not None) == list(range(300))
    for key in {m.key for m in found}:
        mine = [m for m in found if m.key == key]
        assert len({m.partition for m in mine}) == 1
        assert [m.offset for m in mine] == sorted(m.offset or 0 for m in mine)
    assert {m.timestamp for m in found} >= {int(NOON.timestamp() * 1000)}


def test_following_gives_what_comes_later(kafka: rt.Kafka, topic: rt.Topic[str, str]) -> None:
    with rt.Writer(topic, kafka) as writer:
        writer.send("first")
        writer.flush()
        reading = rt.read(topic, kafka, stop=None)
        assert next(reading).value == "first"
        for n in range(3):
            writer.send(str(n))
            writer.flush()
            assert next(reading).value == str(n)
        reading.close()


def test_large_values_pass_both_ways(dev: Dev, topic: rt.Topic[str, str]) -> None:
    kafka = rt.Kafka(dev.brokers, config={"message.max.bytes": 20_000_000})
    with rt.Writer(topic, kafka) as writer:
        for letter in "ab":
            writer.send(letter * 10_000_000)
    assert sorted(len(m.value or "") for m in rt.read(topic, kafka)) == [10_000_000, 10_000_000]


def test_a_value_that_is_too_large_is_refused_and_others_arrive(
    kafka: rt.Kafka, topic: rt.Topic[str, str]
) -> None:
    with rt.Writer(topic, kafka) as writer:
        with pytest.raises(rt.OversizeError, match=r"10,000,0\d\d bytes"):
            writer.send("x" * 10_000_000)
        writer.send("small")
    assert [m.value for m in rt.read(topic, kafka)] == ["small"]


def test_a_topic_that_is_not_there(kafka: rt.Kafka, topic: rt.Topic[str, str]) -> None:
    misspelled = rt.Topic(topic.name.replace("alone", "alome"), key=topic.key, value=topic.value)
    with pytest.raises(rt.SourceError) as read:
        rt.read(misspelled, kafka)
    with pytest.raises(rt.DeliveryError) as written:
        rt.Writer(misspelled, kafka)
    assert topic.name in str(read.value.hint)
    assert topic.name in str(written.value.hint)


def test_a_topic_is_created_for_a_writer(kafka: rt.Kafka) -> None:
    topic = rt.Topic(f"standalone-created-{next(_count)}", key=rt.NoneSerde(), value=rt.StringSerde())
    with rt.Writer(topic, kafka, create=2) as writer:
        writer.send("a")
    assert [m.value for m in rt.read(topic, kafka)] == ["a"]


@pytest.mark.parametrize("known", [False, True], ids=["the broker says it", "the client knows it"])
def test_a_partition_that_is_not_there_is_named(
    kafka: rt.Kafka, topic: rt.Topic[str, str], known: bool
) -> None:
    writer = rt.Writer(topic, kafka)
    if known:
        writer.send("first")
        writer.flush()
    writer.send("a", key="k", partition=9)
    with pytest.raises(rt.DeliveryError, match=r"the message with key b'k', partition 9, 1 bytes") as raised:
        writer.close()
    assert "have that partition" in str(raised.value.hint)


def test_the_registry_is_unavailable(dev: Dev, topic: rt.Topic[str, str]) -> None:
    from kgen_runtime.serde.registry.client import RegistryClient

    send(dev.brokers, topic.name, [Record(b"\0\0\0\0\7x", b"k", 0)])
    schemas = rt.Schemas("s", (rt.WriterSchema(1, 1, '"string"'),))
    avro = rt.Topic(topic.name, key=rt.StringSerde(), value=rt.AvroSerde(schemas, {}))
    kafka = rt.Kafka(dev.brokers, registry=RegistryClient("http://127.0.0.1:1", retries=0))
    with pytest.raises(rt.RegistryUnavailable) as raised:
        list(rt.read(avro, kafka))
    assert f"topic {topic.name}, partition 0, from offset 0 on" in str(raised.value.where)


def test_no_broker_answers(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgen_runtime.consumer.broker_answers.TIMEOUT", 0.5)
    monkeypatch.setattr("kgen_runtime.standalone.announced_wait._SILENCE", 0.01)
    topic = rt.Topic("texts", key=rt.StringSerde(), value=rt.StringSerde())
    with pytest.raises(rt.SourceError, match="no Kafka broker answers"):
        rt.read(topic, rt.Kafka("127.0.0.1:1"))
    assert "waiting for the Kafka brokers to answer (topic texts)" in caplog.text
