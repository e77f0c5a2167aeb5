"""`kgen resolve`: takes the solved texts of merge conflicts, and closes the conflicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import OutputError
from ..planning import user_files
from ..project import interrupts, mutex, transaction
from .inputs import Workspace


@dataclass(frozen=True)
class ResolvedConflicts:
    """The files whose conflicts are closed, and those with an open one; relative to the project."""

    paths: tuple[str, ...]
    still_open: tuple[str, ...]


def resolve_conflicts(workspace: Workspace, given: Iterable[str], *, mine: bool = False) -> ResolvedConflicts:
    """Close the conflicts of the `given` files, all or, if one is not solved yet, none.

    The solved text is that in .kgen/conflicts or, if `mine` or solved there, that of the file itself. Raises
    `OutputError`.
    """
    root = workspace.root
    paths = tuple(dict.fromkeys(_name(root, each) for each in given))
    if not (root / user_files.CONFLICTS).is_dir():
        raise OutputError("there are no open conflicts", where=str(root))
    with mutex.exclusive(root, workspace.say), interrupts.held():
        transaction.heal(root)
        transaction.apply(root, [w for path in paths for w in user_files.resolve(root, path, mine=mine)])
        return ResolvedConflicts(paths, tuple(user_files.open_conflicts(root)))


def _name(root: Path, path: str) -> str:
    """The file, whether given as such or as its copy in .kgen/conflicts, relative to the project or to
    here.
    """
    given = Path(path)
    try:
        relative = given.resolve().relative_to(root.resolve()) if given.exists() else given
    except ValueError:
        relative = given
    return relative.as_posix().removeprefix(f"{user_files.CONFLICTS}/").removesuffix(".json")
