"""Sample messages of a subject, in Avro's JSON encoding, as `kafka-avro-console-producer` reads it."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import fastavro

from kgen_runtime.codec import make_writer
from kgen_runtime.codec.sample import sample

from . import lock, pull
from .errors import UnknownSchema
from .model.library import Library, Unit
from .pull import Request


def samples(request: Request, subject: str, version: int | None, count: int, seed: int) -> Iterator[Any]:
    """`count` sample values as JSON, the same for the same seed; from the lock, else from the registry.

    Raises `KgenError`.
    """
    unit = _unit(request, subject, version)
    writer, rng = make_writer(unit.schema), random.Random(seed)  # noqa: S311  (samples, not secrets)
    plain = _plain_schema(unit)
    for _ in range(count):
        yield _as_json(plain, writer.encode(sample(unit.schema, rng)))


def _unit(request: Request, subject: str, version: int | None) -> Unit:
    locked = lock.load(request.root)
    snapshot = locked.snapshot if locked else None
    found = locked.subject(subject) if locked else None
    if snapshot is None or found is None or version not in (None, *(v.version for v in found.versions)):
        pins = {} if version is None else {subject: version}
        wanted = Request(request.root, request.registry, (subject,), all_versions=False, pins=pins)
        snapshot = pull.read_registry(pull.settle(wanted).config, wanted, None).snapshot
        found = next((s for s in snapshot.subjects if s.name == subject), None)
    if found is None:
        reasons = ", ".join(s.reason for s in snapshot.skipped)
        raise UnknownSchema(f"no samples of {subject}" + (f": {reasons}" if reasons else ""))
    return Library(snapshot).unit((subject, version or found.latest.version))


def _plain_schema(unit: Unit) -> Any:
    """The schema for fastavro, without logical types: the JSON encoding is that of the types below them."""
    names: dict[str, Any] = {}
    for reference in unit.references:
        fastavro.parse_schema(_without_logical(json.loads(reference.text)), named_schemas=names)
    return fastavro.parse_schema(_without_logical(json.loads(unit.version.text)), named_schemas=names)


def _without_logical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            k: v if k == "default" else _without_logical(v) for k, v in value.items() if k != "logicalType"
        }
    return [_without_logical(item) for item in value] if isinstance(value, list) else value


def _as_json(schema: Any, data: bytes) -> Any:
    value = fastavro.schemaless_reader(io.BytesIO(data), schema, None)
    text = io.StringIO()
    fastavro.json_writer(text, schema, [value])
    return json.loads(text.getvalue())
