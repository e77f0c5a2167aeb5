"""Prints the processor time that it takes to place so many partitions, which have no messages.

`python -m tests.bench.placed_flow PARTITIONS WORKERS`
"""

from __future__ import annotations

import sys
import time
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import TestingSink, cluster_main

from tests.bench.placement import names


class Ended(StatefulSourcePartition[Any, None]):
    """A partition without messages."""

    def next_batch(self) -> list[Any]:
        raise StopIteration

    def snapshot(self) -> None:
        return None


class Parts(FixedPartitionedSource[Any, None]):
    """So many of them."""

    def __init__(self, count: int) -> None:
        self.count = count

    def list_parts(self) -> list[str]:
        return names("topic", self.count)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Ended:
        return Ended()


def main(partitions: str, workers: str) -> None:
    flow = Dataflow("placed")
    op.output("out", op.input("in", flow, Parts(int(partitions))), TestingSink([]))
    began = time.process_time()
    cluster_main(flow, [], 0, worker_count_per_proc=int(workers))
    print(time.process_time() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
