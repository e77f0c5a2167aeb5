"""`kgen resolve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import guard, owned, write
from ..errors import OutputError
from . import options
from .console import Console


def command(
    path: Annotated[str, typer.Argument(help="The file whose conflict is solved, relative to the project.")],
    mine: Annotated[bool, typer.Option("--mine", help="The file as it stands is the solution.")] = False,
    out: options.Out = Path(),
    json: options.Json = False,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Take the solved text of a merge conflict, from .kgen/conflicts or from the file itself, and close the
    conflict.
    """
    console = Console(json, quiet, not no_color)
    name = _name(out, path)
    if not (out / owned.CONFLICTS).is_dir():
        raise OutputError("there are no open conflicts", where=str(out))
    with guard.exclusive(out, console.say):
        write.heal(out)
        write.apply(out, owned.resolve(out, name, mine=mine))
        left = owned.open_conflicts(out)
    console.line(f"{name} is solved" + (f"; still open: {', '.join(left)}" if left else ""))
    console.data({"version": 1, "resolved": name, "open": left})


def _name(root: Path, path: str) -> str:
    """The file, whether given as such or as its copy in .kgen/conflicts, relative to the project or to
    here.
    """
    given = Path(path)
    try:
        relative = given.resolve().relative_to(root.resolve()) if given.exists() else given
    except ValueError:
        relative = given
    return relative.as_posix().removeprefix(f"{owned.CONFLICTS}/").removesuffix(".json")
