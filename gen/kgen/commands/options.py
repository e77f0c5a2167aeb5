"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Out: TypeAlias = Annotated[
    Path, typer.Option("--out", help="The project's folder.", file_okay=False, show_default="here")
]
Registry: TypeAlias = Annotated[
    str | None, typer.Option("--registry", metavar="URL", help="The schema registry, instead of kgen.toml's.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON (a stable form) on stdout.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
NoColor: TypeAlias = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR does the same.")]
