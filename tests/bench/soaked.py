"""The flow of `bench_soak`: run by `python -m kgen_runtime.run tests.bench.soaked:flow`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow

import kgen_runtime as rt
from tests.bench.bench_pipeline import SCHEMA
from tests.bench.model_classes import Order, Place, Status

TOPIC, SINK, NOTES = "KGEN_BENCH_TOPIC", "KGEN_BENCH_SINK", "KGEN_BENCH_NOTES"
EVERY = 100_000
SCHEMA_ID = 1


class Notes:
    """Notes the resident memory of this process, in bytes, each time so many messages have passed."""

    def __init__(self, path: Path) -> None:
        self._path, self._count = path, 0

    def __call__(self, messages: list[Any]) -> list[Any]:
        before, self._count = self._count, self._count + len(messages)
        if before // EVERY != self._count // EVERY:
            with self._path.open("a") as file:
                file.write(f"{self._count} {resident()}\n")
        return messages


def resident() -> int:
    """The resident memory of this process, in bytes (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def flow() -> Dataflow:
    """Read, decode, take a step, encode, write."""
    flow, kafka = Dataflow("soaked"), rt.Kafka.from_env()
    split = rt.source("in", flow, topic(os.environ[TOPIC]), kafka, stop="end")
    noted = op.flat_map_batch("note", split.oks, Notes(Path(os.environ[NOTES])))
    handled = rt.map_value("handle", noted, lambda order: order)
    failed = rt.sink("out", handled.oks, topic(os.environ[SINK]), kafka)
    rt.route("errs", split.errs, handled.errs, failed, policy=rt.Crash())
    return flow


def topic(name: str) -> rt.Topic[str, Order]:
    """A topic of orders."""
    schemas = rt.Schemas("orders-value", (rt.WriterSchema(1, SCHEMA_ID, SCHEMA),))
    serde: rt.AvroSerde[Order] = rt.AvroSerde(schemas, {"Order": Order, "Status": Status, "Place": Place})
    return rt.Topic(name, key=rt.StringSerde(), value=serde)
