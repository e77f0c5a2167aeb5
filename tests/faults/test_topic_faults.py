"""The topics change under a running flow: deleted, shortened by retention, given more partitions."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from tests.faults.harness import Flow, NewFlow, feed
from tests.faults.shape import Shape
from tests.kafka.clients import (
    QUIET,
    add_partitions,
    create_topic,
    delete_before,
    delete_topic,
    numbered,
    read_all,
    send,
)
from tests.kafka.fixtures import AnyBroker, NewTopic

pytestmark = pytest.mark.kafka

TOTAL = 20_000
LOOK_OFTEN = {"KGEN_KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "200"}  # for new partitions: a minute, else


@pytest.fixture
def shape(new_topic: NewTopic) -> Shape:
    return Shape(source=new_topic("in", 4), sink=new_topic("out", 2), stop="never")


@pytest.mark.needs("deletion")
def test_the_topic_read_is_deleted(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """librdkafka 2.16 says nothing of it to a consumer with assigned partitions: the source has to look."""
    flow = new_flow(kafka, shape, env=LOOK_OFTEN)
    feed(flow, range(TOTAL))
    run = flow.start()
    flow.reached(TOTAL, run)
    delete_topic(kafka.bootstrap, shape.source)
    assert run.wait() != 0
    assert f"topic {shape.source}" in run.text(), run.tail()
    assert flow.account(range(TOTAL)).lost == []


@pytest.mark.needs("deletion")
def test_the_topic_written_is_deleted(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """The flow fails, naming it. What it had not committed comes once the topic is there again."""
    flow = new_flow(kafka, shape, env={"KGEN_KAFKA_DELIVERY_TIMEOUT_MS": "5000"})
    feed(flow, range(TOTAL // 2))
    run = flow.start()
    flow.reached(TOTAL // 2, run)
    run.terminate()
    assert run.wait() == 0, run.tail()
    run = flow.start()
    delete_topic(kafka.bootstrap, shape.sink)
    feed(flow, range(TOTAL // 2, TOTAL))
    assert run.wait() != 0
    assert shape.sink in run.text(), run.tail()
    create_topic(kafka.bootstrap, shape.sink, 2)
    flow.finish()
    assert flow.account(range(TOTAL // 2, TOTAL)).lost == []


def _made_anew(kafka: AnyBroker, topic: str, ids: range) -> None:
    delete_topic(kafka.bootstrap, topic)
    create_topic(kafka.bootstrap, topic, 4)
    send(kafka.bootstrap, topic, numbered(ids, 4))


def test_a_topic_recreated_while_the_flow_is_down(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """The stored offsets are there again, but they are other messages: nothing may be passed over."""
    flow = new_flow(kafka, shape)
    feed(flow, range(TOTAL // 2))
    flow.finish()
    new = range(TOTAL // 2, TOTAL * 2)
    _made_anew(kafka, shape.source, new)
    run = flow.start(stop="end")
    assert run.wait() == 2
    assert "recreated since its offsets were stored" in run.text(), run.tail()
    run = flow.finish(on_gap="earliest")
    assert "was recreated" in run.text(), run.tail()
    found = flow.account(range(TOTAL * 2))
    assert (found.lost, found.repeated) == ([], {})


@pytest.mark.needs("deletion")
def test_a_topic_recreated_while_the_flow_runs(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    flow = new_flow(kafka, shape, env=LOOK_OFTEN)
    feed(flow, range(TOTAL // 2))
    run = flow.start()
    flow.reached(TOTAL // 2, run)
    _made_anew(kafka, shape.source, range(TOTAL // 2, TOTAL * 2))
    assert run.wait() == 2
    assert f"topic {shape.source}" in run.text(), run.tail()
    flow.finish(on_gap="earliest")
    assert flow.account(range(TOTAL * 2)).lost == []


def _shortened(flow: Flow, kafka: AnyBroker, source: str) -> None:
    """10,000 ids read and committed; 10,000 more came meanwhile, retention took half of those."""
    feed(flow, range(TOTAL // 2))
    flow.finish()
    feed(flow, range(TOTAL // 2, TOTAL))
    delete_before(kafka.bootstrap, source, dict.fromkeys(range(4), TOTAL * 3 // 16))


@pytest.mark.needs("retention")
def test_retention_has_passed_the_stored_offset(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """Nothing is skipped unasked: the flow fails with the offset it wants and those that are there."""
    flow = new_flow(kafka, shape)
    _shortened(flow, kafka, shape.source)
    run = flow.start()
    assert run.wait() != 0
    assert "2500" in run.text(), run.tail()
    assert "3750" in run.text(), run.tail()
    assert "4999" in run.text(), run.tail()


@pytest.mark.needs("retention")
def test_a_gap_may_be_passed_over(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    flow = new_flow(kafka, shape)
    _shortened(flow, kafka, shape.source)
    run = flow.finish(on_gap="earliest")
    assert "2500" in run.text(), run.tail()
    assert flow.account(range(TOTAL)).lost == list(range(TOTAL // 2, TOTAL * 3 // 4))


@pytest.mark.needs("retention")
def test_a_gap_may_be_left_for_the_newest(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    flow = new_flow(kafka, shape)
    _shortened(flow, kafka, shape.source)
    flow.finish(on_gap="latest")
    assert flow.account(range(TOTAL)).lost == list(range(TOTAL // 2, TOTAL))


@pytest.mark.needs("new partitions")
def test_partitions_are_added_in_flight(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """It leaves with 75, asking its supervisor for a restart, then reads the new ones from the beginning."""
    flow = new_flow(kafka, shape, env=LOOK_OFTEN)
    feed(flow, range(TOTAL // 2))
    run = flow.start(on_new_partitions="stop")
    flow.reached(TOTAL // 4, run)
    add_partitions(kafka.bootstrap, shape.source, 6)
    feed(flow, range(TOTAL // 2, TOTAL))
    assert run.wait() == 75, run.tail()
    flow.finish()
    found = flow.account(range(TOTAL))
    assert (found.lost, found.repeated) == ([], {})


@pytest.mark.needs("new partitions")
def test_new_partitions_are_never_ignored(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    flow = new_flow(kafka, shape, env=LOOK_OFTEN)
    feed(flow, range(1000))
    run = flow.start()
    flow.reached(1, run)
    add_partitions(kafka.bootstrap, shape.source, 6)
    assert run.wait() not in (0, 75)
    assert "6 partitions" in run.text(), run.tail()


@pytest.mark.needs("new partitions")
@pytest.mark.parametrize("processes", [1, 2], ids=["one", "two"])
def test_new_partitions_are_read_whole_though_the_start_is_the_latest(
    kafka: AnyBroker, new_topic: NewTopic, new_flow: NewFlow, processes: int
) -> None:
    """Also by a process that reads nothing but a new one."""
    shape = Shape(source=new_topic("in"), sink=new_topic("out"), start="latest")
    flow = new_flow(kafka, shape, processes=processes)
    flow.finish()  # nothing is there yet
    add_partitions(kafka.bootstrap, shape.source, 2)
    feed(flow, range(1000))
    flow.finish()
    found = flow.account(range(1000))
    assert (found.lost, found.repeated) == ([], {})


@pytest.mark.needs("transactions")
def test_a_transactional_topic_that_was_read_is_emptied_by_retention(
    kafka: AnyBroker, new_topic: NewTopic, new_flow: NewFlow
) -> None:
    """Nothing that was not read is gone: the last offset was the marker of a transaction."""
    shape = Shape(source=new_topic("in"), sink=new_topic("out"))
    flow = new_flow(kafka, shape)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": shape.source, **QUIET})
    producer.init_transactions(30)
    for ids, end in ((range(10), producer.commit_transaction), (range(10, 20), producer.abort_transaction)):
        producer.begin_transaction()
        for i in ids:
            producer.produce(shape.source, b"%d" % i, b"%d" % i)
        producer.flush(30)
        end(30)
    flow.finish()
    delete_before(kafka.bootstrap, shape.source, {0: 22})
    feed(flow, range(20, 30))
    flow.finish()
    found = read_all(kafka.bootstrap, shape.sink)
    assert [int(message.key() or b"") for message in found] == [*range(10), *range(20, 30)]
