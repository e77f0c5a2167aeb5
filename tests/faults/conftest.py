from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import Flow, NewFlow
from tests.faults.shape import Shape
from tests.kafka.broker import KafkaCluster
from tests.kafka.fixtures import AnyBroker, kafka, kafka_here, new_kafka, new_topic  # noqa: F401


@pytest.fixture(
    params=["at-least-once", pytest.param("exactly-once", marks=pytest.mark.needs("transactions"))]
)
def delivery(request: pytest.FixtureRequest) -> str:
    """What the sink promises; `Flow.assert_delivered` holds it to it."""
    return str(request.param)


@pytest.fixture
def new_flow(tmp_path: Path) -> Iterator[NewFlow]:
    """Makes flows, each with a recovery folder of its own; nothing of them runs after the test."""
    with ExitStack() as stack:

        def make(broker: AnyBroker | KafkaCluster, shape: Shape, **options: Any) -> Flow:
            flow = Flow(broker, shape, Path(tempfile.mkdtemp(prefix="flow", dir=tmp_path)), **options)
            stack.callback(flow.close)
            return flow

        yield make
