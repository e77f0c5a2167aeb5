"""One process of the cluster that `bench_exchange` measures: prints the processor time that its flow took."""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import TestingSink, cluster_main

import kgen_runtime as rt
from kgen_runtime.codec import make_reader
from kgen_runtime.runner.exchange import pack_exchanges
from tests.bench.fast_avro import fast_encoder
from tests.bench.model_classes import ORDER, Order, Place, Status, order

DISTINCT, BATCH = 5000, 1000
CLASSES = {"Order": Order, "Status": Status, "Place": Place}
MADE = 1_700_000_000_000


class Share(StatefulSourcePartition[Any, None]):
    """Batches of a thousand, as `rt.source` gives them."""

    def __init__(self, messages: list[Any], count: int) -> None:
        self.messages = messages
        self.left = count

    def next_batch(self) -> list[Any]:
        if not self.left:
            raise StopIteration
        begin = self.left % DISTINCT
        self.left -= BATCH
        return self.messages[begin : begin + BATCH]

    def snapshot(self) -> None:
        return None


class Shares(FixedPartitionedSource[Any, None]):
    """As many messages for each worker."""

    def __init__(self, messages: list[Any], count: int, workers: int) -> None:
        self.messages, self.count, self.workers = messages, count, workers

    def list_parts(self) -> list[str]:
        return [str(n) for n in range(self.workers)]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Share:
        return Share(self.messages, self.count // self.workers)


def messages(keys: int) -> list[Any]:
    """As `rt.source` gives them."""
    rng = random.Random(7)
    version = rt.WriterSchema(1, 1, json.dumps(ORDER))
    rt.AvroSerde(rt.Schemas("orders-value", (version,)), CLASSES)  # the classes are known from now on
    encode, read = fast_encoder(ORDER), make_reader(version.parse(), None, CLASSES)
    made = []
    for n in range(DISTINCT):
        data, key = encode(order(rng)), f"customer-{rng.randrange(keys)}"
        origin = (key.encode(), b"\0\0\0\0\1" + data, (), MADE + n)
        made.append(
            rt.Message(
                key, read.decode(data), "orders", n % 12, n, MADE + n, value_schema_id=1, origin=origin
            )
        )
    return made


def count_up(state: int | None, message: Any) -> tuple[int, None]:
    return (state or 0) + 1, None


def flow(given: list[Any], count: int, workers: int) -> Dataflow:
    """State of each key, and nothing else."""
    dataflow = Dataflow("flow")
    keyed = rt.key_on("key", op.input("in", dataflow, Shares(given, count, workers)), lambda each: each.key)
    done = rt.stateful_map("state", keyed.oks, count_up)
    rt.route("failed", keyed.errs, done.errs, policy=rt.Drop())
    op.output("out", op.flat_map_batch("none", done.oks, lambda items: []), TestingSink([]))
    return dataflow


def main(how: str, keys: str, count: str, index: str, workers: str, *addresses: str) -> None:
    """`how`: `packed`, as `kgen_runtime.run` runs a flow in one of several processes, or `plain`."""
    built = flow(messages(int(keys)), int(count), int(workers) * max(1, len(addresses)))
    if how == "packed":
        pack_exchanges(built)
    gc.collect()
    gc.freeze()  # the messages wait in memory: collecting is to see what the flow makes
    began = time.process_time()
    cluster_main(built, list(addresses), int(index), worker_count_per_proc=int(workers))
    print(time.process_time() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
