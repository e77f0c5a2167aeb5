"""`kgen status`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ..actions import status
from ..project import mutex
from . import shared_options
from .console import Console
from .exit_codes import WOULD_CHANGE


def command(
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """What differs from a fresh render of kgen.lock: drift, edits by hand, open conflicts, orphans. Exit 1
    if any.
    """
    console = Console(json, quiet, not no_color)
    workspace = shared_options.workspace(out, console)
    with mutex.shared(workspace.root, console.say):
        found = status.drift(workspace)
    entries = found.entries
    for note in found.notes:
        console.say(note)
    for entry in entries:
        console.line(f"{entry.state:<9} {entry.path}  {entry.detail}")
    if not entries:
        console.line("everything matches the lock")
    files = [asdict(e) for e in entries]
    console.data({"version": 1, "clean": not entries, "files": files, "notes": list(found.notes)})
    if entries:
        raise typer.Exit(WOULD_CHANGE)
