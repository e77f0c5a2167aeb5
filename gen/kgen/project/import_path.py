"""Modules of the project can be imported, wherever the command runs."""

from __future__ import annotations

import sys
from pathlib import Path


def make_importable(root: Path) -> None:
    """Put the project's folder on Python's path, ahead of the others."""
    folder = str(root.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
