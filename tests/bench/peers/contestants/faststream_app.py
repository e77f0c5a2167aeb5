"""FastStream on confluent-kafka, as its documentation has it, with a decoder by fastavro. It has no state to keep counts in."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import fastavro
from faststream import FastStream
from faststream.confluent import KafkaBroker
from faststream.confluent.annotations import KafkaMessage

from tests.bench.peers.job import Job, Probe
from tests.bench.peers.orders import SCHEMA, Order, from_dict, raised, to_dict

JOB = Job.given()
PROBE = Probe(JOB)
HEADER = 5
PARSED = fastavro.parse_schema(SCHEMA)

broker = KafkaBroker(JOB.brokers, apply_types=False)
app = FastStream(broker)
publisher = broker.publisher(JOB.out)


async def decode(message: KafkaMessage, original: Callable[[KafkaMessage], Awaitable[Any]]) -> Order:
    """Confluent's framing, one schema, unchecked."""
    body: bytes = message.body
    return from_dict(fastavro.schemaless_reader(io.BytesIO(body[HEADER:]), PARSED, None))  # type: ignore[arg-type]


@broker.subscriber(JOB.topic, group_id=JOB.group, auto_offset_reset="earliest", decoder=decode)
async def handle(order: Order) -> None:
    """Each order."""
    PROBE.one(order)
    if JOB.task == "produce":
        out = io.BytesIO()
        out.write(b"\0\0\0\0\1")
        fastavro.schemaless_writer(out, PARSED, to_dict(raised(order)))
        await publisher.publish(out.getvalue(), key=order.id.encode())


if __name__ == "__main__":
    asyncio.run(app.run())
