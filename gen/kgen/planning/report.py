"""A plan as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..listing import is_long, listed, title
from ..model.subject_filter import excluding
from .plan import FileAction, Plan, SubjectChange


def counts(plan: Plan) -> dict[str, int]:
    """How many subjects are added, changed and removed."""
    return {name: sum(s.op == op for s in plan.subjects) for name, op in _COUNTED}


_COUNTED = (("added", "add"), ("changed", "change"), ("removed", "remove"))


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan's stable form: keys are only ever added."""
    return {
        "version": 1,
        "registry": plan.registry,
        "package": plan.package,
        "subjects": [
            {
                "subject": s.subject,
                "action": s.op,
                "from": s.before,
                "to": s.after,
                "compatibility": s.compatibility,
                "summary": s.summary,
                "effects": list(s.effects),
                "cause": s.cause,
            }
            for s in plan.subjects
        ],
        "files": [
            {"path": f.path, "action": f.op, "kind": f.kind, "reason": f.reason}
            for f in _shown(plan)
            if f.op != "keep" or f.reason
        ],
        "topics": [change.as_json() for change in plan.topics],
        "notes": list(plan.notes),
        "impact": [use.as_json() for use in plan.impact],
        "summary": counts(plan),
        "changes": plan.changes,
    }


_SYMBOLS = {"add": "+", "change": "~", "merge": "~", "remove": "-", "skip": "!"}


def _shown(plan: Plan) -> list[FileAction]:
    """The files to speak of: what kgen keeps for itself only where nothing else changes."""
    shown = [f for f in plan.files if f.kind != "internal"]
    return shown if any(f.op in (*_SYMBOLS, "release") for f in shown) else list(plan.files)


def _notable(action: FileAction, removed: bool) -> bool:
    """What needs the user's eye. What was left behind by a subject is reported once, when that goes."""
    if action.op == "orphan":
        return removed
    return action.op in ("conflict", "refuse", "release") or (
        action.op in ("keep", "merge") and bool(action.reason)
    )


def lines(plan: Plan, *, files: bool = False) -> Iterator[str]:
    """The plan for people: a line for each subject that changes, with `files` one for each file, and the
    count.
    """
    yield from (_subject_line(s) for s in plan.subjects if s.cause is None)
    yield from left_out(plan.subjects)
    yield from (f"~ {change.text}" for change in plan.topics)
    yield from (f"  {note}" for note in plan.notes)
    yield from (f"! {use}" for use in plan.impact)
    removed = any(f.op == "remove" and f.kind == "generated" for f in plan.files)
    removed = removed or any(subject.op == "remove" for subject in plan.subjects)
    files = files or not any(counts(plan).values())  # what changes no subject is reported by its files
    for action in _shown(plan):
        if _notable(action, removed):
            yield f"! {action.path}  {action.reason}"
        elif files and action.op in _SYMBOLS:
            yield f"  {_SYMBOLS[action.op]} {action.path}" + (f"  {action.reason}" if action.reason else "")
    yield ", ".join(f"{n} {name}" for name, n in counts(plan).items())


def remarks(plan: Plan) -> Iterator[str]:
    """What to say each time, although nothing changes."""
    yield from plan.notes
    yield from left_out([s for s in plan.subjects if s.op == "keep" or s.cause == "unreadable"])


def left_out(subjects: Iterable[SubjectChange]) -> Iterator[str]:
    """A line for each reason that subjects are kept as locked, or skipped, for."""
    names: dict[tuple[str, str, str | None], list[str]] = {}
    for s in subjects:
        if s.cause:
            names.setdefault((s.op, s.summary, s.cause), []).append(s.subject)
    for (op, reason, cause), found in names.items():
        said = f"kept as locked: {reason}" if op == "keep" else reason
        alone = len(found) == 1 and not is_long(found[0])
        hint = excluding(found[0]) if alone else "'!NAME'"
        out = f"; to leave it out: --subject {hint}" if op == "keep" or cause == "unreadable" else ""
        yield f"! {listed(found)} ({said}{out})"


def _subject_line(s: SubjectChange) -> str:
    versions = f" v{s.before} -> v{s.after}" if s.before and s.after and s.before != s.after else ""
    versions = versions or (f" v{s.after or s.before}" if s.after or s.before else "")
    details = ", ".join(part for part in (s.compatibility, s.summary) if part)
    line = f"{_SYMBOLS[s.op]} {title(s.subject)}{versions}" + (f" ({details})" if details else "")
    return line + ("  " + " · ".join(s.effects) if s.effects else "")
