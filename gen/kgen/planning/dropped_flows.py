"""Flows that kgen.toml no longer asks for: what becomes of their files. Decides; writes nothing.

A flow and its test stay or go together: a test is of no use without its flow, and an edited flow not without
its test. Files as kgen wrote them go; edited ones stay, and are the user's alone from then on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..model.project import Project
from ..project import paths
from . import user_files


@dataclass(frozen=True)
class DroppedFlow:
    """The paths of a flow and its test, which may be absent, and why they are not wanted."""

    paths: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class DroppedFile:
    """What becomes of one file of a dropped flow that is there: it goes, it stays and is the user's alone, or
    it stays as it is because a conflict is open in it.
    """

    path: str
    outcome: Literal["remove", "release", "orphan"]
    reason: str


def dropped_flows(root: Path, project: Project, named: Collection[str]) -> Iterator[DroppedFlow]:
    """The flows of topics that have none by kgen.toml, and those that were `named` there once."""
    for module in project.modules:
        if module.topic and not module.topic.flow:
            why = f"flow = false for the topic {json.dumps(module.topic.name, ensure_ascii=False)}"
            if module.name not in named:
                yield DroppedFlow(flow_paths(project.folder, module.name), why)
    known = {*named, *project.names.modules.values(), "__init__"}
    for base in sorted((root / user_files.base_path(f"{project.folder}/flows")).glob("*.py")):
        if base.stem not in known:
            why = f"kgen.toml has no table [flows.{base.stem}] any longer"
            yield DroppedFlow(flow_paths(project.folder, base.stem), why)


def flow_paths(folder: str, name: str) -> tuple[str, str]:
    """Where a flow and its test stand."""
    return f"{folder}/flows/{name}.py", f"tests/test_{name}.py"


def decide(root: Path, flow: DroppedFlow) -> list[DroppedFile]:
    """What becomes of those of its files that kgen wrote and that are there. Raises `OutputError`."""
    bases = {path: paths.read(root, user_files.base_path(path)) for path in flow.paths}
    present = {path: paths.read(root, path) for path, base in bases.items() if base is not None}
    there = [path for path, content in present.items() if content is not None]
    opened = [path for path in there if user_files.record(root, path) is not None]
    if opened:
        how = f"{flow.why}, but a merge conflict is open: kgen resolve {' '.join(opened)}"
        return [DroppedFile(path, "orphan", how) for path in there]
    edited = [path for path in there if not _same(present[path], bases[path])]
    if not edited:
        return [DroppedFile(path, "remove", flow.why) for path in there]
    return [DroppedFile(path, "release", _kept(flow, path, edited)) for path in there]


def _kept(flow: DroppedFlow, path: str, edited: Iterable[str]) -> str:
    because = "it was edited" if path in edited else f"{' and '.join(edited)} was edited"
    return f"{flow.why}; kept because {because}, and yours alone now: delete it if you do not need it"


def _same(present: bytes | None, base: bytes | None) -> bool:
    return (present or b"").replace(b"\r\n", b"\n") == base
