"""`kgen dlq`."""

from __future__ import annotations

import json as json_texts
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Annotated, Any, Final

import typer

from kgen_runtime.flow.failures import shown_class

from ..actions import dlq_list
from ..actions.brokers_in_force import kafka_in_force
from ..dlq.letter_groups import LetterGroup
from . import dlq_options as options
from . import shared_options
from .console import Console

HELP: Final = "Look into dead letters and put them back."

_REASON: Final = 100  # characters


def list_letters(
    topic: options.Topic,
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, help="How many fingerprints.", show_default="all")
    ] = None,
    fingerprint: options.Fingerprints = None,
    stage: options.Stages = None,
    since: options.Since = None,
    until: options.Until = None,
    key: options.Keys = None,
    brokers: options.Brokers = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """List the dead letters of a topic by fingerprint: what failed in the same way at the same place."""
    console = Console(json, quiet, not no_color)
    wanted = options.letter_filter(fingerprint, stage, since, until, key)
    workspace = shared_options.workspace(out, console)
    found = dlq_list.listing(kafka_in_force(workspace, brokers), topic, wanted, workspace.progress)
    shown = found.groups if count is None else found.groups[:count]
    head = {
        "version": 1,
        "topic": topic,
        "partitions": found.partitions,
        "letters": found.read,
        "matched": found.fitting,
        "fingerprints": len(found.groups),
        "ungrouped": found.rest,
    }
    console.stream(head, "groups", (json_texts.dumps(dlq_list.group_json(each)) for each in shown))
    if json or quiet:
        return
    if not found.groups:
        console.line(f"no dead letters in {topic}" + (f" that fit, of {found.read:,}" if found.read else ""))
        return
    console.line(
        f"{found.fitting:,} dead letters of {_counted(len(found.groups), 'fingerprint')} in {topic}"
        + (f", of {found.read:,} there" if found.read != found.fitting else "")
    )
    for group in shown:
        for line in _group_lines(group):
            console.line(line)
    if len(shown) < len(found.groups):
        console.line(f"and {_counted(len(found.groups) - len(shown), 'more fingerprint')}")
    if found.rest:
        console.line(f"and {found.rest:,} letters of yet more fingerprints")


def _group_lines(group: LetterGroup) -> list[str]:
    partition, offset = group.sample
    about = [
        f"{shown_class(group.error_class)}: {group.message}" if group.error_class else group.message,
    ]
    places = [
        f"schema {group.schema_id}" if group.schema_id is not None else "",
        f"topic {group.topic}" if group.topic else "",
        f"field {group.path}" if group.path else "",
        f"step {group.step}" if group.step else "",
        f"at {group.place}" if group.place else "",
    ]
    return [
        "",
        f"{group.fingerprint}  {group.count:>9,}  {group.stage or 'no error headers':<14}"
        f"  {shown_time(group.first)} to {shown_time(group.last)}  sample {partition}:{offset}",
        *(f"  {_cut(line)}" for line in about if line),
        *([f"  {', '.join(each for each in places if each)}"] if any(places) else []),
    ]


def shown_time(milliseconds: int | None) -> str:
    """A time for people, in UTC; `-` if there is none, the number if no calendar has it."""
    if milliseconds is None:
        return "-"
    try:
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _REASON else f"{flat[: _REASON - 1]}…"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


COMMANDS: Final[dict[str, Callable[..., Any]]] = {"list": list_letters}
