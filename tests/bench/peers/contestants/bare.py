"""confluent-kafka alone, as documented, with `AvroDeserializer` or (`KGEN_BENCH_CODEC`) fastavro."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import fastavro
from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.bench.peers.job import GROUP_SETTINGS, Job, Probe
from tests.bench.peers.orders import SCHEMA, TEXT, Order, from_dict, raised, to_dict

JOB = Job.given()
PROBE = Probe(JOB)
HEADER = 5
FAST = os.environ.get("KGEN_BENCH_CODEC") == "fastavro"


def codec() -> tuple[Callable[[bytes], Order], Callable[[Order], bytes]]:
    """Bytes to orders and back."""
    if FAST:
        schema, read, write = (
            fastavro.parse_schema(SCHEMA),
            fastavro.schemaless_reader,
            fastavro.schemaless_writer,
        )

        def encode(order: Order) -> bytes:
            out = io.BytesIO()
            out.write(b"\0\0\0\0\1")
            write(out, schema, to_dict(order))
            return out.getvalue()

        return lambda data: from_dict(read(io.BytesIO(data[HEADER:]), schema, None)), encode  # type: ignore[arg-type]
    client = SchemaRegistryClient({"url": JOB.registry})
    settings: dict[str, Any] = {"auto.register.schemas": False, "use.latest.version": True}
    reader = AvroDeserializer(client, from_dict=lambda given, _: from_dict(given))
    writer = AvroSerializer(client, TEXT, lambda order, _: to_dict(order), settings)
    read_as = SerializationContext(JOB.topic, MessageField.VALUE)
    write_as = SerializationContext(JOB.out, MessageField.VALUE)
    return lambda data: reader(data, read_as), lambda order: writer(order, write_as) or b""


def main() -> None:
    """Run the task, without state."""
    decode, encode = codec()
    brokers = {"bootstrap.servers": JOB.brokers}
    consumer = Consumer({**brokers, **GROUP_SETTINGS, "group.id": JOB.group, "auto.offset.reset": "earliest"})
    producer = Producer(brokers)
    consumer.subscribe([JOB.topic])
    while True:
        message = consumer.poll(1.0)
        if message is None or message.error():
            producer.poll(0)
            continue
        order = decode(message.value() or b"")
        PROBE.one(order)
        if JOB.task == "produce":
            producer.produce(JOB.out, encode(raised(order)), message.key())
            producer.poll(0)


if __name__ == "__main__":
    main()
