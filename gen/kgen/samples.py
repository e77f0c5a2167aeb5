"""Sample messages of a subject, in Avro's JSON encoding, as `kafka-avro-console-producer` reads it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from kgen_runtime.codec import make_writer
from kgen_runtime.codec.sample import sample

from . import lock, pull
from .avrojson import to_json
from .errors import UnknownSchema
from .model.library import Library, Unit
from .pull import Request


def samples(request: Request, subject: str, version: int | None, count: int, seed: int) -> Iterator[Any]:
    """`count` sample values as JSON, the same for the same seed; from the lock, else from the registry.

    Raises `KgenError`.
    """
    unit = _unit(request, subject, version)
    writer, rng = make_writer(unit.schema), random.Random(seed)  # noqa: S311  (samples, not secrets)
    for _ in range(count):
        yield to_json(unit.schema, writer.encode(sample(unit.schema, rng)))


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
