"""The schemas of a recovery folder's state, kept beside it.

What a version of the code wrote can be read by one that never had that version's schema, as after a step
back. Schemas are small, and each stands there once.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from ..codec.avro.schema.parser import parse
from ..codec.avro.schema.tree import Schema
from ..errors import SchemaError
from . import homes
from .current_folder import recovery_folder

NAME: Final = "kgen-state.db"  # Bytewax takes all files in its folder that end in .sqlite3 for partitions
_PATIENCE: Final = 120.0
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schemas (
    fingerprint TEXT PRIMARY KEY, subject TEXT, version INTEGER, text TEXT, refs TEXT
)
"""
_WRITE: Final = "INSERT OR IGNORE INTO schemas VALUES (?, ?, ?, ?, ?)"
_READ: Final = "SELECT subject, text, refs FROM schemas WHERE fingerprint = ?"


def keep(folder: Path) -> None:
    """The schemas of the classes that are loaded. Raises `sqlite3.Error`."""
    rows = [
        (home.mark, home.schemas.subject, latest.version, latest.text, json.dumps(latest.references))
        for home in homes.homes()
        for latest in [home.schemas.latest]
    ]
    if rows:
        with closing(sqlite3.connect(folder / NAME, timeout=_PATIENCE)) as db, db:
            db.execute(_TABLE)
            db.executemany(_WRITE, rows)


class Noted(NamedTuple):
    """A version of a subject."""

    subject: str
    schema: Schema


def find(fingerprint: str) -> Noted | None:
    """A schema that was kept in the recovery folder of this run."""
    folder = recovery_folder()
    if folder is None or not (folder / NAME).exists():
        return None
    try:
        with closing(sqlite3.connect(folder / NAME, timeout=_PATIENCE)) as db:
            row = db.execute(_READ, (fingerprint,)).fetchone()
        return None if row is None else Noted(row[0], parse(row[1], json.loads(row[2])))
    except (sqlite3.Error, ValueError, SchemaError):
        return None
