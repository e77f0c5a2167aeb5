"""The flow of `bench_scaling`: each worker notes what it and its process have needed.

Run by `python -m kgen_runtime.run tests.bench.scaled:flow`; the environment says what to read.
"""

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

TOPIC, FOLDER, STOP = "KGEN_BENCH_TOPIC", "KGEN_BENCH_FOLDER", "KGEN_BENCH_STOP"
LOOK_EVERY = 10_000
"""Messages of a worker: how often it counts threads and descriptors, which are gone when it ends."""


@dataclass
class Noted:
    """Of a worker: its messages, and when the first came and the last was done; of its process, the rest.

    Times are of the machine's clock, processor times those of the process. `connections` are sockets.
    """

    process: int
    count: int = 0
    partitions: int = 0
    first: float = 0.0
    all_seen: float = 0.0
    last: float = 0.0
    cpu_first: float = 0.0
    cpu_last: float = 0.0
    threads: int = 0
    descriptors: int = 0
    connections: int = 0
    resident: int = 0


class Note(StatelessSinkPartition[Any]):
    """Notes it in a file of the worker's own: the first message, and the end."""

    def __init__(self, path: Path) -> None:
        self._path, self._noted = path, Noted(os.getpid())
        self._seen: set[int] = set()
        self._looks = 0

    def write_batch(self, items: list[Any]) -> None:
        noted, now = self._noted, time.monotonic()
        if not noted.count:
            noted.first, noted.cpu_first = now, time.process_time()
        new = {item.partition for item in items} - self._seen
        if new:
            self._seen |= new
            noted.all_seen = now
        noted.count += len(items)
        if noted.count // LOOK_EVERY > self._looks:
            self._looks += 1
            noted.threads = max(noted.threads, threads())
            noted.descriptors, noted.connections = max((noted.descriptors, noted.connections), descriptors())
        noted.last, noted.cpu_last = time.monotonic(), time.process_time()

    def close(self) -> None:
        noted = self._noted
        noted.partitions, noted.resident = len(self._seen), resident()
        self._path.write_text(json.dumps(asdict(noted)))


class Notes(DynamicSink[Any]):
    """One for each worker."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Note:
        return Note(Path(os.environ[FOLDER]) / str(worker_index))


def threads(process: int | str = "self") -> int:
    """Those of a process, librdkafka's and timely's among them."""
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def descriptors(process: int | str = "self") -> tuple[int, int]:
    """How many a process has open, and how many of them are sockets."""
    found = 0, 0
    for each in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = str(each.readlink())
        except OSError:
            continue  # closed meanwhile
        found = found[0] + 1, found[1] + target.startswith("socket:")
    return found


def resident(process: int | str = "self") -> int:
    """The most memory that a process had, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def flow() -> Dataflow:
    """Read and note."""
    flow, kafka = Dataflow("scaled"), rt.Kafka.from_env()
    stop: Any = os.environ.get(STOP, "never")
    split = rt.source("in", flow, of_bytes(os.environ[TOPIC]), kafka, stop=stop)
    rt.route("errs", split.errs, policy=rt.Crash())
    op.output("out", split.oks, Notes())
    return flow
