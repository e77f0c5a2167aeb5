"""`kgen topics`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from ..actions.brokers_in_force import opened_kafka
from ..actions.topic_list import topic_json, topics
from ..topic_data.topic_facts import TopicFacts
from . import dlq_options, shared_options
from .console import Console, safe
from .dlq_text import shown_time

_NARROWEST: Final = 40
_NAME: Final = 24
"""Characters of names of topics that are shown before times are."""


def command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="TOPIC", help="Which.", show_default="all")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="GROUP", help="With the lag of this consumer group.")
    ] = None,
    flow: Annotated[
        str | None,
        typer.Option("--flow", metavar="MODULE:FLOW", help="With the lag of this flow; needs --recovery."),
    ] = None,
    recovery: Annotated[
        Path | None,
        typer.Option(
            "--recovery", metavar="DIR", help="The folder with the flow's offsets.", file_okay=False
        ),
    ] = None,
    brokers: dlq_options.Brokers = None,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """List topics: what they hold, how much of it, and how far a group or flow is behind."""
    console = Console(json, quiet, not no_color)
    workspace = shared_options.workspace(out, console)
    with opened_kafka(workspace, brokers, registry) as kafka:
        found = topics(workspace, kafka, names or (), group, flow, recovery)
    console.data({"version": 1, "topics": [topic_json(each) for each in found]})
    for line in _lines(found, lag=bool(group or recovery)):
        console.line(line)


def _lines(found: Sequence[TopicFacts], *, lag: bool) -> Iterator[str]:
    width = max(shutil.get_terminal_size().columns, _NARROWEST)
    there = [each for each in found if each.partitions is not None]
    if not found:
        yield "no topics and no subjects"
        return
    numbers = ["partitions", "messages", *(["lag"] if lag else []), "newest message"]
    texts = {each.name: _numbers(each, lag=lag) for each in there}
    sizes = [max([len(head), *(len(row[n]) for row in texts.values())]) for n, head in enumerate(numbers)]
    longest = max((len(safe(each.name)) for each in there), default=5)
    if width - sum(sizes) - 2 * len(sizes) < min(longest, _NAME):
        numbers, sizes = numbers[:-1], sizes[:-1]
    room = width - sum(sizes) - 2 * len(sizes)
    name = max(8, min(longest, room))
    if room >= 8:
        heads = "  ".join(f"{head:>{size}}" for head, size in zip(numbers, sizes))
        yield f"{'topic':<{name}}  {heads}"[:width]
    for each in there:
        row = "  ".join(f"{text:>{size}}" for text, size in zip(texts[each.name], sizes))
        yield f"{_cut(safe(each.name), name):<{name}}  {row}"[:width]
        yield _cut(f"    {_formats(each)}", width)
        if each.error:
            yield _cut(f"!   {each.error}", width)
    absent = [each for each in found if each.partitions is None]
    if absent:
        yield "subjects whose topic is not on the broker:"
        for each in absent:
            yield _cut(f"    {', '.join(sorted(each.subjects))}: {_formats(each)}", width)


def _numbers(each: TopicFacts, *, lag: bool) -> list[str]:
    messages = "-" if each.messages is None else f"{each.messages:,}"
    behind = ["-" if each.lag is None else f"{each.lag:,}"] if lag else []
    return [str(each.partitions), messages, *behind, shown_time(each.newest)]


def _formats(each: TopicFacts) -> str:
    if not each.subjects and not each.key and not each.value:
        return "no subject"
    key, value = each.key or "no subject", each.value or "no subject"
    return f"key {key}, value {value}" + (", of this project" if each.in_project else "")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
