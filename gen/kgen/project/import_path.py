"""Modules of the project can be imported, wherever the command runs; what they print is not its answer."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, redirect_stdout
from pathlib import Path
from typing import TextIO


def make_importable(root: Path) -> None:
    """Put the project's folder on Python's path, ahead of the others."""
    folder = str(root.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)


def prints_to_stderr() -> AbstractContextManager[TextIO]:
    """Around the import or the run of the user's code: stdout is for what the command answers."""
    return redirect_stdout(sys.stderr)
