"""Fills a registry and a broker from a folder of schemas: registers them, makes topics, produces samples."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from confluent_kafka import Producer

from kgen_runtime.codec import make_writer
from kgen_runtime.codec.sample import sample
from kgen_runtime.codec.schema import Schema, parse
from kgen_runtime.errors import DeliveryError, RegistryError, SchemaError
from kgen_runtime.serde.framing import id_prefix
from kgen_runtime.serde.registry import RegistryClient

from ..model.subjects import Reference
from . import topics
from .seedfiles import SeedSchema, load

PARTITIONS = 3
SAMPLES = 100  # messages for each topic, its versions in turn


@dataclass(frozen=True)
class Seeded:
    """What was done: versions by subject, messages by topic, and topics without messages with the reason."""

    versions: dict[str, int]
    messages: dict[str, int]
    empty: dict[str, str]

    def lines(self) -> list[str]:
        """For people to read."""
        schemas = [f"registered {name}, {n} version{'s' * (n > 1)}" for name, n in self.versions.items()]
        produced = [f"produced {n} messages to {topic}" for topic, n in self.messages.items()]
        return schemas + produced + [f"no messages in {topic}: {why}" for topic, why in self.empty.items()]


@dataclass(frozen=True)
class _Registered:
    schema: SeedSchema
    id: int
    referenced: tuple[str, ...]  # the texts it refers to, in dependency order

    def parse(self) -> Schema:
        return parse(self.schema.text, self.referenced)


def seed(brokers: str, registry: str, folder: Path) -> Seeded:
    """Register every schema in `folder`, make a topic for each `<topic>-key` and `<topic>-value`, and produce
    sample messages to those with an Avro value. The folder's layout: `kgen.dev.seedfiles`.

    Raises `ConfigError` where the folder does not hold what it should, `RegistryError` where the registry
    refuses a schema.
    """
    client = RegistryClient(registry)
    try:
        done = _register_all(client, load(folder))
    finally:
        client.close()
    names = list(dict.fromkeys(filter(None, (_topic_of(r.schema.subject) for r in done))))
    topics.create(brokers, dict.fromkeys(names, PARTITIONS))
    return _produce_all(brokers, names, done)


def _register_all(client: RegistryClient, schemas: Sequence[SeedSchema]) -> list[_Registered]:
    done: dict[tuple[str, int], _Registered] = {}
    for schema in schemas:
        done[schema.subject, schema.version] = _register(client, schema, done)
    return list(done.values())


def _register(
    client: RegistryClient, schema: SeedSchema, done: dict[tuple[str, int], _Registered]
) -> _Registered:
    body = {
        "schema": schema.text,
        "schemaType": schema.type,
        "references": [asdict(r) for r in schema.references],
    }
    try:
        answer = client.post(f"/subjects/{quote(schema.subject, safe='')}/versions", body)
    except RegistryError as e:
        e.where = e.where or str(schema.path)
        raise
    return _Registered(schema, answer["id"], _texts(schema.references, done))


def _texts(references: Sequence[Reference], done: dict[tuple[str, int], _Registered]) -> tuple[str, ...]:
    targets = [done[r.subject, r.version] for r in references if (r.subject, r.version) in done]
    return tuple(dict.fromkeys(text for t in targets for text in (*t.referenced, t.schema.text)))


def _topic_of(subject: str) -> str | None:
    topic, _, part = subject.rpartition("-")
    return topic if topic and part in ("key", "value") else None


def _produce_all(brokers: str, names: Sequence[str], done: Sequence[_Registered]) -> Seeded:
    messages: dict[str, int] = {}
    empty: dict[str, str] = {}
    for topic in names:
        try:
            payloads = _payloads(topic, done)
        except SchemaError as e:
            payloads, empty[topic] = [], e.what
        if payloads:
            messages[topic] = _produce(brokers, topic, payloads)
        else:
            empty.setdefault(topic, "only Avro values are made up")
    subjects = [r.schema.subject for r in done]
    return Seeded({name: subjects.count(name) for name in sorted(set(subjects))}, messages, empty)


def _payloads(topic: str, done: Sequence[_Registered]) -> list[tuple[bytes | None, bytes]]:
    """Keys and values, framed; the same ones every time."""
    rng = random.Random(topic)  # noqa: S311 - made-up data
    avro = [r for r in done if r.schema.type == "AVRO"]
    keys = [_maker(r, rng) for r in avro if r.schema.subject == f"{topic}-key"]
    values = [_maker(r, rng) for r in avro if r.schema.subject == f"{topic}-value"]
    if not values:
        return []
    return [(keys[-1]() if keys else None, values[i % len(values)]()) for i in range(SAMPLES)]


def _maker(registered: _Registered, rng: random.Random) -> Any:
    schema = registered.parse()
    writer = make_writer(schema)
    return lambda: writer.encode(sample(schema, rng), id_prefix(registered.id))


def _produce(brokers: str, topic: str, payloads: Sequence[tuple[bytes | None, bytes]]) -> int:
    failed: list[str] = []

    def delivered(error: Any, message: Any) -> None:
        if error is not None:
            failed.append(str(error))

    producer = Producer({"bootstrap.servers": brokers, "log_level": 0, "message.timeout.ms": 30_000})
    for key, value in payloads:
        producer.produce(topic, key=key, value=value, on_delivery=delivered)
    if producer.flush(35) or failed:
        raise DeliveryError(f"sample messages were not delivered: {failed[:1] or 'no answer'}", where=topic)
    return len(payloads)
