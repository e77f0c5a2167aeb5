"""The test bed itself: what the fault tests rely on."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaException, Producer

from tests.kafka.clients import (
    Account,
    Record,
    account,
    add_partitions,
    create_topic,
    delete_before,
    delete_topic,
    numbered,
    read_all,
    send,
)
from tests.kafka.fixtures import AnyBroker, NewCluster, NewTopic
from tests.kafka.proxy import Proxy

pytestmark = pytest.mark.kafka


def test_messages_are_accounted_for_by_id(kafka: AnyBroker, new_topic: NewTopic) -> None:
    topic = new_topic("ids", partitions=3)
    assert send(kafka.bootstrap, topic, numbered([*range(50), 7, 7, 9], 3)) == 53
    assert account(range(52), read_all(kafka.bootstrap, topic)) == Account([50, 51], {7: 3, 9: 2})


@pytest.mark.needs("new partitions", "retention")
def test_topics_grow_shrink_and_go(kafka: AnyBroker, new_topic: NewTopic) -> None:
    topic = new_topic("shape")
    add_partitions(kafka.bootstrap, topic, 3)
    send(kafka.bootstrap, topic, numbered(range(30), 3))
    delete_before(kafka.bootstrap, topic, {0: 4, 1: 10})
    left = read_all(kafka.bootstrap, topic)
    assert [m.offset() for m in left if m.partition() == 0] == [4, 5, 6, 7, 8, 9]
    assert len(left) == 16
    delete_topic(kafka.bootstrap, topic)


def test_a_killed_broker_comes_back_with_its_data(new_kafka: NewCluster) -> None:
    broker = new_kafka().brokers[0]
    topic = create_topic(broker.bootstrap, "kept")
    send(broker.bootstrap, topic, numbered(range(1000), 1))
    broker.kill()
    broker.restart()
    assert account(range(1000), read_all(broker.bootstrap, topic)) == Account([], {})


def test_a_paused_broker_answers_again(new_kafka: NewCluster) -> None:
    broker = new_kafka().brokers[0]
    topic = create_topic(broker.bootstrap, "paused")
    broker.pause()
    with pytest.raises(KafkaException):
        Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0}).list_topics(timeout=1)
    broker.cont()
    assert send(broker.bootstrap, topic, [Record(b"1")]) == 1


def test_three_nodes_survive_the_loss_of_one(new_kafka: NewCluster) -> None:
    cluster = new_kafka(nodes=3)
    topic = create_topic(cluster.bootstrap, "spread", partitions=3, replication=3)
    send(cluster.bootstrap, topic, numbered(range(300), 3))
    cluster.brokers[0].kill()
    send(cluster.bootstrap, topic, numbered(range(300, 600), 3))
    assert account(range(600), read_all(cluster.bootstrap, topic)) == Account([], {})


@pytest.mark.needs("transactions")
def test_transactions_are_fenced_and_filtered(kafka: AnyBroker, new_topic: NewTopic) -> None:
    """`init_transactions` with the same `transactional.id` aborts what the predecessor left open.

    The predecessor is fenced: its next commit fails with the fatal `_FENCED`. A `read_committed` reader never
    sees the aborted messages, `read_uncommitted` does.
    """
    topic = new_topic("tx")
    zombie, heir = (_transactional(kafka.bootstrap, f"{topic}-id") for _ in range(2))
    zombie.init_transactions(30)
    zombie.begin_transaction()
    zombie.produce(topic, b"1")
    zombie.flush(30)
    heir.init_transactions(30)
    with pytest.raises(KafkaException) as fenced:
        zombie.commit_transaction(30)
    assert fenced.value.args[0].name() == "_FENCED"
    heir.begin_transaction()
    heir.produce(topic, b"2")
    heir.commit_transaction(30)
    assert [m.value() for m in read_all(kafka.bootstrap, topic)] == [b"2"]
    assert [m.value() for m in read_all(kafka.bootstrap, topic, isolation="read_uncommitted")] == [b"1", b"2"]


def _transactional(bootstrap: str, name: str) -> Producer:
    return Producer({"bootstrap.servers": bootstrap, "transactional.id": name, "log_level": 0})


def test_clients_behind_the_proxy_never_pass_it_by(new_kafka: NewCluster) -> None:
    broker = new_kafka().brokers[0]
    topic = create_topic(broker.bootstrap, "proxied")
    with Proxy(broker.proxied_port, broker.behind) as proxy:
        send(broker.proxied, topic, numbered(range(100), 1))
        assert proxy.up > 0
        assert proxy.down > 0
        proxy.refuse()
        with pytest.raises(KafkaException):
            Producer({"bootstrap.servers": broker.proxied, "log_level": 0}).list_topics(timeout=1)
        proxy.accept()
        proxy.stall()
        with pytest.raises(KafkaException):
            Producer({"bootstrap.servers": broker.proxied, "log_level": 0}).list_topics(timeout=1)
        proxy.resume()
        send(broker.proxied, topic, numbered(range(100, 200), 1))
    assert account(range(200), read_all(broker.bootstrap, topic)) == Account([], {})


def test_the_proxy_cuts_in_the_midst_and_clients_recover(new_kafka: NewCluster) -> None:
    broker = new_kafka().brokers[0]
    topic = create_topic(broker.bootstrap, "cut")
    with Proxy(broker.proxied_port, broker.behind) as proxy:
        proxy.cut_after(up=200_000, repeat=True)  # several requests: one that never fits never gets through
        send(broker.proxied, topic, numbered(range(30_000), 1), batch_size=10_000)
        assert proxy.cuts > 1
        proxy.stop_cutting()
        proxy.cut_after(down=100_000)
        cuts = proxy.cuts
        got = read_all(broker.proxied, topic)
        assert proxy.cuts > cuts
    assert account(range(30_000), got) == Account([], {})
