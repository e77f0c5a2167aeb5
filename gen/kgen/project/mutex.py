"""One `kgen pull` at a time in a project: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError

FOLDER = ".kgen/tmp"  # the lock, and what an unfinished write left; ignores itself in git
WAIT = 60.0  # seconds
_POLL = 0.05  # seconds

if sys.platform == "win32":
    import msvcrt

    def _try(fd: int, shared: bool) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try(fd: int, shared: bool) -> bool:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def exclusive(root: Path, say: Callable[[str], None], wait: float = WAIT) -> Iterator[None]:
    """Hold the project for writing. Says so when another holds it, and waits for up to `wait` seconds.

    Raises:
        OutputError: the other did not finish in time, or the folder cannot be written.
    """
    try:
        folder = _folder(root)
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as e:
        hint = "choose another --out, or change its permissions"
        raise OutputError(f"the folder is not writable: {e.strerror or e}", where=str(root), hint=hint) from e
    try:
        _acquire(fd, root, say, wait, shared=False)
        yield
    finally:
        os.close(fd)


@contextmanager
def shared(root: Path, say: Callable[[str], None], wait: float = WAIT) -> Iterator[None]:
    """Keep others from writing while the project is read; writes nothing itself."""
    try:
        fd = os.open(root / FOLDER / "lock", os.O_RDONLY)
    except OSError:  # never pulled into, or not readable: nobody writes here
        yield
        return
    try:
        _acquire(fd, root, say, wait, shared=True)
        yield
    finally:
        os.close(fd)


def _folder(root: Path) -> Path:
    folder = root / FOLDER
    if not folder.resolve().is_relative_to(root.resolve()):
        raise OutputError("a link leads out of the project folder", where=FOLDER, hint="remove the link")
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return folder


def _acquire(fd: int, root: Path, say: Callable[[str], None], wait: float, *, shared: bool) -> None:
    if _try(fd, shared):
        return
    say("another kgen is writing here; waiting for it")
    deadline = time.monotonic() + wait
    while not _try(fd, shared):
        if time.monotonic() > deadline:
            raise OutputError(
                f"another kgen has been writing here for {wait:.0f} seconds",
                where=str(root),
                hint="let it finish, or end it, and try again",
            )
        time.sleep(_POLL)
