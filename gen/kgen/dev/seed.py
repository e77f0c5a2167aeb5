"""Fills a registry and a broker from a folder of schemas: registers them, makes topics, produces samples."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import quote

from kgen_runtime.codec import make_json_writer, make_proto_writer, make_writer
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.json.json_samples import sample_payload
from kgen_runtime.codec.protobuf.proto_samples import sample_proto
from kgen_runtime.errors import ConfigError, KgenError, RegistryError, SchemaError
from kgen_runtime.serde.framing import id_prefix
from kgen_runtime.serde.message_indexes import written_indexes
from kgen_runtime.serde.registry.client import RegistryClient

from ..compat.proto_types import topic_messages
from ..model.settings import TopicSettings
from ..model.subjects import Reference
from ..progress_callback import ProgressCallback, silent
from ..protobuf.declared_files import DeclaredFiles
from ..registry import Access, Setting, connected
from . import topics
from .registered_schema import Registered
from .related_values import RelatedValues
from .schema_request import ReferencedText
from .seed_files import SeedSchema, load
from .seed_topics import SeedTopic, seed_topics

PARTITIONS = 3
SAMPLES = 100  # messages for each topic, its versions in turn

NO_TABLES: Mapping[str, TopicSettings] = MappingProxyType({})

_Maker: TypeAlias = "Callable[[RelatedValues], bytes]"
Refused: TypeAlias = Callable[[KgenError], None]


def raised(error: KgenError) -> None:
    """What is wrong with one schema ends it all."""
    raise error


@dataclass(frozen=True)
class Seeded:
    """What was done: versions by subject, messages by topic, and topics without messages with the reason;
    `without_topic` are subjects of no topic, to which no other refers. `ids` are those of all the schemas in
    the folder.
    """

    versions: dict[str, int]
    messages: dict[str, int]
    empty: dict[str, str]
    without_topic: tuple[str, ...] = ()
    ids: frozenset[int] = frozenset()

    def lines(self) -> list[str]:
        """For people to read."""
        none = (
            ", which makes no topic: its name does not end in -key or -value, nor does kgen.toml give it one"
        )
        schemas = [
            f"registered {name}, {n} version{'s' * (n > 1)}{none * (name in self.without_topic)}"
            for name, n in self.versions.items()
        ]
        produced = [f"produced {n} messages to {topic}" for topic, n in self.messages.items()]
        return schemas + produced + [f"no messages in {topic}: {why}" for topic, why in self.empty.items()]


def seed(
    brokers: str,
    registry: str,
    folder: Path,
    progress: ProgressCallback = silent,
    known: frozenset[int] = frozenset(),
    tables: Mapping[str, TopicSettings] = NO_TABLES,
    refused: Refused = raised,
) -> Seeded:
    """Register every schema in `folder`, make the topics that their names and `tables`, those of kgen.toml,
    give (see `seed_topics`), and produce sample messages to those with a value. The folder's layout:
    `kgen.dev.seed_files`. What has an id in `known` was there before: it is not counted, and gets no
    messages. `refused` gets what is wrong with a schema; if it returns, the others are taken without that one
    and those that wait for it.

    Raises `ConfigError` if the folder does not hold what it should, `RegistryError` where the registry
    refuses a schema.
    """
    done = register(registry, folder, progress, refused)
    new = [each for each in done if each.id not in known]
    found = seed_topics(done, tables)
    changed = {each.schema.subject for each in new}
    wanted = [topic for topic in found.values() if changed.intersection(topic.subjects)]
    absent = topics.not_created(brokers, {topic.name: PARTITIONS for topic in wanted})
    for error in absent.values():
        refused(error)
    wanted = [topic for topic in wanted if topic.name not in absent]
    messages, empty = _produce_all(brokers, wanted, done, new, progress)
    used = {reference.subject for r in done for reference in r.schema.references}
    used.update(subject for topic in found.values() for subject in topic.subjects)
    versions = Counter(sorted(r.schema.subject for r in new))
    unused = tuple(name for name in versions if name not in used)
    return Seeded(dict(versions), messages, empty, unused, frozenset(each.id for each in done))


def register(
    registry: str, folder: Path, progress: ProgressCallback = silent, refused: Refused = raised
) -> list[Registered]:
    """Register every schema in `folder` with the registry at this URL, in dependency order. `refused` and
    what is raised are as of `seed`.
    """
    done: dict[tuple[str, int], Registered] = {}
    schemas = load(folder)
    for fault in dict.fromkeys(each.fault for each in schemas):
        if fault is not None:
            refused(fault)
    absent = {each.place for each in schemas if each.fault is not None}
    with connected(Access(Setting(registry))) as client:
        for number, schema in enumerate(schemas):
            progress(number, len(schemas), "schemas registered")
            if schema.place in absent:
                continue
            try:
                _check_order(schema, absent)
                done[schema.place] = _register(client, schema, done)
            except (ConfigError, RegistryError) as e:
                absent.add(schema.place)
                refused(e)
    return list(done.values())


def _check_order(schema: SeedSchema, absent: Set[tuple[str, int]]) -> None:
    """Raises `ConfigError` if what comes before it is not registered: the numbers of versions would be
    others.
    """
    before = {(r.subject, r.version) for r in schema.references}
    before |= {(subject, v) for subject, v in absent if subject == schema.subject and v < schema.version}
    awaited = sorted(before & absent)
    if awaited:
        subject, version = awaited[0]
        what = f"{schema.subject} v{schema.version} waits for {subject} v{version}"
        raise ConfigError(what, where=str(schema.path))


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


def _produce_all(
    brokers: str,
    wanted: Sequence[SeedTopic],
    done: Sequence[Registered],
    new: Sequence[Registered],
    progress: ProgressCallback,
) -> tuple[dict[str, int], dict[str, str]]:
    """How many messages each topic got, and why others got none."""
    messages: dict[str, int] = {}
    empty: dict[str, str] = {}
    for number, topic in enumerate(wanted):
        progress(number, len(wanted), "topics filled")
        try:
            payloads = _payloads(topic, done, new)
        except SchemaError as e:
            payloads, empty[topic.name] = [], e.what
        if payloads:
            topics.write(brokers, topic.name, payloads)
            messages[topic.name] = len(payloads)
        else:
            empty.setdefault(topic.name, "the folder has no schema of their values")
    return messages, empty


def _payloads(
    topic: SeedTopic, done: Sequence[Registered], new: Sequence[Registered]
) -> list[topics.KeyValue]:
    """Keys and values, framed; the same ones every time. See `related_values` for how they fit together. The
    values are of the new versions, if there are some; of several types in turn.
    """
    rng = random.Random(topic.name)  # noqa: S311 - made-up data
    keys = [_maker(r, rng) for r in done if r.schema.subject == topic.key]
    if not keys and topic.text_keys:
        keys = [lambda choice: str(choice("string", "", "")).encode()]
    values = [r for r in done if r.schema.subject in topic.values]
    makers = [_maker(r, rng, topic.messages) for r in ([r for r in values if r in new] or values)]
    if not makers:
        return []
    return [_message(RelatedValues(topic.name, i), keys, makers[i % len(makers)]) for i in range(SAMPLES)]


def _message(choice: RelatedValues, keys: Sequence[_Maker], value: _Maker) -> topics.KeyValue:
    made = value(choice)  # the key may be a part of it
    return keys[-1](choice) if keys else None, made


def _maker(registered: Registered, rng: random.Random, messages: Sequence[str] = ()) -> _Maker:
    prefix = id_prefix(registered.id)
    if registered.schema.type == "PROTOBUF":
        return _proto_maker(registered.declared, rng, prefix, messages)
    if registered.schema.type == "JSON":
        json_schema = registered.parse_json()
        encode = make_json_writer(json_schema).encode
        return lambda choice: sample_payload(json_schema, encode, rng, prefix, choice)
    schema = registered.parse()
    writer = make_writer(schema)
    return lambda choice: writer.encode(sample(schema, rng, choice=choice), prefix)


def _proto_maker(files: DeclaredFiles, rng: random.Random, prefix: bytes, messages: Sequence[str]) -> _Maker:
    """The messages that may be a topic's in turn, or those of `messages` that are in the file. Raises
    `SchemaError` if the file has none.
    """
    names = tuple(it for it in files.messages if it in messages) or topic_messages(files)
    if not names:
        raise SchemaError("the .proto file has no message")
    writers = cycle([(it, make_proto_writer(files.schema, it)) for it in names])

    def made(choice: RelatedValues) -> bytes:
        name, writer = next(writers)
        indexes = written_indexes((files.messages.index(name),))
        return writer.encode(sample_proto(files.schema, name, rng, choice=choice), prefix + indexes)

    return made
