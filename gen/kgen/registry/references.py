"""Follows references between schemas: every one that is reached, once, however they lead round."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ..errors import RegistryError, UnknownSchema
from ..model.subjects import Reference, SchemaVersion, Subject
from .api import concerns_all

MAX_REFERENCED = 10_000


@dataclass(frozen=True)
class Unread:
    """A referenced version that the registry does not give: who refers to it, and why."""

    user: str
    reason: str


Key = tuple[str, int]
Get = Callable[..., SchemaVersion]  # (subject, version, deleted=False)
Run = Callable[[Iterable[Callable[[], "SchemaVersion | Unread"]]], "list[SchemaVersion | Unread]"]


def resolve(
    subjects: Sequence[Subject], get: Get, run: Run
) -> tuple[tuple[SchemaVersion, ...], tuple[Subject, ...], dict[Key, Unread]]:
    """Every version that the subjects reach by references, sorted, the subjects with their references to
    `latest` made exact, and the references that lead nowhere or to what the registry does not give: they stay
    as they are. References may lead round in a circle.

    Raises:
        RegistryError: there are unreasonably many, or the registry cannot be asked.
    """
    known = {(v.subject, v.version): v for s in subjects for v in s.versions}
    reached: dict[Key, SchemaVersion | Unread] = {}
    layer = list(known.values())
    while layer:
        wanted = _wanted(layer, reached)
        found = run([partial(_get, get, known, reference, user) for reference, user in wanted.items()])
        reached.update(zip(((r.subject, r.version) for r in wanted), found))
        if len(reached) > MAX_REFERENCED:
            raise RegistryError(
                f"the schemas refer to more than {MAX_REFERENCED} others", hint="narrow --subject"
            )
        layer = [version for version in found if isinstance(version, SchemaVersion)]
    read = {key: version for key, version in reached.items() if isinstance(version, SchemaVersion)}
    exact = [_exact(version, read) for version in read.values()]
    referenced = {(v.subject, v.version): v for v in exact}
    pinned = tuple(replace(s, versions=tuple(_exact(v, read) for v in s.versions)) for s in subjects)
    unread = {key: found for key, found in reached.items() if isinstance(found, Unread)}
    return tuple(referenced[key] for key in sorted(referenced)), pinned, unread


def _wanted(layer: Sequence[SchemaVersion], reached: Collection[Key]) -> dict[Reference, SchemaVersion]:
    """The references not reached yet, each with a schema that makes it."""
    wanted: dict[Key, tuple[Reference, SchemaVersion]] = {}
    for user in layer:
        for reference in user.references:
            key = (reference.subject, reference.version)
            if key not in reached:
                wanted.setdefault(key, (reference, user))
    return dict(wanted.values())


def _get(
    get: Get, known: dict[Key, SchemaVersion], reference: Reference, user: SchemaVersion
) -> SchemaVersion | Unread:
    at_hand = known.get((reference.subject, reference.version))
    if at_hand is not None:
        return at_hand
    try:
        return get(reference.subject, reference.version)
    except UnknownSchema:
        pass
    except RegistryError as e:
        return _unread(e, user)
    try:  # what others refer to can still be read after a soft delete
        return get(reference.subject, reference.version, deleted=True)
    except RegistryError as e:
        return _unread(e, user)


def _unread(error: RegistryError, user: SchemaVersion) -> Unread:
    if concerns_all(error):
        raise error
    return Unread(f"{user.subject} v{user.version}", error.what)


def _exact(version: SchemaVersion, read: Mapping[Key, SchemaVersion]) -> SchemaVersion:
    if not version.references:
        return version
    targets = ((r, read.get((r.subject, r.version))) for r in version.references)
    exact = (replace(r, version=target.version) if target else r for r, target in targets)
    return replace(version, references=tuple(exact))
