"""`kgen graph`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..actions import graph
from . import shared_options
from .console import Console


def command(
    flow: Annotated[str, typer.Argument(metavar="MODULE:FLOW", help="The flow; its module is imported.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(graph.FORMATS),
            help="What to draw.",
            show_default="as the file ends, or mermaid",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; stdout by default.")
    ] = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Draw a flow: topics, steps, what passes between them with its types, and where failures go."""
    console = Console(json, quiet, not no_color)
    text, found = graph.picture(shared_options.project(out, console), flow, form, output)
    if output is not None:
        console.line(f"{output}: {len(found['nodes'])} nodes, {len(found['edges'])} edges")
    elif not (json or quiet):
        typer.echo(text, nl=False)
    console.data({"version": 1, **found, "picture": None if output is None else str(output)})
