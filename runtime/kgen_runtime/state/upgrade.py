"""A recovery folder's state, brought to today's schemas before a run begins, or refused.

Bytewax loads with pickle, when it starts, the newest row of each step and key before the epoch that it
resumes from. Each of them is loaded here first. One that holds generated objects of other schemas, or in the
form of an earlier kgen, is written again as it would be today; one that cannot be loaded stops the run while
nothing has begun. A hundred rows are in memory at a time.
"""

from __future__ import annotations

import logging
import pickle
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from .._bytewax import loaded_rows, partition_files, resume_epoch, write_row
from ..errors import KgenError, RecoveryError, named_text
from ..reporting.printable import bounded, escaped
from . import notes
from .loading import load
from .marks import MARK
from .restorers import HINT, is_current

_SOON: Final = 2.0
"""How long another process may use a partition, in seconds, before that is said."""
_PATIENCE: Final = 120.0
_EVERY: Final = 10.0
"""Seconds between reports of how far it is."""
_BATCH: Final = 100
"""Rows that are in memory at a time."""

_MOST_TEXT: Final = 300

_DAMAGED: Final = (
    "Run it with the code that wrote it, restore the folder from a backup, or begin with an empty one."
)

log = logging.getLogger("kgen_runtime.recovery")


def upgrade(folder: Path) -> None:
    """Bring the state in a folder to today's schemas: all of it, or nothing.

    Raises `RecoveryError` if something that is kept cannot be loaded.
    """
    try:
        with ExitStack() as stack:
            parts = [stack.enter_context(_begun(file)) for file in partition_files(folder)]
            epoch = resume_epoch(parts)
            count = sum(_upgrade(part, epoch, folder) for part in parts)
            notes.keep(folder)  # first: the code before can read what it says
            for part in parts:
                part.execute("COMMIT")
    except sqlite3.Error as error:
        raise RecoveryError(
            f"the kept state cannot be read: {error}",
            where=str(folder),
            hint="Is there room on the disk, and may this user write there?",
        ) from error
    if count:
        log.info("%s: %s kept values were brought to today's schemas", folder, count)


@contextmanager
def _begun(file: Path) -> Iterator[sqlite3.Connection]:
    """A partition in a transaction, which ends with nothing written unless it is committed."""
    with closing(sqlite3.connect(file, timeout=_SOON, isolation_level=None)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            log.warning("%s is used by another process: waiting for it, %.0f s at most", file, _PATIENCE)
            db.execute(f"PRAGMA busy_timeout = {_PATIENCE * 1000:.0f}")
            db.execute("BEGIN IMMEDIATE")
        yield db


def _upgrade(part: sqlite3.Connection, epoch: int, folder: Path) -> int:
    """How many rows of a partition are written again."""
    count = 0
    for row, step, key, data in _rows(part, epoch):
        again = _again(data, f"step {step}, key {bounded(escaped(key), _MOST_TEXT)}, {folder}")
        if again is not None:
            write_row(part, row, again)
            count += 1
    return count


def _rows(part: sqlite3.Connection, epoch: int) -> Iterator[tuple[int, str, str, bytes]]:
    last, count, reported = -1, 0, time.monotonic()
    while rows := loaded_rows(part, epoch, last, _BATCH):
        yield from rows
        last = rows[-1][0]
        count += len(rows)
        if time.monotonic() - reported >= _EVERY:
            log.info("%s values of a partition were checked, more follow", count)
            reported = time.monotonic()


def _may_be_outdated(data: bytes) -> bool:
    """Whether a row has to be loaded: it holds a mark that is not of today, or a class by its path."""
    marks: list[bytes] = MARK.findall(data)
    if any(not _is_current(mark) for mark in set(marks)):
        return True
    return data.count(b"._generated.") > sum(mark.count(b"._generated.") for mark in marks)


def _is_current(mark: bytes) -> bool:
    try:
        return is_current(mark.decode())
    except (KgenError, UnicodeDecodeError):
        return False


def _again(data: bytes, where: str) -> bytes | None:
    """The row in today's form; None where that is what it has. Raises `RecoveryError`."""
    try:
        value, outdated = _load(data)
        return pickle.dumps(value) if outdated else None
    except RecoveryError as error:
        raise RecoveryError(error.what, where=where, hint=error.hint or HINT) from None
    except Exception as error:  # noqa: BLE001 - whatever the code of the user's classes raises
        why = bounded(escaped(named_text(type(error).__name__, error)), _MOST_TEXT)
        raise RecoveryError(f"kept state cannot be loaded: {why}", where=where, hint=_DAMAGED) from None


def _load(data: bytes) -> tuple[Any, bool]:
    """As `load`, and in a tenth of the time where that says nothing that pickle does not know."""
    if not _may_be_outdated(data):
        with suppress(Exception):  # `load` says it in words
            return pickle.loads(data), False  # noqa: S301 - as Bytewax does in a moment
    return load(data)
