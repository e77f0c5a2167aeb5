"""What brokers, registry and project know of topics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from kgen_runtime.consumer.broker_answers import asked
from kgen_runtime.errors import KgenError, RegistryError, RegistryUnavailable
from kgen_runtime.reporting.printable import printable
from kgen_runtime.serde.registry.client import RegistryClient

from ..model.library import Library
from ..model.settings import Settings
from ..model.subjects import Snapshot
from ..model.topic_plans import plan_topics, usable
from ..progress_callback import ProgressCallback, silent
from ..project.config import Config
from .listed_offsets import listed_offsets
from .topic_ends import Place, fetched_ends

_LONGEST = 100
"""Characters of a type's name."""
_LANGUAGES = {"AVRO": "Avro", "JSON": "JSON", "PROTOBUF": "Protobuf"}


@dataclass
class TopicFacts:
    """A topic: how many partitions the broker has of it (None: it is not there), the first offset and the one
    after the last of each, and what its keys and values are, as text for people: `string`, `Avro
    shop.Payment`; empty if nobody says. `newest` is the latest timestamp (ms since the epoch), None if no
    message has one; `positions` are the offsets of a group or flow by partition.
    """

    name: str
    partitions: int | None = None
    ends: dict[int, tuple[int, int]] = field(default_factory=dict)
    newest: int | None = None
    key: str = ""
    value: str = ""
    subjects: tuple[str, ...] = ()
    in_project: bool = False
    positions: dict[int, int] | None = None
    error: str = ""

    @property
    def messages(self) -> int | None:
        """At most so many: compacted topics and transactions have offsets without messages."""
        return None if self.partitions is None else sum(high - low for low, high in self.ends.values())

    @property
    def lag(self) -> int | None:
        """Offsets that a group or flow has not read; None if it has no position in the topic."""
        if not self.positions:
            return None
        return sum(
            max(0, high - max(low, self.positions.get(number, low)))
            for number, (low, high) in self.ends.items()
        )


def broker_topics(admin: AdminClient, consumer: Consumer, names: Sequence[str]) -> dict[str, TopicFacts]:
    """The topics of the broker, without its own (`__`...) unless they are among `names`; those alone, if some
    are given. Raises `SourceError`.
    """
    known = asked(lambda seconds: consumer.list_topics(timeout=seconds).topics, "all")
    found: dict[str, TopicFacts] = {}
    places: list[Place] = []
    for name in sorted(name for name in known if name in names or not (names or name.startswith("__"))):
        facts = found[name] = TopicFacts(name, len(known[name].partitions))
        for partition, each in sorted(known[name].partitions.items()):
            if each.leader >= 0:
                places.append((name, partition))
            elif not facts.error:
                facts.error = f"partition {partition} has no leader"
    listed = listed_offsets(admin, consumer, places)
    for (name, _), why in sorted(listed.errors.items()):
        found[name].error = found[name].error or why
    for (name, partition), ends in fetched_ends(consumer, listed.ends, newest=listed.newest).items():
        found[name].ends[partition] = ends
    for (name, _), time in listed.newest.items():
        found[name].newest = max(time, found[name].newest or 0)
    return found


def add_positions(consumer: Consumer, topics: Iterable[TopicFacts], group: str) -> None:
    """Add what a group has committed; `consumer` is of that group. Raises `SourceError`."""
    each = [TopicPartition(one.name, number) for one in topics for number in one.ends]
    committed = asked(lambda seconds: consumer.committed(each, timeout=seconds), f"group {group}")
    by_name = {one.name: one for one in topics}
    for place in committed:
        facts = by_name[place.topic]
        facts.positions = facts.positions or {}
        if place.offset >= 0:
            facts.positions[place.partition] = place.offset


def add_project(topics: dict[str, TopicFacts], settings: Config, snapshot: Snapshot) -> None:
    """Add what the project says of its topics; those that the broker has not are added."""
    for subject in snapshot.subjects:
        topic, role = _of_subject(subject.name)
        if role is None:
            continue
        facts = topics.setdefault(topic, TopicFacts(topic))
        facts.in_project = True
        facts.subjects = (*facts.subjects, subject.name)
        latest = subject.latest
        setattr(facts, role, _type_text(latest.type, latest.text))
    for name, plan in settings.topics.items():
        facts = topics.get(getattr(plan, "topic", None) or name) or topics.get(name) or TopicFacts(name)
        key = getattr(plan, "key", None)
        if isinstance(key, str) and key and not facts.key:
            facts.key = key
    _add_placed(topics, settings, snapshot)


def _add_placed(topics: dict[str, TopicFacts], settings: Config, snapshot: Snapshot) -> None:
    """Those whose subjects do not follow from their names: by kgen.toml, associations and types."""
    latest = {subject.name: subject.latest for subject in snapshot.subjects}
    if all(_of_subject(name)[1] for name in latest) and not any(it.types for it in settings.topics.values()):
        return  # nothing to parse schemas for
    names = usable(snapshot, Library(snapshot))
    for plan in plan_topics(names, Settings(settings.package, "", settings.topics)):
        types: dict[str, list[str]] = {it.subject: [] for it in plan.types}
        for each in plan.types:
            types[each.subject] += [each.message] if each.message else names.types.get(each.subject, ())
        placed = {role: name for role, name in plan.subjects.items() if _of_subject(name)[1] is None}
        if not types and not placed:
            continue
        facts = topics.setdefault(plan.topic, TopicFacts(plan.topic))
        facts.in_project = True
        facts.key = facts.key or plan.formats.get("key", "")
        facts.subjects = tuple(dict.fromkeys((*facts.subjects, *plan.read)))
        for role, name in placed.items():
            setattr(facts, role, _type_text(latest[name].type, latest[name].text))
        if types:
            shown = [f"{_LANGUAGES[latest[it].type]} {' or '.join(of) or it}" for it, of in types.items()]
            facts.value = printable(_without_repeats(shown), 3 * _LONGEST)


def _without_repeats(types: Sequence[str]) -> str:
    """`Avro shop.Placed or shop.Paid or JSON Opened`: a language once for those that follow each other."""
    parts: list[str] = []
    before = ""
    for each in types:
        language, _, name = each.partition(" ")
        parts.append(name if language == before else each)
        before = language
    return " or ".join(parts)


def add_registry(
    topics: dict[str, TopicFacts],
    registry: RegistryClient,
    names: Sequence[str],
    progress: ProgressCallback = silent,
) -> None:
    """Add what the registry has of topics that the project does not know. Raises `RegistryError`."""
    listed = registry.get("/subjects")
    if not isinstance(listed, list):
        raise RegistryError("the answer is not a list of subjects", hint="Check the registry's URL.")
    known = {subject for facts in topics.values() for subject in facts.subjects}
    left = sorted(each for each in listed if isinstance(each, str) and each not in known)
    for number, subject in enumerate(left):
        topic, role = _of_subject(subject)
        if role is None or (names and topic not in names):
            continue
        facts = topics.setdefault(topic, TopicFacts(topic))
        facts.subjects = (*facts.subjects, subject)
        setattr(facts, role, _registered_type(registry, subject))
        progress(number + 1, len(left), "subjects read")


def _registered_type(registry: RegistryClient, subject: str) -> str:
    try:
        answer = registry.get(f"/subjects/{quote(subject, safe='')}/versions/latest")
    except RegistryUnavailable:
        raise
    except KgenError as error:
        return f"not readable: {printable(error.what, _LONGEST)}"
    if not isinstance(answer, dict):
        return "not readable"
    return _type_text(str(answer.get("schemaType") or "AVRO"), str(answer.get("schema")))


def _of_subject(subject: str) -> tuple[str, str | None]:
    for role in ("key", "value"):
        if subject.endswith(f"-{role}") and not subject.startswith(":."):
            return subject.removesuffix(f"-{role}"), role
    return subject, None


def _type_text(kind: str, text: str) -> str:
    shown = _LANGUAGES.get(kind, printable(kind, 20))
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return shown
    if isinstance(schema, str):
        return f"{shown} {printable(schema, _LONGEST)}"
    if isinstance(schema, list):
        return f"{shown} union"
    if not isinstance(schema, Mapping):
        return shown
    name = schema.get("title") if kind == "JSON" else schema.get("name") or schema.get("type")
    space = schema.get("namespace")
    if not isinstance(name, str):
        return shown
    if kind == "AVRO" and isinstance(space, str) and space and "." not in name:
        name = f"{space}.{name}"
    return f"{shown} {printable(name, _LONGEST)}"
