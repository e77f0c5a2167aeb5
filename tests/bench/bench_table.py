"""`rt.read_table` against what scripts do without it: consume, decode with fastavro, give Arrow the dicts.

Both sides read the same topic from its beginning to its end, with the same settings for fetching. On Apache
Kafka where Java is there, else on the in-memory broker.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import fastavro
import pyarrow as pa
from confluent_kafka import Consumer, Message, TopicPartition

import kgen_runtime as rt
from kgen_runtime.consumer.consumer_options import FETCHING
from tests.bench.bench_codec import WIDE, wide
from tests.bench.fast_avro import fast_encoder
from tests.bench.flows import broker, name
from tests.bench.harness import Result, contest
from tests.bench.model_classes import ORDER, order
from tests.bench.shapes import SHAPES
from tests.kafka.clients import Record, create_topic, send

GOAL = 3.0
SHAPED = {
    "one int": 60_000,
    "100 nullable fields": 5_000,
    "string of 100 kB": 500,
    "array of 10,000 doubles": 100,
    "map of 10,000": 50,
    "decimal(18) on bytes": 40_000,
    "timestamp": 40_000,
}
"""How many messages of each shape that could bend the curve."""
FRAME = b"\0\0\0\0\x01"


def run() -> Iterator[Result]:
    """All contests of this bench."""
    with broker() as (bootstrap, _):
        yield from tables(bootstrap, "table: orders", ORDER, order, 60_000)
        yield from tables(bootstrap, "table: 100 fields", WIDE, wide, 10_000)
        for shape in SHAPES:
            if shape.name in SHAPED:
                task, count = f"table: {shape.name}", SHAPED[shape.name]
                yield from tables(bootstrap, task, shape.avro, shape.make, count, goal=1)


def tables(
    bootstrap: str,
    task: str,
    schema: Any,
    make: Callable[[random.Random], Any],
    count: int,
    goal: float = GOAL,
) -> Iterator[Result]:
    topic, rng, parsed = create_topic(bootstrap, name()), random.Random(1), fastavro.parse_schema(schema)

    encode = fast_encoder(schema)
    some = [FRAME + encode(make(rng)) for _ in range(min(count, 1000))]
    send(bootstrap, topic, (Record(some[n % len(some)], b"%d" % n) for n in range(count)))
    schemas = rt.Schemas(f"{topic}-value", (rt.WriterSchema(1, 1, json.dumps(schema)),))
    typed: rt.Topic[Any, Any] = rt.Topic(topic, key=rt.BytesSerde(), value=rt.AvroSerde(schemas, {}))
    kafka = rt.Kafka(bootstrap)
    known = rt.read_table(typed, kafka, limit=1).schema
    fields = pa.schema([known.field(each["name"]) for each in schema["fields"]])

    def with_kgen() -> None:
        assert rt.read_table(typed, kafka).num_rows == count

    def with_fastavro() -> None:
        rows = [
            fastavro.schemaless_reader(io.BytesIO((each.value() or b"")[len(FRAME) :]), parsed, None)
            for each in consumed(bootstrap, topic)
        ]
        assert pa.Table.from_pylist(rows, schema=fields).num_rows == count

    yield from contest(
        task, ("rt.read_table", with_kgen), {"fastavro's dicts, pyarrow": (with_fastavro, goal)}, rounds=3
    )


def consumed(bootstrap: str, topic: str) -> Iterator[Message]:
    """The messages of a topic of one partition, with the stock consumer in batches, fetched as kgen does. It
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
            yield message
    consumer.close()
