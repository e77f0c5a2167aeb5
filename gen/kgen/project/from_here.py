"""Commands and paths of a project as they are pasted where the user is, who may be in another folder."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def command_from_here(root: Path, command: str) -> str:
    """A command for the project's folder, with the way there if that is another one."""
    if root.resolve() == Path.cwd().resolve():
        return command
    return f"cd {shlex.quote(_short(root))} && {command}"


def pull_from_here(root: Path, registry: str | None) -> str:
    """`kgen pull` of the project, from this registry if it is not that of kgen.toml."""
    pull = "kgen pull" if registry is None else f"kgen pull --registry {shlex.quote(registry)}"
    return command_from_here(root, pull)


def path_from_here(root: Path, path: str) -> str:
    """A path that is relative to the project's folder, quoted for a shell."""
    return shlex.quote(_short(root / path))


def _short(path: Path) -> str:
    return min(os.path.relpath(path), str(path.resolve()), key=len)
