"""What `kgen pull` does, from request to plan to files; `status`, `outdated` and `diff` share its steps.
Prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kgen import __version__
from kgen_runtime.serde.registry.url import registry_url

from .. import render
from ..compat import contract_rules, gate
from ..compat.topic_diff import topic_changes
from ..errors import ConfigError, EditedError, OutputError, PullInterruptedError
from ..model import build, names
from ..model.library import Library
from ..model.project import Project, Settings
from ..model.subject_filter import fits, wanted
from ..model.subjects import Snapshot
from ..planning import impact_of, invalid_defaults, plan, reading, subject_changes, user_files
from ..planning.reading import Reading
from ..progress_callback import ProgressCallback
from ..project import config, interrupts, mutex, paths, transaction
from ..project import lockfile as lock
from ..project.config import Config
from ..registry.fetcher import Fetched
from .inputs import Request, Settled, read_registry, settle


@dataclass(frozen=True)
class Result:
    """The plan, whether it was carried out, and how an interrupted earlier write ended (if there was one)."""

    plan: plan.Plan
    written: bool
    lock_changes: bool = False
    healed: transaction.Direction | None = None


def _show_nothing(_: Result) -> None:
    """Shows nothing."""


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


def run(request: Request, show: Callable[[Result], None] = _show_nothing) -> Result:
    """Pull. `show` gets the result once everything is on the disk.

    Raises:
        PullInterruptedError: Ctrl-C; says whether everything was written, or nothing.
        KgenError: nothing was written.
    """
    disk = _OnDisk()
    try:
        result = _run(request, disk)
        show(result)
    except KeyboardInterrupt as e:
        raise _interrupted(request.root, disk) from e
    return result


@dataclass
class _OnDisk:
    """What has become of the project so far."""

    written: bool = False


def _interrupted(root: Path, disk: _OnDisk) -> PullInterruptedError:
    if transaction.interrupted(root):
        return PullInterruptedError(
            "the project is half written", where=str(root), hint="run `kgen pull` to finish or roll back"
        )
    return PullInterruptedError("everything was written" if disk.written else "nothing was written")


def _run(request: Request, disk: _OnDisk) -> Result:
    root = request.root
    if request.dry:
        prepared = prepare(request)
        return Result(prepared.plan, written=False, lock_changes=prepared.lock_changes)
    paths.check_writable(root, [root / lock.NAME])
    if (root / ".kgen").exists():
        with mutex.exclusive(root, request.say), interrupts.held():
            healed = transaction.heal(root)
        ahead = _read_ahead(request)
        with mutex.exclusive(root, request.say):
            with interrupts.held():
                healed = transaction.heal(root) or healed
            return _write(request, _prepare(request, ahead), disk, healed)
    # Nothing is made in the folder before the registry has answered.
    before = lock.read_text(root)
    prepared = _prepare(request)
    with _made(root), mutex.exclusive(root, request.say):
        if lock.read_text(root) != before:  # another first pull was quicker
            prepared = _prepare(request)
        return _write(request, prepared, disk, None)


@dataclass(frozen=True)
class _Ahead:
    """What was read of the registry while nobody was kept from the project, and for which state of that."""

    config: Config
    lock: str | None
    fetched: Fetched


def _read_ahead(request: Request) -> _Ahead | None:
    """A registry may take long: others, as `kgen status`, need not wait for it."""
    if request.frozen:
        return None
    settled, text = settle(request), lock.read_text(request.root)
    return _Ahead(settled.config, text, read_registry(settled.config, request, lock.load(request.root)))


def _refuse_interrupted(root: Path) -> None:
    if transaction.interrupted(root):
        raise OutputError(
            "a pull was interrupted here", where=str(root), hint="run `kgen pull` to finish or roll back"
        )


@contextmanager
def _made(root: Path) -> Iterator[None]:
    """Leave no folder behind where the first pull fails."""
    missing = next((p for p in reversed([root, *root.parents]) if not p.exists()), None)
    try:
        yield
    except BaseException:
        if not (root / lock.NAME).exists() and not transaction.interrupted(root):
            with interrupts.held():
                _remove_traces(root, missing)
        raise


def _remove_traces(root: Path, missing: Path | None) -> None:
    folder = root / mutex.FOLDER
    transaction.Disk().clear(folder)
    for path in [folder.parent, *([root, *root.parents] if missing else [])]:
        if missing is None or path == folder.parent or path.is_relative_to(missing):
            transaction.Disk().rmdir(path)


def _write(
    request: Request, prepared: Prepared, disk: _OnDisk, healed: transaction.Direction | None
) -> Result:
    made, lock_changes = prepared.plan, prepared.lock_changes
    refuse(made, strict=request.strict)
    if request.locked and lock_changes:
        return Result(made, written=False, lock_changes=True, healed=healed)
    with interrupts.held() as ctrl_c:

        def progress(done: int, total: int, what: str = "", /) -> None:
            ctrl_c.check()
            request.progress(done, total, what)

        transaction.apply(request.root, made.writes(), progress=progress)
        disk.written = True
    return Result(made, written=True, lock_changes=lock_changes, healed=healed)


def refuse(made: plan.Plan, *, strict: bool) -> None:
    """Raises `EditedError` if a generated file would be overwritten with an edit in it, and with `strict`
    `SubjectError` where a subject was not read.
    """
    if strict:
        reading.refuse_unread({s.subject: s.summary for s in made.subjects if s.unread})
    _refuse_edited(made)


def _refuse_edited(made: plan.Plan) -> None:
    if not made.refused:
        return
    first, count = made.refused[0], len(made.refused)
    what = f"{first.path} was {first.reason}: kgen would overwrite it"
    hint = "move the edit into a flow or a module of your own, delete the file and run `kgen pull`"
    raise EditedError(
        what + (f" (and {count - 1} more)" if count > 1 else ""), where=f"{first.path}:1", hint=hint
    )


# ------------------------------------------------------------------------------------------------ the steps


def prepare(request: Request) -> Prepared:
    """Plan and write nothing. Raises `KgenError`, also where an interrupted write left the project
    half-way.
    """
    _refuse_interrupted(request.root)
    ahead = _read_ahead(request)
    with mutex.shared(request.root, request.say):
        _refuse_interrupted(request.root)
        return _prepare(request, ahead)


def _prepare(request: Request, ahead: _Ahead | None = None) -> Prepared:
    settled = settle(request)
    old = lock.load(request.root)
    if request.frozen:
        return _from_lock(request, settled, old)
    if ahead and (ahead.config, ahead.lock) == (settled.config, lock.read_text(request.root)):
        fetched = ahead.fetched
    else:
        fetched = read_registry(settled.config, request, old)
    _check_pins(request, fetched)
    before = _library(old)
    found = reading.read(fetched, old, before)
    if not request.lenient:
        contract_rules.refuse_rules(found.snapshot, settled.config.ignore_rules)
        gate.refuse_incompatible(before, before.of(found.snapshot), request.allow)
    notes = [*_elsewhere(settled.config), *found.notes, *_unmatched(fetched, settled.config)]
    settled = _with_new_globs(settled, request, fetched)
    return _plan(request, settled, replace(found, notes=tuple(notes)), old, before)


def _library(old: lock.Locked | None) -> Library:
    return Library(old.snapshot if old else Snapshot("", ()))


def _from_lock(request: Request, settled: Settled, old: lock.Locked | None) -> Prepared:
    if old is None:
        raise lock.absent(request.root)
    contract_rules.refuse_rules(old.snapshot, settled.config.ignore_rules)
    before = _library(old)
    reading.check(before)
    return _plan(request, settled, Reading(old.snapshot, old.deleted, (), ()), old, before)


def _check_pins(request: Request, fetched: Fetched) -> None:
    """A pin asked for is a mistake where there is no such subject; one in kgen.toml may outlive its own."""
    known = set(fetched.live)
    for name, version in request.pins.items():
        if version is not None and name not in known:
            shown = ", ".join(sorted(known)[:20])
            raise ConfigError(
                f"no subject is called {name}", where=f"--at {name}={version}", hint=f"there is {shown}"
            )


def _elsewhere(settings: Config) -> Iterator[str]:
    """That this was read from another registry than the one in kgen.toml, which keeps its own."""
    found = settings.registry
    if found.file_url and registry_url(found.url)[0] != registry_url(found.file_url)[0]:
        yield (
            f"read from {registry_url(found.url)[0]} ({found.origin}); kgen.toml keeps {found.file_url}: to "
            "change it, set url there, under [registry]"
        )


def _unmatched(fetched: Fetched, settings: Config) -> Iterator[str]:
    yield from (f"no subject matches {glob}" for glob in fetched.unmatched)
    names = set(fetched.live)
    yield from (
        f"kgen.toml pins {name}, which is not among the subjects"
        for name in settings.pins
        if name not in names
    )


def _with_new_globs(settled: Settled, request: Request, fetched: Fetched) -> Settled:
    """kgen.toml takes on patterns of `--subject` that bring in what its own do not."""
    known = settled.config.subjects
    names = [s.name for s in fetched.snapshot.subjects]
    uncovered = [n for n in names if not wanted(n, known)]
    added = [g for g in request.subjects if g not in known and any(fits(n, g) for n in uncovered)]
    text = settled.text if settled.text is not None else config.read_text(request.root)
    if not added or text is None:
        return settled
    return Settled(replace(settled.config, subjects=(*known, *added)), config.with_subjects(text, added))


def _plan(
    request: Request,
    settled: Settled,
    found: Reading,
    old: lock.Locked | None,
    before: Library,
) -> Prepared:
    settings, snapshot = settled.config, found.snapshot
    project = model(settings, snapshot, old, before)
    new = locked(snapshot, project, found.deleted, old)
    after = before.of(new.snapshot)
    want = _wanted(request.root, settled, new, project, old, before, request.progress)
    files = plan.files(request.root, want, old, plan.Options(settings.conflict, request.recreate))
    known = subject_changes.schema_changes(before, after)
    models = _models(project, new, settings, old, before, files)
    subjects = subject_changes.subject_changes(old, new, models, files, found.kept, project.skipped, known)
    modules = impact_of.generated(request.root, files, set(old.names.modules.values()) if old else set())
    made = plan.Plan(
        snapshot.registry_url,
        settings.package,
        files,
        subjects,
        (
            *_registries(old, new),
            *found.notes,
            *project.notes,
            *subject_changes.moved(known),
            *invalid_defaults.notes(old, after),
        ),
        topic_changes(modules.old, modules.new, settings.topics, _tables(project)),
        impact_of.uses(request.root, files, modules, known, project.fullnames, merged=not request.dry),
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


def _wanted(
    root: Path,
    settled: Settled,
    new: lock.Locked,
    project: Project,
    old: lock.Locked | None,
    before: Library,
    progress: ProgressCallback,
) -> plan.Wanted:
    rendered = render.render(project, progress)
    kinds = {path: render.kind(path) for path in rendered}
    lost = any(
        kinds[path] == "owned" and (root / path).exists() and not (root / user_files.base_path(path)).exists()
        for path in rendered
    )
    # A clone without `.kgen/base`, say: what that would hold is what the lock gave.
    earlier = render.render(model(settled.config, old.snapshot, old, before)) if old and lost else {}
    return plan.Wanted(new, rendered, kinds, settled.config.package, settled.text, earlier)


def _models(
    project: Project,
    new: lock.Locked,
    settings: Config,
    old: lock.Locked | None,
    before: Library,
    files: Sequence[plan.FileAction],
) -> list[Project]:
    """The new model, and the old one where subjects or modules are gone: their files are known from it
    alone.
    """
    if old is None:
        return [project]
    gone = {s.name for s in old.snapshot.subjects} - {s.name for s in new.snapshot.subjects}
    removed = any(f.kind == "generated" and f.op == "remove" for f in files)
    return [project, model(settings, old.snapshot, old, before)] if gone or removed else [project]


def model(settings: Config, snapshot: Snapshot, old: lock.Locked | None, before: Library) -> Project:
    """The model of a snapshot, with the names and places given so far: `before` is the library of `old`."""
    wanted = Settings(settings.package, __version__, settings.topics, settings.ignore_rules)
    return build(snapshot, wanted, old.names if old else None, before)


def locked(
    snapshot: Snapshot, project: Project, deleted: frozenset[lock.Key], old: lock.Locked | None
) -> lock.Locked:
    """What goes into the lock. Its registry is the one that the content came from: the same content at
    another URL (localhost and 127.0.0.1, a mirror) is not a change.
    """
    subjects = [*(s.name for s in snapshot.subjects), *(v.subject for v in snapshot.referenced)]
    folders = {name: names.folder_name(name) for name in subjects}
    new = lock.Locked(replace(snapshot, skipped=()), __version__, folders, project.names, deleted)
    return old if old is not None and _same_content(old, new) else new


def _same_content(old: lock.Locked, new: lock.Locked) -> bool:
    return old == replace(new, snapshot=replace(new.snapshot, registry_url=old.snapshot.registry_url))


def _registries(old: lock.Locked | None, new: lock.Locked) -> Iterator[str]:
    before, after = old.snapshot.registry_url if old else "", new.snapshot.registry_url
    if old and before != after:
        yield f"registry {before} -> {after}"
