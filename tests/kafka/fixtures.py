"""Fixtures around Apache Kafka. A `conftest.py` imports those it wants by name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.kafka import jars
from tests.kafka.broker import KafkaBroker, KafkaCluster
from tests.kafka.clients import create_topic

_SHARED = pytest.StashKey[KafkaBroker]()

NewCluster: TypeAlias = "Callable[..., KafkaCluster]"
NewTopic: TypeAlias = "Callable[..., str]"


@pytest.fixture(scope="session")
def kafka_here() -> None:
    """Steps aside where Kafka cannot run; in CI that is a failure: never skipped unseen."""
    if reason := jars.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def kafka(
    kafka_here: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> KafkaBroker:
    """One broker for the whole session, whichever folder's tests ask. Do not hurt it: see `new_kafka`."""
    config = request.config
    if _SHARED not in config.stash:
        cluster = KafkaCluster(tmp_path_factory.mktemp("kafka")).__enter__()
        config.add_cleanup(cluster.stop)
        config.stash[_SHARED] = cluster.brokers[0]
    return config.stash[_SHARED]


@pytest.fixture
def new_kafka(kafka_here: None, tmp_path: Path) -> Iterator[NewCluster]:
    """Starts private clusters to hurt: `new_kafka(nodes=3, settings={...})`. Gone after the test."""
    with ExitStack() as stack:

        def start(nodes: int = 1, settings: Mapping[str, object] | None = None) -> KafkaCluster:
            root = Path(tempfile.mkdtemp(prefix="kafka", dir=tmp_path))
            return stack.enter_context(KafkaCluster(root, nodes, settings))

        yield start


@pytest.fixture
def new_topic(kafka: KafkaBroker, request: pytest.FixtureRequest) -> NewTopic:
    """Makes topics on the shared broker, named after the test: `new_topic("in", partitions=4)`."""

    def make(name: str, partitions: int = 1, **config: Any) -> str:
        return create_topic(kafka.bootstrap, named_after(request, name), partitions, **config)

    return make


def named_after(request: pytest.FixtureRequest, name: str) -> str:
    """A topic's name that no other test has."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:80] + f".{name}"
