"""What a pull takes from the registry: what can be read, and for the rest what the lock holds.

Only what the registry lists as gone is removed. A subject whose newest version cannot be read is kept as it
is locked, or left out where it is new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from ..errors import SubjectError
from ..listing import listed, title
from ..model import topic_plans
from ..model.library import Fault, Library, Pair
from ..model.subject_filter import excluding
from ..model.subjects import Skipped, Snapshot
from ..project.lockfile import Key, Locked
from ..registry import Fetched
from ..registry.references import Unread
from .carry_over import Carried, carry, with_locked

_NOTES = 20


@dataclass(frozen=True)
class Reading:
    """What the project is to hold, and what of the registry is not in it: `kept` are subjects that stay as
    they are locked, the snapshot's `skipped` are left out; each with the reason.
    """

    snapshot: Snapshot
    deleted: frozenset[Key]
    kept: tuple[Skipped, ...]
    notes: tuple[str, ...]


def read(fetched: Fetched, locked: Locked | None, before: Library) -> Reading:
    """The reading of `fetched` in a project that holds `locked`, of which `before` is the library.

    Raises:
        SchemaError: what is locked cannot be read, either.
        SubjectError: nothing at all can be read, and nothing is locked.
    """
    out = {s.subject: s for s in fetched.snapshot.skipped if s.cause != "earlier"}
    parts = [s for s in fetched.snapshot.skipped if s.cause == "earlier"]
    carried = _carried(fetched, locked, out)
    while faults := topic_plans.faults(carried.snapshot, before.of(carried.snapshot)):
        _refuse_stuck(faults, out)
        skips = topic_plans.skips(faults)
        out |= {s.subject: s for s in skips if s.cause != "earlier"}
        parts += (s for s in skips if s.cause == "earlier")
        carried = _carried(fetched, locked, out)
    held = {s.name for s in locked.snapshot.subjects} if locked else set()
    if locked is None and not carried.snapshot.subjects:
        _refuse_nothing(out)
    kept = tuple(s for name, s in sorted(out.items()) if name in held)
    skipped = (*(s for name, s in sorted(out.items()) if name not in held), *parts)
    notes = (*carried.notes, *_unassociated(fetched), *_unread(fetched.unread, carried.snapshot))
    return Reading(replace(carried.snapshot, skipped=skipped), carried.deleted, kept, notes)


def check(library: Library) -> None:
    """Raises `SchemaError` if the newest version of a subject cannot be read."""
    faults = topic_plans.faults(library.snapshot, library)
    _refuse_stuck(faults, {s.name for s in library.snapshot.subjects})


def refuse_unread(unread: Mapping[str, str]) -> None:
    """Raises `SubjectError` if there are subjects (name -> why) that were not read."""
    if unread:
        first = next(iter(unread))
        raise SubjectError(
            f"{len(unread)} subject(s) cannot be read, and --strict asks for all: {listed(list(unread))}",
            where=f"{first}: {unread[first]}",
            hint=f"leave it out: --subject {excluding(first)}",
        )


def _carried(fetched: Fetched, locked: Locked | None, out: Mapping[str, Skipped]) -> Carried:
    if locked is not None:
        return carry(with_locked(fetched, locked, out.keys()), locked)
    subjects = tuple(s for s in fetched.snapshot.subjects if s.name not in out)
    return carry(replace(fetched, snapshot=replace(fetched.snapshot, subjects=subjects)), None)


def _refuse_stuck(faults: Mapping[Pair, Fault], names: Collection[str]) -> None:
    """What is locked has to be readable."""
    if stuck := sorted(pair for pair in faults if pair[0] in names):
        raise faults[stuck[0]].error()


def _refuse_nothing(out: Mapping[str, Skipped]) -> None:
    unread = {name: s.reason for name, s in sorted(out.items()) if s.cause == "unreadable"}
    if unread:
        first = next(iter(unread))
        raise SubjectError(
            f"none of the subjects can be read: {listed(list(unread))}",
            where=f"{first}: {unread[first]}",
            hint="register versions that are valid, or choose other subjects with --subject",
        )


def _unassociated(fetched: Fetched) -> Iterator[str]:
    if fetched.unassociated:
        yield (
            f"the registry does not report which topics it associates with subjects: {fetched.unassociated}; "
            "what is locked of that stays"
        )


def _unread(unread: Mapping[Key, Unread], snapshot: Snapshot) -> list[str]:
    """References that the registry does not give."""
    held = {(v.subject, v.version) for v in snapshot.referenced}
    notes = []
    for (subject, number), found in sorted(unread.items()):
        version = "latest" if number == -1 else f"v{number}"
        stays = "; its locked schema stays" if (subject, number) in held else ""
        notes.append(
            f"{title(subject)} {version}, referred to by {title(found.user)}, cannot be read: "
            f"{found.reason}{stays}"
        )
    more = len(notes) - _NOTES
    return [*notes[:_NOTES], *([f"and {more} more references"] if more > 0 else [])]
