"""`kgen sample`."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from .. import samples
from ..pull import Request
from . import options
from .console import Console


def command(
    subject: Annotated[str, typer.Argument(help="The subject, such as orders-value.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many.")] = 10,
    version: Annotated[
        int | None, typer.Option(min=1, help="Which version.", show_default="the newest")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same samples.")] = 0,
    registry: options.Registry = None,
    out: options.Out = Path(),
    json: options.Json = False,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Print sample messages of a subject, one a line, in Avro's JSON encoding."""
    console = Console(json, quiet, not no_color)
    request = Request(out, registry, say=console.say, progress=console.progress)
    made = list(samples.samples(request, subject, version, count, seed))
    for value in made:
        console.line(jsonlib.dumps(value))
    console.data({"version": 1, "subject": subject, "samples": made})
