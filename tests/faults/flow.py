"""What runs: `python -m kgen_runtime.run tests.faults.flow:flow`; its shape is in the environment."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import bytewax.operators as op
import requests
from bytewax.dataflow import Dataflow, Stream

import kgen_runtime as rt
from tests.faults.shape import AGAIN, RAISES, WRONG, Shape


def build(shape: Shape, kafka: rt.Kafka) -> Dataflow:
    """The dataflow of that shape."""
    flow = Dataflow("faults")
    read = _read(shape, flow, kafka)
    handled = rt.map_value("handle", read.oks, _step(shape))
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


def _step(shape: Shape) -> Any:
    if shape.registry:
        return partial(ask, shape.registry)
    return handle if shape.poison else str.strip


_seen: set[str] = set()


def handle(value: str) -> Any:
    """Fails for some."""
    last = int(value) % 100
    if last == RAISES:
        raise ValueError(f"no {value}")
    if last == AGAIN and value not in _seen:
        _seen.add(value)
        raise ConnectionError("try again")
    return 5 if last == WRONG else value


def ask(url: str, value: str) -> str:
    """Of a registry, for one in a thousand."""
    if int(value) % 1000 == 0:
        try:
            requests.get(f"{url}/subjects", timeout=5).raise_for_status()
        except requests.RequestException as error:
            raise rt.RegistryUnavailable("no answer") from error
    return value


def _quick(then: Any) -> rt.Retry:
    return rt.Retry(3, timedelta(milliseconds=1), then=then)


POLICIES: dict[str, Any] = {
    "dead-letter": lambda letters: letters,
    "drop": lambda letters: (rt.Log(), rt.ByStage({"process": _quick(rt.Drop()), "*": rt.Drop()})),
    "retry": _quick,
    "composed": lambda letters: rt.ByStage(
        {"process": rt.Breaker(0.9, then=_quick(letters)), "*": (letters, rt.Log())}
    ),
}


def _policy(shape: Shape, kafka: rt.Kafka) -> Any:
    if shape.dead_letters is None:
        return rt.Crash()
    return POLICIES[shape.policy](rt.DeadLetter(shape.dead_letters, kafka))


flow = build(Shape.from_env(), rt.Kafka.from_env())
