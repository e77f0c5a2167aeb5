"""`kgen dlq report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..actions import dlq_report
from ..actions.brokers_in_force import opened_kafka
from ..dlq.report_page import MOST_KINDS
from . import dlq_options as options
from . import shared_options
from .console import Console


def report(
    topic: options.Topic,
    html: Annotated[Path, typer.Option("--html", metavar="FILE", help="The page to write.")],
    top: Annotated[
        int,
        typer.Option(
            "--top",
            metavar="N",
            min=1,
            max=MOST_KINDS,
            help="How many fingerprints, the most frequent first.",
        ),
    ] = dlq_report.TOP,
    samples: Annotated[
        bool,
        typer.Option(
            "--samples/--no-samples", help="Whether a letter of each is shown, payload and headers."
        ),
    ] = True,
    fingerprint: options.Fingerprints = None,
    stage: options.Stages = None,
    error_class: options.Classes = None,
    since: options.Since = None,
    until: options.Until = None,
    key: options.Keys = None,
    brokers: options.Brokers = None,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Write a page about the dead letters of a topic: failures over time by stage, the most frequent
    fingerprints, a letter of each. One file, which asks nobody for anything.
    """
    console = Console(json, quiet, not no_color)
    wanted = options.letter_filter(fingerprint, stage, since, until, key, error_class)
    workspace = shared_options.workspace(out, console)
    given = {
        "--fingerprint": fingerprint,
        "--stage": stage,
        "--class": error_class,
        "--key": key,
        "--since": since,
        "--until": until,
    }
    with opened_kafka(workspace, brokers, registry) as kafka:
        written = dlq_report.written(
            kafka,
            topic,
            wanted,
            html,
            workspace.root,
            asked=" ".join(f"{name} {text}" for name, texts in given.items() for text in _each(texts)),
            top=top,
            samples=samples,
            progress=workspace.progress,
        )
    found = written.found
    console.line(
        f"{html}: {found.fitting:,} dead letters, {written.shown:,} of {found.fingerprints:,} fingerprints, "
        f"{written.size:,} bytes"
    )
    console.data(written.as_json())


def _each(texts: list[str] | str | None) -> list[str]:
    return [texts] if isinstance(texts, str) else texts or []
