"""`kgen produce`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..actions.brokers_in_force import opened_kafka
from ..actions.produce import ProduceOrder, ProduceTotals, produce
from ..listing import counted
from ..topic_data.line_inputs import Shape
from . import dlq_options, shared_options
from .cat_command import KeyFormat, ValueFormat
from .console import Console


def command(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Lines of JSON.", dir_okay=False, show_default="stdin"),
    ] = None,
    key_field: Annotated[
        str | None, typer.Option("--key-field", metavar="NAME", help="The key is this field of the value.")
    ] = None,
    lines: Annotated[
        Shape,
        typer.Option("--lines", help="What lines are: messages as `kgen cat` prints them, or values alone."),
    ] = "auto",
    key_format: KeyFormat = None,
    value_format: ValueFormat = None,
    partition: Annotated[
        int | None,
        typer.Option(
            "--partition", "-p", metavar="N", min=0, help="Into this one.", show_default="by the key"
        ),
    ] = None,
    create: Annotated[
        int | None,
        typer.Option(
            "--create",
            metavar="PARTITIONS",
            min=1,
            help="Create the topic with so many, if it is absent.",
            show_default="an error",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all lines, and send nothing.")] = False,
    brokers: dlq_options.Brokers = None,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Write lines of JSON to a topic, each checked against its schema: of a file all before any is sent."""
    console = Console(json, quiet, not no_color)
    order = ProduceOrder(
        topic=topic,
        file=None if file is not None and str(file) == "-" else file,
        key_field=key_field,
        key_format=key_format,
        value_format=value_format,
        lines=lines,
        partition=partition,
        create=create,
        dry_run=dry_run,
    )
    workspace = shared_options.workspace(out, console)
    totals = ProduceTotals()
    if order.file is None and sys.stdin.isatty():
        console.say("reading lines of JSON from the terminal; Ctrl-D ends them")
    try:
        with opened_kafka(workspace, brokers, registry) as kafka:
            produce(kafka, order, workspace.root, sys.stdin, totals)
    except BaseException:
        if totals.sent:
            console.say(f"{counted(totals.delivered, 'message')} delivered before that")
        raise
    console.data(
        {
            "version": 1,
            "topic": topic,
            "dry_run": dry_run,
            "checked": totals.checked,
            "delivered": totals.delivered,
        }
    )
    if dry_run:
        console.line(f"{counted(totals.checked, 'message')} would be sent to {topic}")
    else:
        console.line(f"{counted(totals.delivered, 'message')} delivered to {topic}")
