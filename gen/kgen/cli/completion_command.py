"""`kgen completion`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from . import completion_scripts
from .completion_scripts import Shell


def command(
    shell: Annotated[
        Literal["bash", "zsh", "fish"], typer.Argument(help="The shell to complete in.", show_default=False)
    ],
) -> None:
    """Print a script that completes commands, flags, subjects, topics and flows in a shell.

    It has the commands of this version of kgen: print it again after an upgrade.
    """
    made: Shell = shell
    typer.echo(completion_scripts.script(made), nl=False)
