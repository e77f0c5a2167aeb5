"""The recovery folder: made on first use, checked before a run, and never used by two runs at once."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, TextIO

from bytewax.dataflow import Dataflow
from bytewax.recovery import (
    InconsistentPartitionsError,
    MissingPartitionsError,
    NoPartitionsError,
    RecoveryConfig,
    init_db_dir,
)

from .._bytewax import (
    PARTITION_FILES,
    before_bytewaxs_run,
    bytewaxs_run,
    is_about_partition,
    partition_files,
    partition_index,
    partition_reader,
    stored_keys,
    stored_steps,
    walk,
)
from ..errors import ConfigError, KgenError, RecoveryError
from ..metrics import measure_store
from ..state.current_folder import Positions, kept_in, kept_positions, note_positions, recovery_folder
from ..state.upgrade import upgrade
from .file_systems import network_file_system
from .start_offsets import forget

_FORMAT: Final = 1
_SHOWN: Final = 3
_ROOM_TO_BEGIN: Final = 256 << 10
"""Bytes that the disk needs for a new folder."""
_ROOM_TO_RUN: Final = 16 << 20
"""Fewer bytes than SQLite may free of its logs once it has failed to write."""
_SIGNS: Final = (PARTITION_FILES, "kgen.json")
"""A folder with one of these is a recovery folder, whatever else its owner keeps there."""
_MAKING: Final = ".kgen-making"
_MARK: Final = ".cluster.lock"
_MOST_MARK: Final = 100
_OURS: Final = (".*.lock", "kgen-starts.db*", _MAKING, "lost+found", ".snapshot", ".gitignore", ".gitkeep")
"""What an unused one may hold: what is written before the partitions are, and what a new volume has."""

log = logging.getLogger("kgen_runtime.recovery")


class Recovery:
    """A folder with Bytewax's recovery partitions.

    `partitions` counts only when the folder is made: it is fixed then, and independent of the number of
    workers. `backup_interval` is how long state that is no longer needed is kept, for backups of the
    folder. Raises `ConfigError` for an empty path.
    """

    def __init__(
        self, path: str | Path, *, partitions: int = 4, backup_interval: timedelta = timedelta(0)
    ) -> None:
        if path == "":  # for Path it would be the folder that we are in
            raise ConfigError(
                "the name of the recovery folder is empty", hint="Is the variable set that it comes from?"
            )
        self.path = Path(path)
        self._partitions = partitions
        self._backup_interval = backup_interval
        self._about = self.path / "kgen.json"
        self._making = self.path / _MAKING
        self._made = self._making / self._about.name

    def config(self, *, prepared: bool = False) -> RecoveryConfig:
        """For `run_main`, `cluster_main` and `cli_main`. The folder is made or checked, and its state
        brought to today's schemas, unless that is done.

        Raises `RecoveryError`.
        """
        if not prepared:
            self.prepare()
            self.upgrade_state()
        measure_store(self.size)
        return RecoveryConfig(self.path, self._backup_interval)  # type: ignore[no-untyped-call]

    def prepare(self) -> None:
        """Make the partitions where there are none, else see that they are whole. Raises `RecoveryError`."""
        self._refuse_others()
        if kind := network_file_system(self.path):
            log.warning(
                "%s is on a file system that machines share (%s). SQLite, which keeps state there, counts on "
                "locks and writes as a disk of one machine has them: use such a disk, or a block volume.",
                *(self.path, kind),
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if full := disk_full_error(self.path, _ROOM_TO_BEGIN):
                raise full  # what Bytewax would report is a panic
            if self._about.exists() or (partition_files(self.path) and not self._made.exists()):
                self._check()
            else:
                self._make()
        except OSError as error:
            raise self._unusable(error) from error

    def upgrade_state(self) -> None:
        """Bring generated objects in the kept state to the schemas of today's code; see `state.upgrade`.

        The modules of the flow are to be imported before. Raises `RecoveryError` if something that is kept
        cannot be read: nothing has changed then.
        """
        with kept_in(self.path):
            upgrade(self.path)

    @contextmanager
    def lock(self, name: str = "run") -> Iterator[None]:
        """Keep other runs away. Raises `RecoveryError` if there is one."""
        with self._open(f".{name}.lock") as file:
            if not _try_lock(file.fileno()):
                file.seek(0)
                raise RecoveryError(
                    f"another run uses the recovery folder (process {file.read().strip() or 'unknown'})",
                    where=str(self.path),
                    hint="Stop it first, or give this one a folder of its own.",
                )
            with suppress(OSError):  # the disk is full: the number is for people
                file.truncate(0)
                file.write(str(os.getpid()))
                file.flush()
            yield

    def mark(self) -> None:
        """Write a new mark: to the process of a cluster that reads it in its folder, that is this folder.
        Raises `RecoveryError`.
        """
        try:
            (self.path / _MARK).write_text(uuid.uuid4().hex, encoding="ascii")
        except OSError as error:
            raise self._unusable(error) from error

    def read_mark(self) -> str:
        """The mark; empty if there is none."""
        try:
            with (self.path / _MARK).open(encoding="ascii") as file:
                return file.read(_MOST_MARK)
        except (OSError, ValueError):
            return ""

    def has_partitions(self) -> bool:
        """Whether state was, or can be, kept there."""
        return bool(partition_files(self.path))

    def _refuse_others(self) -> None:
        """Before anything is written: a folder that holds something else is not taken for a recovery folder.
        Raises `RecoveryError`.
        """
        try:
            names = {path.name for path in self.path.iterdir()} if self.path.is_dir() else set()
            others = sorted(name for name in names if not _is_one_of(_OURS, name))
            if others and not any(_is_one_of(_SIGNS, name) for name in others):
                raise RecoveryError(
                    f"not a recovery folder: it has other files ({_some(others)})",
                    where=str(self.path),
                    hint="Name a recovery folder, an empty folder, or a new one, which is then created.",
                )
            self._noted()
            for file in partition_files(self.path):
                _part(file)
        except OSError as error:
            raise self._unusable(error) from error

    def _open(self, name: str) -> TextIO:
        self._refuse_others()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / name).open("a+")
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> RecoveryError:
        return RecoveryError(
            f"the recovery folder cannot be used: {_in_the_way(self.path) or error.strerror}",
            where=str(self.path),
            hint="Name a folder that this user may write to; it is created if it does not exist.",
        )

    def size(self) -> int | None:
        """Bytes of the partitions' files, what SQLite keeps beside them among them; None if there are none.
        The files are not opened.
        """
        sizes = []
        for file in self.path.glob(f"{PARTITION_FILES}*"):
            with suppress(OSError):  # SQLite removes some as it goes
                sizes.append(file.stat().st_size)
        return sum(sizes) if sizes else None

    def unknown_steps(self, flow: Dataflow) -> list[str]:
        """Steps that have state in the folder but are not in the flow: renamed ones would begin again.

        Raises `RecoveryError`.
        """
        return sorted(_stored_steps(self.path) - {step.step_id for step in walk(flow)})

    def refuse_if_above(self, flow: Dataflow) -> None:
        """A flow whose state is in the folder above, `.recovery`, would begin again in `.recovery/orders`: it
        ran with the former, and the latter has nothing yet. Raises `RecoveryError`.
        """
        above = self.path.parent
        if not partition_files(above) or _stored_steps(self.path):
            return
        if _stored_steps(above) & {step.step_id for step in walk(flow)}:
            raise RecoveryError(
                f"the recovery folder has no state, and the folder above it, {above}, has state of this flow",
                where=str(self.path),
                hint=f"To go on: --recovery {above}. To begin again: a folder that is not below it.",
            )

    def _make(self) -> None:
        """Made in a folder aside and then moved, the note last: after a crash the next run goes on from
        there, and nothing is ever deleted that another program may have put here.
        """
        if not self._made.exists():
            shutil.rmtree(self._making, ignore_errors=True)
            self._making.mkdir()
            forget(self.path)
            init_db_dir(self._making, self._partitions)  # type: ignore[no-untyped-call]
            about = {"format": _FORMAT, "partitions": self._partitions}
            aside = self._making / "note"
            aside.write_text(json.dumps(about) + "\n", encoding="utf-8")
            aside.replace(self._made)
        for file in partition_files(self._making):
            file.replace(self.path / file.name)
        self._made.replace(self._about)
        self._making.rmdir()

    def _check(self) -> None:
        count = self._noted()
        files = partition_files(self.path)
        for place in (self.path, *files):  # first: of such files SQLite only says that it cannot open them
            if not os.access(place, os.W_OK):
                raise self._unusable(PermissionError(errno.EACCES, f"{place} is read-only"))
        found = [_part(file) for file in files]
        if count is None:
            count = found[0][1]
        missing = sorted(set(range(count)) - {index for index, _ in found})
        if missing:
            raise RecoveryError(
                f"recovery partitions {', '.join(map(str, missing))} of {count} are missing",
                where=str(self.path),
                hint="Restore the whole folder from one backup; without it, begin with an empty folder.",
            )

    def _noted(self) -> int | None:
        """How many partitions were made; None where Bytewax made the folder. Raises `RecoveryError`."""
        if not self._about.exists():
            return None
        try:
            kept = json.loads(self._about.read_text(encoding="utf-8"))
            version, partitions = int(kept["format"]), int(kept["partitions"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise RecoveryError(
                "kgen's note on the recovery folder is damaged, or another program's",
                where=str(self._about),
                hint="Restore the whole folder from one backup; without it, begin with an empty folder.",
            ) from error
        if version > _FORMAT:
            raise RecoveryError(
                f"the recovery folder has format {version}, this kgen knows {_FORMAT}",
                where=str(self.path),
                hint="Use the kgen that created it, or a newer one.",
            )
        return partitions


def disk_full_error(folder: str | Path | None, room: int = _ROOM_TO_RUN) -> RecoveryError | None:
    """Of a recovery folder with less than `room` bytes to write to: that may be why Bytewax panicked, which
    reports no reason. None if there are more, or nobody knows.
    """
    try:
        found = None if folder is None else shutil.disk_usage(folder)
    except OSError:
        return None
    if found is None or not found.total or found.free >= room:
        return None
    return RecoveryError(
        f"the disk of the recovery folder is full: {found.free >> 10:,} KiB of it are free",
        where=str(folder),
        hint="Make room there. The flow goes on after the last epoch that was committed.",
    )


def explained(error: BaseException) -> KgenError | None:
    """What an error of Bytewax's recovery means, and what to do; None where it is none."""
    if isinstance(error, NoPartitionsError):
        return RecoveryError(
            "the recovery folder has no partitions", hint="Is it the right folder? rt.Recovery creates them."
        )
    if isinstance(error, MissingPartitionsError):
        return RecoveryError(
            f"recovery partitions are missing: {error}", hint="Restore the whole folder from one backup."
        )
    if isinstance(error, InconsistentPartitionsError):
        return RecoveryError(
            "the recovery partitions are of different times",
            hint="They must come from one backup: restore them together, or begin with an empty folder.",
        )
    if is_about_partition(error):
        return RecoveryError(
            f"the recovery folder has a position in a partition that is gone: {error}",
            hint="Was the topic recreated with fewer partitions, or does the step read another one? Begin "
            "with an empty recovery folder.",
        )
    return None


def check_positions(step_id: str, topic: str, partitions: Sequence[int]) -> None:
    """That each position in this run's recovery folder has a partition that is there: Bytewax would panic.

    Raises `RecoveryError`.
    """
    folder = recovery_folder()
    if folder is None:
        return
    there = {f"{topic}/{partition}" for partition in partitions}
    gone = sorted(kept_positions(step_id) - there)
    others = sorted({key.rpartition("/")[0] for key in gone} - {topic})
    if others:
        raise RecoveryError(
            f"the recovery folder has positions in topic {', '.join(others)}, and the step now reads {topic}",
            where=f"step {step_id}, {folder}",
            hint="Give this flow a recovery folder of its own, or the step another name.",
        )
    if gone:
        raise RecoveryError(
            f"the recovery folder has positions in partitions that are gone: {', '.join(gone)}",
            where=f"step {step_id}, {folder}",
            hint="Was the topic recreated with fewer partitions? Begin with an empty recovery folder.",
        )


def stored_positions(folder: str | Path | None) -> Positions:
    """Those in a recovery folder, to be read before Bytewax opens it (see `kept_positions`). Raises
    `RecoveryError`.
    """
    found: set[tuple[str, str]] = set()
    for file in () if folder is None else partition_files(Path(folder)):
        with _reading(file) as db:
            found |= stored_keys(db, _SOURCE_STEP)
    return found


_SOURCE_STEP: Final = ".kafka"
"""How the ids of the steps with positions end."""
_held: dict[Path, AbstractContextManager[None]] = {}


def hold_for_bytewaxs_runner() -> None:
    """To be called while a flow is built. If Bytewax's own runner is to run it, which locks nothing: the
    folder is locked before the run, until the process ends, and its state brought to today's schemas.
    The run then raises `RecoveryError` if another run uses the folder, or its state cannot be read.
    """
    run = bytewaxs_run()
    if run is not None and run.folder not in _held:
        _held[run.folder] = Recovery(run.folder).lock(lock_name(run.process))
        before_bytewaxs_run(lambda: _hold(run.folder))


def _hold(folder: Path) -> None:
    _held[folder].__enter__()
    measure_store(Recovery(folder).size)
    Recovery(folder).upgrade_state()
    note_positions(stored_positions(folder))


def lock_name(process: int | None) -> str:
    """For this process of a cluster, each of which has a lock of its own."""
    return f"run-{process}" if process else "run"


def _in_the_way(folder: Path) -> str | None:
    """What stands where the folder, or one above it, should be."""
    for path in (folder, *folder.parents):
        try:
            if path.exists() and not path.is_dir():
                return f"{path} is a file"
            if path.is_symlink() and not path.exists():
                return f"{path} is a link that leads nowhere"
        except OSError:
            return None  # the name itself is at fault, as the error says
    return None


def _is_one_of(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _stored_steps(folder: Path) -> set[str]:
    """Those with state. Raises `RecoveryError`."""
    found: set[str] = set()
    for file in partition_files(folder):
        with _reading(file) as db:
            found |= stored_steps(db)
    return found


def _some(names: Sequence[str]) -> str:
    """The first few, in a form that cannot break a line."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(ascii, names[:_SHOWN])) + more


def _part(file: Path) -> tuple[int, int]:
    """A partition's index and how many there are, which never change. Raises `RecoveryError`."""
    log = file.with_name(f"{file.name}-wal")
    # Immutable leaves no file beside one that may be another program's, and does not read the log that a run
    # which was killed leaves, without which the database is not whole.
    with _reading(file, "mode=ro" if log.exists() else "immutable=1") as db:
        return partition_index(db)


@contextmanager
def _reading(file: Path, how: str = "mode=ro") -> Iterator[sqlite3.Connection]:
    try:
        with partition_reader(file, how) as db:
            yield db
    except (sqlite3.Error, TypeError) as error:  # no row is a None that cannot be unpacked
        raise RecoveryError(
            f"not a recovery partition: {error}",
            where=str(file),
            hint="Restore it from a backup; or name another folder, if it is another program's.",
        ) from error


def _try_lock(fd: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
