"""Bytewax's own Kafka operators, as its documentation has them, with Confluent's deserializer.

`KGEN_BENCH_CODEC` is `fastavro` for serdes of one's own, `none` for `kop.input` alone; its batch size is
`KGEN_BENCH_BATCH`.
"""

from __future__ import annotations

import datetime as dt
import io
import os
from pathlib import Path
from typing import Any

import bytewax.operators as op
import fastavro
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import (
    Deserializer,
    SerializationContext,
    Serializer,
    StringDeserializer,
    StringSerializer,
)

from tests.bench.peers.job import Job, Probe
from tests.bench.peers.orders import SCHEMA, TEXT, Order, from_dict, raised, to_dict

JOB = Job.given()
PROBE = Probe(JOB)
HEADER = 5
CODEC = os.environ.get("KGEN_BENCH_CODEC", "")
BATCH = int(os.environ.get("KGEN_BENCH_BATCH", "1000"))


class FastAvro(Deserializer):
    """Reads with fastavro, one schema, unchecked."""

    def __init__(self) -> None:
        self._schema = fastavro.parse_schema(SCHEMA)

    def __call__(self, value: bytes | None, ctx: SerializationContext | None = None) -> Any:
        """A dict."""
        return fastavro.schemaless_reader(io.BytesIO((value or b"")[HEADER:]), self._schema, None)


class FastAvroWriter(Serializer):
    """Writes with fastavro, one schema."""

    def __init__(self) -> None:
        self._schema = fastavro.parse_schema(SCHEMA)

    def __call__(self, value: Any, ctx: SerializationContext | None = None) -> bytes:
        """Of a dict."""
        out = io.BytesIO()
        out.write(b"\0\0\0\0\1")
        fastavro.schemaless_writer(out, self._schema, value)
        return out.getvalue()


class Taken(DynamicSink[Any], StatelessSinkPartition[Any]):
    """The end of the flow."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Taken:
        """The same for all."""
        return self

    def write_batch(self, items: list[Any]) -> None:
        """Orders, or counts."""
        PROBE.many(items)


def add(state: int | None, message: Any) -> tuple[int, int]:
    """One more of the key."""
    count = (state or 0) + 1
    return count, count


def change(given: Any) -> Order:
    """What `produce` writes."""
    order = from_dict(given)
    PROBE.one(order)
    return raised(order)


def typed(message: Any) -> Order:
    """The value of a message."""
    return from_dict(message.value)


def build() -> Dataflow:
    """The flow of the task."""
    client = SchemaRegistryClient({"url": JOB.registry})
    value: Deserializer = FastAvro() if CODEC == "fastavro" else AvroDeserializer(client)
    flow = Dataflow("orders")
    read = kop.input("in", flow, brokers=[JOB.brokers], topics=[JOB.topic], batch_size=BATCH)
    if CODEC == "none":
        op.output("taken", read.oks, Taken())
        return flow
    texts = kop.deserialize("de", read.oks, key_deserializer=StringDeserializer(), val_deserializer=value)
    if JOB.task == "count":
        keyed = op.key_on("key", texts.oks, lambda message: str(message.key))
        op.output("counts", op.stateful_map("count", keyed, add), Taken())
        return flow
    if JOB.task == "produce":
        changed = op.map(
            "change",
            texts.oks,
            lambda m: KafkaSinkMessage(m.key, to_dict(change(m.value)), topic=JOB.out),  # for the subject
        )
        settings = {"auto.register.schemas": False, "use.latest.version": True}
        writer = FastAvroWriter() if CODEC == "fastavro" else AvroSerializer(client, TEXT, conf=settings)
        written = kop.serialize("ser", changed, key_serializer=StringSerializer(), val_serializer=writer)
        kop.output("out", written, brokers=[JOB.brokers], topic=JOB.out)
        return flow
    op.output("taken", op.map("typed", texts.oks, typed), Taken())
    return flow


if __name__ == "__main__":
    from bytewax.run import cli_main

    recovery = None
    if JOB.task == "count":
        folder = Path(JOB.folder) / "recovery"
        folder.mkdir(exist_ok=True)
        init_db_dir(folder, 1)
        recovery = RecoveryConfig(str(folder))
    cli_main(build(), epoch_interval=dt.timedelta(seconds=10), recovery_config=recovery)
