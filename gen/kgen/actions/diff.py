"""`kgen diff`: what changed in meaning, what that does to readers and writers, and the text that a pull
would write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kgen_runtime.codec.avro.schema.tree import Schema

from ..compat.levels import CompatibilityBothWays, LevelCheck, at_level, both_ways
from ..compat.schema_diff import Change, schema_diff
from ..compat.topic_diff import TopicChange
from ..errors import UnknownSchema
from ..impact import Use
from ..listing import title
from ..model.library import Library, moved_references, same_meaning
from ..model.subjects import Subject
from ..planning.plan import FileAction, SubjectChange
from ..project import paths
from ..project.lockfile import load
from . import text_diff
from .inputs import Flags, Workspace, read_registry, settle
from .prepare import PlanOptions, PlanRequest, prepare


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


@dataclass(frozen=True)
class Diff:
    """What a pull would change: by subject, in the user's lines, and as a unified diff of the files."""

    subjects: list[SubjectDiff]
    left_out: tuple[SubjectChange, ...] = ()  # kept as locked, or skipped
    topics: tuple[TopicChange, ...] = ()
    impact: tuple[Use, ...] = ()
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {
            "version": 1,
            "subjects": [subject.as_json() for subject in self.subjects],
            "left_out": [{"subject": s.subject, "action": s.op, "reason": s.summary} for s in self.left_out],
            "topics": [change.as_json() for change in self.topics],
            "impact": [use.as_json() for use in self.impact],
            "text": self.text,
        }


def with_registry(workspace: Workspace, flags: Flags) -> Diff:
    """Between lock and registry. Raises `KgenError`."""
    prepared = prepare(PlanRequest(workspace, flags, PlanOptions(lenient=True)))
    subjects = list(_subjects(prepared.before, prepared.after))
    text = _text(workspace.root, [f for f in prepared.plan.files if f.kind != "internal"])
    left_out = tuple(s for s in prepared.plan.subjects if s.unread)
    return Diff(subjects, left_out, prepared.plan.topics, prepared.plan.impact, text)


def versions(workspace: Workspace, flags: Flags, subject: str, before: int, after: int) -> SubjectDiff:
    """Any two versions of a subject: from the lock where it has both, else from the registry. Raises
    `KgenError`.
    """
    old = load(workspace.root)
    found = old.subject(subject) if old else None
    snapshot = old.snapshot if old else None
    if snapshot is None or found is None or not {before, after} <= {v.version for v in found.versions}:
        pins = {subject: max(before, after)}
        wanted = replace(flags, subjects=(subject,), pins=pins, all_versions=True)
        settled = settle(workspace.root, wanted)
        snapshot = read_registry(settled, wanted, workspace).snapshot
        found = next((s for s in snapshot.subjects if s.name == subject), None)
    if found is None or not {before, after} <= {v.version for v in found.versions}:
        reasons = "; ".join(s.reason for s in snapshot.skipped if s.subject == subject)
        raise UnknownSchema(
            f"{subject} has no version {min(before, after)} and {max(before, after)}",
            where=f"{subject}: {reasons}" if reasons else subject,
        )
    library = Library(snapshot)
    return _diff(library, found, before, library, found, after)


def _subjects(old: Library, new: Library) -> Iterator[SubjectDiff]:
    known = {s.name: s for s in old.snapshot.subjects}
    present = {s.name: s for s in new.snapshot.subjects}
    for name in sorted({*known, *present}):
        was, now = known.get(name), present.get(name)
        if was and now:
            first, second = was.latest.version, now.latest.version
            if not same_meaning(old, (name, first), new, (name, second)):
                yield _diff(old, was, first, new, now, second)
        else:
            yield SubjectDiff(name, was.latest.version if was else None, now.latest.version if now else None)


def _diff(old: Library, was: Subject, before: int, new: Library, now: Subject, after: int) -> SubjectDiff:
    pair, other = (was.name, before), (now.name, after)
    first, second = old.unit(pair).schema, new.unit(other).schema
    moved = moved_references(old, pair, new, other)
    history = list(_history(new, now, after))
    level = now.compatibility
    verdict = at_level(level, history, second) if level and history else None
    found, both = schema_diff(first, second), both_ways(first, second)
    return SubjectDiff(now.name, before, after, found, moved, both, verdict)


def _history(library: Library, subject: Subject, before: int) -> Iterator[tuple[int, Schema]]:
    for version in subject.versions:
        schema = library.schema((subject.name, version.version)) if version.version < before else None
        if schema:  # one that does not parse was never read
            yield version.version, schema


def _text(root: Path, files: Sequence[FileAction]) -> str:
    changed = [f for f in files if f.op in ("add", "change", "merge", "remove")]
    before = {f.path: _decoded(paths.read(root, f.path)) for f in changed}
    return text_diff.text_diff(before, {f.path: _decoded(f.content) for f in changed})


def _decoded(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "replace")
