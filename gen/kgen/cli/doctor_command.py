"""`kgen doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, TypeAlias

import typer

from ..actions import doctor
from . import shared_options
from .console import Console
from .exit_codes import ERROR

_MARKS = {"ok": "ok", "warning": "--", "error": "!!"}


Flow: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="MODULE:FLOW", help="A flow: the topics it reads and writes are checked too."),
]


def command(
    flow: Flow = "",
    out: shared_options.Out = None,
    registry: shared_options.Registry = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Check versions, codec, registry, brokers, and a flow's topics. Exit 2 where something is wrong."""
    console = Console(json, quiet, not no_color)
    root = shared_options.project(out, console)
    findings = []
    for finding in doctor.examine(root, registry, console.say, flow):
        findings.append(finding)
        console.line(f"{_MARKS[finding.state]}  {finding.name:<16} {finding.detail}")
        if finding.hint:
            console.line(f"    hint: {finding.hint}")
    well = all(f.state != "error" for f in findings)
    console.data({"version": 1, "ok": well, "findings": [asdict(f) for f in findings]})
    if not well:
        raise typer.Exit(ERROR)
