"""FastStream on confluent-kafka, in batches, with a decoder by fastavro. It keeps no state."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import fastavro
from faststream import FastStream
from faststream.confluent import KafkaBroker, KafkaPublishMessage
from faststream.confluent.annotations import KafkaMessage

from tests.bench.peers.job import GROUP_SETTINGS, Job, Probe
from tests.bench.peers.orders import SCHEMA, Order, from_dict, raised, to_dict

JOB = Job.given()
PROBE = Probe(JOB)
HEADER = 5
PARSED = fastavro.parse_schema(SCHEMA)
BATCH = 1_000
read: Any = fastavro.schemaless_reader

broker = KafkaBroker(JOB.brokers, apply_types=False)
app = FastStream(broker)


async def decode(messages: KafkaMessage, original: Callable[[KafkaMessage], Awaitable[Any]]) -> list[Order]:
    """Confluent's framing, one schema, unchecked."""
    bodies: list[bytes] = messages.body
    return [from_dict(read(io.BytesIO(body[HEADER:]), PARSED, None)) for body in bodies]


def encode(order: Order) -> bytes:
    """The same back."""
    out = io.BytesIO()
    out.write(b"\0\0\0\0\1")
    fastavro.schemaless_writer(out, PARSED, to_dict(order))
    return out.getvalue()


@broker.subscriber(
    JOB.topic,
    group_id=JOB.group,
    auto_offset_reset="earliest",
    batch=True,
    max_records=BATCH,
    decoder=decode,
    session_timeout_ms=GROUP_SETTINGS["session.timeout.ms"],
    heartbeat_interval_ms=GROUP_SETTINGS["heartbeat.interval.ms"],
)
async def handle(orders: list[Order]) -> None:
    """A batch of orders."""
    PROBE.many(orders)
    if JOB.task == "produce":
        made = (KafkaPublishMessage(encode(raised(each)), key=each.id.encode()) for each in orders)
        await broker.publish_batch(*made, topic=JOB.out)


if __name__ == "__main__":
    asyncio.run(app.run())
