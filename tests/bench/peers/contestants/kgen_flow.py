"""kgen, as `kgen pull` writes a flow: run by `python -m kgen_runtime.run`."""

from __future__ import annotations

from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

import kgen_runtime as rt
from tests.bench.peers.job import Job, Probe
from tests.bench.peers.orders import CLASSES, TEXT, Order, raised

JOB = Job.given()
PROBE = Probe(JOB)


class Taken(DynamicSink[Any], StatelessSinkPartition[Any]):
    """The end of the flow."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Taken:
        """The same for all."""
        return self

    def write_batch(self, items: list[Any]) -> None:
        """Typed messages."""
        PROBE.many([item.value for item in items])


class Counts(Taken):
    """Of the task `count`: pairs of key and count."""

    def write_batch(self, items: list[Any]) -> None:
        """See the base."""
        PROBE.many(items)


def add(state: int | None, message: rt.Message[str, Order]) -> tuple[int, int]:
    """One more of the key."""
    count = (state or 0) + 1
    return count, count


def change(order: Order) -> Order:
    """What `produce` writes."""
    PROBE.one(order)
    return raised(order)


def build() -> Dataflow:
    """The flow of the task."""
    kafka = rt.Kafka(JOB.brokers, registry=JOB.registry)
    serde = rt.AvroSerde[Order](rt.Schemas("orders-value", (rt.WriterSchema(1, 1, TEXT),)), CLASSES)
    topic = rt.Topic(JOB.topic, key=rt.StringSerde(), value=serde)
    flow = Dataflow("orders")
    read = rt.source("orders", flow, topic, kafka)
    if JOB.task == "produce":
        changed = rt.map_value("change", read.oks, change)
        unsent = rt.sink("out", changed.oks, rt.Topic(JOB.out, key=topic.key, value=serde), kafka)
        rt.route("errs", read.errs, changed.errs, unsent, policy=rt.Crash())
    elif JOB.task == "count":
        keyed = rt.key_on("key", read.oks, lambda message: message.key_or_reject())
        counted = rt.stateful_map("count", keyed.oks, add)
        rt.route("errs", read.errs, keyed.errs, counted.errs, policy=rt.Crash())
        op.output("counts", counted.oks, Counts())
    else:
        rt.route("errs", read.errs, policy=rt.Crash())
        op.output("taken", read.oks, Taken())
    return flow


flow = build()
