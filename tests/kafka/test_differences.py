"""What sets the in-memory broker apart: each entry of `LACKS`, seen on Apache Kafka and missed there.

Where one of these fails on the in-memory broker, it has learnt something: strike the entry, and the tests
that need it run there too.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from tests.kafka.clients import QUIET, Record, add_partitions, admin, create_topic, numbered, read_all, send
from tests.kafka.fixtures import AnyBroker, NewTopic
from tests.kafka.processes import free_port
from tests.kafka.tansu import LACKS, Tansu

pytestmark = pytest.mark.kafka


def transactions(kafka: AnyBroker, topic: str) -> bool:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic, **QUIET})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush(30)
    producer.abort_transaction(30)
    return read_all(kafka.bootstrap, topic) == []


def retention(kafka: AnyBroker, topic: str) -> bool:
    """Asked for a position that is not there."""
    send(kafka.bootstrap, topic, numbered(range(10), 1))
    config = {"bootstrap.servers": kafka.bootstrap, "group.id": topic, "auto.offset.reset": "error"}
    consumer = Consumer({**config, "enable.partition.eof": True, **QUIET})
    try:
        consumer.assign([TopicPartition(topic, 0, 1000)])
        [message] = consumer.consume(1, 5)
        error = message.error()
        return error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET
    except ValueError:  # nothing came
        return False
    finally:
        consumer.close()


def new_partitions(kafka: AnyBroker, topic: str) -> bool:
    try:
        add_partitions(kafka.bootstrap, topic, 3)
    except KafkaException:
        return False
    return True


def size_limits(kafka: AnyBroker, topic: str) -> bool:
    try:
        send(kafka.bootstrap, topic, [Record(b"x" * 50_000)])
    except RuntimeError:
        return True
    return False


def validation(kafka: AnyBroker, topic: str) -> bool:
    compacted = create_topic(kafka.bootstrap, f"{topic}.compacted", cleanup_policy="compact")
    try:
        send(kafka.bootstrap, compacted, [Record(b"without a key")])
    except RuntimeError:
        return True
    return False


def ends_of_partitions(kafka: AnyBroker, topic: str) -> bool:
    send(kafka.bootstrap, topic, numbered(range(20), 1))
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": topic, **QUIET})
    try:
        return bool(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1] == 20)
    finally:
        consumer.close()


def offsets_by_time(kafka: AnyBroker, topic: str) -> bool:
    send(kafka.bootstrap, topic, [Record(b"%d" % n, partition=0, timestamp=1000 + n) for n in range(10)])
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": topic, **QUIET})
    try:
        [found] = consumer.offsets_for_times([TopicPartition(topic, 0, 1007)], timeout=10)
        return bool(found.offset == 7)
    finally:
        consumer.close()


def offset_metadata(kafka: AnyBroker, topic: str) -> bool:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": topic, **QUIET})
    try:
        consumer.commit(offsets=[TopicPartition(topic, 0, 1, "kept")], asynchronous=False)
        [found] = consumer.committed([TopicPartition(topic, 0)], timeout=10)
        return bool(found.metadata == "kept")
    finally:
        consumer.close()


PROBES: dict[str, Callable[[AnyBroker, str], bool]] = {
    "transactions": transactions,
    "retention": retention,
    "new partitions": new_partitions,
    "size limits": size_limits,
    "validation": validation,
    "ends of partitions": ends_of_partitions,
    "offsets by time": offsets_by_time,
    "offset metadata": offset_metadata,
}


ELSEWHERE = {"durable log", "deletion", "proxy"}
"""The first below and in `test_broker.py`. The second would take this process along. The third is how the
brokers are set up here.
"""


def test_every_feature_is_probed() -> None:
    assert PROBES.keys() | ELSEWHERE == LACKS.keys()


@pytest.mark.parametrize("feature", PROBES)
def test_apache_kafka_alone_has_it(kafka: AnyBroker, new_topic: NewTopic, feature: str) -> None:
    topic = new_topic("probed", max_message_bytes=20_000)
    assert PROBES[feature](kafka, topic) == (not isinstance(kafka, Tansu))


def test_the_in_memory_broker_forgets() -> None:
    """`test_a_killed_broker_comes_back_with_its_data` is the other side of it."""
    port = free_port()
    with Tansu(port) as broker:
        create_topic(broker.bootstrap, "kept")  # type: ignore[attr-defined]
        assert "kept" in admin(broker.bootstrap).list_topics(timeout=10).topics  # type: ignore[attr-defined]
    with Tansu(port) as broker:
        assert "kept" not in admin(broker.bootstrap).list_topics(timeout=10).topics  # type: ignore[attr-defined]
