"""The files of a project, read many at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from . import paths

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_BYTES: Final = 1 << 18
_IS_SURE: Final = hasattr(os, "O_NOFOLLOW")


class FileReader:
    """Reads as `paths.read` does; where links lead that folders are is looked up once for each folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._base = os.path.realpath(root)
        self._folders: dict[str, str | None] = {}

    def __call__(self, path: str) -> bytes | None:
        """The content of `path`, or None where there is no such file. Raises `OutputError`."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = self._place(folder)
        place = self._folders[folder]
        if place is None or name in ("", ".", "..") or not _IS_SURE:
            return paths.read(self._root, path)
        try:
            handle = os.open(f"{place}/{name}", _FLAGS)
        except FileNotFoundError:
            return None
        except OSError:  # a link; whatever else it is, that says so
            return paths.read(self._root, path)
        try:
            return _whole(handle)
        except OSError:  # a folder, for one
            return paths.read(self._root, path)
        finally:
            os.close(handle)

    def _place(self, folder: str) -> str | None:
        """The folder, links followed; None if it is none of the project's."""
        if folder.startswith("/") or ".." in folder.split("/"):
            return None
        real = os.path.realpath(f"{self._base}/{folder}")
        is_inside = f"{real}/".startswith(self._base.rstrip("/") + "/")
        return real if is_inside and Path(real).is_dir() else None


def _whole(handle: int) -> bytes:
    parts = [os.read(handle, _BYTES)]
    while parts[-1]:
        parts.append(os.read(handle, _BYTES))
    return b"".join(parts)
