"""`kgen diff`: what changed in meaning, what that does to readers and writers, and the text that a pull
would write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..compat.subject_diff import SubjectDiff, subject_diff, subject_diffs
from ..compat.topic_diff import TopicChange
from ..errors import UnknownSchema
from ..impact import Use
from ..model.library import Library
from ..planning.plan import FileAction, SubjectChange
from ..project import paths
from ..project.lockfile import load
from . import text_diff
from .inputs import Flags, Workspace, settle
from .prepare import PlanOptions, PlanRequest, prepare
from .registry_in_force import read_registry


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
    subjects = list(subject_diffs(prepared.before, prepared.after))
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
    return subject_diff(library, found, before, library, found, after)


def _text(root: Path, files: Sequence[FileAction]) -> str:
    changed = [f for f in files if f.op in ("add", "change", "merge", "remove")]
    before = {f.path: _decoded(paths.read(root, f.path)) for f in changed}
    return text_diff.text_diff(before, {f.path: _decoded(f.content) for f in changed})


def _decoded(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "replace")
