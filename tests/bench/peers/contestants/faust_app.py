"""Faust, as documented: an agent, a codec by fastavro, a table in memory with a changelog topic."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import faust
from faust.serializers import codecs

from tests.bench.peers.job import GROUP_SETTINGS, Job, Probe
from tests.bench.peers.orders import SCHEMA, from_dict, raised, to_dict

JOB = Job.given()
PROBE = Probe(JOB)
HEADER = 5
PARSED = fastavro.parse_schema(SCHEMA)


class Avro(codecs.Codec):  # type: ignore[misc]
    """Confluent's framing, one schema, unchecked."""

    def _dumps(self, obj: Any) -> bytes:
        out = io.BytesIO()
        out.write(b"\0\0\0\0\1")
        fastavro.schemaless_writer(out, PARSED, obj)
        return out.getvalue()

    def _loads(self, s: bytes) -> Any:
        return fastavro.schemaless_reader(io.BytesIO(s[HEADER:]), PARSED, None)


codecs.register("avro_order", Avro())

app = faust.App(
    JOB.group,
    broker=f"kafka://{JOB.brokers}",
    datadir=JOB.folder,
    broker_session_timeout=GROUP_SETTINGS["session.timeout.ms"] / 1000,
    broker_heartbeat_interval=GROUP_SETTINGS["heartbeat.interval.ms"] / 1000,
    topic_disable_leader=True,
    web_enabled=False,
)
orders = app.topic(JOB.topic, value_serializer="avro_order", key_serializer="raw")
out = app.topic(JOB.out, value_serializer="avro_order", key_serializer="raw")
counts = app.Table("counts", default=int, partitions=2)


@app.agent(orders)
async def handle(stream: Any) -> None:
    """Each order."""
    if JOB.task == "count":
        async for key, _ in stream.items():
            counts[key.decode()] += 1
            PROBE.one(None)
        return
    async for given in stream:
        order = from_dict(given)
        PROBE.one(order)
        if JOB.task == "produce":
            await out.send(key=order.id.encode(), value=to_dict(raised(order)))


if __name__ == "__main__":
    app.main()
