"""`kgen resolve`."""

from __future__ import annotations

from typing import Annotated

import typer

from ..actions.resolve_conflicts import resolve_conflicts
from . import shared_options
from .console import Console


def command(
    path: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="The files whose conflicts are solved, relative to the project."),
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
    done = resolve_conflicts(shared_options.workspace(out, console), path, mine=mine)
    for name in done.paths:
        console.line(f"{name} is solved")
    if done.still_open:
        console.line(f"still open: {', '.join(done.still_open)}")
    still_open = list(done.still_open)
    console.data({"version": 1, "resolved": done.paths[0], "paths": list(done.paths), "open": still_open})
