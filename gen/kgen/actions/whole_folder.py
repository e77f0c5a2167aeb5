"""A folder outside of the project's own, written all or nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import ConfigError
from ..listing import listed
from ..progress_callback import ProgressCallback, silent


def target_folder(path: Path, manifest: str, flag: str) -> Path:
    """The folder itself, where links lead to one. It may be absent, empty, or one that was written before:
    `manifest` lists its files. Raises `ConfigError`, which names the flag, if it holds anything else: that
    would be lost.
    """
    target = Path(os.path.realpath(path))
    if not target.exists():
        if not target.parent.is_dir():
            raise ConfigError(f"{target.parent} is not a folder", where=flag, hint="create it first")
        return target
    if not target.is_dir():
        raise ConfigError(f"{path} is not a folder", where=flag, hint=f"{flag} catalog, for example")
    try:
        foreign = sorted(set(_files(target)) - _listed_in(target / manifest))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", where=flag) from error
    if foreign:
        what = f"{path} holds what is not of a catalog: {listed(foreign, 4)}"
        raise ConfigError(what, where=flag, hint="name a new or an empty folder, or an earlier catalog")
    return target


def _files(folder: Path) -> Iterator[str]:
    """Everything in it that is not a folder, and folders that are empty or links."""
    left = [folder]
    while left:
        for each in left.pop().iterdir():
            if each.is_dir() and not each.is_symlink() and any(each.iterdir()):
                left.append(each)
            else:
                yield each.relative_to(folder).as_posix()


def _listed_in(manifest: Path) -> set[str]:
    try:
        known = json.loads(manifest.read_bytes())["files"]
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        return set()
    return {name for name in known if isinstance(name, str)} if isinstance(known, list) else set()


def write_folder(
    target: Path, files: Mapping[str, bytes], flag: str, progress: ProgressCallback = silent
) -> None:
    """Write the files beside the folder, then put them in its place. What was there is gone then. If that
    fails, or Ctrl-C comes, it is as before. Raises `ConfigError`, which names the flag.
    """
    stem = f".{target.name[:100]}.{os.getpid()}"
    new, old = target.with_name(f"{stem}.new"), target.with_name(f"{stem}.old")
    try:
        for folder in sorted({name.rpartition("/")[0] for name in files}):
            (new / folder).mkdir(parents=True, exist_ok=True)
        for done, (name, content) in enumerate(files.items(), 1):
            with open(f"{new}/{name}", "wb") as file:  # noqa: PTH123 - of thousands, a Path takes longer
                file.write(content)
            progress(done, len(files), "files written")
        _put(new, target, old)
    except OSError as error:
        what = f"{target} cannot be written: {error.strerror or error}"
        raise ConfigError(what, where=flag, hint="another folder?") from error
    finally:
        for left in (new, old) if target.exists() else (new,):
            shutil.rmtree(left, ignore_errors=True)


def _put(new: Path, target: Path, old: Path) -> None:
    if not target.exists():
        new.rename(target)
        return
    target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        with contextlib.suppress(OSError):
            old.rename(target)
        raise
