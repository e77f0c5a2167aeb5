"""A recovery folder's state, brought to today's schemas before a run begins, or refused.

Bytewax loads every row with pickle when it starts. A row that holds generated objects of other schemas, or
in the form of an earlier kgen, is loaded here first and written again as it would be today; one that cannot
be read stops the run while nothing has begun. A hundred rows are in memory at a time, and only rows with such
objects are loaded: others are looked through for marks, which takes a few microseconds.
"""

from __future__ import annotations

import logging
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from ..errors import KgenError, RecoveryError
from . import notes
from .loading import load
from .marks import MARK
from .restorers import HINT, is_current

_PATIENCE: Final = 120.0
_BATCH: Final = 100
"""Rows that are in memory at a time."""

_READ: Final = """
SELECT rowid, step_id, state_key, ser_change FROM snaps
WHERE rowid > ? AND ser_change IS NOT NULL ORDER BY rowid LIMIT ?
"""
_WRITE: Final = "UPDATE snaps SET ser_change = ? WHERE rowid = ?"

log = logging.getLogger("kgen_runtime.recovery")


def upgrade(folder: Path) -> None:
    """Bring the state in a folder to today's schemas. All of a partition's rows, or none.

    Raises `RecoveryError` where something that is kept cannot be read.
    """
    try:
        count = sum(_upgrade(file) for file in sorted(folder.glob("part-*.sqlite3")))
        notes.keep(folder)
    except sqlite3.Error as error:
        raise RecoveryError(
            f"the kept state cannot be looked through: {error}",
            where=str(folder),
            hint="Is there room on the disk, and may this user write there?",
        ) from error
    if count:
        log.info("%s: %s kept values were brought to today's schemas", folder, count)


def _upgrade(file: Path) -> int:
    """How many rows of a partition are written again."""
    with closing(sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        count = 0
        for row, step, key, data in _rows(db):
            if _may_be_outdated(data):
                again = _again(data, f"step {step}, key {key}, {file.parent}")
                if again is not None:
                    db.execute(_WRITE, (again, row))
                    count += 1
        db.execute("COMMIT")
        return count


def _rows(db: sqlite3.Connection) -> Iterator[tuple[int, str, str, bytes]]:
    last = -1
    while rows := db.execute(_READ, (last, _BATCH)).fetchall():
        yield from rows
        last = rows[-1][0]


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
        value, outdated = load(data)
        return pickle.dumps(value) if outdated else None
    except RecoveryError as error:
        raise RecoveryError(error.what, where=where, hint=error.hint or HINT) from None
    except Exception as error:  # noqa: BLE001 - whatever the code of the user's classes raises
        raise RecoveryError(
            f"kept state cannot be loaded: {type(error).__name__}: {error}", where=where, hint=HINT
        ) from None
