"""How a project stands: what drifted from a fresh render of the lock, what was edited, what is open; and
what the registry has that is newer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ..model.library import Library, moved_references, same_meaning
from ..model.subjects import Skipped, Subject
from ..planning import plan, reading
from ..project import lockfile, transaction
from .inputs import Flags, Workspace, read_registry, settle
from .prepare import PlanOptions, PlanRequest, prepare

State: TypeAlias = Literal["missing", "stale", "edited", "conflict", "orphan", "deleted"]

_STATES: Mapping[plan.Op, State] = {
    "add": "missing",
    "change": "stale",
    "merge": "stale",
    "remove": "orphan",
    "orphan": "orphan",
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
class Newer:
    """A subject for which registry and lock differ. `locked` is None where it is new, `newest` where it is
    gone.
    """

    subject: str
    locked: int | None
    newest: int | None
    pinned: bool = False
    detail: str = ""  # why it cannot be read; what it refers to instead


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
    return ProjectDrift(tuple(_entries(made)), made.notes)


def _entries(made: plan.Plan) -> Iterator[Entry]:
    for action in made.files:
        state = _STATES.get(action.op)
        if state and action.kind != "internal":
            yield Entry(action.path, state, action.reason or _MEANINGS[state])


def outdated(workspace: Workspace, flags: Flags) -> tuple[list[Newer], list[Skipped]]:
    """Subjects that a pull would change: of another newest version or meaning, new ones, ones that are gone
    and ones that cannot be read; and new ones that a pull would leave out. Raises `KgenError`.
    """
    locked = lockfile.load(workspace.root)
    if locked is None:
        raise lockfile.absent(workspace.root)
    newest_only = replace(flags, all_versions=False)
    settled = settle(workspace.root, newest_only)
    fetched = read_registry(settled, newest_only, workspace, locked)
    before = Library(locked.snapshot)
    found = reading.read(fetched, locked, before)
    newest = {name: versions[-1] for name, versions in fetched.live.items() if versions}
    kept = {s.subject: s.reason for s in found.kept}
    every = list(_compared(before, before.of(found.snapshot), kept, newest, settled.config.pins))
    return every, [s for s in found.snapshot.skipped if s.cause == "unreadable"]


def _compared(
    before: Library,
    after: Library,
    kept: Mapping[str, str],
    newest: Mapping[str, int],
    pins: Mapping[str, int],
) -> Iterator[Newer]:
    held = {s.name: s for s in before.snapshot.subjects}
    now = {s.name: s for s in after.snapshot.subjects}
    for name in sorted({*held, *now}):
        was = held[name].latest.version if name in held else None
        last = newest.get(name, now[name].latest.version) if name in now else None
        detail = kept.get(name, "")
        if name in held and name in now and name not in kept:
            detail = _moved(before, held[name], after, now[name])
        if was != last or detail:
            yield Newer(name, was, last, name in pins, detail)


def _moved(before: Library, locked: Subject, after: Library, subject: Subject) -> str:
    """What else than the number is another one, where the meaning is."""
    pair, other = (subject.name, locked.latest.version), (subject.name, subject.latest.version)
    if same_meaning(before, pair, after, other):
        return ""
    again = ["registered again"] if subject.begun_again(locked) else []
    found = ", ".join([*again, *moved_references(before, pair, after, other)])
    return found or ("another schema" if pair == other else "")
