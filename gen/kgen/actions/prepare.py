"""The steps of a pull up to its plan; `kgen diff` and `kgen status` take them too. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from kgen import __version__
from kgen_runtime.serde.registry.url import registry_url

from .. import render
from ..compat import contract_rules, gate
from ..compat.subject_diff import schema_changes
from ..compat.topic_diff import topic_changes
from ..errors import ConfigError
from ..model import names
from ..model.library import Library
from ..model.project import Project
from ..model.subject_filter import fits, wanted
from ..model.subjects import Snapshot
from ..planning import impact_of, new_schemas, plan, reading, subject_changes, user_files
from ..planning.dropped_flows import dropped_flows
from ..planning.generated_modules import generated
from ..planning.reading import Reading
from ..progress_callback import ProgressCallback
from ..project import config, mutex, transaction
from ..project import lockfile as lock
from ..project.config import Config
from ..protobuf.protoc import require_protoc
from ..registry.fetcher import Fetched
from .held_model import HeldModel
from .inputs import Flags, Settled, Workspace, settle
from .registry_in_force import read_registry


@dataclass(frozen=True)
class PlanOptions:
    """What a plan is of."""

    frozen: bool = False  # from the lock alone
    recreate: bool = False  # the files that the user deleted
    allow: frozenset[str] = frozenset()  # subjects whose incompatible versions are taken
    lenient: bool = False  # of all incompatible versions too


@dataclass(frozen=True)
class PlanRequest:
    """Where, with which settings, and what is to be planned."""

    workspace: Workspace
    flags: Flags = field(default_factory=Flags)
    options: PlanOptions = field(default_factory=PlanOptions)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.workspace.root


@dataclass(frozen=True)
class Prepared:
    """A plan, and the two states that it leads from and to."""

    plan: plan.Plan
    old: lock.Locked | None
    new: lock.Locked
    before: Library  # of what is locked, with what was parsed
    after: Library

    @property
    def lock_changes(self) -> bool:
        """Whether kgen.lock or a vendored schema would change."""
        return any(f.kind in ("lock", "schema") and f.op != "keep" for f in self.plan.files)


@dataclass(frozen=True)
class Ahead:
    """What was read of the registry while nobody was kept from the project, and for which state of that."""

    settled: Settled
    lock: str | None
    fetched: Fetched

    def still_holds(self, settled: Settled, lock_text: str | None) -> bool:
        """Whether it is of this state, whatever else kgen.toml says in comments."""
        before = (self.settled.config, self.settled.url, self.lock)
        return before == (settled.config, settled.url, lock_text)


def read_ahead(request: PlanRequest) -> Ahead | None:
    """A registry may take long: others, as `kgen status`, need not wait for it."""
    if request.options.frozen:
        return None
    settled, text = settle(request.root, request.flags), lock.read_text(request.root)
    fetched = read_registry(settled, request.flags, request.workspace, lock.load(request.root))
    return Ahead(settled, text, fetched)


def prepare(request: PlanRequest) -> Prepared:
    """Plan and write nothing. Raises `KgenError`, also where an interrupted write left the project
    half-way.
    """
    transaction.refuse_interrupted(request.root)
    ahead = read_ahead(request)
    with mutex.shared(request.root, request.workspace.say):
        transaction.refuse_interrupted(request.root)
        return prepare_locked(request, ahead, merged=False)


def prepare_as_if(workspace: Workspace, snapshot: Snapshot) -> Prepared:
    """The plan of a pull from a registry that holds `snapshot`: what it would do to the project, which has a
    lock. Asks no registry and writes nothing. Raises `KgenError`.
    """
    transaction.refuse_interrupted(workspace.root)
    with mutex.shared(workspace.root, workspace.say):
        request = PlanRequest(workspace)
        settled, old = settle(workspace.root, request.flags, frozen=True), lock.load(workspace.root)
        if old is None:
            raise lock.absent(workspace.root)
        found = Reading(snapshot, old.deleted, (), ())
        return _plan(request, settled, found, old, _library(old), merged=False)


def prepare_locked(request: PlanRequest, ahead: Ahead | None = None, *, merged: bool) -> Prepared:
    """The same under a lock that the caller holds. With `merged`, the user's lines have the numbers that they
    get, else those that they have. Raises `KgenError`.
    """
    settled = settle(request.root, request.flags, frozen=request.options.frozen)
    old = lock.load(request.root)
    if request.options.frozen:
        return _from_lock(request, settled, old, merged)
    if ahead and ahead.still_holds(settled, lock.read_text(request.root)):
        fetched = ahead.fetched
    else:
        fetched = read_registry(settled, request.flags, request.workspace, old)
    _check_pins(request.flags, fetched)
    before = _library(old)
    found = reading.read(fetched, old, before)
    if not request.options.lenient:
        contract_rules.refuse_rules(found.snapshot, settled.config.ignore_rules)
        gate.refuse_incompatible(before, before.of(found.snapshot), request.options.allow)
    notes = [*_elsewhere(settled), *found.notes, *_unmatched(fetched, settled.config, request.options)]
    settled = _with_new_globs(settled, request, fetched)
    return _plan(request, settled, replace(found, notes=tuple(notes)), old, before, merged)


def _library(old: lock.Locked | None) -> Library:
    return Library(old.snapshot if old else Snapshot("", ()))


def _from_lock(request: PlanRequest, settled: Settled, old: lock.Locked | None, merged: bool) -> Prepared:
    if old is None:
        raise lock.absent(request.root)
    contract_rules.refuse_rules(old.snapshot, settled.config.ignore_rules)
    before = _library(old)
    reading.check(before)
    return _plan(request, settled, Reading(old.snapshot, old.deleted, (), ()), old, before, merged)


def _check_pins(flags: Flags, fetched: Fetched) -> None:
    """A pin asked for is a mistake where there is no such subject; one in kgen.toml may outlive its own."""
    known = set(fetched.live)
    for name, version in flags.pins.items():
        if version is not None and name not in known:
            shown = ", ".join(sorted(known)[:20])
            raise ConfigError(
                f"no subject is called {name}", where=f"--at {name}={version}", hint=f"there is {shown}"
            )


def _elsewhere(settled: Settled) -> Iterator[str]:
    """That this was read from another registry than the one in kgen.toml, which keeps its own."""
    file, url = settled.config.registry.url, settled.url
    if file and registry_url(url.value)[0] != registry_url(file)[0]:
        yield (
            f"read from {registry_url(url.value)[0]} ({url.origin}); kgen.toml keeps {file}: to "
            "change it, set url there, under [registry]"
        )


def _unmatched(fetched: Fetched, settings: Config, options: PlanOptions) -> Iterator[str]:
    yield from (f"no subject matches {glob}" for glob in fetched.unmatched)
    names = set(fetched.live)
    yield from (
        f"kgen.toml pins {name}, which is not among the subjects"
        for name in settings.pins
        if name not in names
    )
    for name in sorted(options.allow - names):
        close = get_close_matches(name, names, 3, 0.6)
        more = f"; did you mean {' or '.join(close)}?" if close else ""
        yield f"--allow-incompatible {name} is not among the subjects{more}"


def _with_new_globs(settled: Settled, request: PlanRequest, fetched: Fetched) -> Settled:
    """kgen.toml takes on patterns of `--subject` that bring in what its own do not."""
    known = settled.config.subjects
    names = [s.name for s in fetched.snapshot.subjects]
    uncovered = [n for n in names if not wanted(n, known)]
    added = [g for g in request.flags.subjects if g not in known and any(fits(n, g) for n in uncovered)]
    text = settled.text if settled.text is not None else config.read_text(request.root)
    if not added or text is None:
        return settled
    widened = replace(settled.config, subjects=(*known, *added))
    return replace(settled, config=widened, text=config.with_subjects(text, added))


def _plan(
    request: PlanRequest,
    settled: Settled,
    found: Reading,
    old: lock.Locked | None,
    before: Library,
    merged: bool,
) -> Prepared:
    settings, snapshot = settled.config, found.snapshot
    if old is not None and any(version.type == "PROTOBUF" for version in old.versions()):
        require_protoc()  # without it their models would be taken for gone
    held = HeldModel(settings, old, before)
    project = held.of(snapshot)
    if request.options.frozen and old is not None:
        _refuse_other_generator(old, project.model_generator)
    new = locked(snapshot, project, found.deleted, old)
    after = before.of(new.snapshot)
    want = _wanted(request.root, settled, new, project, held, request.workspace.progress)
    files = plan.files(request.root, want, old, plan.Options(settings.conflict, request.options.recreate))
    known = schema_changes(before, after)
    models = _models(project, new, held, files)
    subjects = subject_changes.subject_changes(old, new, models, files, found.kept, project.skipped, known)
    names_before = set(old.names.modules.values()) if old else set()
    subjects_before = {it.name for it in old.snapshot.subjects} if old else set()
    is_new = any(it.name not in subjects_before for it in snapshot.subjects)
    associations_changed = snapshot.associations != (old.snapshot.associations if old else ())
    modules = generated(request.root, files, project, held.earlier(files), names_before)
    made = plan.Plan(
        snapshot.registry_url,
        settings.package,
        files,
        subjects,
        (
            *_registries(old, new),
            *_generators(old, new),
            *found.notes,
            *project.notes,
            *(project.unplaced if is_new else ()),
            *(project.associated if associations_changed else ()),
            *subject_changes.moved(known),
            *new_schemas.notes(old, after, _read_as_one(project), keeps_raw=settings.out_of_range == "raw"),
        ),
        topic_changes(modules.old, modules.new, settings.topics, _tables(project)),
        impact_of.uses(
            request.root,
            files,
            modules,
            known,
            project.fullnames,
            merged=merged,
            pydantic=project.model_generator is not None,
        ),
    )
    return Prepared(made, old, new, before, after)


def _tables(project: Project) -> dict[str, str]:
    """The table of kgen.toml that a module's topic has, or would have."""
    purposes = {module: purpose for purpose, module in project.names.modules.items()}
    return {
        module: name
        for module, purpose in purposes.items()
        if (name := purpose.removeprefix("topic:")) != purpose
    }


def _read_as_one(project: Project) -> dict[str, str]:
    """The table of kgen.toml for each subject that the values of a topic are of, and nothing else."""
    tables = _tables(project)
    topics = ((module.name, module.topic) for module in project.modules if module.topic is not None)
    return {
        topic.value.subject: tables[name] for name, topic in topics if topic.value.subject and name in tables
    }


def _wanted(
    root: Path,
    settled: Settled,
    new: lock.Locked,
    project: Project,
    held: HeldModel,
    progress: ProgressCallback,
) -> plan.Wanted:
    rendered = render.render(project, progress)
    kinds = {path: render.kind(path) for path in rendered}
    lost = any(
        kinds[path] == "owned" and (root / path).exists() and not (root / user_files.base_path(path)).exists()
        for path in rendered
    )
    # A clone without `.kgen/base`, say: what that would hold is what the lock gave.
    earlier = render.render(held.project) if lost and held.project else {}
    dropped = tuple(dropped_flows(root, project, settled.config.flows))
    return plan.Wanted(new, rendered, kinds, settled.config.package, settled.text, earlier, dropped)


def _models(
    project: Project, new: lock.Locked, held: HeldModel, files: Sequence[plan.FileAction]
) -> list[Project]:
    """The new model, and the old one where subjects or modules are gone: their files are known from it
    alone.
    """
    if held.lock is None:
        return [project]
    gone = {s.name for s in held.lock.snapshot.subjects} - {s.name for s in new.snapshot.subjects}
    removed = any(f.kind == "generated" and f.op == "remove" for f in files)
    return [project, held.project] if (gone or removed) and held.project else [project]


def locked(
    snapshot: Snapshot, project: Project, deleted: frozenset[lock.Key], old: lock.Locked | None
) -> lock.Locked:
    """What goes into the lock. Its registry is the one that the content came from: the same content at
    another URL (localhost and 127.0.0.1, a mirror) is not a change.
    """
    subjects = [*(s.name for s in snapshot.subjects), *(v.subject for v in snapshot.referenced)]
    folders = {name: names.folder_name(name) for name in subjects}
    made_by = project.model_generator
    new = lock.Locked(replace(snapshot, skipped=()), __version__, folders, project.names, deleted, made_by)
    return old if old is not None and _same_content(old, new) else new


def _same_content(old: lock.Locked, new: lock.Locked) -> bool:
    return old == replace(new, snapshot=replace(new.snapshot, registry_url=old.snapshot.registry_url))


def _generators(old: lock.Locked | None, new: lock.Locked) -> Iterator[str]:
    before, after = old.model_generator if old else None, new.model_generator
    if before and after and before != after:
        yield f"datamodel-code-generator {before} -> {after}: what it writes, and the names, may change"


def _refuse_other_generator(locked: lock.Locked, now: str | None) -> None:
    """From the lock alone the same files are to come."""
    made_by = locked.model_generator
    if made_by and now and made_by != now:
        raise ConfigError(
            f"the pydantic models were made by datamodel-code-generator {made_by}, and {now} is installed",
            where=lock.NAME,
            hint=f"pip install datamodel-code-generator=={made_by}, or run `kgen pull` without --frozen",
        )


def _registries(old: lock.Locked | None, new: lock.Locked) -> Iterator[str]:
    before, after = old.snapshot.registry_url if old else "", new.snapshot.registry_url
    if old and before != after:
        yield f"registry {before} -> {after}"
