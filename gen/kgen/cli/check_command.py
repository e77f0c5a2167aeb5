"""`kgen check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from kgen_runtime.serde.subject_names import qualified

from ..actions import check_candidates
from ..actions.check_candidates import CheckOptions
from ..actions.inputs import Flags
from ..candidates.schema_files import is_in
from ..errors import ConfigError
from ..listing import listed
from ..project import root
from . import shared_options
from .console import Console
from .exit_codes import INCOMPATIBLE


def command(
    file: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Schemas: .avsc, .json, .proto, or folders of them.")
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
    projects = _projects(file) if out is None else {None: file}
    if json and len(projects) > 1:
        named = listed([str(each or ".") for each in projects])
        raise ConfigError(f"the files are of {named}", where="--json", hint="one project at a time")
    incompatible = False
    for folder, files in projects.items():
        if folder is not None:
            console.say(f"project: {folder}")
        workspace = shared_options.workspace(folder or out, console)
        options = CheckOptions(tuple(files), qualified(subject) if subject else None, frozen)
        found = check_candidates.run(workspace, Flags(registry), options)
        for note in found.notes:
            console.say(note)
        for line in found.lines():
            console.line(line)
        console.data(found.as_json())
        incompatible = incompatible or found.incompatible
    if incompatible:
        raise typer.Exit(INCOMPATIBLE)


def _projects(files: Sequence[Path]) -> dict[Path | None, list[Path]]:
    """The files by project: that which this folder is in (None), except for those of another one's
    `schemas/own/`, and for all if this folder is in none: files are passed from the top of a repository.
    """
    here = root.find(Path.cwd())
    found: dict[Path | None, list[Path]] = {}
    for file in files:
        own = root.find_of(file)
        elsewhere = own is not None and own != here and (here is None or is_in(file, own))
        found.setdefault(own if elsewhere else None, []).append(file)
    return found
