"""Fixtures around Apache Kafka and the in-memory broker. A `conftest.py` imports those it wants by name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.kafka import jars
from tests.kafka.broker import KafkaBroker, KafkaCluster
from tests.kafka.clients import create_topic
from tests.kafka.tansu import Tansu

APACHE, TANSU = "apache", "tansu"
BROKERS = (APACHE, TANSU)

_SHARED = pytest.StashKey["dict[str, AnyBroker]"]()

AnyBroker: TypeAlias = "KafkaBroker | Tansu"
NewCluster: TypeAlias = "Callable[..., KafkaCluster]"
NewTopic: TypeAlias = "Callable[..., str]"


def require_kafka() -> None:
    """Steps aside where Kafka cannot run; in CI that is a failure: never skipped unseen."""
    if reason := jars.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session", params=BROKERS)
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AnyBroker:
    """One broker of each kind for the whole session, whichever folder's tests ask. Do not hurt it: see
    `new_kafka`. A test of what Apache Kafka alone has says so: `pytest.mark.needs("transactions")`.
    """
    config, kind = request.config, request.param
    shared = config.stash.setdefault(_SHARED, {})
    if kind not in shared:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        shared[kind] = stack.enter_context(running(kind, tmp_path_factory.mktemp("kafka")))
    return shared[kind]


@pytest.fixture(scope="session")
def kafka_here() -> None:
    """For tests that start clusters of their own."""
    require_kafka()


@contextmanager
def running(kind: str, root: Path) -> Iterator[AnyBroker]:
    """A broker of that kind, for as long as the block lasts."""
    if kind == TANSU:
        with Tansu() as tansu:
            yield tansu  # type: ignore[misc]
        return
    require_kafka()
    with KafkaCluster(root) as cluster:
        yield cluster.brokers[0]


@pytest.fixture
def new_kafka(kafka_here: None, tmp_path: Path) -> Iterator[NewCluster]:
    """Starts private clusters to hurt: `new_kafka(nodes=3, settings={...})`. Gone after the test."""
    with ExitStack() as stack:

        def start(nodes: int = 1, settings: Mapping[str, object] | None = None) -> KafkaCluster:
            root = Path(tempfile.mkdtemp(prefix="kafka", dir=tmp_path))
            return stack.enter_context(KafkaCluster(root, nodes, settings))

        yield start


@pytest.fixture
def new_topic(kafka: AnyBroker, request: pytest.FixtureRequest) -> NewTopic:
    """Makes topics on the shared broker, named after the test: `new_topic("in", partitions=4)`."""

    def make(name: str, partitions: int = 1, **config: Any) -> str:
        return create_topic(kafka.bootstrap, named_after(request, name), partitions, **config)

    return make


def named_after(request: pytest.FixtureRequest, name: str) -> str:
    """A topic's name that no other test has."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:80] + f".{name}"
