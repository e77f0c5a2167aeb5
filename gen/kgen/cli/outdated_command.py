"""`kgen outdated`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ..actions import outdated
from ..actions.inputs import Flags
from ..listing import title
from . import shared_options
from .console import Console
from .exit_codes import WOULD_CHANGE


def command(
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
    found, left_out = outdated.newer_subjects(shared_options.workspace(out, console), Flags(registry))
    for skip in left_out:
        console.say(f"{title(skip.subject)} is left out: {skip.reason}")
    for newer in found:
        console.line(_line(newer))
    if not found:
        console.line("everything is up to date")
    console.data({"version": 1, "subjects": [asdict(n) for n in found]})
    if found:
        raise typer.Exit(WOULD_CHANGE)


def _line(newer: outdated.Newer) -> str:
    name = title(newer.subject)
    if newer.locked is None:
        return f"+ {name} v{newer.newest}  new"
    if newer.newest is None:
        return f"- {name} v{newer.locked}  gone from the registry"
    moved = f" -> v{newer.newest}" if newer.newest != newer.locked else ""
    remarks = ["pinned in kgen.toml" if newer.pinned else "", newer.detail]
    return "  ".join([f"~ {name} v{newer.locked}{moved}", *filter(None, remarks)])
