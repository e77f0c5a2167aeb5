"""Bytewax's own Kafka operators, as its documentation has them, with Confluent's deserializer: run by `python -m bytewax.run`.

With `KGEN_BENCH_CODEC=fastavro` by a deserializer of one's own.
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
from confluent_kafka.serialization import Deserializer, SerializationContext, StringDeserializer

from tests.bench.peers.job import Job, Probe
from tests.bench.peers.orders import SCHEMA, TEXT, Order, from_dict, raised, to_dict

JOB = Job.given()
PROBE = Probe(JOB)
HEADER = 5


class FastAvro(Deserializer):
    """Reads with fastavro, one schema, unchecked."""

    def __init__(self) -> None:
        self._schema = fastavro.parse_schema(SCHEMA)

    def __call__(self, value: bytes | None, ctx: SerializationContext | None = None) -> Any:
        """A dict."""
        return fastavro.schemaless_reader(io.BytesIO((value or b"")[HEADER:]), self._schema, None)


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


def change(order: Order) -> Order:
    """What `produce` writes."""
    PROBE.one(order)
    return raised(order)


def build() -> Dataflow:
    """The flow of the task."""
    client = SchemaRegistryClient({"url": JOB.registry})
    value: Deserializer = FastAvro() if os.environ.get("KGEN_BENCH_CODEC") == "fastavro" else AvroDeserializer(client)
    flow = Dataflow("orders")
    read = kop.input("in", flow, brokers=[JOB.brokers], topics=[JOB.topic])
    texts = kop.deserialize("de", read.oks, key_deserializer=StringDeserializer(), val_deserializer=value)
    if JOB.task == "count":
        keyed = op.key_on("key", texts.oks, lambda message: str(message.key))
        op.output("counts", op.stateful_map("count", keyed, add), Taken())
        return flow
    if JOB.task == "produce":
        changed = op.map("change", texts.oks, lambda m: KafkaSinkMessage(m.key, to_dict(change(from_dict(m.value)))))
        writer = AvroSerializer(client, TEXT, conf={"auto.register.schemas": False, "use.latest.version": True})
        written = kop.serialize("ser", changed, key_serializer=lambda key, _: str(key).encode(), val_serializer=writer)
        kop.output("out", written.oks, brokers=[JOB.brokers], topic=JOB.out)
        return flow
    op.output("taken", op.map("typed", texts.oks, lambda message: from_dict(message.value)), Taken())
    return flow


if __name__ == "__main__":
    from bytewax.run import cli_main

    recovery = None
    if JOB.task == "count":
        folder = Path(JOB.folder) / "recovery"
        folder.mkdir()
        init_db_dir(folder, 1)
        recovery = RecoveryConfig(str(folder))
    cli_main(build(), epoch_interval=dt.timedelta(seconds=10), recovery_config=recovery)
