"""Projects with a lock and vendored schemas, made without a registry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgen import __version__
from kgen.actions.prepare import locked
from kgen.model import build
from kgen.model.library import Library
from kgen.model.settings import Settings
from kgen.model.subjects import Reference, SchemaType, SchemaVersion, Snapshot, Subject
from kgen.project import lockfile

URL = "http://localhost:8081"


@dataclass(frozen=True)
class Given:
    """The versions of a subject: schemas as text or JSON, and what each of them refers to by name."""

    versions: Sequence[Any]
    kind: SchemaType = "AVRO"
    references: Mapping[str, tuple[str, int]] | None = None
    rules: tuple[str, ...] = ()


def snapshot_of(subjects: Mapping[str, Given | Any], level: str = "BACKWARD") -> Snapshot:
    """What a registry with these subjects would have given. A schema alone is a version of Avro."""
    number, found = 0, []
    for name, given in sorted(subjects.items()):
        each = given if isinstance(given, Given) else Given([given])
        references = tuple(Reference(key, *pair) for key, pair in (each.references or {}).items())
        versions = []
        for version, schema in enumerate(each.versions, 1):
            number += 1
            text = schema if isinstance(schema, str) else json.dumps(schema)
            rule_set = "0" * 64 if each.rules else None
            versions.append(
                SchemaVersion(
                    name, version, number, each.kind, text, references, rules=each.rules, rule_set=rule_set
                )
            )
        found.append(Subject(name, tuple(versions), level))
    return Snapshot(URL, tuple(found))


def write_project(
    root: Path, subjects: Mapping[str, Given | Any], package: str = "shop", toml: str = ""
) -> lockfile.Locked:
    """kgen.toml, kgen.lock and the schemas; `kgen pull --frozen` writes the code."""
    snapshot = snapshot_of(subjects)
    project = build(snapshot, Settings(package, __version__), None, Library(snapshot))
    lock = locked(snapshot, project, frozenset(), None)
    root.mkdir(parents=True, exist_ok=True)
    text = f'package = "{package}"\nsubjects = ["*"]\n[registry]\nurl = "{URL}"\n{toml}'
    (root / "kgen.toml").write_text(text, encoding="utf-8")
    (root / lockfile.NAME).write_text(lockfile.dump(lock), encoding="utf-8")
    for path, content in lock.vendored().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return lock
