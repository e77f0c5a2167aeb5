"""The broker is hurt while the flow runs: killed, paused, cut off, too slow, too strict."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.harness import Flow, NewFlow, feed
from tests.faults.shape import Shape
from tests.kafka.clients import Record, create_topic, numbered, read_all, send
from tests.kafka.fixtures import BROKERS, AnyBroker, NewCluster, NewTopic, named_after, running
from tests.kafka.proxy import Proxy

pytestmark = pytest.mark.kafka

TOTAL = 20_000
PAUSE = float(os.environ.get("KGEN_FAULT_PAUSE", "6"))
IDS = range(TOTAL)


@pytest.fixture(scope="module", params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyBroker]:
    """One that these tests hurt in turn; each leaves it whole."""
    with running(request.param, tmp_path_factory.mktemp("fragile")) as broker:
        yield broker


@pytest.fixture
def shape(request: pytest.FixtureRequest, broker: AnyBroker, delivery: str) -> Shape:
    return _shape(broker.bootstrap, delivery, named_after(request, ""))


def _shape(bootstrap: str, delivery: str, prefix: str = "", replication: int = 1) -> Shape:
    source = create_topic(bootstrap, f"{prefix}in", 4, replication)
    sink = create_topic(bootstrap, f"{prefix}out", 2, replication)
    return Shape(source=source, sink=sink, stop="never", delivery=delivery)


def _goes_on(flow: Flow, hurt: Callable[[], object]) -> None:
    """Hurt the broker in the midst of the work: the flow has to go on, finish, and have lost nothing."""
    feed(flow, IDS)
    run = flow.start()
    flow.reached(TOTAL // 4, run)
    hurt()
    flow.go_on(TOTAL, run)
    flow.finish()
    flow.assert_delivered(IDS)


@pytest.mark.needs("durable log")
def test_the_broker_is_killed_and_comes_back(broker: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """librdkafka and Kafka 4 agree again after a SIGKILL: the log has the sequence numbers."""

    def hurt() -> None:
        broker.kill()
        broker.restart()

    _goes_on(new_flow(broker, shape), hurt)


def test_the_broker_is_paused(broker: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """Requests in flight time out (their timeout is shorter than the pause here) and are sent again."""
    env = {"KGEN_KAFKA_SOCKET_TIMEOUT_MS": "3000", "KGEN_KAFKA_REQUEST_TIMEOUT_MS": "2000"}

    def hurt() -> None:
        broker.pause()
        time.sleep(PAUSE)  # the fault itself
        broker.cont()

    _goes_on(new_flow(broker, shape, env=env), hurt)


def test_one_of_three_brokers_is_killed(new_kafka: NewCluster, new_flow: NewFlow, delivery: str) -> None:
    cluster = new_kafka(nodes=3)
    shape = _shape(cluster.bootstrap, delivery, replication=3)
    _goes_on(new_flow(cluster, shape), cluster.brokers[0].kill)


@pytest.mark.needs("proxy")
@pytest.mark.parametrize("way", ["up", "down"], ids=["mid-produce", "mid-fetch"])
def test_connections_are_cut_again_and_again(
    broker: AnyBroker, shape: Shape, new_flow: NewFlow, way: str
) -> None:
    """Requests and answers are smaller than the distance between two cuts, or none would get through."""
    env = {
        "KGEN_KAFKA_BATCH_SIZE": "10000",
        "KGEN_KAFKA_MAX_PARTITION_FETCH_BYTES": "20000",
        "KGEN_KAFKA_RECONNECT_BACKOFF_MAX_MS": "200",  # ten seconds between two tries, else
    }
    flow = new_flow(broker, shape, brokers=broker.proxied, env=env)
    feed(flow, IDS)
    with Proxy(broker.proxied_port, broker.behind) as proxy:
        proxy.cut_after(**{way: 100_000}, repeat=True)
        flow.go_on(TOTAL, flow.start(), before=proxy.stop_cutting)
        assert proxy.cuts > 1
        flow.finish()
    flow.assert_delivered(IDS)


@pytest.mark.needs("proxy")
def test_the_broker_stays_unavailable_beyond_the_bound(
    broker: AnyBroker, shape: Shape, new_flow: NewFlow
) -> None:
    """The flow fails and says why; nothing of the open epoch was committed, so the next run delivers it."""
    # Small answers to its fetches: there is still something to write when the broker goes.
    env = {"KGEN_KAFKA_DELIVERY_TIMEOUT_MS": "3000", "KGEN_KAFKA_MAX_PARTITION_FETCH_BYTES": "5000"}
    flow = new_flow(broker, shape, brokers=broker.proxied, env=env)
    feed(flow, IDS)
    with Proxy(broker.proxied_port, broker.behind) as proxy:
        run = flow.start()
        flow.reached(TOTAL // 20, run)
        proxy.refuse()
        assert run.wait() != 0
        assert "step faults.out" in run.text(), run.tail()
        proxy.accept()
        flow.finish()
    flow.assert_delivered(IDS)


def test_the_local_queue_is_full(kafka: AnyBroker, new_topic: NewTopic, new_flow: NewFlow) -> None:
    """librdkafka's queue holds 50 messages, a batch of the flow 1,000: it goes as fast as the broker."""
    shape = Shape(source=new_topic("in", 4), sink=new_topic("out", 2), batch_size=1000)
    flow = new_flow(kafka, shape, env={"KGEN_KAFKA_QUEUE_BUFFERING_MAX_MESSAGES": "50"})
    feed(flow, IDS)
    flow.finish()
    found = flow.account(IDS)
    assert (found.lost, found.repeated) == ([], {})


@pytest.mark.needs("size limits")
def test_a_message_over_the_brokers_limit(kafka: AnyBroker, new_topic: NewTopic, new_flow: NewFlow) -> None:
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
    flow.assert_delivered(IDS)
    letters = read_all(kafka.bootstrap, shape.dead_letters or "")
    assert {m.key() for m in letters} == {r.key for r in large}
    assert {m.value() for m in letters} == {large[0].value}
