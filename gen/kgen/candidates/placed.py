"""The version that each file is, or would become, after those that are registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import SchemaError
from ..model.library import Library
from ..model.subjects import Reference, SchemaVersion, Snapshot, Subject
from ..project.lockfile import normal_hash
from .reference_targets import Target
from .schema_files import FOLDER, SchemaFile
from .schema_positions import placed

_FIRST_ID = 2_000_000_000
"""Of what no registry gave an id yet; they are never written."""

Lookup = Callable[[SchemaVersion], "int | None"]
"""The version that a registry knows a schema as; None if it does not."""


@dataclass(frozen=True)
class RegisteredState:
    """What is registered, as far as the files have to do with it: `snapshot` has their subjects and all that
    these refer to, `newest` the newest version of each other subject that the files name, `live` the version
    numbers of each subject.
    """

    snapshot: Snapshot
    newest: Mapping[str, SchemaVersion] = field(default_factory=dict)
    live: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A file as a version of its subject. `version` has the number that it has, or would get; `newest` is the
    number of the newest one that is registered; `waits_for` names the versions that it refers to and that
    are not registered yet.
    """

    file: SchemaFile
    version: SchemaVersion
    registered: bool = False
    newest: int | None = None
    waits_for: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """Its subject."""
        return self.file.subject

    @property
    def pair(self) -> tuple[str, int]:
        """Subject and version."""
        return self.version.subject, self.version.version


@dataclass(frozen=True)
class Placed:
    """The files as versions, in an order in which a registry takes them, and everything parsed: `before` has
    what is registered, `after` the files too.
    """

    candidates: tuple[Candidate, ...]
    before: Library
    after: Library

    def subject(self, candidate: Candidate) -> Subject:
        """The candidate's subject with the candidate as its newest version."""
        return next(s for s in self.after.snapshot.subjects if s.name == candidate.subject)


def place(
    files: Sequence[SchemaFile],
    targets: Mapping[str, Sequence[Target]],
    state: RegisteredState,
    lookup: Lookup,
) -> Placed:
    """`files` are in order: each after those that it refers to. Raises `SchemaError`, with line and column,
    if one is not a schema.
    """
    done: dict[str, Candidate] = {}
    for number, file in enumerate(files):
        done[file.subject] = _candidate(file, targets[file.subject], state, done, lookup, _FIRST_ID + number)
    before = Library(state.snapshot)
    after = before.of(_with(state, done))
    for candidate in done.values():
        _refuse_faulty(after, candidate, done)
    return Placed(tuple(done.values()), before, after)


def _candidate(
    file: SchemaFile,
    targets: Sequence[Target],
    state: RegisteredState,
    done: Mapping[str, Candidate],
    lookup: Lookup,
    id_: int,
) -> Candidate:
    subject = next((s for s in state.snapshot.subjects if s.name == file.subject), None)
    live = state.live.get(file.subject, ())
    latest = subject.latest if subject else None
    references = tuple(_references(file, targets, latest, state, done))
    next_number = max(live, default=0) + 1
    version = SchemaVersion(file.subject, next_number, id_, file.type, file.text, references)
    new = {it.pair for it in done.values() if not it.registered}
    waits = [r for r in references if (r.subject, r.version) in new]
    newest = max(live, default=None)
    if waits:
        shown = tuple(f"{r.subject} v{r.version}" for r in waits)
        return Candidate(file, version, False, newest, shown)
    known = _known(version, subject, lookup if live else _unknown)
    return Candidate(file, replace(version, version=known or next_number), known is not None, newest)


def _unknown(_: SchemaVersion) -> None:
    """Of a subject that has no versions."""


def _known(version: SchemaVersion, subject: Subject | None, lookup: Lookup) -> int | None:
    """The version that the registry has of it: what it says, else the one whose JSON is the same, for some
    registries give back schemas in another order of keys.
    """
    if subject and _same(version, subject.latest):
        return subject.latest.version
    found = lookup(version)
    if found is None and subject:
        found = next((v.version for v in reversed(subject.versions) if _same(version, v)), None)
    return found


def _same(one: SchemaVersion, other: SchemaVersion) -> bool:
    return (
        one.type == other.type
        and normal_hash(one.text) == normal_hash(other.text)
        and set(one.references) == set(other.references)
    )


def _references(
    file: SchemaFile,
    targets: Sequence[Target],
    latest: SchemaVersion | None,
    state: RegisteredState,
    done: Mapping[str, Candidate],
) -> Iterator[Reference]:
    """References to other files follow these. Those to other subjects stay as they are registered while the
    text does, else they are to the newest version.
    """
    registered = {(r.name, r.subject): r for r in latest.references} if latest else {}
    same_text = latest is not None and normal_hash(latest.text) == normal_hash(file.text)
    named = {(t.name, t.subject): t for t in targets}
    if same_text and named.keys() <= registered.keys():
        for key, reference in registered.items():
            target = named.get(key) or Target(reference.name, reference.subject)
            keeps = target.version is None and _stays(reference, state, done)
            number = reference.version if keeps else _number(file, target, state, done)
            yield replace(reference, version=number)
        return
    for target in targets:
        yield Reference(target.name, target.subject, _number(file, target, state, done))


def _stays(reference: Reference, state: RegisteredState, done: Mapping[str, Candidate]) -> bool:
    """Whether a registered reference is to what it is to be: with metadata, versions may be one schema."""
    own = done.get(reference.subject)
    if own is None:
        return True
    subjects = (s for s in state.snapshot.subjects if s.name == reference.subject)
    versions = (v for s in subjects for v in s.versions if v.version == reference.version)
    return any(_same(own.version, version) for version in versions)


def _number(file: SchemaFile, target: Target, state: RegisteredState, done: Mapping[str, Candidate]) -> int:
    if target.version and target.version > 0:
        return target.version
    if target.subject in done:
        return done[target.subject].version.version
    if target.subject in state.newest:
        return state.newest[target.subject].version
    raise SchemaError(
        f"it refers to the subject {target.subject}, which is not registered",
        where=file.shown,
        hint=f"add a file of it to {FOLDER}/, or register it first",
    )


def _with(state: RegisteredState, done: Mapping[str, Candidate]) -> Snapshot:
    """What is registered with the candidates as the newest versions of their subjects."""
    snapshot = state.snapshot
    subjects = {s.name: s for s in snapshot.subjects}
    for name, candidate in done.items():
        found = subjects.get(name) or Subject(name, ())
        if candidate.registered and candidate.version.version in {v.version for v in found.versions}:
            continue
        others = tuple(v for v in found.versions if v.version != candidate.version.version)
        subjects[name] = replace(found, versions=(*others, candidate.version))
    more = [*state.newest.values(), *snapshot.referenced]  # of these the references are exact
    pool = {(v.subject, v.version): v for v in more}
    return replace(
        snapshot,
        subjects=tuple(subjects[name] for name in sorted(subjects)),
        referenced=tuple(pool[key] for key in sorted(pool)),
    )


def _refuse_faulty(library: Library, candidate: Candidate, done: Mapping[str, Candidate]) -> None:
    fault = library.fault(candidate.pair)
    if fault is None:
        return
    of = done.get(fault.pair[0])
    if of is None or of.pair != fault.pair:
        raise SchemaError(fault.reason(candidate.pair), where=candidate.file.shown)
    pointer = fault.pointer if fault.pointer and fault.pointer.startswith(("/", "line ")) else None
    raise SchemaError(
        fault.what, where=f"{of.file.shown}:{placed(of.file.text, pointer)}", hint=_hint(fault.what, of.file)
    )


def _hint(what: str, file: SchemaFile) -> str | None:
    if not any(
        words in what for words in ("unknown type", "leads to no schema", "not among the schema's ref")
    ):
        return None
    sidecar = f"{file.path.name.removesuffix(file.path.suffix)}.references.json"
    name = "address.proto" if file.type == "PROTOBUF" else "shop.Address"
    return (
        f"nothing that is known defines it: add its file to {FOLDER}/, pull its subject, or name that in "
        f'{sidecar}: [{{"name": "{name}", "subject": "address"}}]'
    )
