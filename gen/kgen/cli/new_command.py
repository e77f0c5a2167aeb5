"""`kgen new`."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ..actions import new_flow
from ..errors import ConfigError
from ..model.project import package_folder
from ..project.from_here import command_from_here, path_from_here
from . import shared_options
from .console import Console
from .next_line import run_line

HELP: Final = "Write something new into the project."


def flow(
    source: Annotated[
        list[str], typer.Option("--from", metavar="TOPIC", help="The topic that the flow reads.")
    ],
    target: Annotated[
        list[str], typer.Option("--to", metavar="TOPIC", help="The topic that the flow writes.")
    ],
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="The flow's name.", show_default="that of both topics"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; show what would be.")] = False,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Write a flow that reads one topic and writes another, with a test, and a table for it in kgen.toml;
    `kgen pull` merges schema changes into it, as into the other flows. Asks no registry.
    """
    console = Console(json, quiet, not no_color)
    wanted = new_flow.FlowRequest(_one("--from", source), _one("--to", target), name)
    workspace = shared_options.workspace(out, console)
    made = new_flow.write(workspace, wanted, dry=dry_run)
    for path in made.files:
        console.line(f"{'~' if path == 'kgen.toml' else '+'} {path}")
    console.data(
        {
            "version": 1,
            "flow": made.name,
            "from": made.topics.source,
            "to": made.topics.target,
            "files": list(made.files),
            "written": not dry_run,
        }
    )
    if dry_run:
        return
    root = workspace.root
    edit = path_from_here(root, made.files[1])
    console.say(f"next: edit {edit}, then {run_line(root, made.package, made.name)}")
    if made.reader is not None:
        reader = path_from_here(root, f"{package_folder(made.package)}/flows/{made.reader}.py")
        console.say(
            f"the topic {made.topics.target} has a flow that reads it, {reader}; if it needs none: "
            f"flow = false in its table of kgen.toml, then {command_from_here(root, 'kgen pull')}"
        )


def _one(flag: str, words: list[str]) -> str:
    if len(words) != 1:
        hint = "write a flow from one of them, and add an rt.source or an rt.sink for each of the others"
        raise ConfigError(f"{flag} names {len(words)} topics", where=flag, hint=hint)
    return words[0]


COMMANDS: Final = {"flow": flow}
