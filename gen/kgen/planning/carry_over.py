"""What a project already holds, carried into a fresh snapshot: old versions stay readable, and what moved
is named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..listing import listed, title
from ..model.subjects import SchemaVersion, Snapshot, Subject, TopicAssociation
from ..project.lockfile import Key, Locked, normal_hash
from ..registry.fetcher import Fetched


@dataclass(frozen=True)
class Carried:
    """A snapshot with the past in it, what of it the registry has deleted, and lines about what moved."""

    snapshot: Snapshot
    deleted: frozenset[Key]
    notes: tuple[str, ...]


def carry(fetched: Fetched, locked: Locked | None) -> Carried:
    """The fetched snapshot, with the locked versions that messages may still be written with, and the
    vendored texts where they are equal.

    Two registries give one schema in different spellings; the text that was vendored first stays, so that
    nothing changes.
    """
    if locked is None:
        first = _referenced(fetched.snapshot.referenced, fetched.snapshot.subjects, {})
        own = _associations(fetched, fetched.snapshot.subjects, ())
        return Carried(replace(fetched.snapshot, referenced=first, associations=own), frozenset(), ())
    vendored = {(v.subject, v.version): v for v in locked.versions()}
    snapshot = fetched.snapshot
    subjects: list[Subject] = []
    silent = [s.name for s in snapshot.subjects if s.compatibility is None]
    deleted: set[Key] = set()
    notes: list[str] = []
    for subject in snapshot.subjects:
        old = locked.subject(subject.name)
        kept = _kept(subject, old) if old else []
        gone = [v.version for v in kept if v.version not in fetched.live.get(subject.name, ())]
        deleted |= {(subject.name, n) for n in gone}
        notes += _notes(subject, old, [n for n in gone if (subject.name, n) not in locked.deleted])
        notes += _undone(subject, old, fetched.live.get(subject.name, ())) if old else ()
        versions = sorted(
            [*kept, *(_same_text(v, vendored) for v in subject.versions)], key=lambda v: v.version
        )
        subjects.append(_with_level(replace(subject, versions=tuple(versions)), old))
    notes += _levels([n for n in silent if (s := locked.subject(n)) and s.compatibility])
    referenced = _referenced(snapshot.referenced, subjects, vendored)
    associations = _associations(fetched, subjects, locked.snapshot.associations)
    carried = replace(snapshot, subjects=tuple(subjects), referenced=referenced, associations=associations)
    return Carried(carried, frozenset(deleted), (*notes, *_renames(carried, locked)))


def _associations(
    fetched: Fetched, subjects: Sequence[Subject], locked: Sequence[TopicAssociation]
) -> tuple[TopicAssociation, ...]:
    """Those of the subjects, as the registry reports them; if it does not, as they are locked."""
    names = {it.name for it in subjects}
    held = [it for it in locked if it.subject not in fetched.associated]
    return tuple(sorted(it for it in {*fetched.snapshot.associations, *held} if it.subject in names))


def _kept(subject: Subject, old: Subject) -> list[SchemaVersion]:
    """Locked versions that the snapshot does not hold; none where the subject begins again."""
    fresh = {v.version for v in subject.versions}
    if subject.begun_again(old):
        return []
    return [v for v in old.versions if v.version not in fresh and v.version < subject.latest.version]


def _levels(names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"the registry does not report the compatibility level of {listed(names)}: it stays as locked"


def _with_level(subject: Subject, old: Subject | None) -> Subject:
    """If the registry does not say the level, the one that is locked stays."""
    if subject.compatibility is not None or old is None:
        return subject
    return replace(
        subject,
        compatibility=old.compatibility,
        compatibility_inherited=old.compatibility_inherited,
        policy=old.policy,
    )


def _same_text(version: SchemaVersion, vendored: Mapping[Key, SchemaVersion]) -> SchemaVersion:
    old = vendored.get((version.subject, version.version))
    if old is None or old.text == version.text or old.type != version.type:
        return version
    return replace(version, text=old.text) if normal_hash(old.text) == normal_hash(version.text) else version


def _referenced(
    fresh: Sequence[SchemaVersion], subjects: Sequence[Subject], vendored: Mapping[Key, SchemaVersion]
) -> tuple[SchemaVersion, ...]:
    """The versions that the subjects reach by references, as the registry has them, else as they are
    locked.
    """
    known = {**vendored, **{(v.subject, v.version): _same_text(v, vendored) for v in fresh}}
    found: dict[Key, SchemaVersion] = {}
    open_ = [v for s in subjects for v in s.versions]
    while open_:
        keys = [(r.subject, r.version) for r in open_.pop().references]
        new = [key for key in keys if key in known and key not in found]
        found.update((key, known[key]) for key in new)
        open_ += (known[key] for key in new)
    return tuple(found[key] for key in sorted(found))


def _notes(subject: Subject, old: Subject | None, gone: Sequence[int]) -> Iterator[str]:
    for number in gone:
        name = f"{title(subject.name)} v{number}"
        yield f"{name} was deleted in the registry: its schema stays for messages already written"
    if old is None:
        return
    before = {v.version: v for v in old.versions}
    for version in subject.versions:
        known = before.get(version.version)
        if known is None or known.id == version.id:
            continue
        same = _meaning(known) == _meaning(version)
        what = "under" if same else "with another schema, under"
        name = f"{title(subject.name)} v{version.version}"
        yield f"{name} was registered again {what} id {version.id} (was {known.id})"


def _undone(subject: Subject, old: Subject, live: Sequence[int]) -> Iterator[str]:
    """The newest versions, deleted: an earlier one is the latest. (A pin leaves them in the registry.)"""
    latest = subject.latest.version
    if subject.begun_again(old):
        return
    for number in (v.version for v in old.versions if v.version > latest and v.version not in live):
        yield (
            f"{title(subject.name)} v{number} was deleted in the registry: v{latest} is the latest version "
            f"again, and messages written with v{number} need the registry"
        )


def _renames(snapshot: Snapshot, locked: Locked) -> Iterator[str]:
    """Subjects that went while another with the same schema came: a topic that was renamed, most likely."""
    now, before = {s.name for s in snapshot.subjects}, {s.name for s in locked.snapshot.subjects}
    came = {_meaning(s.latest): s.name for s in snapshot.subjects if s.name not in before}
    for subject in locked.snapshot.subjects:
        if subject.name in now or '"record"' not in subject.latest.text:  # many keys are strings
            continue
        new = came.get(_meaning(subject.latest))
        if new is not None:
            pair = f"{title(subject.name)} is gone and {title(new)} has its schema"
            yield f"{pair}: renamed? move your edits to the new flow"


def _meaning(version: SchemaVersion) -> tuple[str, frozenset[tuple[str, int]]]:
    """What makes two schemas of one registry the same: the text, and what it refers to."""
    return normal_hash(version.text), frozenset((r.subject, r.version) for r in version.references)


def with_locked(fetched: Fetched, locked: Locked, names: Collection[str]) -> Fetched:
    """`fetched`, with the project's subjects of these names as they are locked."""
    held = [s for s in locked.snapshot.subjects if s.name in names]
    others = [s for s in fetched.snapshot.subjects if s.name not in names]
    subjects = tuple(sorted([*others, *held], key=lambda s: s.name))
    live = {
        s.name: tuple(v.version for v in s.versions if (s.name, v.version) not in locked.deleted)
        for s in held
    }
    snapshot = replace(fetched.snapshot, subjects=subjects)
    return replace(fetched, snapshot=snapshot, live={**fetched.live, **live})
