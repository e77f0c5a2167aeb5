"""Applies file changes to a project: all of them or none.

1. Everything is written to `.kgen/tmp/stage`: the new contents, and copies of what they replace.
2. `.kgen/tmp/journal.json` is renamed into place: from here on the change counts as made.
3. Files are renamed into place and removed; then the journal goes.

Killed before 2, the old tree stands. Killed after it, the next run finds the journal and finishes (`heal`).
What fails without a kill (a
full disk, a folder that refuses) is undone at once: the journal is turned round first, so that a kill while
undoing is undone as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..errors import OutputError
from ..progress_callback import ProgressCallback, silent
from . import mutex, paths
from .from_here import command_from_here

Direction: TypeAlias = Literal["forward", "back"]


@dataclass(frozen=True)
class Write:
    """A file to write, or to remove where `content` is None. `before` is the sha256 of what the plan saw
    there (None: nothing).
    """

    path: str
    content: bytes | None
    before: str | None


class Disk:
    """Every step that changes the disk: tests count them and die between any two."""

    def mkdir(self, path: Path) -> None:
        """Make a folder and those above it."""
        path.mkdir(parents=True, exist_ok=True)

    def write(self, path: Path, content: bytes, mode: int | None) -> None:
        """Write a new file through to the disk."""
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            path.chmod(mode)

    def replace(self, source: Path, target: Path) -> None:
        """Rename over what is there."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def rmdir(self, path: Path) -> None:
        """Remove a folder, if it is there and empty."""
        with contextlib.suppress(OSError):
            path.rmdir()

    def sync(self, folder: Path) -> None:
        """Make renames in a folder last."""
        if os.name == "nt" or not folder.is_dir():
            return
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def clear(self, folder: Path) -> None:
        """Remove a folder and what is in it."""
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Step:
    """One file of a journal; `path` is relative to the project, links followed."""

    path: str
    stage: str | None  # the file with the new content; None: remove
    backup: str | None  # the file with the old content; None: there was none
    before: str | None
    after: str | None


@dataclass(frozen=True)
class _Journal:
    direction: Direction
    steps: tuple[_Step, ...]
    made: tuple[str, ...]  # folders that were not there before, the deepest first


def apply(
    root: Path, writes: Sequence[Write], disk: Disk | None = None, progress: ProgressCallback = silent
) -> None:
    """Make all changes. The caller holds `mutex.exclusive(root)` and has called `heal`. `progress` is called
    before the change counts as made: what it raises leaves everything as it was.

    Raises:
        OutputError: nothing was changed; says why.
    """
    if not writes:
        return
    run = _Run(root, disk or Disk())
    try:
        journal = run.prepare(writes, progress)
        run.commit(journal)
        run.forward(journal)
    except BaseException as e:
        run.undo()
        if isinstance(e, OSError):
            raise _failed("the project could not be written", e, "everything is as it was before") from e
        raise
    run.clean()


def interrupted(root: Path) -> bool:
    """Whether a write was killed half-way and waits for `heal`."""
    return _journal(root).exists()


def refuse_interrupted(root: Path) -> None:
    """Raises `OutputError` if one was."""
    if interrupted(root):
        raise OutputError(
            "a pull was interrupted here",
            where=str(root),
            hint=f"run `{command_from_here(root, 'kgen pull')}` to finish or roll back",
        )


def heal(root: Path, disk: Disk | None = None) -> Direction | None:
    """Finish what a killed run began, or undo it where it cannot be finished. Says which; None where
    nothing was left.

    Raises:
        OutputError: both would lose what was edited since.
    """
    run = _Run(root, disk or Disk())
    if not interrupted(root):
        if run.stage.exists():
            run.clean()
        return None
    journal = run.load()
    try:
        return run.heal(journal)
    except OSError as e:
        raise _failed(
            "an interrupted pull could not be finished", e, "run `kgen pull` once the cause is gone"
        ) from e


def _journal(root: Path) -> Path:
    return root / mutex.FOLDER / "journal.json"


def _failed(what: str, error: OSError, hint: str) -> OutputError:
    where = str(error.filename) if error.filename else None
    return OutputError(f"{what}: {error.strerror or error}", where=where, hint=hint)


class _Run:
    def __init__(self, root: Path, disk: Disk) -> None:
        self.root = root.resolve()
        self.disk = disk
        self.stage = self.root / mutex.FOLDER / "stage"

    def prepare(self, writes: Sequence[Write], progress: ProgressCallback) -> _Journal:
        targets = [paths.target(self.root, w.path) for w in writes]
        self._check_distinct(writes, targets)
        paths.check_writable(self.root, [*targets, self.stage])
        self.disk.clear(self.stage)
        self.disk.mkdir(self.stage)
        steps = []
        for number, (write, target) in enumerate(zip(writes, targets)):
            steps.append(self._stage(number, write, target))
            progress(number + 1, len(writes), "files written")
        self.disk.sync(self.stage)
        return _Journal(
            "forward",
            tuple(steps),
            self._missing_folders(t for t, w in zip(targets, writes) if w.content is not None),
        )

    def _check_distinct(self, writes: Sequence[Write], targets: Sequence[Path]) -> None:
        seen: dict[Path, str] = {}
        for write, target in zip(writes, targets):
            if target in seen:
                raise OutputError(
                    f"{write.path} and {seen[target]} are the same file", hint="remove the link"
                )
            seen[target] = write.path

    def _stage(self, number: int, write: Write, target: Path) -> _Step:
        old = target.read_bytes() if target.exists() else None
        if paths.digest(old) != write.before:
            raise OutputError("changed while kgen was running", where=write.path, hint="run it again")
        mode = stat.S_IMODE(target.stat().st_mode) if old is not None else None
        stage = backup = None
        if write.content is not None:
            stage = f"{number}.new"
            self.disk.write(self.stage / stage, write.content, mode)
        if old is not None:
            backup = f"{number}.old"
            self.disk.write(self.stage / backup, old, mode)
        relative = target.relative_to(self.root).as_posix()
        return _Step(relative, stage, backup, write.before, paths.digest(write.content))

    def _missing_folders(self, targets: Any) -> tuple[str, ...]:
        missing = {p for t in targets for p in t.parents if p.is_relative_to(self.root) and not p.exists()}
        return tuple(p.relative_to(self.root).as_posix() for p in sorted(missing, reverse=True))

    def commit(self, journal: _Journal) -> None:
        draft = self.stage / "journal"
        text = json.dumps(
            {
                "direction": journal.direction,
                "made": journal.made,
                "steps": [asdict(s) for s in journal.steps],
            }
        )
        self.disk.write(draft, text.encode("utf-8"), None)
        self.disk.replace(draft, _journal(self.root))
        self.disk.sync(_journal(self.root).parent)

    def load(self) -> _Journal:
        path = _journal(self.root)
        try:
            data = json.loads(path.read_bytes())
            steps = tuple(_Step(**step) for step in data["steps"])
            for step in steps:
                paths.target(self.root, step.path)
            return _Journal(data["direction"], steps, tuple(data["made"]))
        except (ValueError, KeyError, TypeError) as e:
            hint = "check the project with version control, then remove the journal"
            raise OutputError(
                "the journal of an interrupted pull is damaged", where=str(path), hint=hint
            ) from e

    # --------------------------------------------------------------------------- after the journal is there

    def forward(self, journal: _Journal) -> None:
        """Finish. Steps already taken are left alone, so this may run again and again."""
        for step in journal.steps:
            target = self.root / step.path
            if step.stage is None:
                self.disk.unlink(target)
            elif (self.stage / step.stage).exists():
                self.disk.mkdir(target.parent)
                self.disk.replace(self.stage / step.stage, target)
        self._drop_empty(s.path for s in journal.steps if s.stage is None)
        self._end(journal)

    def back(self, journal: _Journal) -> None:
        """Restore what was there; may run again and again."""
        for step in journal.steps:
            target = self.root / step.path
            if step.backup is not None:
                if (self.stage / step.backup).exists() and self._taken(step):
                    self.disk.mkdir(target.parent)
                    self.disk.replace(self.stage / step.backup, target)
            elif self._hash(step) == step.after:
                self.disk.unlink(target)
        for folder in journal.made:
            self.disk.rmdir(self.root / folder)
        self._end(journal)

    def undo(self) -> None:
        """Restore what was there, if the journal had been written; tidy up in any case."""
        try:
            if interrupted(self.root):
                journal = replace(self.load(), direction="back")
                self.commit(journal)
                self.back(journal)
        except OSError as e:
            hint = "once the cause is gone, run `kgen pull` to finish or roll back"
            raise _failed("the project is half written, and restoring failed", e, hint) from e
        self.clean()

    def heal(self, journal: _Journal) -> Direction:
        if journal.direction == "forward" and not self._can_finish(journal):
            self._check_can_undo(journal)
            journal = replace(journal, direction="back")
            self.commit(journal)
        if journal.direction == "forward":
            self.forward(journal)
        else:
            self._check_can_undo(journal)
            self.back(journal)
        self.clean()
        return journal.direction

    def clean(self) -> None:
        self.disk.clear(self.stage)

    def _can_finish(self, journal: _Journal) -> bool:
        """Not where a file that is still to be replaced was edited since."""
        return all(self._taken(s) or self._hash(s) == s.before for s in journal.steps)

    def _check_can_undo(self, journal: _Journal) -> None:
        for step in journal.steps:
            restorable = step.backup is not None and (self.stage / step.backup).exists()
            if restorable and self._taken(step) and self._hash(step) != step.after:
                raise OutputError(
                    "edited after a pull had been interrupted, as others were that it had not reached yet",
                    where=step.path,
                    hint="move your copy away, run `kgen pull`, and bring your edit back",
                )

    def _taken(self, step: _Step) -> bool:
        """Whether the forward step has been made."""
        if step.stage is None:
            return not (self.root / step.path).exists()
        return not (self.stage / step.stage).exists()

    def _hash(self, step: _Step) -> str | None:
        target = self.root / step.path
        return paths.digest(target.read_bytes()) if target.is_file() else None

    def _drop_empty(self, removed: Any) -> None:
        for path in removed:
            folder = (self.root / path).parent
            while folder != self.root and not (folder.is_dir() and any(folder.iterdir())):
                self.disk.rmdir(folder)
                folder = folder.parent

    def _end(self, journal: _Journal) -> None:
        for folder in sorted({(self.root / s.path).parent for s in journal.steps}):
            self.disk.sync(folder)
        self.disk.unlink(_journal(self.root))
