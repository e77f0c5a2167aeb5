"""The broker is hurt while the flow runs: killed, paused, cut off, too slow, too strict."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from tests.faults.harness import Flow, NewFlow, feed
from tests.faults.shape import Shape
from tests.kafka.broker import KafkaBroker
from tests.kafka.clients import Record, create_topic, numbered, read_all, send
from tests.kafka.fixtures import NewCluster, NewTopic
from tests.kafka.proxy import Proxy

pytestmark = pytest.mark.kafka

TOTAL = 20_000
PAUSE = float(os.environ.get("KGEN_FAULT_PAUSE", "6"))
IDS = range(TOTAL)


def _shape(bootstrap: str, replication: int = 1) -> Shape:
    source = create_topic(bootstrap, "in", 4, replication)
    return Shape(source=source, sink=create_topic(bootstrap, "out", 2, replication), stop="never")


def _goes_on(flow: Flow, hurt: Callable[[], object]) -> None:
    """Hurt the broker in the midst of the work: the flow has to bear it, finish, and have lost nothing."""
    feed(flow, IDS)
    run = flow.start()
    flow.reached(TOTAL // 4, run)
    hurt()
    flow.reached(TOTAL, run)
    run.terminate()
    assert run.wait() == 0, run.tail()
    flow.finish()
    assert flow.account(IDS).lost == []


def test_the_broker_is_killed_and_comes_back(new_kafka: NewCluster, new_flow: NewFlow) -> None:
    """librdkafka and Kafka 4 agree again after a SIGKILL: the log has the sequence numbers."""
    broker = new_kafka().brokers[0]

    def hurt() -> None:
        broker.kill()
        broker.restart()

    _goes_on(new_flow(broker, _shape(broker.bootstrap)), hurt)


def test_the_broker_is_paused(new_kafka: NewCluster, new_flow: NewFlow) -> None:
    """Requests in flight time out (their timeout is shorter than the pause here) and are sent again."""
    broker = new_kafka().brokers[0]
    env = {"KGEN_KAFKA_SOCKET_TIMEOUT_MS": "3000", "KGEN_KAFKA_REQUEST_TIMEOUT_MS": "2000"}

    def hurt() -> None:
        broker.pause()
        time.sleep(PAUSE)  # the fault itself
        broker.cont()

    _goes_on(new_flow(broker, _shape(broker.bootstrap), env=env), hurt)


def test_one_of_three_brokers_is_killed(new_kafka: NewCluster, new_flow: NewFlow) -> None:
    cluster = new_kafka(nodes=3)
    _goes_on(new_flow(cluster, _shape(cluster.bootstrap, 3)), cluster.brokers[0].kill)


@pytest.mark.parametrize("way", ["up", "down"], ids=["mid-produce", "mid-fetch"])
def test_connections_are_cut_again_and_again(new_kafka: NewCluster, new_flow: NewFlow, way: str) -> None:
    """Requests and answers are smaller than the distance between two cuts, or none would get through."""
    broker = new_kafka().brokers[0]
    env = {"KGEN_KAFKA_BATCH_SIZE": "10000", "KGEN_KAFKA_MAX_PARTITION_FETCH_BYTES": "20000"}
    flow = new_flow(broker, _shape(broker.bootstrap), brokers=broker.proxied, env=env)
    feed(flow, IDS)
    with Proxy(broker.proxied_port, broker.behind) as proxy:
        proxy.cut_after(**{way: 100_000}, repeat=True)
        run = flow.start()
        flow.reached(TOTAL, run)
        cuts = proxy.cuts
        proxy.stop_cutting()
        run.terminate()
        assert run.wait() == 0, run.tail()
        flow.finish()
    assert cuts > 1
    assert flow.account(IDS).lost == []


def test_the_broker_stays_away_beyond_the_bound(new_kafka: NewCluster, new_flow: NewFlow) -> None:
    """The flow fails and says why; nothing of the open epoch was committed, so the next run delivers it."""
    broker = new_kafka().brokers[0]
    shape = _shape(broker.bootstrap)
    flow = new_flow(broker, shape, brokers=broker.proxied, env={"KGEN_KAFKA_DELIVERY_TIMEOUT_MS": "3000"})
    feed(flow, IDS)
    with Proxy(broker.proxied_port, broker.behind) as proxy:
        run = flow.start()
        flow.reached(TOTAL // 4, run)
        proxy.refuse()
        assert run.wait() != 0
        assert shape.sink in run.text(), run.tail()
        proxy.accept()
        flow.finish()
    assert flow.account(IDS).lost == []


def test_the_local_queue_is_full(kafka: KafkaBroker, new_topic: NewTopic, new_flow: NewFlow) -> None:
    """librdkafka's queue holds 50 messages, a batch of the flow 1,000: it goes as fast as the broker."""
    shape = Shape(source=new_topic("in", 4), sink=new_topic("out", 2), batch_size=1000)
    flow = new_flow(kafka, shape, env={"KGEN_KAFKA_QUEUE_BUFFERING_MAX_MESSAGES": "50"})
    feed(flow, IDS)
    flow.finish()
    found = flow.account(IDS)
    assert (found.lost, found.repeated) == ([], {})


def test_a_message_over_the_brokers_limit(kafka: KafkaBroker, new_topic: NewTopic, new_flow: NewFlow) -> None:
    """Only that message goes to the dead letters.

    The broker's limit is on a batch: it refuses, with the large message, the small ones beside it.
    """
    shape = Shape(
        source=new_topic("in", 4),
        sink=new_topic("out", 2, max_message_bytes=20_000),
        dead_letters=new_topic("dlq"),
    )
    large = [Record(value=b"x" * 50_000, key=b"%d" % i) for i in (TOTAL, TOTAL + 1, TOTAL + 2)]
    flow = new_flow(kafka, shape)
    send(kafka.bootstrap, shape.source, [*numbered(range(1000), 4), *large, *numbered(range(1000, TOTAL), 4)])
    flow.finish()
    assert flow.account(IDS).lost == []
    letters = read_all(kafka.bootstrap, shape.dead_letters or "")
    assert {m.key() for m in letters} == {r.key for r in large}
    assert {m.value() for m in letters} == {large[0].value}
