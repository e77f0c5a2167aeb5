"""Which messages a flow would fail on, found by running it in memory.

Policies are not in force: what fails is collected. Sinks, kgen's and others, write nowhere. What the flow's
own code does besides (calls of services, files) it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from .._bytewax import replace_sink, step_sinks, step_sources
from ..consumer.kafka_source import KafkaSource
from ..consumer.source import sources
from ..errors import ConfigError
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Failure, RawMessage
from ..routing.policy import Policy, instead_of_policies
from ..serde.schema_store import SchemaStore
from .flow_runs import run
from .memory import Memory

Build = Callable[[Kafka], Dataflow]


class TrialMemory(Memory):
    """Topics in memory, with the schemas of a store."""

    def __init__(self, inputs: Mapping[Topic[Any, Any], Sequence[Any]], store: SchemaStore) -> None:
        super().__init__(inputs)
        self._registry, self._store = store, None


class CollectFailures(Policy):
    """Keeps what fails."""

    name = "trial"

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self._lock = threading.Lock()

    def handle(self, failures: list[Failure]) -> None:
        """Keep them."""
        with self._lock:
            self.failures += failures


class _NoPartition(StatelessSinkPartition[Any]):
    def write_batch(self, items: list[Any]) -> None:
        """Nothing is written."""


class _NoSink(DynamicSink[Any]):
    def build(self, step_id: str, worker_index: int, worker_count: int) -> _NoPartition:
        """See the base."""
        return _NoPartition()


def trial_topics(build: Build) -> dict[str, Topic[Any, Any]]:
    """The topics that a flow reads, by name. Raises `ConfigError` for a flow that reads from anything else:
    it cannot be given messages.
    """
    flow, _ = _built(build, Memory())
    for step, source in step_sources(flow):
        if not isinstance(source, KafkaSource):
            raise ConfigError(
                f"the flow reads from a {type(source).__name__}, which cannot be given other messages",
                where=f"step {step.step_id}",
                hint="Only what rt.source reads can be tried.",
            )
    return {source.topic.name: source.topic for source in sources(flow)}


def failures_in(
    build: Build, inputs: Mapping[Topic[Any, Any], Sequence[RawMessage]], store: SchemaStore
) -> list[Failure]:
    """What fails of the messages when they pass through the flow, each with its place in `original`. Raises
    what the flow raises outside of kgen's steps.
    """
    flow, collected = _built(build, TrialMemory(inputs, store))
    for step, sink in step_sinks(flow):
        if not type(sink).__module__.startswith("kgen_runtime."):
            replace_sink(step, _NoSink())
    run(flow)
    return collected.failures


def _built(build: Build, kafka: Memory) -> tuple[Dataflow, CollectFailures]:
    collected = CollectFailures()
    with instead_of_policies(collected):
        flow = build(kafka)
    if not isinstance(flow, Dataflow):
        raise ConfigError(
            f"the function makes a {type(flow).__name__}, not a Dataflow", hint="Return the flow."
        )
    return flow, collected
