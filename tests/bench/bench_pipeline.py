"""From a topic of two partitions to a sink that only counts: `rt.source` against what else there is.

The broker is the in-memory one of `kgen dev`. Every contestant runs from the beginning of the topic in its
turn; what counts is the time per message from the first batch to reach the sink to the last message, so that
neither connecting nor waiting for the end of the topic is in it. The two slow peers read a topic of a tenth
of the messages. JSON is held against Avro.

A bare consume loop at librdkafka's own settings takes what has been fetched and then waits out a pause
(`FETCHING` says why), or is just slow enough for the broker never to: its rate jumps between runs by a factor
of three to six. So the loop runs at kgen's settings as well: that ratio tells what all beyond fetching costs.
"""

from __future__ import annotations

import io
import json
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import bytewax.operators as op
import fastavro
from bytewax.connectors.kafka import KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow, Stream
from bytewax.testing import run_main
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import Schema as ConfluentSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import StringDeserializer

import kgen_runtime as rt
from kgen.dev import Dev, up
from kgen_runtime.consumer.consumer_options import FETCHING
from kgen_runtime.serde.framing import ID_SIZE, id_prefix
from tests.bench.fast_avro import fast_encoder
from tests.bench.flows import Clock
from tests.bench.harness import Result, contest
from tests.bench.model_classes import ORDER, Order, Place, Status, order
from tests.kafka.clients import Record, create_topic, send

MESSAGES, FEWER, DISTINCT = 200_000, 20_000, 10_000
PARTITIONS = 2
ROUNDS = 7
SCHEMA = json.dumps(ORDER)

JSON_SCHEMA = json.dumps(
    {
        "type": "object",
        "title": "Order",
        "properties": {
            "id": {"type": "string"},
            "created": {"type": "string", "format": "date-time"},
            "amount": {"type": "number"},
            "discount": {"type": ["null", "number"]},
            "status": {"enum": [status.value for status in Status], "title": "Status"},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "place": {
                "type": "object",
                "title": "Place",
                "properties": {"latitude": {"type": "number"}, "longitude": {"type": "number"}},
                "required": ["latitude", "longitude"],
            },
            "count": {"type": "integer"},
        },
        "required": ["id", "created", "amount", "discount", "status", "tags", "place", "count"],
    }
)

Plain = KafkaSourceMessage[Any, Any]


@dataclass(frozen=True)
class Bench:
    """The broker, and a topic with so many messages."""

    dev: Dev
    topic: str
    total: int
    schema_id: int

    def fill(self) -> None:
        rng, encode = random.Random(self.topic), self.encoder()
        prefix = id_prefix(self.schema_id)
        orders = [order(rng) for _ in range(DISTINCT)]
        distinct = [(each["id"].encode(), prefix + encode(each)) for each in orders]
        create_topic(self.dev.brokers, self.topic, PARTITIONS)
        dealt = ((n % PARTITIONS, *distinct[n % DISTINCT]) for n in range(self.total))
        send(self.dev.brokers, self.topic, (Record(value, key, to) for to, key, value in dealt))

    def encoder(self) -> Callable[[Any], bytes]:
        return fast_encoder(ORDER)

    def serde(self) -> rt.Serde[Order]:
        versions = (rt.WriterSchema(1, self.schema_id, SCHEMA),)
        return rt.AvroSerde(
            rt.Schemas("orders-value", versions), {"Order": Order, "Status": Status, "Place": Place}
        )

    def flow(self, build: Callable[[Dataflow], Stream[Any]]) -> Callable[[], float]:
        """Runs what `build` makes, to the end of the topic."""

        def timed() -> float:
            clock, flow = Clock(self.total), Dataflow("bench")
            op.output("out", build(flow), clock)
            run_main(flow)
            return clock.seconds

        return timed

    def kgen(self, flow: Dataflow) -> Stream[Any]:
        topic = rt.Topic(self.topic, key=rt.StringSerde(), value=self.serde())
        kafka = rt.Kafka(self.dev.brokers, registry=self.dev.registry)
        split = rt.source("in", flow, topic, kafka, stop="end")
        rt.route("failed", split.errs, policy=rt.Crash())
        return split.oks

    def kop(self, flow: Dataflow) -> Stream[Plain]:
        return kop.input("in", flow, brokers=[self.dev.brokers], topics=[self.topic], tail=False).oks

    def kop_confluent(self, flow: Dataflow) -> Stream[Plain]:
        registry = SchemaRegistryClient({"url": self.dev.registry})
        return kop.deserialize(
            "deserialize",
            self.kop(flow),
            key_deserializer=StringDeserializer(),
            val_deserializer=AvroDeserializer(registry),
        ).oks

    def kop_fastavro(self, flow: Dataflow) -> Stream[Plain]:
        schema, read = fastavro.parse_schema(ORDER), fastavro.schemaless_reader

        def decode(message: Plain) -> Plain:
            return message._with_value(read(io.BytesIO(message.value[ID_SIZE:]), schema, None))

        return op.map("decode", self.kop(flow), decode)

    def bare(self, **config: int) -> Callable[[], float]:
        """A loop that does nothing with what it gets."""

        def timed() -> float:
            clock = Clock(self.total)
            usual = {"bootstrap.servers": self.dev.brokers, "group.id": "bench", "enable.auto.commit": False}
            consumer = Consumer({**usual, **config})
            consumer.assign([TopicPartition(self.topic, partition, 0) for partition in range(PARTITIONS)])
            while clock.count < self.total:
                clock.write_batch(consumer.consume(1000, 1))
            consumer.close()
            return clock.seconds

        return timed


class JsonBench(Bench):
    """The same messages in JSON."""

    def encoder(self) -> Callable[[Any], bytes]:
        def encode(value: Any) -> bytes:
            created = value["created"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
            return json.dumps({**value, "created": created}).encode()

        return encode

    def serde(self) -> rt.Serde[Order]:
        versions = (rt.WriterSchema(1, self.schema_id, JSON_SCHEMA, type="JSON"),)
        classes = {"": Order, "/properties/status": Status, "/properties/place": Place}
        return rt.JsonSerde(rt.Schemas("orders-json-value", versions), classes)


def run() -> Iterator[Result]:
    """The contest, and on stderr what each contestant did."""
    rates: dict[str, list[float]] = {}
    with up() as dev:
        registry = SchemaRegistryClient({"url": dev.registry})
        schema_id = registry.register_schema("orders-value", ConfluentSchema(SCHEMA, "AVRO"))
        full, small = Bench(dev, "orders", MESSAGES, schema_id), Bench(dev, "fewer", FEWER, schema_id)
        json_id = registry.register_schema("orders-json-value", ConfluentSchema(JSON_SCHEMA, "JSON"))
        in_json = JsonBench(dev, "orders-json", MESSAGES, json_id)
        for bench in (full, small, in_json):
            bench.fill()
        peers: dict[str, tuple[Callable[[], float], float | None]] = {
            "kop.input, AvroDeserializer": (small.flow(small.kop_confluent), 15),
            "kop.input, fastavro": (small.flow(small.kop_fastavro), None),
            "kop.input alone": (full.flow(full.kop), 1.4),
            "bare consume loop": (full.bare(), 0.75),
            "the same, kgen's fetching": (full.bare(**FETCHING), None),
        }
        yield from contest(
            "pipeline: topic to null sink",
            ("kgen", noted(rates, "kgen", full.flow(full.kgen))),
            {name: (noted(rates, name, call), goal) for name, (call, goal) in peers.items()},
            rounds=ROUNDS,
        )
        yield from contest(
            "pipeline: topic to null sink",
            ("kgen, JSON", noted(rates, "kgen, JSON", in_json.flow(in_json.kgen))),
            {"kgen, Avro": (full.flow(full.kgen), 0.6)},
            rounds=ROUNDS,
        )
    for name, found in rates.items():
        median, least, most = statistics.median(found), min(found), max(found)
        print(f"  {name:28} {median:9,.0f} messages/s ({least:,.0f} to {most:,.0f})", file=sys.stderr)


def noted(rates: dict[str, list[float]], name: str, call: Callable[[], float]) -> Callable[[], float]:
    def timed() -> float:
        seconds = call()
        rates.setdefault(name, []).append(1 / seconds)
        return seconds

    return timed
