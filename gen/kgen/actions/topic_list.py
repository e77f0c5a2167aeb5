"""`kgen topics`: topics with their formats, sizes, and how far a group or flow has read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kgen_runtime.consumer.consumer_options import open_consumer
from kgen_runtime.errors import RecoveryError, RegistryError
from kgen_runtime.flow.missing_bytewax import explain_missing
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.standalone.announced_wait import announced

from ..errors import ConfigError
from ..listing import listed
from ..project import config, lockfile
from ..project.import_path import prints_to_stderr
from ..topic_data.topic_facts import TopicFacts, add_positions, add_project, add_registry, broker_topics
from ..topic_data.topic_range import near_topics
from .inputs import Workspace


def topics(
    workspace: Workspace,
    kafka: Kafka,
    names: Sequence[str] = (),
    group: str | None = None,
    flow: str | None = None,
    recovery: Path | None = None,
) -> list[TopicFacts]:
    """All topics, or those of `names`, by name; with the positions of `group`, or those in the folder
    `recovery` (of the steps of `flow` alone, if that is given).

    Raises `SourceError`, `RecoveryError`, `ConfigError` for names that nobody knows and for flags that do not
    go together.
    """
    _check(group, flow, recovery)
    consumer = open_consumer(kafka, group)
    try:
        with announced(f"the Kafka brokers {', '.join(kafka.brokers)} to answer"):
            found = broker_topics(kafka.admin_client(), consumer, names)
            if group:
                add_positions(consumer, list(found.values()), group)
            absent = next((name for name in names if name not in found), None)
            hint = None if absent is None else near_topics(consumer, absent)
    finally:
        consumer.close()
    _add_subjects(workspace, kafka, found, names)
    if recovery is not None:
        _add_recovery(found, recovery, flow)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ConfigError(
            f"no topic and no subject is called {listed(unknown)}",
            hint=hint or "`kgen topics` lists all.",
        )
    chosen = found.values() if not names else [found[name] for name in dict.fromkeys(names)]
    return sorted(chosen, key=lambda each: each.name) if not names else list(chosen)


def _check(group: str | None, flow: str | None, recovery: Path | None) -> None:
    if group is not None and (flow or recovery):
        raise ConfigError("--group and --flow or --recovery exclude each other", where="--group")
    if group is not None and not group:
        raise ConfigError("the name of the group is empty", where="--group")
    if flow is not None and recovery is None:
        raise ConfigError(
            "--flow needs the folder with the flow's offsets",
            where="--flow",
            hint="--recovery DIR; the lag of a flow with group_id= is that of --group.",
        )


def _add_subjects(
    workspace: Workspace, kafka: Kafka, found: dict[str, TopicFacts], names: Sequence[str]
) -> None:
    settings = config.load(workspace.root)
    locked = lockfile.load(workspace.root)
    if settings is not None and locked is not None:
        known = dict(found)
        add_project(known, settings, locked.snapshot)
        found.update((name, facts) for name, facts in known.items() if not names or name in names)
    if kafka.store.registry is not None:
        try:
            add_registry(found, kafka.store.registry, names, workspace.progress)
        except RegistryError as error:
            workspace.say(f"subjects of the registry are not known: {error.what}")


def _add_recovery(found: dict[str, TopicFacts], recovery: Path, flow: str | None) -> None:
    with explain_missing("kgen topics --recovery"):
        from kgen_runtime.recovery.stored_offsets import stored_offsets
    steps = None if flow is None else _steps(flow)
    offsets = {
        place: offset
        for place, offset in stored_offsets(recovery).items()
        if steps is None or place[0] in steps
    }
    if not offsets:
        raise RecoveryError(
            "the recovery folder has no offsets" + (f" of the flow {flow}" if flow else ""),
            where=str(recovery),
            hint="Has the flow committed an epoch yet?",
        )
    for (_, topic, partition), offset in offsets.items():
        facts = found.get(topic)
        if facts is not None:
            facts.positions = facts.positions or {}
            facts.positions[partition] = min(offset, facts.positions.get(partition, offset))


def _steps(flow: str) -> set[str]:
    """The ids of the steps of a flow that read topics."""
    from kgen_runtime.consumer.source import sources
    from kgen_runtime.runner.flow_import import load

    with prints_to_stderr():
        loaded = load(flow)
    return {f"{source.step_id}.kafka" for source in sources(loaded)}


def topic_json(facts: TopicFacts) -> dict[str, Any]:
    """A topic as `kgen topics --json` prints it."""
    return {
        "topic": facts.name,
        "on_broker": facts.partitions is not None,
        "in_project": facts.in_project,
        "partitions": facts.partitions,
        "messages": facts.messages,
        "newest": facts.newest,
        "key": facts.key or None,
        "value": facts.value or None,
        "subjects": sorted(facts.subjects),
        "lag": facts.lag,
        "offsets": [
            {
                "partition": number,
                "first": low,
                "end": high,
                "position": None if facts.positions is None else facts.positions.get(number),
            }
            for number, (low, high) in sorted(facts.ends.items())
        ],
        "error": facts.error or None,
    }
