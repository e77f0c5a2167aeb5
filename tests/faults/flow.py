"""What runs: `python -m kgen_runtime.run tests.faults.flow:flow`; its shape is in the environment."""

from __future__ import annotations

from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream

import kgen_runtime as rt
from tests.faults.shape import Shape


def build(shape: Shape, kafka: rt.Kafka) -> Dataflow:
    """The dataflow of that shape."""
    flow = Dataflow("faults")
    read = _read(shape, flow, kafka)
    handled = rt.map_value("handle", read.oks, str.strip)
    stream = handled.oks
    for step in range(shape.steps):
        stream = op.map(f"step{step}", stream, lambda message: message)
    refused = _write(shape, stream, kafka)
    rt.route("errs", read.errs, handled.errs, refused, policy=_policy(shape, kafka))
    return rt.check(flow)


def _read(shape: Shape, flow: Dataflow, kafka: rt.Kafka) -> rt.Split[rt.Message[str, str]]:
    names = ("start", "stop", "batch_size", "on_gap", "on_new_partitions", "group_id")
    options: dict[str, Any] = {name: getattr(shape, name) for name in names}
    return rt.source("in", flow, _topic(shape.source, shape.avro), kafka, **options)


def _write(shape: Shape, up: Stream[rt.Message[str, str]], kafka: rt.Kafka) -> Stream[rt.Failure]:
    options: dict[str, Any] = {"delivery": shape.delivery}
    return rt.sink("out", up, _topic(shape.sink), kafka, **options)


def _topic(name: str, avro: bool = False) -> rt.Topic[str, str]:
    value: rt.Serde[str] = rt.AvroSerde(known_schemas(), {}) if avro else rt.StringSerde()
    return rt.Topic(name, key=rt.StringSerde(), value=value)


def known_schemas() -> rt.Schemas:
    """The one version that this flow was generated from; the registry may know more."""
    return rt.Schemas("faults-value", (rt.WriterSchema(version=1, id=1, text='"string"'),))


def _policy(shape: Shape, kafka: rt.Kafka) -> Any:
    return rt.Crash() if shape.dead_letters is None else rt.DeadLetter(shape.dead_letters, kafka)


flow = build(Shape.from_env(), rt.Kafka.from_env())
