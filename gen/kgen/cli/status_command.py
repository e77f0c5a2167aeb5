"""`kgen status` and `kgen outdated`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ..actions import status
from ..actions.inputs import Flags
from ..listing import title
from ..project import mutex
from . import shared_options
from .console import Console


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
        raise typer.Exit(1)


def outdated(
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """List subjects with a newer version in the registry, new subjects, and ones that are gone. Exit 1 if
    any.
    """
    console = Console(json, quiet, not no_color)
    found, left_out = status.outdated(shared_options.workspace(out, console), Flags(registry))
    for skip in left_out:
        console.say(f"{title(skip.subject)} is left out: {skip.reason}")
    for newer in found:
        console.line(_line(newer))
    if not found:
        console.line("everything is up to date")
    console.data({"version": 1, "subjects": [asdict(n) for n in found]})
    if found:
        raise typer.Exit(1)


def _line(newer: status.Newer) -> str:
    name = title(newer.subject)
    if newer.locked is None:
        return f"+ {name} v{newer.newest}  new"
    if newer.newest is None:
        return f"- {name} v{newer.locked}  gone from the registry"
    moved = f" -> v{newer.newest}" if newer.newest != newer.locked else ""
    remarks = ["pinned in kgen.toml" if newer.pinned else "", newer.detail]
    return "  ".join([f"~ {name} v{newer.locked}{moved}", *filter(None, remarks)])
