"""Projects that kgen renders for a test, one version after the other in the same place."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kgen.model import Settings, build
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject
from kgen.render import render
from kgen_runtime.codec.ranges import OutOfRangeChoice
from kgen_runtime.state import homes, restorers

PACKAGE = "shopstate"
Versions = Sequence[Any]
"""The versions of a subject: a schema, or `(schema, [(name, subject, version)])` where it refers to some."""


def record(name: str, *fields: tuple[Any, ...], **more: Any) -> dict[str, Any]:
    """A record; a field is `(name, type)` or `(name, type, default)` or `(name, type, default, aliases)`."""
    made = []
    for each in fields:
        field = {"name": each[0], "type": each[1]}
        if len(each) > 2 and each[2] is not ...:
            field["default"] = each[2]
        if len(each) > 3:
            field["aliases"] = each[3]
        made.append(field)
    return {"type": "record", "name": name, "fields": made, **more}


def snapshot(subjects: Mapping[str, Versions]) -> Snapshot:
    """What a registry would hold."""
    made, id_ = [], 0
    for name, versions in subjects.items():
        listed = []
        for number, version in enumerate(versions, 1):
            schema, refs = version if isinstance(version, tuple) else (version, [])
            id_ += 1
            text = json.dumps(schema)
            listed.append(
                SchemaVersion(name, number, id_, "AVRO", text, tuple(Reference(*ref) for ref in refs))
            )
        made.append(Subject(name, tuple(listed)))
    return Snapshot("http://registry", tuple(made))


def write(
    folder: Path,
    subjects: Mapping[str, Versions],
    package: str = PACKAGE,
    out_of_range: OutOfRangeChoice = "error",
) -> None:
    """Render the project of these subjects into a folder."""
    settings = Settings(package, "0.1.0", out_of_range=out_of_range)
    for path, text in render(build(snapshot(subjects), settings)).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


@contextmanager
def project(
    folder: Path,
    subjects: Mapping[str, Versions],
    package: str = PACKAGE,
    *,
    out_of_range: OutOfRangeChoice = "error",
    **files: str,
) -> Iterator[ModuleType]:
    """A process that has this project: its package. `files` are modules of the user's, by their names."""
    for old in folder.rglob("*.py"):
        old.unlink()
    write(folder, subjects, package, out_of_range)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setattr(homes, "_homes", {})
        patch.setattr(homes, "_walked", set())
        patch.setattr(restorers, "_known", {})
        homes.ready.clear()
        try:
            yield importlib.import_module(f"{package}._generated")
        finally:
            mine = {package, PACKAGE, *files}  # a pickle may ask for the other
            for name in [name for name in sys.modules if name.partition(".")[0] in mine]:
                del sys.modules[name]
            importlib.invalidate_caches()


def module(name: str, package: str = PACKAGE) -> Any:
    """A module of the generated code."""
    return importlib.import_module(f"{package}._generated.{name}")
