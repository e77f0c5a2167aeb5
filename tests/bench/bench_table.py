"""`rt.read_table` against what scripts do without it: consume, decode with fastavro, give Arrow the dicts.

On the in-memory broker; both sides read the same topic from its beginning to its end.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import fastavro
import pyarrow as pa
from confluent_kafka import Consumer, TopicPartition

import kgen_runtime as rt
from kgen_runtime.consumer.consumer_options import FETCHING
from tests.bench.bench_codec import WIDE, wide
from tests.bench.fast_avro import fast_encoder
from tests.bench.flows import broker, name
from tests.bench.harness import Result, contest
from tests.bench.model_classes import ORDER, order
from tests.kafka.clients import Record, create_topic, send

GOAL = 3.0
FRAME = b"\0\0\0\0\x01"


def run() -> Iterator[Result]:
    """All contests of this bench."""
    with broker() as (bootstrap, _):
        yield from tables(bootstrap, "table: orders", ORDER, order, 60_000)
        yield from tables(bootstrap, "table: 100 fields", WIDE, wide, 10_000)


def tables(
    bootstrap: str, task: str, schema: Any, make: Callable[[random.Random], Any], count: int
) -> Iterator[Result]:
    topic, rng, parsed = create_topic(bootstrap, name()), random.Random(1), fastavro.parse_schema(schema)

    encode = fast_encoder(schema)
    some = [FRAME + encode(make(rng)) for _ in range(1000)]
    send(bootstrap, topic, (Record(some[n % 1000], b"%d" % n) for n in range(count)))
    schemas = rt.Schemas(f"{topic}-value", (rt.WriterSchema(1, 1, json.dumps(schema)),))
    typed: rt.Topic[Any, Any] = rt.Topic(topic, key=rt.BytesSerde(), value=rt.AvroSerde(schemas, {}))
    kafka = rt.Kafka(bootstrap)
    known = rt.read_table(typed, kafka, limit=1).schema
    fields = pa.schema([known.field(each["name"]) for each in schema["fields"]])

    def with_kgen() -> None:
        assert rt.read_table(typed, kafka).num_rows == count

    def with_fastavro() -> None:
        rows = [
            fastavro.schemaless_reader(io.BytesIO(each[5:]), parsed, None)
            for each in consumed(bootstrap, topic)
        ]
        assert pa.Table.from_pylist(rows, schema=fields).num_rows == count

    yield from contest(
        task, ("rt.read_table", with_kgen), {"fastavro's dicts, pyarrow": (with_fastavro, GOAL)}, rounds=3
    )


def consumed(bootstrap: str, topic: str) -> Iterator[bytes]:
    """The values of a topic of one partition, with the stock consumer in batches, fetched as kgen does. It
    asks for no more than there is: it would wait for that.
    """
    usual = {"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False}
    consumer = Consumer({**usual, **FETCHING})
    partition = TopicPartition(topic, 0, 0)
    consumer.assign([partition])
    _, left = consumer.get_watermark_offsets(partition)
    while left:
        for message in consumer.consume(min(1000, left), 1.0):
            assert message.error() is None
            left -= 1
            yield message.value() or b""
    consumer.close()
