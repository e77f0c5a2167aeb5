"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ..actions.inputs import Workspace
from ..project import root
from .console import Console

Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="The project's folder.",
        file_okay=False,
        show_default="that of the kgen.toml here or above",
    ),
]
Registry: TypeAlias = Annotated[
    str | None, typer.Option("--registry", metavar="URL", help="The schema registry, instead of kgen.toml's.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON (a stable form) on stdout.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
NoColor: TypeAlias = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR does the same.")]


def project(out: Path | None, console: Console) -> Path:
    """The project's folder: `--out`, else the one that this folder is in, which is reported, else here."""
    if out is not None:
        return out
    here = Path.cwd()
    found = root.find(here)
    if found is None or found == here:
        return Path()
    console.say(f"project: {found}")
    return found


def workspace(out: Path | None, console: Console) -> Workspace:
    """The project's folder, and the console to report to."""
    return Workspace(project(out, console), console.say, console.progress)
