"""How a project stands: what drifted from a fresh render of the lock, what was edited, what is open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..candidates.schema_files import own_files
from ..errors import KgenError
from ..planning import plan, user_files
from ..project import lockfile, transaction
from .inputs import Workspace
from .prepare import PlanOptions, PlanRequest, prepare

State: TypeAlias = Literal["missing", "stale", "edited", "conflict", "orphan", "deleted"]

_STATES: Mapping[plan.Op, State] = {
    "add": "missing",
    "change": "stale",
    "merge": "stale",
    "remove": "orphan",
    "orphan": "orphan",
    "release": "orphan",
    "refuse": "edited",
    "conflict": "conflict",
}
_MEANINGS: Mapping[State, str] = {
    "missing": "is not there: `kgen pull --frozen` writes it",
    "stale": "differs from what the lock generates: `kgen pull --frozen` regenerates it",
    "edited": "was edited by hand; it is generated, and the next pull refuses",
    "conflict": "has an open merge conflict",
    "orphan": "was generated from a subject that was deleted",
}


@dataclass(frozen=True)
class Entry:
    """A file that is not as it should be."""

    path: str
    state: State
    detail: str


@dataclass(frozen=True)
class ProjectDrift:
    """The files that are not as they should be, and remarks about the project."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


def drift(workspace: Workspace) -> ProjectDrift:
    """What differs between the disk and a fresh render of the lock; offline. Raises `KgenError`."""
    if transaction.interrupted(workspace.root):
        what = "a pull was interrupted: run `kgen pull` to finish or roll back"
        return ProjectDrift((Entry(lockfile.NAME, "stale", what),))
    made = prepare(PlanRequest(workspace, options=PlanOptions(frozen=True))).plan
    entries = list(_entries(made))
    return ProjectDrift((*entries, *_conflicts(workspace, entries)), (*made.notes, *_own(workspace)))


def _conflicts(workspace: Workspace, known: list[Entry]) -> Iterator[Entry]:
    """Those of files that no pull writes: manifests."""
    for path in user_files.open_conflicts(workspace.root):
        if path not in {entry.path for entry in known}:
            yield Entry(path, "conflict", _MEANINGS["conflict"])


def _own(workspace: Workspace) -> Iterator[str]:
    """The files of `schemas/own/` that are not what was pulled last."""
    locked = lockfile.load(workspace.root)
    try:
        files = own_files(workspace.root)
    except KgenError as error:
        yield f"{error.what}: {error.where}"
        return
    for file in files:
        subject = locked.subject(file.subject) if locked else None
        if subject is None:
            yield f"{file.shown} is not among what was pulled: `kgen push` and `kgen pull`"
        elif lockfile.normal_hash(file.text) != lockfile.normal_hash(subject.latest.text):
            yield f"{file.shown} differs from {file.subject} v{subject.latest.version}: `kgen push`"


def _entries(made: plan.Plan) -> Iterator[Entry]:
    for action in made.files:
        state = _STATES.get(action.op)
        if state and action.kind != "internal":
            yield Entry(action.path, state, action.reason or _MEANINGS[state])
