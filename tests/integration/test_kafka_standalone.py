"""`rt.read` on Apache Kafka: transactions and retention."""

from __future__ import annotations

import pytest
from tests.integration.test_kafka_source import Transactions
from tests.kafka.clients import Record, delete_before, send
from tests.kafka.fixtures import AnyBroker, NewTopic

import kgen_runtime as rt

pytestmark = pytest.mark.kafka


def texts(name: str) -> rt.Topic[bytes, str]:
    return rt.Topic(name, key=rt.BytesSerde(), value=rt.StringSerde())


def numbers(kafka: AnyBroker, name: str) -> list[int]:
    return sorted(int(m.value or "") for m in rt.read(texts(name), rt.Kafka(kafka.bootstrap)))


@pytest.mark.needs("transactions")
def test_only_committed_messages_are_read_and_the_end_is_reached(
    kafka: AnyBroker, new_topic: NewTopic
) -> None:
    written = Transactions(kafka, new_topic("standalone", 3))
    written.commit(range(30))
    written.abort(range(30, 60))
    assert numbers(kafka, written.topic) == list(range(30))
    written.commit(range(60, 90))
    assert numbers(kafka, written.topic) == [*range(30), *range(60, 90)]
    aborted_alone = {0: 11, 1: 11, 2: 11}
    reading = rt.read(
        texts(written.topic), rt.Kafka(kafka.bootstrap), start=aborted_alone, stop=None, limit=1
    )
    assert int(next(reading).value or "") >= 60
    written.begin(range(90, 120))
    assert numbers(kafka, written.topic) == [*range(30), *range(60, 90)]
    written.producer.abort_transaction(30)


@pytest.mark.needs("ends of partitions")
def test_an_offset_that_retention_has_taken_says_what_is_there(kafka: AnyBroker, new_topic: NewTopic) -> None:
    topic = new_topic("standalone", 1)
    send(kafka.bootstrap, topic, (Record(b"%d" % n, b"k", 0) for n in range(20)))
    delete_before(kafka.bootstrap, topic, {0: 8})
    assert numbers(kafka, topic) == list(range(8, 20))
    connection = rt.Kafka(kafka.bootstrap)
    with pytest.raises(rt.SourceError, match="offset 3, is not on the broker: it has 8 to 19"):
        list(rt.read(texts(topic), connection, start={0: 3}))
    with pytest.raises(rt.SourceError, match="offset 30, is not on the broker: it has 8 to 19"):
        list(rt.read(texts(topic), connection, start={0: 30}))
