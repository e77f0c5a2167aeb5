"""What a flow writes to, looked at on a broker before the flow begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bytewax.dataflow import Dataflow
from tests.integration.kafka_flows import text
from tests.kafka.broker import KafkaBroker, KafkaCluster
from tests.kafka.clients import create_topic, delete_topic, numbered, read_all, send
from tests.kafka.fixtures import AnyBroker, NewTopic
from tests.kafka.processes import wait_for
from tests.kafka.proxy import Proxy
from tests.kafka.rights import ADA, GUARDED, allow

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.runner import preflight

pytestmark = pytest.mark.kafka


def build(kafka: rt.Kafka, read: str, out: str, letters: str, create: Any = None) -> Dataflow:
    flow = Dataflow("flow")
    source = rt.source("in", flow, text(read), kafka, stop="end")
    refused = rt.sink("out", source.oks, text(out), kafka, delivery="exactly-once", create=create)
    policy = rt.DeadLetter(letters, kafka, create=create)
    rt.route("errs", source.errs, refused, policy=policy)
    return rt.check(flow)


@pytest.mark.needs("transactions")
def test_topics_that_are_absent_are_found_or_created(kafka: AnyBroker, new_topic: NewTopic) -> None:
    read, out = new_topic("in"), new_topic("out")
    delete_topic(kafka.bootstrap, out)
    letters = f"{out}.dlq"
    send(kafka.bootstrap, read, numbered(range(10), 1))
    here = rt.Kafka(kafka.bootstrap)
    with pytest.raises(rt.ConfigError, match="the topic is not on the broker") as caught:
        preflight.prepare(build(here, read, out, letters))
    assert caught.value.where == f"step flow.out, topic {out}"
    flow = build(here, read, out, letters, create=rt.NewTopic(3, 1, {"cleanup.policy": "compact"}))
    assert [each.what for each in preflight.examine(flow)][1] == "will be created, with 3 partition(s)"
    for _ in range(2):
        preflight.prepare(flow)
    assert [each.state for each in preflight.examine(flow)] == ["ok", "ok", "warning"]
    assert here.topic_settings(out).compacted
    found = here.find_topic(out)
    assert found is not None
    assert found.partitions == 3
    testing.run(flow)
    assert len(read_all(kafka.bootstrap, out)) == 10


@pytest.fixture
def guarded(kafka_here: None, tmp_path: Path) -> Iterator[KafkaBroker]:
    with KafkaCluster(tmp_path, settings=GUARDED) as cluster:
        broker = cluster.brokers[0]
        with Proxy(broker.proxied_port, broker.behind):
            for topic in ("in", "out", "dlq"):
                create_topic(broker.bootstrap, topic)
            yield broker


def test_rights_are_looked_at(guarded: KafkaBroker) -> None:
    kafka = rt.Kafka(guarded.proxied, config=ADA)

    def found() -> list[str]:
        return [each.what.partition(":")[0] for each in preflight.examine(build(kafka, "in", "out", "dlq"))]

    unseen = "the user may not see the topic"
    assert found() == [unseen] * 3
    for topic in ("in", "out", "dlq"):
        allow(guarded.bootstrap, "TOPIC", topic, "DESCRIBE")
    no_group = "the user may not READ the group kgen.flow.{}.deliver.{}, which exactly once needs"
    groups = [no_group.format("out", "out"), no_group.format("errs.dead_letter", "dlq")]
    no_write = "the user may not WRITE to the topic"
    expected = ["the user may not READ the topic", no_write, groups[0], no_write, groups[1]]
    wait_for(lambda: found() == expected, "the rights to describe")
    allow(guarded.bootstrap, "TOPIC", "in", "READ")
    allow(guarded.bootstrap, "TOPIC", "out", "WRITE")
    allow(guarded.bootstrap, "TOPIC", "dlq", "WRITE")
    allow(guarded.bootstrap, "GROUP", "kgen.", "READ", prefix=True)
    fine = ["read, 1 partition(s)", "written, 1 partition(s)", "written, 1 partition(s)"]
    wait_for(lambda: found() == fine, "all rights")
    preflight.prepare(build(kafka, "in", "out", "dlq"))
    with pytest.raises(rt.ConfigError, match=r"see the topic|could not be created"):
        preflight.prepare(build(kafka, "in", "out", "absent", create=1))
