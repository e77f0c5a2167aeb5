"""`kgen help`."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import run


def command(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="Such as `pull`, or `dlq list`.")
    ] = None,
) -> int:
    """Show the help of a command, as COMMAND --help does; without one, the list of commands."""
    return run([*(words or ()), "--help"])
