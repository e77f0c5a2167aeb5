"""Which subjects are read, and which topics they make."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kgen_runtime.errors import ConfigError
from kgen_runtime.serde.subject_names import context_of, plain

from .associated_topics import with_associations
from .library import SUPPORTED, Fault, Library, Pair
from .settings import Settings, TopicSettings
from .subjects import SchemaVersion, Skipped, Snapshot, Subject, TopicAssociation
from .value_types import (
    ValueType,
    by_topic_and_name,
    full_names,
    named_subject,
    refuse_same_names,
    unknown_type,
)

ROLES = ("value", "key")

FORMATS = {
    "string": ("str", "rt.StringSerde"),
    "bytes": ("bytes", "rt.BytesSerde"),
    "long": ("int", "rt.LongSerde"),
    "int": ("int", "rt.IntSerde"),
    "double": ("float", "rt.DoubleSerde"),
    "none": ("None", "rt.NoneSerde"),
}
"""Unframed format -> the type of its values, and its serde."""

BESIDE = ("string", "int")
"""Formats that can be distinguished from what is framed with a schema's id, and so may be read beside it."""

_NOTED = 20


@dataclass(frozen=True)
class Usable:
    """The subjects that can be read: by name, with those of their versions that can. `types` has the full
    names of what the values of each are, `associations` the topics that the registry says they are of.
    """

    versions: Mapping[str, tuple[SchemaVersion, ...]]
    skipped: tuple[Skipped, ...]
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    associations: tuple[TopicAssociation, ...] = ()


@dataclass(frozen=True)
class TopicPlan:
    """A topic: for each role the name of a subject, or an unframed format (a key of `FORMATS`); for values
    of several types `types` has the subject of each.

    `name` is its name in kgen.toml and in modules, `topic` the one on the broker, `context` the registry
    context of its subjects (as in their names: `:.staging:`).
    """

    name: str
    topic: str
    context: str
    subjects: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, str] = field(default_factory=dict)  # formats that are read beside the subject's
    validate: bool = False
    flow: bool = True
    types: tuple[ValueType, ...] = ()

    @property
    def read(self) -> tuple[str, ...]:
        """Every subject that it reads."""
        return tuple(dict.fromkeys((*self.subjects.values(), *(it.subject for it in self.types))))


def usable(snapshot: Snapshot, library: Library) -> Usable:
    """The subjects whose newest version can be read, with those of their earlier versions that can."""
    faulty = faults(snapshot, library)
    skipped = [*snapshot.skipped, *skips(faulty)]
    versions: dict[str, tuple[SchemaVersion, ...]] = {}
    for subject in snapshot.subjects:
        kind = subject.latest.type
        if kind not in SUPPORTED:
            skipped.append(Skipped(subject.name, f"{kind} schemas are not supported yet", "format"))
        elif (subject.name, subject.latest.version) not in faulty:
            versions[subject.name] = tuple(_readable(subject, library, skipped))
    types = {name: full_names(library.unit((name, its[-1].version))) for name, its in versions.items()}
    associations = tuple(it for it in snapshot.associations if it.subject in versions)
    return Usable(versions, tuple(dict.fromkeys(skipped)), types, associations)


def faults(snapshot: Snapshot, library: Library) -> dict[Pair, Fault]:
    """The newest versions that cannot be read."""
    newest = [(s.name, s.latest.version) for s in snapshot.subjects if s.latest.type in SUPPORTED]
    return {pair: fault for pair in newest if (fault := library.fault(pair))}


def skips(faulty: Mapping[Pair, Fault]) -> list[Skipped]:
    """What to say of versions that cannot be read, and of those they refer to that are the cause."""
    found = [Skipped(pair[0], fault.reason(pair)) for pair, fault in faulty.items()]
    causes = {fault.pair: fault for fault in faulty.values() if fault.pair not in faulty}
    return [*found, *(Skipped(pair[0], fault.reason(pair), "earlier") for pair, fault in causes.items())]


def _readable(subject: Subject, library: Library, skipped: list[Skipped]) -> list[SchemaVersion]:
    found = []
    for version in subject.versions:
        pair = version.subject, version.version
        fault = library.fault(pair) if version.type in SUPPORTED else None
        if fault:
            skipped.append(Skipped(subject.name, _earlier(fault, pair), "earlier"))
        elif version.type in SUPPORTED:
            found.append(version)
    return found


def _earlier(fault: Fault, pair: Pair) -> str:
    reason = fault.reason(pair)
    return reason if fault.pair == pair else f"v{pair[1]}: {reason}"


def topic_of(subject: str) -> tuple[str, str] | None:
    """Topic and role of a subject of the TopicNameStrategy (`<topic>-key`, `<topic>-value`).

    None where no client can name the topic: to librdkafka a name ends at a NUL.
    """
    topic, _, role = plain(subject).rpartition("-")
    return (topic, role) if topic and "\0" not in topic and role in ROLES else None


def left_out(names: Usable, settings: Settings) -> Iterator[Skipped]:
    """The subjects of topics that are left out as kgen.toml binds the other half to a skipped subject."""
    skipped = {skip.subject for skip in names.skipped} - set(names.versions)
    for topic, words in sorted(settings.topics.items()):
        for role, word in (
            ("key", words.key),
            ("value", words.value),
            *(("value", it) for it in words.types),
        ):
            if word in skipped:
                subjects = (s for s in names.versions if (topic_of(s) or ("",))[0] == topic)
                reason = f"the topic {topic} is left out: its {role} is {word}, which cannot be read"
                yield from (Skipped(subject, reason) for subject in subjects)


def plan_topics(names: Usable, settings: Settings) -> list[TopicPlan]:
    """The topics of the subjects and of the settings, sorted by name. Which subjects a topic has is what
    kgen.toml says, then the associations, then the names of the subjects.
    """
    found = by_context(names.versions)
    typed = by_topic_and_name({it: names.types[it] for it in names.versions if topic_of(it) is None})
    found, typed = with_associations(found, typed, names.associations, names.types)
    plans = (
        _plan(name, settings.topics.get(name, TopicSettings()), found, typed, names)
        for name in sorted({*found, *typed, *settings.topics})
    )
    return [plan for plan in plans if plan is not None]


def contexts(names: Usable, plans: Iterable[TopicPlan]) -> list[str]:
    """A line for each topic of which a context is left out."""
    read: dict[str, set[str]] = {}
    for plan in plans:
        read.setdefault(plan.topic, set()).add(plan.context)
    lines = []
    for topic, found in by_context(names.versions).items():
        left = sorted(found.keys() - read.get(topic, set()))
        if left and topic in read:
            used, other = (" and ".join(map(context_name, sorted(it))) for it in (read[topic], left))
            lines.append(
                f"the topic {topic} is in several contexts: {used} is read, {other} is not "
                f"(a table [topics.NAME] in kgen.toml with topic = {json.dumps(topic)} and "
                f"context = {json.dumps(context_name(left[0]))} makes another module of it)"
            )
    more = [f"and {len(lines) - _NOTED} more topics are in several contexts"] if len(lines) > _NOTED else []
    return [*lines[:_NOTED], *more]


def by_context(subjects: Iterable[str]) -> dict[str, dict[str, dict[str, str]]]:
    """The subjects of topics: topic -> context -> role -> subject."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for subject in sorted(subjects):
        if at := topic_of(subject):
            found.setdefault(at[0], {}).setdefault(context_of(subject), {})[at[1]] = subject
    return found


def context_name(context: str) -> str:
    """`.staging` of `:.staging:`, and `.` of the default one."""
    return context.strip(":") or "."


def context_key(name: str) -> str:
    """`:.staging:` of `.staging`, and nothing of the default one."""
    return "" if name == "." else f":{name}:"


def _context(settings: TopicSettings, found: Mapping[str, Mapping[str, str]]) -> str:
    """The one that a topic is read of: one that knows its values, the default one before others."""
    if settings.context is not None:
        return context_key(settings.context)
    return min((it for it in found if "value" in found[it]), default=min(found, default=""))


def _plan(
    name: str,
    settings: TopicSettings,
    every: Mapping[str, Mapping[str, Mapping[str, str]]],
    typed: Mapping[str, Mapping[str, tuple[str, ...]]],
    names: Usable,
) -> TopicPlan | None:
    topic = settings.topic or name
    context = _context(settings, every.get(topic) or {it: {} for it in typed.get(topic, ())})
    found = every.get(topic, {}).get(context, {})
    types = _types(name, settings, topic, context, names)
    if not settings.types and settings.value is None and "value" not in found:
        types = tuple(map(ValueType, typed.get(topic, {}).get(context, ())))
    if types:
        found = {role: subject for role, subject in found.items() if role != "value"}
    chosen = {"key": settings.key, "value": settings.value}
    subjects = {role: subject for role, subject in found.items() if chosen[role] is None}
    formats = {role: "bytes" for role in ROLES if chosen[role] is None and role not in found}
    skipped = {skip.subject for skip in names.skipped} - set(names.versions)
    if skipped & {settings.key, settings.value, *settings.types}:
        return None  # see `left_out`
    if types:
        del formats["value"]
    elif "value" in formats and (f"{context}{topic}-value" in skipped or not subjects):
        return None  # what its values are is not known (yet)
    for role, word in chosen.items():
        if word is None:
            continue
        if word in FORMATS and (role, word) != ("value", "none"):
            formats[role] = word
        elif word in names.versions:
            subjects[role] = word
        else:
            raise _unknown(name, role, word)
    also = {r: w for r, w in settings.also.items() if r in subjects}
    return TopicPlan(name, topic, context, subjects, formats, also, settings.validate, settings.flow, types)


def _types(
    name: str, settings: TopicSettings, topic: str, context: str, names: Usable
) -> tuple[ValueType, ...]:
    """The types that kgen.toml lists, each once. Raises `ConfigError`."""
    skipped = {skip.subject for skip in names.skipped} - set(names.versions)
    found: list[ValueType] = []
    for word in settings.types:
        subject = named_subject(word, topic, context, names.types, names.versions)
        if subject is not None:
            is_message = names.versions[subject][-1].type == "PROTOBUF" and word in names.types[subject]
            found.append(ValueType(subject, word if is_message else ""))
        elif word not in skipped:
            raise unknown_type(name, word, names.types)
    distinct = tuple(dict.fromkeys(found))
    refuse_same_names(name, distinct, names.types)
    return distinct


def _unknown(topic: str, role: str, word: str) -> ConfigError:
    return ConfigError(
        f"the {role} of the topic {topic} is set to {word!r}, which is neither a format nor a subject",
        where=f"kgen.toml, [topics.{topic}]",
        hint=f"use one of {', '.join(FORMATS)}, or the name of a pulled subject",
    )
