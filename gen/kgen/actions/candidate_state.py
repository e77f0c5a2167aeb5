"""Schema files against what is registered: read from the registry, or from kgen.lock without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial

from ..candidates.placed import Candidate, Placed, RegisteredState, place
from ..candidates.reference_targets import Known, Target, foreign, in_order, targets
from ..candidates.schema_files import SchemaFile
from ..candidates.schema_positions import check_json
from ..candidates.verdicts import DEFAULT_LEVEL, LevelInForce, RegistryVerdict, ask
from ..errors import RegistryError, UnknownSchema
from ..model.subjects import SchemaVersion, Snapshot, Subject
from ..project.config import Config
from ..project.lockfile import Locked
from ..protobuf.protoc import require_protoc
from ..registry.api import Api, concerns_all, is_absent
from ..registry.fetcher import Fetched, concurrently, fetch_named
from ..registry.references import resolve
from .inputs import Workspace


@dataclass(frozen=True)
class CandidateState:
    """The files as versions of their subjects, with the levels that they have to keep. `live` are the
    registered version numbers of each subject; `notes` what is to be said of all.
    """

    placed: Placed
    levels: Mapping[str, LevelInForce]
    live: Mapping[str, Sequence[int]]
    notes: tuple[str, ...] = ()

    def changed(self) -> list[Candidate]:
        """Those that are not registered, in an order in which a registry takes them."""
        return [it for it in self.placed.candidates if not it.registered]


def of_registry(
    files: Sequence[SchemaFile],
    settings: Config,
    old: Locked | None,
    api: Api,
    workspace: Workspace,
    *,
    normalize: bool = False,
) -> CandidateState:
    """The files against what the registry holds now. Raises `KgenError`."""
    _check_texts(files)
    names = [file.subject for file in files]
    fetched = fetch_named(api, names, workspace.progress)
    probed: dict[str, SchemaVersion | None] = {}

    def probe(subject: str) -> SchemaVersion | None:
        if subject not in probed:
            probed[subject] = _newest(api, subject)
        return probed[subject]

    latest = {s.name: s.latest for s in fetched.snapshot.subjects}
    held_versions = [*_newest_of(old), *fetched.snapshot.referenced]
    found = targets(files, Known(latest, held_versions, probe))
    newest = {name: version for name in sorted(foreign(files, found)) if (version := probe(name))}
    unread = {s.subject: s.reason for s in fetched.snapshot.skipped if s.cause != "earlier"}
    more = [*newest.values(), *_given(found, foreign(files, found), api)]
    snapshot = _complete(fetched, more, api, old if unread else None)
    state = RegisteredState(snapshot, newest, fetched.live)
    default = api.default_compatibility() if len(latest) < len(files) else None
    levels = {s.name: s.compatibility for s in fetched.snapshot.subjects}
    notes = [f"{name}: {reason}" for name, reason in unread.items()]
    notes += [f"{s.subject}: {s.reason}" for s in fetched.snapshot.skipped if s.cause == "earlier"]

    def lookup(version: SchemaVersion) -> int | None:
        return _looked_up(api, version, files, normalize=normalize)

    placed = place(in_order(files, found), found, state, lookup)
    in_force = {n: _level(settings, n, levels.get(n) or default, "registry") for n in names}
    return CandidateState(placed, in_force, fetched.live, tuple(notes))


def of_lock(files: Sequence[SchemaFile], settings: Config, old: Locked) -> CandidateState:
    """The files against what kgen.lock holds, without a registry. Raises `KgenError`."""
    _check_texts(files)
    snapshot = old.snapshot
    subjects = {s.name: s for s in snapshot.subjects}
    latest = {name: s.latest for name, s in subjects.items()}
    every = {v.subject: v for v in snapshot.referenced} | latest
    found = targets(files, Known(latest, list(every.values()), every.get))
    newest = {name: every[name] for name in foreign(files, found) if name in every}
    live = {name: [v.version for v in s.versions] for name, s in subjects.items()}
    placed = place(in_order(files, found), found, RegisteredState(snapshot, newest, live), lambda _: None)
    names = [file.subject for file in files]
    levels = {n: subjects[n].compatibility if n in subjects else None for n in names}
    in_force = {name: _level(settings, name, level, "kgen.lock") for name, level in levels.items()}
    return CandidateState(placed, in_force, live)


def registry_verdicts(api: Api, state: CandidateState, workspace: Workspace) -> dict[str, RegistryVerdict]:
    """By subject, what the registry says of each file, several at a time. Raises `RegistryError`."""
    candidates = state.placed.candidates
    jobs = [
        partial(ask, api, it, state.levels[it.subject].registry, state.live.get(it.subject, ()))
        for it in candidates
    ]

    def progress(done: int, total: int) -> None:
        workspace.progress(done, total, "schemas checked")

    return dict(zip((it.subject for it in candidates), concurrently(jobs, progress)))


def _check_texts(files: Iterable[SchemaFile]) -> None:
    for file in files:
        if file.type == "PROTOBUF":
            require_protoc()
        else:
            check_json(file.text, file.shown)


def _level(settings: Config, subject: str, registered: str | None, source: str) -> LevelInForce:
    own = settings.own.get(subject)
    if own and own.compatibility and own.compatibility != registered:
        return LevelInForce(own.compatibility, "kgen.toml", registered)
    if registered is None:
        return LevelInForce(DEFAULT_LEVEL, "assumed")
    return LevelInForce(registered, "registry" if source == "registry" else "kgen.lock", registered)


def _newest(api: Api, subject: str) -> SchemaVersion | None:
    """The newest version of a subject; None if there is none, or the user may not read it."""
    try:
        return api.schema(subject, -1)
    except UnknownSchema:
        return None
    except RegistryError as error:
        if concerns_all(error):
            raise
        return None


def _newest_of(old: Locked | None) -> Iterator[SchemaVersion]:
    """What the project holds: names that a file uses are most often of it."""
    if old is not None:
        yield from (subject.latest for subject in old.snapshot.subjects)
        yield from reversed(old.snapshot.referenced)


def _given(found: Mapping[str, Sequence[Target]], names: Set[str], api: Api) -> Iterator[SchemaVersion]:
    """The versions of these subjects that `.references.json` files name. Raises `RegistryError`."""
    named = {
        (t.subject, t.version)
        for every in found.values()
        for t in every
        if t.version and t.version > 0 and t.subject in names
    }
    for subject, version in sorted(named):
        yield api.schema(subject, version)


def _complete(fetched: Fetched, more: Iterable[SchemaVersion], api: Api, old: Locked | None) -> Snapshot:
    """What the registry gave, with `more` and all that these refer to; with `old`, what it did not give of a
    subject as it is locked.
    """
    snapshot = fetched.snapshot
    others = [Subject(version.subject, (version,)) for version in more]
    referenced, exact, _ = resolve(others, api.schema, lambda calls: [call() for call in calls])
    pool = {(v.subject, v.version): v for v in old.versions()} if old else {}
    pool |= {(v.subject, v.version): v for v in (*referenced, *snapshot.referenced)}
    pool |= {(s.name, s.latest.version): s.latest for s in exact}
    subjects = {s.name: s for s in snapshot.subjects}
    for skip in snapshot.skipped:
        locked = old.subject(skip.subject) if old else None
        if locked and skip.subject not in subjects:
            subjects[skip.subject] = locked
    return replace(
        snapshot,
        subjects=tuple(subjects[name] for name in sorted(subjects)),
        referenced=tuple(pool[key] for key in sorted(pool)),
    )


def _looked_up(
    api: Api, version: SchemaVersion, files: Iterable[SchemaFile], *, normalize: bool
) -> int | None:
    try:
        found = api.lookup(version, normalize=normalize)
    except RegistryError as error:
        if is_absent(error) or error.status == 403:
            return None
        shown = next(file.shown for file in files if file.subject == version.subject)
        error.where = shown
        raise
    return found.version if found else None
