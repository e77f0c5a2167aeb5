"""A file outside of the project's own, written all or nothing."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ConfigError


def target_file(path: Path, flag: str, example: str) -> Path:
    """The file itself, where links lead to one. Raises `ConfigError`, which names the flag, if it cannot be
    one.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise ConfigError(f"{path} is not a file", where=flag, hint=f"{flag} {example}, for example")
    if not target.parent.is_dir():
        raise ConfigError(f"{target.parent} is not a folder", where=flag, hint="create it first")
    return target


def write_file(target: Path, content: bytes, flag: str) -> None:
    """All of it or nothing. Raises `ConfigError`, which names the flag."""
    new = target.with_name(f".{target.name[:100]}.{os.getpid()}.new")
    try:
        new.write_bytes(content)
        new.replace(target)
    except OSError as error:
        raise ConfigError(
            f"{target} cannot be written: {error.strerror}", where=flag, hint="another file or folder?"
        ) from error
    finally:
        new.unlink(missing_ok=True)
