"""Which subjects are read, and which topics they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kgen_runtime.errors import ConfigError, SchemaError

from .library import Library
from .project import Settings, TopicSettings
from .subjects import SchemaVersion, Skipped, Snapshot, Subject

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

_CONTEXT = re.compile(r":\.[^:]*:")


@dataclass(frozen=True)
class Usable:
    """The subjects that can be read: by name, with those of their versions that can."""

    versions: Mapping[str, tuple[SchemaVersion, ...]]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class TopicPlan:
    """A topic: for each role the name of a subject, or an unframed format (a key of `FORMATS`)."""

    name: str
    subjects: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)


def usable(snapshot: Snapshot, library: Library) -> Usable:
    """The Avro subjects. Raises `SchemaError` where the newest version of one does not parse; an older one
    is left out.
    """
    skipped = list(snapshot.skipped)
    versions: dict[str, tuple[SchemaVersion, ...]] = {}
    for subject in snapshot.subjects:
        kind = subject.latest.type
        if kind != "AVRO":
            skipped.append(Skipped(subject.name, f"{kind} schemas are not supported yet"))
            continue
        library.unit((subject.name, subject.latest.version))
        versions[subject.name] = tuple(_readable(subject, library, skipped))
    return Usable(versions, tuple(skipped))


def _readable(subject: Subject, library: Library, skipped: list[Skipped]) -> list[SchemaVersion]:
    found = []
    for version in subject.versions:
        try:
            if version.type == "AVRO":
                library.unit((version.subject, version.version))
                found.append(version)
        except SchemaError as error:
            skipped.append(Skipped(subject.name, f"v{version.version} cannot be read: {error.what}"))
    return found


def topic_of(subject: str) -> tuple[str, str] | None:
    """Topic and role of a subject of the TopicNameStrategy (`<topic>-key`, `<topic>-value`)."""
    context = _CONTEXT.match(subject)
    topic, _, role = (subject[context.end() :] if context else subject).rpartition("-")
    return (topic, role) if topic and role in ROLES else None


def plan_topics(names: Usable, settings: Settings) -> list[TopicPlan]:
    """The topics of the subjects and of the settings, sorted by name."""
    found: dict[str, dict[str, str]] = {}
    # Those without a context come last, so that they are what counts.
    for subject in sorted(names.versions, key=lambda name: (_CONTEXT.match(name) is None, name)):
        if at := topic_of(subject):
            found.setdefault(at[0], {})[at[1]] = subject
    plans = (
        _plan(topic, found.get(topic, {}), settings.topics.get(topic, TopicSettings()), names)
        for topic in sorted({*found, *settings.topics})
    )
    return [plan for plan in plans if plan is not None]


def _plan(topic: str, found: Mapping[str, str], settings: TopicSettings, names: Usable) -> TopicPlan | None:
    chosen = {"key": settings.key, "value": settings.value}
    subjects = {role: subject for role, subject in found.items() if chosen[role] is None}
    formats = {role: "bytes" for role in ROLES if chosen[role] is None and role not in found}
    skipped = {skip.subject for skip in names.skipped}
    if "value" in formats and (f"{topic}-value" in skipped or not subjects):
        return None  # what its values are is not known (yet)
    for role, word in chosen.items():
        if word is None:
            continue
        if word in FORMATS and (role, word) != ("value", "none"):
            formats[role] = word
        elif word in names.versions:
            subjects[role] = word
        else:
            raise _unknown(topic, role, word)
    return TopicPlan(topic, subjects, formats)


def _unknown(topic: str, role: str, word: str) -> ConfigError:
    return ConfigError(
        f"the {role} of the topic {topic} is set to {word!r}, which is neither a format nor a subject",
        where=f"kgen.toml, [topics.{topic}]",
        hint=f"use one of {', '.join(FORMATS)}, or the name of a pulled Avro subject",
    )
