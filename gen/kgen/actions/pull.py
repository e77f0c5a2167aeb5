"""What `kgen pull` does, from plan to files. Prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import EditedError, PullInterruptedError
from ..planning import plan, reading
from ..project import interrupts, mutex, paths, transaction
from ..project import lockfile as lock
from ..project.from_here import command_from_here
from .prepare import PlanRequest, Prepared, prepare, prepare_locked, read_ahead


@dataclass(frozen=True)
class PullOptions:
    """What becomes of a plan."""

    dry: bool = False  # write nothing
    locked: bool = False  # the lock must not change
    strict: bool = False  # every subject has to be read


@dataclass(frozen=True)
class Result:
    """The plan, whether it was carried out, and how an interrupted earlier write ended (if there was one)."""

    plan: plan.Plan
    written: bool
    lock_changes: bool = False
    healed: transaction.Direction | None = None


def _show_nothing(_: Result) -> None:
    """Shows nothing."""


def run(
    request: PlanRequest,
    options: PullOptions = PullOptions(),
    show: Callable[[Result], None] = _show_nothing,
) -> Result:
    """Pull. `show` gets the result once everything is on the disk.

    Raises:
        PullInterruptedError: Ctrl-C; says whether everything was written, or nothing.
        KgenError: nothing was written.
    """
    disk = _OnDisk()
    try:
        result = _run(request, options, disk)
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
            "the project is half written",
            where=str(root),
            hint=f"run `{command_from_here(root, 'kgen pull')}` to finish or roll back",
        )
    return PullInterruptedError("everything was written" if disk.written else "nothing was written")


def _run(request: PlanRequest, options: PullOptions, disk: _OnDisk) -> Result:
    root, say = request.root, request.workspace.say
    if options.dry:
        prepared = prepare(request)
        return Result(prepared.plan, written=False, lock_changes=prepared.lock_changes)
    paths.check_writable(root, [root / lock.NAME])
    if (root / ".kgen").exists():
        with mutex.exclusive(root, say), interrupts.held():
            healed = transaction.heal(root)
        ahead = read_ahead(request)
        with mutex.exclusive(root, say):
            with interrupts.held():
                healed = transaction.heal(root) or healed
            return _write(request, options, prepare_locked(request, ahead, merged=True), disk, healed)
    # Nothing is made in the folder before the registry has answered.
    before = lock.read_text(root)
    prepared = prepare_locked(request, merged=True)
    with _made(root), mutex.exclusive(root, say):
        if lock.read_text(root) != before:  # another first pull was quicker
            prepared = prepare_locked(request, merged=True)
        return _write(request, options, prepared, disk, None)


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
    request: PlanRequest,
    options: PullOptions,
    prepared: Prepared,
    disk: _OnDisk,
    healed: transaction.Direction | None,
) -> Result:
    made, lock_changes = prepared.plan, prepared.lock_changes
    refuse(made, strict=options.strict)
    if options.locked and lock_changes:
        return Result(made, written=False, lock_changes=True, healed=healed)
    with interrupts.held() as ctrl_c:

        def progress(done: int, total: int, what: str = "", /) -> None:
            ctrl_c.check()
            request.workspace.progress(done, total, what)

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
