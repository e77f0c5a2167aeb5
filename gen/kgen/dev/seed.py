"""Fills a registry and a broker from a folder of schemas: registers them, makes topics, produces samples."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kgen_runtime.codec import make_json_writer, make_writer
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Schema
from kgen_runtime.codec.json.json_samples import sample_payload
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.codec.json.schema.json_tree import JsonSchema
from kgen_runtime.errors import RegistryError, SchemaError
from kgen_runtime.serde.framing import id_prefix
from kgen_runtime.serde.registry.client import RegistryClient

from ..model.subjects import Reference
from ..registry import Access, Setting, connected
from . import topics
from .schema_request import ReferencedText
from .seed_files import SeedSchema, load

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
class Registered:
    """A schema from a file, as the registry knows it.

    `referenced` are the texts it refers to, in dependency order.
    """

    schema: SeedSchema
    id: int
    referenced: tuple[ReferencedText, ...]

    def parse(self) -> Schema:
        """The Avro schema as a tree. Raises `SchemaError`."""
        return parse(self.schema.text, [each.text for each in self.referenced])

    def parse_json(self) -> JsonSchema:
        """The JSON Schema as a tree. Raises `SchemaError`."""
        return parse_json_schema(self.schema.text, dict(self.referenced))


def seed(brokers: str, registry: str, folder: Path) -> Seeded:
    """Register every schema in `folder`, make a topic for each `<topic>-key` and `<topic>-value`, and produce
    sample messages to those with an Avro or JSON value. The folder's layout: `kgen.dev.seed_files`.

    Raises `ConfigError` if the folder does not hold what it should, `RegistryError` where the registry
    refuses a schema.
    """
    done = register(registry, folder)
    names = list(dict.fromkeys(filter(None, (_topic_of(r.schema.subject) for r in done))))
    topics.create(brokers, dict.fromkeys(names, PARTITIONS))
    return _produce_all(brokers, names, done)


def register(registry: str, folder: Path) -> list[Registered]:
    """Register every schema in `folder` with the registry at this URL, in dependency order.

    Raises as `seed` does.
    """
    done: dict[tuple[str, int], Registered] = {}
    with connected(Access(Setting(registry))) as client:
        for schema in load(folder):
            done[schema.subject, schema.version] = _register(client, schema, done)
    return list(done.values())


def _register(
    client: RegistryClient, schema: SeedSchema, done: dict[tuple[str, int], Registered]
) -> Registered:
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
    return Registered(schema, answer["id"], _texts(schema.references, done))


def _texts(
    references: Sequence[Reference], done: dict[tuple[str, int], Registered]
) -> tuple[ReferencedText, ...]:
    known = [(r.name, done[r.subject, r.version]) for r in references if (r.subject, r.version) in done]
    texts = (text for name, it in known for text in (*it.referenced, ReferencedText(name, it.schema.text)))
    return tuple(dict.fromkeys(texts))


def _topic_of(subject: str) -> str | None:
    topic, _, part = subject.rpartition("-")
    return topic if topic and part in ("key", "value") else None


def _produce_all(brokers: str, names: Sequence[str], done: Sequence[Registered]) -> Seeded:
    messages: dict[str, int] = {}
    empty: dict[str, str] = {}
    for topic in names:
        try:
            payloads = _payloads(topic, done)
        except SchemaError as e:
            payloads, empty[topic] = [], e.what
        if payloads:
            topics.write(brokers, topic, payloads)
            messages[topic] = len(payloads)
        else:
            empty.setdefault(topic, "samples are generated for Avro and JSON values only")
    subjects = [r.schema.subject for r in done]
    return Seeded({name: subjects.count(name) for name in sorted(set(subjects))}, messages, empty)


def _payloads(topic: str, done: Sequence[Registered]) -> list[topics.KeyValue]:
    """Keys and values, framed; the same ones every time."""
    rng = random.Random(topic)  # noqa: S311 - made-up data
    known = [r for r in done if r.schema.type in ("AVRO", "JSON")]
    keys = [_maker(r, rng) for r in known if r.schema.subject == f"{topic}-key"]
    values = [_maker(r, rng) for r in known if r.schema.subject == f"{topic}-value"]
    if not values:
        return []
    return [(keys[-1]() if keys else None, values[i % len(values)]()) for i in range(SAMPLES)]


def _maker(registered: Registered, rng: random.Random) -> Any:
    prefix = id_prefix(registered.id)
    if registered.schema.type == "JSON":
        json_schema = registered.parse_json()
        encode = make_json_writer(json_schema).encode
        return lambda: sample_payload(json_schema, encode, rng, prefix)
    schema = registered.parse()
    writer = make_writer(schema)
    return lambda: writer.encode(sample(schema, rng), prefix)
