"""Topics in scripts: `rt.read` against the same messages through a flow, `rt.Writer` against Confluent's
SerializingProducer, on the in-memory broker of `kgen dev`.

Reading is timed as in bench_pipeline: per message from the first batch to the last message. Writing is timed
from the second message until all are delivered.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator

from confluent_kafka import SerializingProducer
from confluent_kafka.schema_registry import Schema as ConfluentSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import StringSerializer

import kgen_runtime as rt
from kgen.dev import up
from tests.bench.bench_pipeline import MESSAGES, PARTITIONS, SCHEMA, Bench, noted
from tests.bench.flows import name
from tests.bench.harness import Result, contest
from tests.bench.model_classes import ORDER, Order, Place, Status, order
from tests.kafka.clients import create_topic

ROUNDS = 5
WRITTEN = 30_000
TASK = "scripts: read a topic"


def run() -> Iterator[Result]:
    """Both contests, and on stderr how many messages a second."""
    rates: dict[str, list[float]] = {}
    with up() as dev:
        registry = SchemaRegistryClient({"url": dev.registry})
        schema_id = registry.register_schema("orders-value", ConfluentSchema(SCHEMA, "AVRO"))
        bench = Bench(dev, "orders", MESSAGES, schema_id)
        bench.fill()
        yield from contest(
            "scripts: read a topic",
            ("rt.read", noted(rates, "rt.read", reads(bench))),
            {"rt.source in a flow": (noted(rates, "rt.source", bench.flow(bench.kgen)), 0.8)},
            rounds=ROUNDS,
        )
        yield from contest(
            "scripts: write a topic",
            ("rt.Writer", noted(rates, "rt.Writer", writes(bench))),
            {"SerializingProducer": (noted(rates, "SerializingProducer", stock_writes(bench)), 1.5)},
            rounds=ROUNDS,
        )
    for each, found in rates.items():
        print(f"  {each:28} {sorted(found)[len(found) // 2]:9,.0f} messages/s", file=sys.stderr)


def reads(bench: Bench) -> Callable[[], float]:
    """As a user would: a loop over the messages."""
    topic = rt.Topic(bench.topic, key=rt.StringSerde(), value=bench.serde())
    kafka = rt.Kafka(bench.dev.brokers, registry=bench.dev.registry)

    def timed() -> float:
        reading = rt.read(topic, kafka)
        next(reading)
        began, count = time.perf_counter(), 0
        for message in reading:
            assert message.value is not None
            count += 1
        assert count == bench.total - 1
        return (time.perf_counter() - began) / count

    return timed


def writes(bench: Bench) -> Callable[[], float]:
    """Dataclasses."""
    kafka = rt.Kafka(bench.dev.brokers, registry=bench.dev.registry)
    rng = random.Random(1)
    orders = [_order(rng) for _ in range(1000)]

    def timed() -> float:
        new = create_topic(bench.dev.brokers, name(), PARTITIONS)
        topic = rt.Topic(new, key=rt.StringSerde(), value=bench.serde())
        with rt.Writer(topic, kafka) as writer:
            writer.send(orders[0], key=orders[0].id)
            began = time.perf_counter()
            for n in range(1, WRITTEN):
                value = orders[n % 1000]
                writer.send(value, key=value.id)
            writer.flush()
            return (time.perf_counter() - began) / (WRITTEN - 1)

    return timed


def stock_writes(bench: Bench) -> Callable[[], float]:
    """Dicts, as Confluent's serializer takes them; idempotent as well, and polled for each message."""
    registry = SchemaRegistryClient({"url": bench.dev.registry})
    rng = random.Random(1)
    orders = [order(rng) for _ in range(1000)]

    def timed() -> float:
        topic = create_topic(bench.dev.brokers, name(), PARTITIONS)
        conf = {"auto.register.schemas": False, "use.latest.version": True}
        conf["subject.name.strategy"] = lambda *_: "orders-value"  # type: ignore[assignment]
        producer = SerializingProducer(
            {
                "bootstrap.servers": bench.dev.brokers,
                "enable.idempotence": True,
                "key.serializer": StringSerializer(),
                "value.serializer": AvroSerializer(registry, json.dumps(ORDER), conf=conf),
            }
        )
        producer.produce(topic, orders[0]["id"], orders[0])
        began = time.perf_counter()
        for n in range(1, WRITTEN):
            value = orders[n % 1000]
            while True:
                try:
                    producer.produce(topic, value["id"], value)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        assert producer.flush(60) == 0
        return (time.perf_counter() - began) / (WRITTEN - 1)

    return timed


def _order(rng: random.Random) -> Order:
    made = order(rng)
    return Order(**{**made, "status": Status(made["status"]), "place": Place(**made["place"])})
