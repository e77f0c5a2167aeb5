"""`kgen catalog`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..actions import catalog
from ..errors import ConfigError
from . import shared_options
from .console import Console


def command(
    html: Annotated[
        Path | None, typer.Option("--html", metavar="DIR", help="Write a site into this folder.")
    ] = None,
    asyncapi: Annotated[
        Path | None,
        typer.Option("--asyncapi", metavar="FILE", help="Write an AsyncAPI 3 document: .yaml or .json."),
    ] = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Write a catalog of the project's data: subjects with fields, docs, tags and history, topics, the flows
    that read and write them, the lines of code that use each field. From kgen.lock and the code alone.
    """
    console = Console(json, quiet, not no_color)
    if html is None and asyncapi is None:
        raise ConfigError("nothing is asked for", where="kgen catalog", hint="kgen catalog --html catalog")
    workspace = shared_options.workspace(out, console)
    written = catalog.written(workspace, html, asyncapi)
    found = written.catalog.as_json()
    for note in written.catalog.notes:
        console.say(note)
    numbers = ", ".join(f"{found[name]:,} {name}" for name in ("subjects", "fields", "topics", "flows"))
    if html:
        console.line(f"{html}: {numbers}; {written.files:,} files, {written.size:,} bytes")
    if asyncapi:
        console.line(f"{asyncapi}: {numbers}")
    console.data(written.as_json())
