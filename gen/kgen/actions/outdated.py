"""What a registry has that is newer than the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..model.library import Library, moved_references, same_meaning
from ..model.subjects import Skipped, Subject
from ..planning import reading
from ..project import lockfile
from .inputs import Flags, Workspace, settle
from .registry_in_force import read_registry


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


def newer_subjects(workspace: Workspace, flags: Flags) -> tuple[list[Newer], list[Skipped]]:
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
