"""`kgen diff`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import typer

from kgen_runtime.serde.subject_names import qualified

from ..actions import diff
from ..actions.inputs import Flags
from ..errors import ConfigError
from ..planning import report
from . import shared_options
from .console import Console

_RANGE = re.compile(r"(\d+)\.\.(\d+)\Z", re.ASCII)


def command(
    subject: Annotated[
        str | None, typer.Argument(metavar="SUBJECT", help="One subject; all if not given.")
    ] = None,
    versions: Annotated[
        str | None,
        typer.Argument(metavar="FROM..TO", help="Two of its versions, as 2..4; else lock to registry."),
    ] = None,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """What changed in meaning, whether old and new versions read each other, and the text that `kgen pull`
    would write.
    """
    console = Console(json, quiet, not no_color)
    subject = qualified(subject) if subject else None
    workspace = shared_options.workspace(out, console)
    flags = Flags(registry, (subject,) if subject else ())
    if subject and versions:
        found = diff.Diff([diff.versions(workspace, flags, subject, *_range(versions))])
    else:
        found = diff.with_registry(workspace, flags)
    for line in _lines(found):
        console.line(line)
    console.data(found.as_json())


def _lines(found: diff.Diff) -> Iterator[str]:
    for subject in found.subjects:
        yield from subject.lines()
    yield from report.left_out(found.left_out)
    yield from (f"~ {change.text}" for change in found.topics)
    yield from (f"! {use}" for use in found.impact)
    yield from found.text.splitlines()
    if not found.subjects and not found.text:
        yield "no difference"


def _range(text: str) -> tuple[int, int]:
    match = _RANGE.match(text)
    if match is None:
        raise ConfigError(f"{text} is not a pair of versions", hint="kgen diff orders-value 2..4")
    return int(match[1]), int(match[2])
