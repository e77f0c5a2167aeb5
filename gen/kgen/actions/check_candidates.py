"""`kgen check`: what schemas in files would break, before anybody registers them. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..candidates.check_report import CheckedFile, CheckReport
from ..candidates.placed import Candidate, Placed
from ..candidates.schema_files import SchemaFile, given_files, is_in, own_files
from ..candidates.verdicts import RegistryVerdict, changes_of, verdict_of
from ..compat.topic_diff import TopicChange
from ..errors import ConfigError, KgenError, LockError, RegistryError
from ..impact import Use
from ..model.subjects import Snapshot, Subject
from ..project import config
from ..project import lockfile as lock
from ..project.lockfile import Locked
from ..registry.api import concerns_all
from .candidate_state import CandidateState, of_lock, of_registry, registry_verdicts
from .inputs import Flags, Settled, Workspace, settle
from .prepare import prepare_as_if
from .registry_in_force import opened


@dataclass(frozen=True)
class CheckOptions:
    """Which files, of which subject (None: as their names say); `frozen`: without the registry."""

    paths: tuple[Path, ...]
    subject: str | None = None
    frozen: bool = False


def run(workspace: Workspace, flags: Flags, options: CheckOptions) -> CheckReport:
    """Hold the files against what is registered and against the project's code.

    Raises:
        SchemaError: a file is not a schema; `where` has line and column.
        KgenError: the files cannot be read, or there is nothing to hold them against.
    """
    root = workspace.root
    old, notes = _locked(root)
    folders = {folder: name for name, folder in old.folders.items()} if old else {}
    given = given_files(options.paths, options.subject, folders)
    every = [*given, *_beside(root, given)]
    settled = _settled(root, flags, offline=options.frozen or old is not None)
    state, verdicts, url, why = _compared(workspace, settled, every, old, options)
    asked = _with_users(state.placed, {file.subject for file in given})
    files = tuple(
        _checked(state, candidate, verdicts.get(candidate.subject, RegistryVerdict(None, reason=why)))
        for candidate in state.placed.candidates
        if candidate.subject in asked
    )
    notes += [
        *([f"the registry was not asked: {why}; compared with kgen.lock"] if url is None else []),
        *state.notes,
    ]
    topics, uses, more = _reached(workspace, old, state.placed, [f.candidate for f in files])
    return CheckReport(files, url, uses, topics, (*notes, *more))


def _with_users(placed: Placed, subjects: set[str]) -> set[str]:
    """The subjects, and those that change with them: what refers to a new version is a new version too."""
    found = set(subjects)
    for candidate in placed.candidates:  # each after what it refers to
        if candidate.waits_for and found & {r.subject for r in candidate.version.references}:
            found.add(candidate.subject)
    return found


def _locked(root: Path) -> tuple[Locked | None, list[str]]:
    """What the project holds; with a vendored schema that was edited, which may be what is to be checked,
    that is not known.
    """
    try:
        return lock.load(root), []
    except LockError as error:
        return None, [f"without the project: {error.what}" + (f" ({error.where})" if error.where else "")]


def _beside(root: Path, given: Sequence[SchemaFile]) -> list[SchemaFile]:
    """The other files of `schemas/own/`, to which those that are given may refer."""
    if not any(is_in(file.path, root) for file in given):
        return []
    known = {file.path.resolve() for file in given}
    subjects = {file.subject for file in given}
    return [f for f in own_files(root) if f.path.resolve() not in known and f.subject not in subjects]


def _settled(root: Path, flags: Flags, *, offline: bool) -> Settled:
    settled = settle(root, flags, frozen=True)
    if not settled.url.value and not offline:
        raise ConfigError(
            "there is nothing to hold the schemas against: no registry is set, and there is no kgen.lock",
            where=str(root.resolve()),
            hint="kgen check --registry URL, or KGEN_REGISTRY_URL",
        )
    return settled


Compared = tuple[CandidateState, Mapping[str, RegistryVerdict], "str | None", str]


def _compared(
    workspace: Workspace,
    settled: Settled,
    files: Sequence[SchemaFile],
    old: Locked | None,
    options: CheckOptions,
) -> Compared:
    """The files placed, what the registry says of them, its URL if it was asked, else why not."""
    why = "--frozen" if options.frozen else "none is set"
    if not options.frozen and settled.url.value:
        try:
            with opened(settled.config.registry, settled.url, workspace) as api:
                state = of_registry(files, settled.config, old, api, workspace)
                return state, registry_verdicts(api, state, workspace), api.url, ""
        except RegistryError as error:
            if old is None or not (concerns_all(error) or error.status == 403):
                raise
            why = error.what
    if old is None:
        raise lock.absent(workspace.root)
    return of_lock(files, settled.config, old), {}, None, why


def _checked(state: CandidateState, candidate: Candidate, registry: RegistryVerdict) -> CheckedFile:
    verdict = verdict_of(state.placed, candidate, state.levels[candidate.subject], registry)
    return CheckedFile(candidate, changes_of(state.placed, candidate), verdict)


Reached = tuple[tuple[TopicChange, ...], tuple[Use, ...], list[str]]


def _reached(
    workspace: Workspace, old: Locked | None, placed: Placed, candidates: Sequence[Candidate]
) -> Reached:
    """The topics and the lines that a pull of the changed candidates would reach."""
    if old is None:
        there = (workspace.root / config.NAME).exists() or (workspace.root / lock.NAME).exists()
        return (), (), [] if there else ["there is no project here: which lines use the schemas is not known"]
    changed = [it for it in candidates if not it.registered and old.subject(it.subject)]
    if not changed:
        return (), (), []
    try:
        plan = prepare_as_if(workspace, _with(old, placed, changed)).plan
    except KgenError as error:
        return (), (), [f"which lines use the schemas is not known: {error.what}"]
    names = {it.subject for it in changed}
    notes = [f"kgen.lock has {n} v{was}, the registry v{now}" for n, was, now in _behind(old, changed)]
    left = [f"{s.subject}: {s.summary}" for s in plan.subjects if s.cause and s.subject in names]
    return plan.topics, plan.impact, [*notes, *left]


def _behind(old: Locked, changed: Sequence[Candidate]) -> Iterator[tuple[str, int, int]]:
    for it in changed:
        held = old.subject(it.subject)
        if held and it.newest and held.latest.version < it.newest:
            yield it.subject, held.latest.version, it.newest


def _with(old: Locked, placed: Placed, changed: Sequence[Candidate]) -> Snapshot:
    """What the project holds, with the candidates as the newest versions of their subjects, and all that
    these refer to.
    """
    subjects = {s.name: s for s in old.snapshot.subjects}
    pool = {(v.subject, v.version): v for v in old.snapshot.referenced}
    for it in changed:
        found: Subject = subjects[it.subject]
        subjects[it.subject] = replace(found, versions=(*found.versions, it.version))
        unit = placed.after.unit(it.pair)
        pool |= {(v.subject, v.version): v for v in unit.references}
    return replace(
        old.snapshot,
        subjects=tuple(subjects[name] for name in sorted(subjects)),
        referenced=tuple(pool[key] for key in sorted(pool)),
    )
