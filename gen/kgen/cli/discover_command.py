"""`kgen discover`."""

from __future__ import annotations

import json as jsonlib
import shutil
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer

from ..actions.brokers_in_force import opened_kafka
from ..actions.discover import (
    DiscoveredTopic,
    EntryChange,
    discover,
    new_entries,
    text_to_write_to,
    write_entries,
)
from ..discovery.part_findings import PartFinding
from ..listing import counted
from ..project.from_here import pull_from_here
from . import dlq_options, shared_options
from .console import Console, safe

_NARROWEST: Final = 60
_HEADS: Final = ("part", "framing", "schema", "type", "subject", "messages")
_LANGUAGES: Final = {"AVRO": "Avro", "PROTOBUF": "Protobuf"}


def command(
    topics: Annotated[list[str], typer.Argument(metavar="TOPIC...", help="Which topics.")],
    last: Annotated[
        int,
        typer.Option(
            "--last", "-n", metavar="N", min=1, max=100_000, help="So many messages of each partition."
        ),
    ] = 200,
    write: Annotated[
        bool, typer.Option("--write", help="Write the entries into kgen.toml; its other lines stay.")
    ] = False,
    brokers: dlq_options.Brokers = None,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Find out what the messages of topics are: framing, schemas, types and how their subjects are named; and
    show the entries of kgen.toml for them. Nothing is written without --write.
    """
    console = Console(json, quiet, not no_color)
    workspace = shared_options.workspace(out, console)
    if write:
        text_to_write_to(workspace)  # before the topics are read
    with opened_kafka(workspace, brokers, registry) as kafka:
        if kafka.store.registry is None:
            console.say("no registry is set, so what schema ids mean is not known: --registry URL")
        found = discover(workspace, kafka, topics, last)
    changes = (write_entries if write else new_entries)(workspace, found)
    console.data({"version": 1, "topics": [each.as_json() for each in found], "written": write})
    for topic in found:
        for line in _lines(topic):
            console.line(line)
    for line in _entries(changes):
        console.line(line)
    _next(console, changes, pull_from_here(workspace.root, registry), write=write)


def _next(console: Console, changes: Sequence[EntryChange], pull: str, *, write: bool) -> None:
    for change in changes:
        if change.kept is not None:
            kept = jsonlib.dumps(change.kept, ensure_ascii=False)
            console.say(f"kgen.toml: {change.name} of {change.topic} is {kept} there, and stays")
    if not any(change.kept is None for change in changes):
        console.say("kgen.toml needs no new entry")
    elif write:
        console.say(f"kgen.toml written; next: {pull}")
    else:
        console.say("nothing was written: --write adds these entries to kgen.toml")


def _lines(topic: DiscoveredTopic) -> Iterator[str]:
    yield f"{topic.name}: {counted(topic.messages, 'message')} read"
    rows = [_HEADS, *(_row(it) for it in topic.findings)]
    shown = [[safe(cell) for cell in row] for row in rows]
    width = max(shutil.get_terminal_size().columns, _NARROWEST)
    sizes = [max(len(row[n]) for row in shown) for n in range(len(_HEADS))]
    for row in shown if topic.findings else []:
        cells = [f"{cell:<{size}}" for cell, size in zip(row[:-1], sizes)]
        line = "  ".join([*cells, f"{row[-1]:>{sizes[-1]}}"])
        yield f"  {line}" if len(line) + 2 <= width else f"  {'  '.join(row)}"
    for note in topic.entry.notes:
        yield f"! {note}"


def _row(finding: PartFinding) -> tuple[str, ...]:
    # What a strategy names it follows from topic and type: the name would be too long for many a terminal.
    by_name = finding.strategy in ("TopicName", "RecordName", "TopicRecordName")
    subject = str(finding.strategy) if by_name else finding.subject
    subject += " (associated)" if finding.strategy == "associated" else ""
    language = _LANGUAGES.get(finding.language, finding.language)
    kind = " ".join(filter(None, [language, " or ".join(finding.types)]))
    return (
        finding.role,
        "-" if finding.framing == "null" else finding.framing,
        "-" if finding.key is None else str(finding.key),
        kind or finding.look or ("null" if finding.framing == "null" else "not known"),
        subject or "-",
        f"{finding.messages:,}",
    )


def _entries(changes: Sequence[EntryChange]) -> Iterator[str]:
    """The lines as they would stand in kgen.toml."""
    table = None
    for change in changes:
        if change.kept is not None:
            continue
        if change.topic != table:
            table = change.topic
            yield ""
            yield f"[topics.{jsonlib.dumps(table, ensure_ascii=False)}]"
        yield f"{change.name} = {jsonlib.dumps(change.value, ensure_ascii=False)}"
