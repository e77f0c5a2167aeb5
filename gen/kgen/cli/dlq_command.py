"""`kgen dlq`."""

from __future__ import annotations

import json as json_texts
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final

import typer

from ..actions import dlq_check, dlq_list, dlq_replay, dlq_show
from ..actions.brokers_in_force import kafka_in_force, opened_kafka
from ..listing import counted
from . import dlq_options as options
from . import dlq_text, shared_options
from .console import Console
from .dlq_report_command import report
from .exit_codes import FOUND

HELP: Final = "Look into dead letters and put them back."


def list_letters(
    topic: options.Topic,
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", metavar="N", min=1, help="How many fingerprints.", show_default="all"),
    ] = None,
    fingerprint: options.Fingerprints = None,
    stage: options.Stages = None,
    error_class: options.Classes = None,
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
    wanted = options.letter_filter(fingerprint, stage, since, until, key, error_class)
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
        f"{counted(found.fitting, 'dead letter')} of {counted(len(found.groups), 'fingerprint')} in {topic}"
        + (f", of {found.read:,} there" if found.read != found.fitting else "")
    )
    for group in shown:
        for line in dlq_text.group_lines(group):
            console.line(line)
    if len(shown) < len(found.groups):
        console.line(f"and {counted(len(found.groups) - len(shown), 'more fingerprint')}")
    if found.rest:
        console.line(f"and {found.rest:,} letters of yet more fingerprints")


def show(
    topic: options.Topic,
    fingerprint: options.Fingerprints = None,
    stage: options.Stages = None,
    error_class: options.Classes = None,
    since: options.Since = None,
    until: options.Until = None,
    key: options.Keys = None,
    offset: Annotated[
        str | None, typer.Option("--offset", metavar="P:O", help="The one at this partition and offset.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", metavar="N", min=1, max=1000, help="How many.")] = 1,
    brokers: options.Brokers = None,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Show dead letters whole: headers, bytes, and the decoded fields up to the bad byte."""
    console = Console(json, quiet, not no_color)
    wanted = options.letter_filter(fingerprint, stage, since, until, key, error_class)
    at = None if offset is None else options.place_of(offset)
    workspace = shared_options.workspace(out, console)
    with opened_kafka(workspace, brokers, registry) as kafka:
        found = []
        for each in dlq_show.shown(kafka, topic, wanted, workspace.root, at, count, workspace.progress):
            found.append(each)
            for line in dlq_text.letter_lines(topic, each):
                console.line(line)
    console.data({"version": 1, "topic": topic, "letters": [dlq_show.letter_json(each) for each in found]})
    if not found:
        console.line(f"no dead letter in {topic}" + (f" at {offset}" if offset else " that fits"))


def check(
    topic: options.Topic,
    flow: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FLOW", help="The flow: letters of its topics pass through it, in memory."
        ),
    ] = "",
    fingerprint: options.Fingerprints = None,
    stage: options.Stages = None,
    error_class: options.Classes = None,
    since: options.Since = None,
    until: options.Until = None,
    key: options.Keys = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many.", show_default="all")
    ] = None,
    brokers: options.Brokers = None,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Say how many dead letters would pass now, with today's code and schemas. Sends nothing."""
    console = Console(json, quiet, not no_color)
    wanted = options.letter_filter(fingerprint, stage, since, until, key, error_class)
    workspace = shared_options.workspace(out, console)
    with opened_kafka(workspace, brokers, registry) as kafka:
        found = dlq_check.check(
            kafka, topic, wanted, workspace.root, flow, limit, console.say, workspace.progress
        )
    head = dlq_check.checked_json(topic, flow, found)
    groups = sorted(found.groups.values(), key=lambda group: (-group.count, group.fingerprint))
    console.stream(head, "groups", (json_texts.dumps(dlq_check.checked_group_json(each)) for each in groups))
    for line in dlq_text.checked_lines(head, groups):
        console.line(line)


def replay(
    topic: options.Topic,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="TOPIC", help="Send them there.", show_default="their original topics"),
    ] = None,
    fingerprint: options.Fingerprints = None,
    stage: options.Stages = None,
    error_class: options.Classes = None,
    since: options.Since = None,
    until: options.Until = None,
    key: options.Keys = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many.", show_default="all")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            metavar="N",
            min=0.001,
            help="At most so many a second.",
            show_default="as fast as it goes",
        ),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            "--rounds", metavar="N", min=1, help="What was replayed so often goes to the quarantine."
        ),
    ] = 3,
    quarantine: Annotated[
        str | None,
        typer.Option("--quarantine", metavar="TOPIC", help="Where to.", show_default="TOPIC.quarantine"),
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            "--name", metavar="NAME", help="Replays of one name send each letter once; another begins again."
        ),
    ] = "",
    brokers: options.Brokers = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Put dead letters back as they were, each once; the same command again goes on where it ended."""
    console = Console(json, quiet, not no_color)
    order = dlq_replay.ReplayOrder(
        wanted=options.letter_filter(fingerprint, stage, since, until, key, error_class),
        to=to,
        name=options.checked_name(name),
        limit=limit,
        rate=rate,
        rounds=rounds,
        quarantine=quarantine or f"{topic}.quarantine",
        dry_run=dry_run,
    )
    workspace = shared_options.workspace(out, console)
    kafka = kafka_in_force(workspace, brokers)
    noted = dlq_replay.ReplayTotals()

    def committed(totals: dlq_replay.ReplayTotals) -> None:
        nonlocal noted
        noted = totals

    try:
        totals = dlq_replay.replay(kafka, topic, order, committed, console.say, workspace.progress)
    except BaseException:
        if not dry_run and (noted.sent or noted.quarantined):
            console.say(f"{_sent(noted)} before that; the same command again goes on")
        raise
    console.data(dlq_replay.totals_json(topic, order, totals))
    for line in _replay_lines(order, totals):
        console.line(line)
    if totals.impossible:
        raise typer.Exit(FOUND)


def _sent(totals: dlq_replay.ReplayTotals) -> str:
    return f"{totals.sent.total():,} sent, {totals.quarantined:,} to the quarantine"


def _replay_lines(order: dlq_replay.ReplayOrder, totals: dlq_replay.ReplayTotals) -> Iterator[str]:
    would = "would be " if order.dry_run else ""
    yield f"{counted(totals.read, 'letter')} read, {totals.matched:,} to put back"
    for topic, count in totals.sent.most_common():
        yield f"+ {count:,} {would}sent to {topic}"
    after_rounds = totals.quarantined - totals.impossible.total()
    if after_rounds:
        rounds = counted(order.rounds, "round")
        yield f"! {after_rounds:,} {would}put into {order.quarantine}, after {rounds}"
    for reason, count in totals.impossible.most_common():
        yield f"! {count:,} {would}put into {order.quarantine}: {reason}"
    if totals.impossible:
        yield f"  kgen dlq replay {order.quarantine} sends them once their topics take them"
    if totals.earlier:
        yield f"  {totals.earlier:,} left out: an earlier replay sent them"
    for reason, count in totals.skipped.most_common():
        hint = " (--to TOPIC sends them)" if reason == dlq_replay.NO_TOPIC else ""
        yield f"- {count:,} skipped: {reason}{hint}"
    if not totals.complete:
        yield "  more letters are left: the same command again goes on"


COMMANDS: Final[dict[str, Callable[..., Any]]] = {
    "list": list_letters,
    "show": show,
    "check": check,
    "replay": replay,
    "report": report,
}
