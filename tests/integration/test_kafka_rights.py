"""What a flow may do on an Apache Kafka that asks for rights, and what it says without them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink
from tests.integration.kafka_flows import text
from tests.kafka.broker import KafkaBroker, KafkaCluster
from tests.kafka.clients import account, create_topic, numbered, read_all, send
from tests.kafka.processes import wait_for
from tests.kafka.proxy import Proxy
from tests.kafka.rights import ADA, GUARDED, allow

import kgen_runtime as rt
from kgen_runtime import testing

pytestmark = pytest.mark.kafka

IDS = range(1_000)


@pytest.fixture
def guarded(kafka_here: None, tmp_path: Path) -> Iterator[KafkaBroker]:
    with KafkaCluster(tmp_path, settings=GUARDED) as cluster:
        broker = cluster.brokers[0]
        with Proxy(broker.proxied_port, broker.behind):
            create_topic(broker.bootstrap, "in")
            create_topic(broker.bootstrap, "out", max_message_bytes=5_000)
            send(broker.bootstrap, "in", numbered(IDS, 1))
            yield broker


def told(broker: KafkaBroker, delivery: str) -> str:
    """What ada's flow says when it fails; nothing where it does not."""
    kafka = rt.Kafka(broker.proxied, config=ADA)
    flow = Dataflow("flow")
    source = rt.source("in", flow, text("in"), kafka, stop="end", group_id="readers")
    errs = rt.sink("out", source.oks, text("out"), kafka, delivery=delivery)  # type: ignore[arg-type]
    op.output("errs", errs, TestingSink([]))
    rt.route("stop", source.errs, policy=rt.Crash())
    try:
        testing.run(rt.check(flow))
    except RuntimeError as error:
        return causes(error)
    return ""


def causes(error: BaseException | None) -> str:
    return "" if error is None else f"{error}\n{causes(error.__cause__)}"


def works(broker: KafkaBroker, delivery: str) -> None:
    """Once the broker has heard of the rights, which it does a little later than it says."""
    wait_for(lambda: told(broker, delivery) == "", f"{delivery} to be allowed")


def test_the_least_rights(guarded: KafkaBroker) -> None:
    """The right to READ or WRITE contains the one to DESCRIBE."""
    allow(guarded.bootstrap, "TOPIC", "in", "READ")
    allow(guarded.bootstrap, "TOPIC", "out", "WRITE")
    allow(guarded.bootstrap, "GROUP", "readers", "READ")
    works(guarded, "at-least-once")
    assert account(IDS, read_all(guarded.bootstrap, "out")).lost == []

    assert "Transactional Id authorization failed" in told(guarded, "exactly-once")
    allow(guarded.bootstrap, "TRANSACTIONAL_ID", "kgen.", "WRITE", prefix=True)
    wait_for(lambda: "Group authorization failed" in told(guarded, "exactly-once"), "the next right to lack")
    allow(guarded.bootstrap, "GROUP", "kgen.", "READ", prefix=True)
    wait_for(lambda: "KGEN_KAFKA_BATCH_SIZE" in told(guarded, "exactly-once"), "the next right to lack")
    allow(guarded.bootstrap, "TOPIC", "out", "DESCRIBE_CONFIGS")
    works(guarded, "exactly-once")
    assert len(read_all(guarded.bootstrap, "out")) >= 2 * len(IDS)
