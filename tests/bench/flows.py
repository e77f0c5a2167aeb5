"""What the benches of flows share: a broker, topics of bytes, a sink that tells how long it took."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bytewax.outputs import DynamicSink, StatelessSinkPartition

import kgen_runtime as rt
from tests.kafka import jars
from tests.kafka.broker import KafkaCluster

_count = itertools.count()


class Clock(DynamicSink[Any], StatelessSinkPartition[Any]):
    """The sink of all flows: counts to `total`, and knows how long that took per message, by `now`."""

    def __init__(self, total: int, now: Callable[[], float] = time.perf_counter) -> None:
        self.total = total
        self.now = now
        self.count = self.first = 0
        self.began = self.ended = 0.0

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Clock:
        return self

    def write_batch(self, items: list[Any]) -> None:
        if not self.count:
            self.first, self.began = len(items), self.now()
        self.count += len(items)
        if self.count == self.total:
            self.ended = self.now()

    @property
    def seconds(self) -> float:
        assert self.count == self.total, f"{self.count} messages of {self.total}"
        return (self.ended - self.began) / (self.total - self.first)


def of_bytes(topic: str) -> rt.Topic[bytes, bytes]:
    return rt.Topic(topic, key=rt.BytesSerde(), value=rt.BytesSerde())


def name() -> str:
    return f"bench-{next(_count)}"


@contextmanager
def broker() -> Iterator[tuple[str, bool]]:
    """Where it is, and whether it has transactions."""
    if jars.missing() is None:
        with tempfile.TemporaryDirectory() as folder, KafkaCluster(Path(folder)) as cluster:
            yield cluster.bootstrap, True
        return
    from kgen.dev import up

    with up() as dev:
        yield dev.brokers, False
