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
from confluent_kafka import Consumer, KafkaError, TopicPartition

import kgen_runtime as rt
from tests.bench.bench_codec import WIDE, wide
from tests.bench.flows import broker, name
from tests.bench.harness import Result, contest
from tests.bench.model_classes import ORDER, order
from tests.kafka.clients import Record, create_topic, send

GOAL = 3.0
FRAME = b"\0\0\0\0\x01"


def run() -> Iterator[Result]:
    """All contests of this bench."""
    with broker() as (bootstrap, _):
        yield from tables(bootstrap, "table: orders", ORDER, order, 10_000)
        yield from tables(bootstrap, "table: 100 fields", WIDE, wide, 2_000)


def tables(
    bootstrap: str, task: str, schema: Any, make: Callable[[random.Random], Any], count: int
) -> Iterator[Result]:
    topic, rng, parsed = create_topic(bootstrap, name()), random.Random(1), fastavro.parse_schema(schema)

    def payload() -> bytes:
        out = io.BytesIO(FRAME)
        out.seek(len(FRAME))
        fastavro.schemaless_writer(out, parsed, make(rng))
        return out.getvalue()

    send(bootstrap, topic, (Record(payload(), b"%d" % n) for n in range(count)))
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
    """The values of a topic of one partition, with the stock consumer in batches."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "none",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        while True:
            for message in consumer.consume(1000, 1.0):
                error = message.error()
                if error is None:
                    yield message.value() or b""
                elif error.code() == KafkaError._PARTITION_EOF:
                    return
    finally:
        consumer.close()
