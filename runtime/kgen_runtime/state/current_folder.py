"""The recovery folder of the run in this process, and the positions that it had before the run."""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from .._bytewax import bytewaxs_run

Positions: TypeAlias = "Set[tuple[str, str]]"
"""Step and key (`topic/partition`) of each."""


class _CurrentRun:
    folder: Path | None = None
    positions: Positions = frozenset()


@contextmanager
def kept_in(folder: str | Path | None, positions: Positions = frozenset()) -> Iterator[None]:
    """While entered, runs in this process use that recovery folder, which has these positions."""
    before = _CurrentRun.folder, _CurrentRun.positions
    _CurrentRun.folder, _CurrentRun.positions = None if folder is None else Path(folder), positions
    try:
        yield
    finally:
        _CurrentRun.folder, _CurrentRun.positions = before


def note_positions(positions: Positions) -> None:
    """Those of the folder that Bytewax's own runner uses."""
    _CurrentRun.positions = positions


def kept_positions(step_id: str) -> set[str]:
    """The keys of a step's partitions that had a position when the run began.

    Nobody looks into the folder later: Bytewax has it open, with an SQLite of its own. The locks of a file
    are the process's, and are gone when any connection in it to that file is closed. Another process would
    then take the folder for unused.
    """
    return {key for step, key in _CurrentRun.positions if step == step_id}


def recovery_folder() -> Path | None:
    """The recovery folder of the run in this process; None where there is none, or it cannot be known."""
    if _CurrentRun.folder is not None:
        return _CurrentRun.folder
    run = bytewaxs_run()
    return None if run is None else run.folder
