"""What changed between two versions of a subject, and whether each reads what the other wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kgen_runtime.codec.avro.resolution.incompatibilities import Incompatibility
from kgen_runtime.codec.json.schema.json_tree import JsonSchema

from ..listing import title
from ..model.library import SUPPORTED, Library, Pair, moved_references, same_meaning
from ..model.subjects import Subject
from ..model.trees import AnySchema, language
from ..protobuf.proto_model import ProtoModel
from .change_kinds import Change
from .json_levels import JsonText, json_both_ways, policy_of
from .json_policies import Policy
from .levels import CompatibilityBothWays, LevelCheck, asks, at, both_ways, level_check
from .proto_levels import proto_both_ways
from .schema_diff import schema_diff


@dataclass(frozen=True)
class SchemaChange:
    """What changed in the meaning of a subject's newest schema, and which versions it refers to instead
    (`address v1 -> v2`). `schemas` are the old and the new one, if the old one could be read.
    """

    changes: tuple[Change, ...]
    references: tuple[str, ...]
    schemas: tuple[AnySchema, AnySchema] | None = field(default=None, repr=False)


def schema_changes(before: Library, after: Library) -> dict[str, SchemaChange]:
    """By subject, what changed in its newest schema with all that this refers to; subjects that did not
    change are left out.
    """
    locked = {s.name: s for s in before.snapshot.subjects if s.latest.type in SUPPORTED}
    pairs = [(_newest(locked[s.name]), _newest(s)) for s in after.snapshot.subjects if s.name in locked]
    changed = [(b, a) for b, a in pairs if not same_meaning(before, b, after, a)]
    return {a[0]: _schema_change(before, b, after, a) for b, a in changed}


def _schema_change(before: Library, old: Pair, after: Library, new: Pair) -> SchemaChange:
    was, now = before.schema(old), after.unit(new).schema
    if was is None:
        return SchemaChange((), ())
    return SchemaChange(schema_diff(was, now), moved_references(before, old, after, new), (was, now))


def _newest(subject: Subject) -> Pair:
    return subject.name, subject.latest.version


@dataclass(frozen=True)
class SubjectDiff:
    """Two versions of a subject. `before` or `after` is None where the subject is new or gone; then there
    is nothing else.
    """

    subject: str
    before: int | None
    after: int | None
    changes: tuple[Change, ...] = ()
    references: tuple[str, ...] = ()  # `address v1 -> v2`, for each version that it refers to instead
    both: CompatibilityBothWays | None = None
    verdict: LevelCheck | None = None

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {
            "subject": self.subject,
            "from": self.before,
            "to": self.after,
            "changes": [change.as_json() for change in self.changes],
            "references": list(self.references),
            "compatibility": self.both.as_json() if self.both else None,
            "level": self.verdict.as_json() if self.verdict else None,
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        name = title(self.subject)
        if self.before is None or self.after is None:
            yield f"{'+' if self.before is None else '-'} {name} v{self.after or self.before}"
            return
        moved = f"v{self.before} -> v{self.after}" if self.before != self.after else f"v{self.after}"
        yield f"~ {name} {moved}"
        yield from (f"    refers to {reference}" for reference in self.references)
        yield from (f"    {change.text}" for change in self.changes)
        yield from (f"    {line}" for line in (self.both.lines() if self.both else ()))
        if self.verdict:
            yield f"    allowed at {self.verdict.level}: {'yes' if self.verdict.allowed else 'no'}"


def subject_diffs(old: Library, new: Library) -> Iterator[SubjectDiff]:
    """A diff for each subject whose newest version means something else, that is new or that is gone."""
    known = {s.name: s for s in old.snapshot.subjects}
    present = {s.name: s for s in new.snapshot.subjects}
    for name in sorted({*known, *present}):
        was, now = known.get(name), present.get(name)
        if was and now:
            first, second = was.latest.version, now.latest.version
            if not same_meaning(old, (name, first), new, (name, second)):
                yield subject_diff(old, was, first, new, now, second)
        else:
            yield SubjectDiff(name, was.latest.version if was else None, now.latest.version if now else None)


def subject_diff(
    old: Library, was: Subject, before: int, new: Library, now: Subject, after: int
) -> SubjectDiff:
    """Two versions of a subject; the level is asked of all that were before the second. Raises `SchemaError`
    if one does not parse.
    """
    pair, other = (was.name, before), (now.name, after)
    first, second = old.unit(pair).schema, new.unit(other).schema
    moved = moved_references(old, pair, new, other)
    verdict = level_verdict(new, now, after)
    found, both = schema_diff(first, second), both_ways(first, second)
    return SubjectDiff(now.name, before, after, found, moved, both, verdict)


def level_verdict(library: Library, subject: Subject, version: int) -> LevelCheck | None:
    """Whether a registry would take the version after those before it; None without a level or any before."""
    earlier = [(subject.name, it.version) for it in subject.versions if it.version < version]
    # One that does not parse was never read.
    history = [(pair[1], pair) for pair in earlier if library.schema(pair)]
    level, policy, new = subject.compatibility, policy_of(subject.policy), (subject.name, version)
    if not level or not history:
        return None
    return level_check(level, history, lambda old: _at(library, level, policy, old, new))


def _at(library: Library, level: str, policy: Policy, old: Pair, new: Pair) -> CompatibilityBothWays:
    was, now = library.unit(old).schema, library.unit(new).schema
    if isinstance(was, JsonSchema) and isinstance(now, JsonSchema):
        texts, others = (JsonText(*library.json_texts(it)) for it in (old, new))
        return json_both_ways(level, texts, others, policy)
    if isinstance(was, ProtoModel) and isinstance(now, ProtoModel):
        return proto_both_ways(level, was.files, now.files)
    if type(was) is type(now):
        return at(level, was, now)
    problem = (Incompatibility("", f"{language(now)} after {language(was)}", always=True),)
    return CompatibilityBothWays(
        problem if asks(level, "BACKWARD") else (), problem if asks(level, "FORWARD") else ()
    )
