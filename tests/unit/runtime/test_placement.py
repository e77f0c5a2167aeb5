"""Bytewax's assignment of partitions to workers is the one that `tests.bench.placement` computes with."""

from __future__ import annotations

import threading
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import TestingSource, cluster_main
from tests.bench.placement import imbalance, loads, moved, names, placed


class Placed:
    """The workers' indices by thread, and the partitions that were built in each."""

    def __init__(self) -> None:
        self.workers: dict[int, int] = {}
        self.threads: dict[str, int] = {}

    def found(self) -> dict[str, int]:
        return {part: self.workers[thread] for part, thread in self.threads.items()}


class Ended(StatefulSourcePartition[Any, None]):
    """A partition without messages."""

    def next_batch(self) -> list[Any]:
        raise StopIteration

    def snapshot(self) -> None:
        return None


class Parts(FixedPartitionedSource[Any, None]):
    """Notes in which thread each partition is built."""

    def __init__(self, parts: list[str], noted: Placed) -> None:
        self.parts, self.noted = parts, noted

    def list_parts(self) -> list[str]:
        return self.parts

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Ended:
        self.noted.threads[for_part] = threading.get_ident()
        return Ended()


class Workers(DynamicSink[Any], StatelessSinkPartition[Any]):
    """Notes which worker a thread is."""

    def __init__(self, noted: Placed) -> None:
        self.noted = noted

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Workers:
        self.noted.workers[threading.get_ident()] = worker_index
        return self

    def write_batch(self, items: list[Any]) -> None:
        return None


def placed_by_bytewax(topics: dict[str, int], workers: int) -> list[dict[str, int]]:
    flow, noted = Dataflow("placed"), [Placed() for _ in topics]
    for each, (topic, partitions) in zip(noted, topics.items()):
        stream = op.input(topic, flow, Parts(names(topic, partitions), each))
        op.output(f"{topic}_out", stream, Workers(each))
    cluster_main(flow, [], 0, worker_count_per_proc=workers)
    return [each.found() for each in noted]


@pytest.mark.parametrize(("partitions", "workers"), [(1, 3), (12, 1), (12, 2), (12, 5), (64, 8), (30, 24)])
def test_partitions_are_placed_as_computed(partitions: int, workers: int) -> None:
    assert placed_by_bytewax({"orders": partitions}, workers) == [
        placed(names("orders", partitions), workers)
    ]


def test_each_source_is_placed_by_itself() -> None:
    found = placed_by_bytewax({"a": 3, "b": 1, "c": 1}, 3)
    assert found == [placed(names("a", 3), 3), placed(names("b", 1), 3), placed(names("c", 1), 3)]
    assert loads(found, 3) == [3, 1, 1]
    assert imbalance(loads(found, 3)) == 1.8


def test_a_restart_with_more_workers_moves_most_partitions() -> None:
    parts = names("orders", 1024)
    assert round(moved(placed(parts, 2), placed(parts, 3)), 2) == 0.67
    assert moved(placed(parts, 2), placed(parts, 2)) == 0


def workers_of_keys(keys: list[str], workers: int) -> dict[str, int]:
    flow, noted = Dataflow("keyed"), Placed()

    def note(state: None, key: str) -> tuple[None, str]:
        noted.threads[key] = threading.get_ident()
        return None, key

    stream = op.input("in", flow, TestingSource([(key, key) for key in keys], batch_size=1000))
    op.output("out", op.stateful_map("note", stream, note), Workers(noted))
    cluster_main(flow, [], 0, worker_count_per_proc=workers)
    return noted.found()


def test_a_restart_with_more_workers_moves_as_many_keys() -> None:
    keys = [f"customer-{number}" for number in range(3000)]
    two, three, four = (workers_of_keys(keys, workers) for workers in (2, 3, 4))
    assert 0.6 < moved(two, three) < 0.73
    assert 0.43 < moved(two, four) < 0.57
