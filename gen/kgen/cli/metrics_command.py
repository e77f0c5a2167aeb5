"""`kgen metrics`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..actions.monitoring_files import write_monitoring
from . import shared_options
from .console import Console


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; it is created if it is absent.")],
    force: Annotated[bool, typer.Option("--force", help="Replace files that were edited.")] = False,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Write a Grafana dashboard and Prometheus alert rules for the metrics of flows."""
    console = Console(json, quiet, not no_color)
    files = write_monitoring(folder, force=force)
    for file, what in files.items():
        console.line(f"{folder / file}: {what}")
    console.data({"version": 1, "files": [str(folder / file) for file in files]})
