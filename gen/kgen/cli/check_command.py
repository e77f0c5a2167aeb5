"""`kgen check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgen_runtime.serde.subject_names import qualified

from ..actions import check_candidates
from ..actions.check_candidates import CheckOptions
from ..actions.inputs import Flags
from . import shared_options
from .console import Console
from .exit_codes import INCOMPATIBLE


def command(
    file: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Schemas: .avsc, .json, or folders of them.")
    ],
    subject: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The subject of the one file.", show_default="the file's name"),
    ] = None,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Against kgen.lock alone, without the registry.")
    ] = False,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """What changed schemas would break: what the registry says, whether old and new versions read each
    other, and which lines of the project use what goes. Registers and writes nothing.

    Exit codes: 0 they may be registered, 2 error, 4 one of them is not compatible.
    """
    console = Console(json, quiet, not no_color)
    options = CheckOptions(tuple(file), qualified(subject) if subject else None, frozen)
    found = check_candidates.run(shared_options.workspace(out, console), Flags(registry), options)
    for note in found.notes:
        console.say(note)
    for line in found.lines():
        console.line(line)
    console.data(found.as_json())
    if found.incompatible:
        raise typer.Exit(INCOMPATIBLE)
