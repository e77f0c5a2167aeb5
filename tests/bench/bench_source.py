"""The source: what it costs beside consuming and decoding, many partitions of which one is busy, and what a
second process brings.

On Apache Kafka where Java is there, else on the in-memory broker.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from confluent_kafka import Consumer, TopicPartition

import kgen_runtime as rt
from kgen_runtime.codec import make_reader
from kgen_runtime.consumer.consumer_options import FETCHING
from kgen_runtime.serde.framing import ID_SIZE, id_prefix
from tests.bench import busy
from tests.bench.bench_pipeline import SCHEMA
from tests.bench.fast_avro import fast_encoder
from tests.bench.flows import Clock, broker, name, of_bytes
from tests.bench.harness import Result, contest
from tests.bench.model_classes import ORDER, Order, Place, Status, order
from tests.kafka.clients import Record, create_topic, send

ROOT = Path(__file__).parents[2]
VALUE = b"x" * 100
SCHEMA_ID = 7
BATCH = 100
TYPED_MESSAGES, DISTINCT = 100_000, 10_000
MANY, HOT = 64, 17
HOT_MESSAGES, WORKED = 150_000, 20_000
PARTITIONS = 8
"""So that each of two processes has the same share."""


def run() -> Iterator[Result]:
    """All contests of this bench."""
    with broker() as (bootstrap, _):
        yield from typed(bootstrap)
        yield from one_is_hot(bootstrap)
        yield from two_processes(bootstrap)


def typed(bootstrap: str) -> Iterator[Result]:
    """CPU time of the thread that reads: typed messages, against what cannot be avoided."""
    rng, encode, topic = random.Random("typed"), fast_encoder(ORDER), create_topic(bootstrap, name())
    orders = [order(rng) for _ in range(DISTINCT)]
    distinct = [(each["id"].encode(), id_prefix(SCHEMA_ID) + encode(each)) for each in orders]
    dealt = (distinct[n % DISTINCT] for n in range(TYPED_MESSAGES))
    send(bootstrap, topic, (Record(value, key) for key, value in dealt))
    yield from contest(
        f"source: CPU a message, batches of {BATCH}",
        ("kgen", reads_typed(bootstrap, topic)),
        {
            "consume and native decode": (consumes(bootstrap, topic, decode=True), 0.83),
            "consume alone": (consumes(bootstrap, topic, decode=False), None),
        },
        rounds=7,
    )


def order_serde() -> rt.AvroSerde[Order]:
    versions = (rt.WriterSchema(1, SCHEMA_ID, SCHEMA),)
    classes = {"Order": Order, "Status": Status, "Place": Place}
    return rt.AvroSerde(rt.Schemas("orders-value", versions), classes)


def reads_typed(bootstrap: str, name: str) -> Callable[[], float]:
    def timed() -> float:
        clock, flow = Clock(TYPED_MESSAGES, time.thread_time), Dataflow("typed")
        topic = rt.Topic(name, key=rt.StringSerde(), value=order_serde())
        split = rt.source("in", flow, topic, rt.Kafka(bootstrap), stop="end", batch_size=BATCH)
        rt.route("errs", split.errs, policy=rt.Crash())
        op.output("out", split.oks, clock)
        run_main(flow)
        return clock.seconds

    return timed


def consumes(bootstrap: str, topic: str, decode: bool) -> Callable[[], float]:
    """A loop that makes the values, without keys, headers, times and failures."""
    serde = order_serde()
    schema = serde.schemas.latest.parse()
    reader = make_reader(schema, schema, serde.classes)

    def timed() -> float:
        clock = Clock(TYPED_MESSAGES, time.thread_time)
        usual = {"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False}
        consumer = Consumer({**usual, **FETCHING})
        consumer.assign([TopicPartition(topic, 0, 0)])
        while clock.count < TYPED_MESSAGES:
            got: list[Any] = consumer.consume(BATCH, 1)
            if not got:
                continue
            if decode:
                got = reader.decode_many([message.value() for message in got], ID_SIZE).values
            clock.write_batch(got)
        consumer.close()
        return clock.seconds

    return timed


def one_is_hot(bootstrap: str) -> Iterator[Result]:
    """All messages in one partition of 64, against the same in a topic of one partition."""
    spread, alone = create_topic(bootstrap, name(), MANY), create_topic(bootstrap, name())
    for topic, partition in ((spread, HOT), (alone, 0)):
        send(bootstrap, topic, (Record(VALUE, b"%d" % n, partition) for n in range(HOT_MESSAGES)))
    yield from contest(
        f"source: {MANY} partitions, one hot",
        ("kgen", reads(bootstrap, spread)),
        {
            "kgen, one partition": (reads(bootstrap, alone), 0.7),
            f"bytewax KafkaSource, {MANY} too": (stock_reads(bootstrap, spread), None),
        },
        rounds=5,
    )


def reads(bootstrap: str, topic: str) -> Callable[[], float]:
    def timed() -> float:
        clock, flow = Clock(HOT_MESSAGES), Dataflow("reads")
        split = rt.source("in", flow, of_bytes(topic), rt.Kafka(bootstrap), stop="end")
        rt.route("errs", split.errs, policy=rt.Crash())
        op.output("out", split.oks, clock)
        run_main(flow)
        return clock.seconds

    return timed


def stock_reads(bootstrap: str, topic: str) -> Callable[[], float]:
    def timed() -> float:
        clock, flow = Clock(HOT_MESSAGES), Dataflow("stock")
        op.output("out", op.input("in", flow, KafkaSource([bootstrap], [topic], tail=False)), clock)
        run_main(flow)
        return clock.seconds

    return timed


def two_processes(bootstrap: str) -> Iterator[Result]:
    """A flow whose steps take most of the time, by the runner with one process and with two."""
    topic = create_topic(bootstrap, name(), PARTITIONS)
    records = (Record(VALUE, b"%d" % n, n % PARTITIONS) for n in range(WORKED))
    send(bootstrap, topic, records)
    env = {"KGEN_BROKERS": bootstrap, busy.TOPIC: topic}
    yield from contest(
        "runner: a flow of CPU-bound steps",
        ("2 processes", works(env, 2)),
        {"1 process": (works(env, 1), 1.7)},
        rounds=3,
        warm=False,
    )


def works(env: Mapping[str, str], processes: int) -> Callable[[], float]:
    """From the first message that a process takes to the last that one has done."""

    def timed() -> float:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "kgen_runtime.run", "tests.bench.busy:flow"]
            here = {**os.environ, **env, busy.FOLDER: folder}
            subprocess.run([*command, "--processes", str(processes)], check=True, env=here, cwd=ROOT)
            spans = [span for path in Path(folder).iterdir() if (span := busy.read(path)) is not None]
        assert sum(span.count for span in spans) == WORKED
        return max(span.last for span in spans) - min(span.first for span in spans)

    return timed
