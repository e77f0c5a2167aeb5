"""The recovery folder of the run in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._bytewax import bytewaxs_run


class _CurrentRun:
    folder: Path | None = None


@contextmanager
def kept_in(folder: str | Path | None) -> Iterator[None]:
    """While entered, runs in this process use that recovery folder."""
    before, _CurrentRun.folder = _CurrentRun.folder, None if folder is None else Path(folder)
    try:
        yield
    finally:
        _CurrentRun.folder = before


def recovery_folder() -> Path | None:
    """The recovery folder of the run in this process; None where there is none, or it cannot be known."""
    if _CurrentRun.folder is not None:
        return _CurrentRun.folder
    run = bytewaxs_run()
    return None if run is None else run.folder
