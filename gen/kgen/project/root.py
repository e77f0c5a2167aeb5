"""Which project a folder belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

NAME = "kgen.toml"


def find(start: Path) -> Path | None:
    """The nearest folder with a kgen.toml, from `start` upwards.

    Not above a repository, nor above a folder that has another owner: what others put into `/tmp`, say, is
    not this user's project.
    """
    return next((folder for folder in _within(start) if (folder / NAME).is_file()), None)


def find_of(path: Path) -> Path | None:
    """The same of a file or a folder, which need not be there."""
    whole = path.resolve()
    start = next((it for it in (whole, *whole.parents) if it.is_dir()), None)
    return None if start is None else find(start)


def _within(start: Path) -> Iterator[Path]:
    owner = start.stat().st_uid
    for folder in (start, *start.parents):
        if folder.stat().st_uid != owner:
            return
        yield folder
        if (folder / ".git").exists():
            return
