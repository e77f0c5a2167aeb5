"""`kgen push`."""

from __future__ import annotations

from typing import Annotated

import typer

from ..actions import push
from ..actions.inputs import Flags
from ..actions.push import PushOptions
from ..candidates.push_plan import PushPlan
from ..errors import ConfigError
from ..project import config
from ..project.from_here import pull_from_here
from . import shared_options
from .console import Console
from .exit_codes import WOULD_CHANGE


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Register nothing; show the plan.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Register nothing; exit 1 if it would.")] = False,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Have the registry put schemas into its normal form.")
    ] = False,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Register the schemas of schemas/own/: what they refer to first, the plan before anything is done. What
    is registered already stays as it is; nothing is deleted.

    Exit codes: 0 done, 1 something would be registered (--check), 2 error, 4 incompatible: nothing was
    registered.
    """
    if dry_run and check:
        raise ConfigError("--check and --dry-run exclude each other")
    console = Console(json, quiet, not no_color)
    workspace = shared_options.workspace(out, console)

    shown: list[str] = []

    def show(plan: PushPlan) -> None:
        shown.extend(plan.notes)
        for note in plan.notes:
            console.say(note)
        if plan.changes:
            for line in plan.lines():
                console.line(line)
        else:
            console.line("nothing to register")

    options = PushOptions(dry=dry_run or check, normalize=normalize)
    found = push.run(workspace, Flags(registry), options, show, console.line)
    for note in found.notes:
        if note not in shown:
            console.say(note)
    console.data(found.as_json())
    if check and found.changes:
        raise typer.Exit(WOULD_CHANGE)
    if found.pushed and found.numbers:
        has_toml = (workspace.root / config.NAME).exists()
        known = has_toml and registry is None
        console.say(f"next: {pull_from_here(workspace.root, None if known else found.registry)}")
