"""Follows references between schemas: every one that is reached, once, however they lead round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from ..errors import RegistryError, SchemaError, UnknownSchema
from ..model.subjects import Reference, SchemaVersion, Subject

Key = tuple[str, int]
Get = Callable[..., SchemaVersion]  # (subject, version, deleted=False)
Run = Callable[[Iterable[Callable[[], SchemaVersion]]], list[SchemaVersion]]

MAX_REFERENCED = 10_000


def resolve(
    subjects: Sequence[Subject], get: Get, run: Run
) -> tuple[tuple[SchemaVersion, ...], tuple[Subject, ...]]:
    """Every version that the subjects reach by references, sorted, and the subjects with their references
    to `latest` made exact.

    Raises:
        UnknownSchema: a reference leads nowhere; says whose it is.
        SchemaError: references lead round in a circle.
        RegistryError: there are unreasonably many.
    """
    known = {(v.subject, v.version): v for s in subjects for v in s.versions}
    reached: dict[Key, SchemaVersion] = {}
    layer = list(known.values())
    while layer:
        wanted = _wanted(layer, reached)
        found = run([partial(_get, get, known, reference, user) for reference, user in wanted.items()])
        reached.update(zip(((r.subject, r.version) for r in wanted), found))
        if len(reached) > MAX_REFERENCED:
            raise RegistryError(
                f"the schemas refer to more than {MAX_REFERENCED} others", hint="narrow --subject"
            )
        layer = found
    exact = {key: _exact(version, reached) for key, version in reached.items()}
    referenced = {(v.subject, v.version): v for v in exact.values()}
    _check_no_circle(referenced)
    pinned = tuple(replace(s, versions=tuple(_exact(v, reached) for v in s.versions)) for s in subjects)
    return tuple(referenced[key] for key in sorted(referenced)), pinned


def _wanted(
    layer: Sequence[SchemaVersion], reached: dict[Key, SchemaVersion]
) -> dict[Reference, SchemaVersion]:
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
) -> SchemaVersion:
    at_hand = known.get((reference.subject, reference.version))
    if at_hand is not None:
        return at_hand
    try:
        return get(reference.subject, reference.version)
    except UnknownSchema:
        pass
    try:  # what others refer to can still be read after a soft delete
        return get(reference.subject, reference.version, deleted=True)
    except UnknownSchema as e:
        raise UnknownSchema(
            f'unknown reference: {reference.subject} {_label(reference.version)}, used as "{reference.name}"',
            where=f"{user.subject} v{user.version}",
            hint=f"register it, or leave the subject out: --subject '!{user.subject}'",
        ) from e


def _exact(version: SchemaVersion, reached: dict[Key, SchemaVersion]) -> SchemaVersion:
    if not version.references:
        return version
    exact = (replace(r, version=reached[r.subject, r.version].version) for r in version.references)
    return replace(version, references=tuple(exact))


def _check_no_circle(versions: dict[Key, SchemaVersion]) -> None:
    """Depth first without recursion: chains may be long."""
    done: set[Key] = set()
    for start in sorted(versions):
        path: dict[Key, None] = {}  # in order
        stack: list[tuple[Key, bool]] = [(start, False)]
        while stack:
            key, leaving = stack.pop()
            if leaving:
                done.add(path.popitem()[0])
            elif key in path:
                keys = [*path, key]
                shown = " -> ".join(f"{s} {_label(v)}" for s, v in keys[keys.index(key) :])
                raise SchemaError(f"references lead round in a circle: {shown}")
            elif key not in done:
                path[key] = None
                stack.append((key, True))
                stack += [((r.subject, r.version), False) for r in versions[key].references]


def _label(version: int) -> str:
    return "latest" if version == -1 else f"v{version}"
