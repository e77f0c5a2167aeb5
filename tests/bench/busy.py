"""The CPU-bound flow of `bench_source`: run by `python -m kgen_runtime.run tests.bench.busy:flow`."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

import kgen_runtime as rt
from tests.bench.flows import of_bytes

TOPIC, FOLDER = "KGEN_BENCH_TOPIC", "KGEN_BENCH_FOLDER"
TURNS = 4_000


@dataclass
class Span:
    """When a worker took its first message and had done its last, in seconds of the machine's clock, and what
    its process took of the processor meanwhile.
    """

    first: float = 0.0
    last: float = 0.0
    count: int = 0
    cpu: float = 0.0


def read(path: Path) -> Span | None:
    """What a worker has noted; None where it had no messages."""
    span = Span(**json.loads(path.read_text()))
    return span if span.count else None


def work(message: Any) -> Any:
    """A hundred microseconds or so of plain Python."""
    total = 0
    for number in range(TURNS):
        total += number & 7
    return message


class Note(StatelessSinkPartition[Any]):
    """Notes the span of a worker in a file of its own."""

    def __init__(self, path: Path) -> None:
        self._path, self._span, self._began = path, Span(), 0.0

    def write_batch(self, items: list[Any]) -> None:
        if not self._span.count:
            self._span.first, self._began = time.monotonic(), time.process_time()
        self._span.last, self._span.cpu = time.monotonic(), time.process_time() - self._began
        self._span.count += len(items)

    def close(self) -> None:
        self._path.write_text(json.dumps(asdict(self._span)))


class Notes(DynamicSink[Any]):
    """One for each worker."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Note:
        return Note(Path(os.environ[FOLDER]) / str(worker_index))


def flow() -> Dataflow:
    """Read, work, note."""
    flow = Dataflow("busy")
    split = rt.source("in", flow, of_bytes(os.environ[TOPIC]), rt.Kafka.from_env(), stop="end")
    rt.route("errs", split.errs, policy=rt.Crash())
    op.output("out", op.map("work", split.oks, work), Notes())
    return flow
