from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import hosts as namespaces
from tests.cluster.hosts import BRIDGE, Hosts
from tests.kafka import broker as kafka_broker
from tests.kafka.broker import KafkaCluster
from tests.kafka.fixtures import require_kafka


@pytest.fixture(scope="session")
def hosts() -> Iterator[Hosts]:
    if reason := namespaces.missing():
        pytest.skip(reason)
    with Hosts(3) as made:
        yield made


@pytest.fixture(scope="session")
def broker(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Apache Kafka where all hosts reach it."""
    require_kafka()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka_broker, "HOST", BRIDGE)
        with KafkaCluster(tmp_path_factory.mktemp("kafka")) as cluster:
            yield cluster.bootstrap
