"""The table of kgen.toml for what was found in a topic: `[topics.orders] value = […]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..model.topic_plans import BESIDE, FORMATS
from .part_findings import PartFinding

_MOST_NOTES: Final = 20


@dataclass(frozen=True)
class KgenTomlEntry:
    """The lines of a topic's table: `settings` by name, empty if the names of its subjects say all; the
    `subjects` that have to be pulled; and `notes` on what no line can say.
    """

    topic: str
    settings: Mapping[str, str | list[str]] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {"settings": dict(self.settings), "subjects": list(self.subjects), "notes": list(self.notes)}


def topic_entry(topic: str, found: Sequence[PartFinding]) -> KgenTomlEntry:
    """What to write of a topic."""
    settings: dict[str, str | list[str]] = {}
    subjects: list[str] = []
    notes: list[str] = []
    for role in ("key", "value"):
        part = [it for it in found if it.role == role]
        word, more = _word(role, part, topic)
        notes += more
        subjects += [it.subject for it in part if it.subject]
        if word is not None:
            settings[role] = word
    return KgenTomlEntry(topic, settings, tuple(dict.fromkeys(subjects)), tuple(notes[:_MOST_NOTES]))


def _word(role: str, part: Sequence[PartFinding], topic: str) -> tuple[str | list[str] | None, list[str]]:
    """The setting of a key or value, None where it needs none; and notes."""
    notes = [f"{role}: {it.messages} messages: {it.problem}" for it in part if it.problem]
    framed = [it for it in part if it.subject and not it.problem]
    looks = [it.look for it in part if it.look]
    if not framed:
        if looks:
            return _plain(role, looks[0], notes), notes
        only_null = bool(part) and all(it.framing == "null" for it in part)
        return ("none" if role == "key" and only_null else None), notes
    subjects = list(dict.fromkeys(it.subject for it in framed))
    strategies = {it.strategy for it in framed}
    named = strategies in ({"associated"}, {"TopicName"}) and (
        role == "key" or all(it.is_first for it in framed)
    )
    beside = [it for it in looks if it in BESIDE]
    if looks and not (len(subjects) == 1 and beside):
        notes.append(f"{role}: some messages have no schema, and go to errs: they look like {looks[0]}")
    elif looks:
        return [subjects[0], str(beside[0])], notes
    if named:
        return None, notes
    if role == "key":
        if len(subjects) > 1:
            notes.append(f"key: of several subjects ({', '.join(subjects)}); a topic has keys of one")
        return subjects[0], notes
    # What one subject has under a full name is found by that name.
    words = [_type_word(it, framed) for it in framed]
    return list(dict.fromkeys(words)), notes


def _type_word(finding: PartFinding, framed: Sequence[PartFinding]) -> str:
    by_type = finding.strategy in ("RecordName", "TopicRecordName") or finding.language == "PROTOBUF"
    if not by_type or len(finding.types) != 1:
        return finding.subject
    name = finding.types[0]
    others = {it.subject for it in framed if name in it.types}
    return name if len(others) == 1 else finding.subject


def _plain(role: str, look: str, notes: list[str]) -> str | None:
    if look == "JSON":
        notes.append(f"{role}: JSON without a schema is read as text")
        return "string"
    if look in FORMATS and not (role == "key" and look == "bytes"):
        return look
    return None
