"""`kgen resolve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import OutputError
from ..planning import user_files
from ..project import interrupts, mutex, transaction
from . import shared_options
from .console import Console


def command(
    path: Annotated[
        list[str], typer.Argument(help="The files whose conflicts are solved, relative to the project.")
    ],
    mine: Annotated[bool, typer.Option("--mine", help="The files as they stand are the solution.")] = False,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Take the solved text of merge conflicts, from .kgen/conflicts or from the files themselves, and close
    the conflicts: all of them or, if one is not solved yet, none.
    """
    console = Console(json, quiet, not no_color)
    root = shared_options.project(out, console)
    names = list(dict.fromkeys(_name(root, each) for each in path))
    if not (root / user_files.CONFLICTS).is_dir():
        raise OutputError("there are no open conflicts", where=str(root))
    with mutex.exclusive(root, console.say), interrupts.held():
        transaction.heal(root)
        transaction.apply(root, [w for name in names for w in user_files.resolve(root, name, mine=mine)])
        left = user_files.open_conflicts(root)
    for name in names:
        console.line(f"{name} is solved")
    if left:
        console.line(f"still open: {', '.join(left)}")
    console.data({"version": 1, "resolved": names[0], "paths": names, "open": left})


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
