"""Where a relative path of the plan stands on disk: always inside the project, whatever links lie in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from functools import lru_cache
from pathlib import Path, PurePosixPath

from ..errors import OutputError


def target(root: Path, path: str) -> Path:
    """The file that `path` means, links followed.

    Raises:
        OutputError: it is outside `root`, a folder, or below something that is not a folder.
    """
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise OutputError("a path that leaves the project folder", where=path)
    # os.path, not pathlib: a project has thousands of files, and this is asked for each of them.
    base = _base(str(root)) if root.is_absolute() else os.path.realpath(root)
    real = os.path.realpath(os.path.join(base, path))  # noqa: PTH118
    if not real.startswith(base.rstrip(os.sep) + os.sep):
        raise OutputError(
            "a link leads out of the project folder", where=f"{path} -> {real}", hint="remove the link"
        )
    _check_place(base, real, path)
    return Path(real)


@lru_cache(maxsize=8)
def _base(root: str) -> str:
    """The folder of a project, links followed. If one leads elsewhere later, its files are outside of it."""
    return os.path.realpath(root)


def _check_place(base: str, real: str, path: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        if stat.S_ISREG(os.lstat(real).st_mode):
            return
    if os.path.islink(real):  # noqa: PTH114
        raise OutputError("the path cannot be followed", where=path, hint="is it a link to itself?")
    if os.path.isdir(real):  # noqa: PTH112
        raise OutputError("a folder stands where a file must be", where=path, hint="move it away")
    above = _nearest(Path(real).parent)
    if not above.is_dir():
        shown = os.path.relpath(above, base)
        raise OutputError("a file stands where a folder must be", where=shown, hint="move it away")


def read(root: Path, path: str) -> bytes | None:
    """The content of `path`, or None where there is no such file. Raises `OutputError`."""
    try:
        return target(root, path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        raise OutputError(f"cannot be read: {e.strerror or e}", where=path) from e


def digest(content: bytes | None) -> str | None:
    """sha256 of `content`; None for no file."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def check_writable(root: Path, paths: list[Path]) -> None:
    """Raises `OutputError` if a folder that will be written to does not allow it; nothing is touched."""
    for folder in sorted({_nearest(path.parent) for path in paths}):
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(
                "the folder is not writable",
                where=str(folder),
                hint="choose another --out, or change its permissions",
            )


def _nearest(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
