"""Where partitions without a stored offset begin, written down before anything of them is read.

Bytewax's store gets a position with the first committed epoch. Where `start` would be another offset the
next time, as `latest` is, a crash before that would lose what came in between. So the offsets are kept in a
file of their own in the recovery folder, for all partitions of the topic at once, by the first worker of
any process that comes. A partition that is not among them is new since then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from ..errors import RecoveryError
from ..state.current_folder import kept_positions

_NAME: Final = "kgen-starts.db"  # Bytewax takes all files in its folder that end in .sqlite3 for partitions
_PATIENCE: Final = 120.0
"""Seconds to wait for the one who asks the broker."""

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS starts (
    step TEXT, topic TEXT, start TEXT, partition INTEGER, offset INTEGER, topic_id TEXT,
    PRIMARY KEY (step, topic, start, partition)
)
"""
_READ: Final = "SELECT partition, offset, topic_id FROM starts WHERE step = ? AND topic = ? AND start = ?"

Offset = tuple[int, "str | None"]
"""With the id of the topic that it is an offset of, if the broker reports it."""


class Place(NamedTuple):
    """What reads what, and from where it was set to."""

    step: str
    topic: str
    start: str


def pinned(folder: Path, place: Place, find: Callable[[], Mapping[int, Offset]]) -> Mapping[int, Offset]:
    """The first offsets, by partition: those kept in the folder, else those that `find` gives, durable when
    this returns.

    `find` is called by one worker only, and by none where the folder has positions that are older than this
    file: then there are no first offsets. Raises `RecoveryError`, and what `find` raises.
    """
    try:
        with closing(_open(folder)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(_TABLE)
            kept = {row[0]: (row[1], row[2]) for row in db.execute(_READ, place)}
            if not kept and not _has_positions(place):
                kept = dict(find())
                rows = [(*place, partition, *offset) for partition, offset in kept.items()]
                db.executemany("INSERT INTO starts VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.execute("COMMIT")
            return kept
    except sqlite3.Error as error:
        raise RecoveryError(
            f"the first offsets cannot be kept in the recovery folder: {error}",
            where=str(folder / _NAME),
            hint="Is there room on the disk, and may this user write there?",
        ) from error


def forget(folder: Path) -> None:
    """The folder's recovery partitions are being made: it is nothing's place yet."""
    (folder / _NAME).unlink(missing_ok=True)


def _open(folder: Path) -> sqlite3.Connection:
    db = sqlite3.connect(folder / _NAME, timeout=_PATIENCE, isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")
    return db


def _has_positions(place: Place) -> bool:
    """A run has stored positions of this topic before, with `start` something else or with an older kgen."""
    return any(key.startswith(f"{place.topic}/") for key in kept_positions(place.step))
