"""How a project stands: what drifted from a fresh render of the lock, what was edited, what is open; and
what the registry has that is newer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

from . import lock, plan, pull, registry, write
from .errors import UnknownSchema
from .globs import wanted
from .pull import Request
from .registry.fetch import SUPPORTED, concurrently

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
    "stale": "is not what the lock gives: `kgen pull --frozen` renews it",
    "edited": "was edited by hand; it is generated, and the next pull refuses",
    "conflict": "has an open merge conflict",
    "orphan": "was made from a subject that is gone",
}


@dataclass(frozen=True)
class Entry:
    """A file that is not as it should be."""

    path: str
    state: State
    detail: str


@dataclass(frozen=True)
class Newer:
    """A subject for which registry and lock differ. `locked` or `newest` is None where it is new or gone."""

    subject: str
    locked: int | None
    newest: int | None
    pinned: bool = False


def drift(request: Request) -> list[Entry]:
    """What differs between the disk and a fresh render of the lock; offline. Raises `KgenError`."""
    if write.interrupted(request.root):
        return [Entry(lock.NAME, "stale", "a pull was interrupted: `kgen pull` puts things right")]
    made = pull.run(replace(request, frozen=True, dry=True)).plan
    return list(_entries(made))


def _entries(made: plan.Plan) -> Iterator[Entry]:
    for action in made.files:
        state = _STATES.get(action.op)
        if state and action.kind != "internal":
            yield Entry(action.path, state, action.reason or _MEANINGS[state])


def outdated(request: Request) -> list[Newer]:
    """Subjects whose newest live version is not the locked one, new ones and ones that are gone. Raises
    `KgenError`.
    """
    locked = lock.load(request.root)
    if locked is None:
        raise lock.absent(request.root)
    settings = pull.settle(request).config
    with registry.opened(settings.registry, request.root) as api:
        present = [n for n in api.subjects() if wanted(n, settings.subjects)]
        known = {s.name for s in locked.snapshot.subjects}
        jobs = [partial(_newest, api, name, name in known) for name in present]
        newest = dict(zip(present, concurrently(jobs, request.progress)))
    return _compared(locked, newest, settings.pins)


def _newest(api: registry.Api, name: str, known: bool) -> int | None:
    """The newest version; None where it has none any more, or is new and of a type that cannot be pulled."""
    try:
        if known:
            return api.versions(name)[-1]
        latest = api.schema(name, -1)
        return latest.version if latest.type in SUPPORTED else None
    except UnknownSchema:
        return None


def _compared(locked: lock.Locked, newest: Mapping[str, int | None], pins: Mapping[str, int]) -> list[Newer]:
    held = {s.name: s.latest.version for s in locked.snapshot.subjects}
    names: Sequence[str] = sorted({*held, *newest})
    found = [Newer(n, held.get(n), newest.get(n), n in pins) for n in names]
    return [n for n in found if n.locked != n.newest]
