"""Sample messages of a subject as JSON: of Avro in its own encoding (see `codec.avro.json_encoding`), of
Protobuf in its mapping (see `codec.protobuf.proto_json`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import cycle, islice
from typing import Any

from kgen_runtime.codec import make_json_writer, make_proto_reader, make_proto_writer, make_writer
from kgen_runtime.codec.avro.json_encoding import to_json
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.json.json_samples import sample_payload
from kgen_runtime.codec.json.schema.json_tree import JsonSchema
from kgen_runtime.codec.protobuf.proto_json import ProtoJson
from kgen_runtime.codec.protobuf.proto_samples import sample_proto
from kgen_runtime.codec.protobuf.schema.proto_tree import MessageRef

from ..errors import ConfigError, UnknownSchema
from ..listing import listed
from ..model.library import Library, ParsedVersion
from ..model.settings import Settings
from ..model.subject_filter import fits, is_pattern
from ..model.subjects import Snapshot, Subject
from ..model.topic_plans import plan_topics, usable
from ..model.value_types import of_value_type, type_word
from ..project import config, lockfile
from ..protobuf.proto_model import ProtoModel
from .inputs import Flags, Workspace, settle
from .registry_in_force import read_registry


def samples(unit: ParsedVersion, count: int, seed: int) -> Iterator[Any]:
    """`count` sample values as JSON, one at a time, the same for the same seed. Raises `KgenError`."""
    rng = random.Random(seed)  # noqa: S311  (samples, not secrets)
    if isinstance(unit.schema, JsonSchema):
        encode = make_json_writer(unit.schema).encode
        for _ in range(count):
            yield json.loads(sample_payload(unit.schema, encode, rng), parse_float=Decimal)
        return
    if isinstance(unit.schema, ProtoModel):
        yield from _proto_samples(unit.schema, unit.version.subject, count, rng)
        return
    writer = make_writer(unit.schema)
    for _ in range(count):
        yield to_json(unit.schema, writer.encode(sample(unit.schema, rng)))


def samples_of_types(types: Sequence[ParsedVersion], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` sample values of a topic of several types, each type in turn, under its name. Raises
    `KgenError`.
    """
    made = cycle([(type_word(unit), samples(unit, count, seed)) for unit in types])
    for name, values in islice(made, count):
        yield {name: next(values)}


def types_of(workspace: Workspace, topic: str) -> list[ParsedVersion]:
    """The newest versions of what the values of a topic of the project are, if kgen.toml or the names of
    subjects give it several types; none of another. Raises `KgenError`.
    """
    locked, settings = lockfile.load(workspace.root), config.load(workspace.root)
    if locked is None or settings is None:
        return []
    words = settings.topics.get(topic)
    if not (words and words.types) and _named(locked.snapshot, topic) is not None:
        return []
    library = Library(locked.snapshot)
    plans = plan_topics(usable(locked.snapshot, library), Settings(settings.package, "", settings.topics))
    found = next((plan.types for plan in plans if topic in (plan.name, plan.topic)), ())
    latest = {subject.name: subject.latest.version for subject in locked.snapshot.subjects}
    return [of_value_type(library.unit((it.subject, latest[it.subject])), it) for it in found]


def _proto_samples(schema: ProtoModel, subject: str, count: int, rng: random.Random) -> Iterator[Any]:
    if not isinstance(schema.root, MessageRef):
        raise ConfigError(f"no samples of {subject}: its file declares no message")
    json_of = ProtoJson(schema.schema, schema.root.name)
    encode = make_proto_writer(schema.schema, schema.root.name).encode
    decode = make_proto_reader(schema.schema, schema.root.name).decode
    for _ in range(count):
        yield json_of.of_value(decode(encode(sample_proto(schema.schema, schema.root.name, rng))))


def find(workspace: Workspace, registry: str | None, name: str, version: int | None) -> ParsedVersion:
    """The version of a subject, or of the values of a topic, of that name: from the lock, else from the
    registry (`registry` is the flag's URL). Raises `KgenError`.
    """
    locked = lockfile.load(workspace.root)
    if is_pattern(name):
        raise _one_name(name, locked.snapshot if locked else None)
    found = _named(locked.snapshot, name) if locked else None
    if locked and found and version in (None, *(v.version for v in found.versions)):
        return _unit(locked.snapshot, found, version)
    flags = Flags(registry, _subjects(name), all_versions=version is not None)
    snapshot = read_registry(settle(workspace.root, flags), flags, workspace).snapshot
    found = _named(snapshot, name)
    if found is None:
        reasons = ", ".join(s.reason for s in snapshot.skipped)
        raise UnknownSchema(f"no samples of {name}" + (f": {reasons}" if reasons else ""))
    return _unit(snapshot, found, version)


def _one_name(pattern: str, snapshot: Snapshot | None) -> ConfigError:
    """The error for a pattern, with the names that it fits, or all of them."""
    known = [s.name for s in snapshot.subjects] if snapshot else []
    names = [name for name in known if fits(name, pattern)] or known
    there = f": {listed(names)}" if names else ", such as orders-value"
    return ConfigError(
        f"kgen sample takes one name, not the pattern {pattern}", hint=f"name one subject{there}"
    )


def _subjects(name: str) -> tuple[str, str]:
    return name, f"{name}-value"


def _named(snapshot: Snapshot, name: str) -> Subject | None:
    subjects = {s.name: s for s in snapshot.subjects}
    return next((subjects[it] for it in _subjects(name) if it in subjects), None)


def _unit(snapshot: Snapshot, subject: Subject, version: int | None) -> ParsedVersion:
    known = [v.version for v in subject.versions]
    if version not in (None, *known):
        shown = ", ".join(map(str, known[-20:]))
        raise UnknownSchema(f"{subject.name} has no version {version}", hint=f"it has {shown}")
    return Library(snapshot).unit((subject.name, version or subject.latest.version))
