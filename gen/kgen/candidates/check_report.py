"""What `kgen check` found, as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..compat.subject_diff import SubjectDiff
from ..compat.topic_diff import TopicChange
from ..impact import Use
from ..listing import title
from .placed import Candidate
from .verdicts import CandidateVerdict


@dataclass(frozen=True)
class CheckedFile:
    """A file with what it changes (None: nothing that can be compared) and whether it may."""

    candidate: Candidate
    diff: SubjectDiff | None
    verdict: CandidateVerdict

    @property
    def state(self) -> str:
        """`new`, `unchanged` or `changed`."""
        if self.candidate.registered:
            return "unchanged"
        return "changed" if self.candidate.newest else "new"

    @property
    def outdated(self) -> bool:
        """Whether the file is an earlier version than the newest one."""
        newest = self.candidate.newest
        return self.candidate.registered and newest is not None and newest > self.candidate.version.version

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        it = self.candidate
        return {
            "path": it.file.shown,
            "subject": it.subject,
            "state": self.state,
            "from": it.newest,
            "to": it.version.version,
            "changes": [change.as_json() for change in self.diff.changes] if self.diff else [],
            "references": [
                {"name": r.name, "subject": r.subject, "version": r.version} for r in it.version.references
            ],
            **self.verdict.as_json(),
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        it, level = self.candidate, self.verdict.level.level
        name, number = title(it.subject), it.version.version
        if self.state == "unchanged":
            yield f"= {name} v{number}  {it.file.shown}" + (
                f" (the newest is v{it.newest})" if self.outdated else ""
            )
            return
        if self.state == "new":
            yield f"+ {name} v1 ({level}, a new subject)  {it.file.shown}"
            return
        yield f"~ {name} v{it.newest} -> v{number} ({level})  {it.file.shown}"
        if self.diff:
            yield from (f"    refers to {reference}" for reference in self.diff.references)
            yield from (f"    {change.text}" for change in self.diff.changes)
        yield from (f"    {line}" for line in self.verdict.lines())
        if self.verdict.incompatible:
            yield f"! {name} v{number} is not compatible at {level}"
        elif self.verdict.lost:
            lost = ", ".join(f"v{n}" for n in self.verdict.lost)
            yield f"! {name} v{number} cannot read {lost}: `kgen pull` takes it with --allow-incompatible"


@dataclass(frozen=True)
class CheckReport:
    """The files, the user's lines that use what goes, and what is to be said of all. `registry` is its URL,
    None if it was not asked.
    """

    files: tuple[CheckedFile, ...]
    registry: str | None
    impact: tuple[Use, ...] = ()
    topics: tuple[TopicChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def incompatible(self) -> bool:
        """Whether one of the files may not follow what is registered."""
        return any(file.verdict.incompatible for file in self.files)

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {
            "version": 1,
            "registry": self.registry,
            "files": [file.as_json() for file in self.files],
            "topics": [change.as_json() for change in self.topics],
            "impact": [use.as_json() for use in self.impact],
            "notes": list(self.notes),
            "summary": self._counts(),
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        for file in self.files:
            yield from file.lines()
        yield from (f"~ {change.text}" for change in self.topics)
        yield from (f"! {use}" for use in self.impact)
        yield ", ".join(f"{n} {name}" for name, n in self._counts().items())

    def _counts(self) -> dict[str, int]:
        return {
            **{state: _number(self.files, state) for state in ("new", "changed", "unchanged")},
            "incompatible": sum(file.verdict.incompatible for file in self.files),
        }


def _number(files: Sequence[CheckedFile], state: str) -> int:
    return sum(file.state == state for file in files)
