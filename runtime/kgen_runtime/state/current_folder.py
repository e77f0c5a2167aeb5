"""The recovery folder of the run in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple


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


class BytewaxsRun(NamedTuple):
    """What Bytewax's own runner was told: the recovery folder, and which process of a cluster this is."""

    folder: Path
    process: int | None


def bytewaxs_run() -> BytewaxsRun | None:
    """None where something else runs the flow, or without recovery."""
    # Nothing that Bytewax calls is told of it. Its runner is a script that leaves it in a variable.
    main: Any = sys.modules.get("__main__")
    if getattr(getattr(main, "__spec__", None), "name", None) != "bytewax.run":
        return None
    told = getattr(main, "kwargs", {})
    config = told.get("recovery_config")
    return None if config is None else BytewaxsRun(Path(config.db_dir), told.get("process_id"))
