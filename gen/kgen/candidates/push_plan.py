"""What `kgen push` would register and set, and what it did: as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..compat.change_kinds import summary
from ..compat.subject_diff import SubjectDiff
from ..listing import title
from .placed import Candidate
from .verdicts import CandidateVerdict

PushOp: TypeAlias = Literal["add", "change", "keep"]
_SYMBOLS: Mapping[PushOp, str] = {"add": "+", "change": "~", "keep": "="}


@dataclass(frozen=True)
class PushItem:
    """What becomes of one file. `metadata` are the properties that it is registered with, if that
    `adds_metadata` also where the schema is registered without.
    """

    candidate: Candidate
    verdict: CandidateVerdict
    diff: SubjectDiff | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    adds_metadata: bool = False

    @property
    def op(self) -> PushOp:
        """Whether a version is made: of a new subject, or one after others."""
        if self.candidate.registered and not self.adds_metadata:
            return "keep"
        return "change" if self.candidate.newest else "add"

    @property
    def number(self) -> int:
        """The version that the file has, or would get."""
        if self.candidate.registered and self.adds_metadata:
            return (self.candidate.newest or 0) + 1
        return self.candidate.version.version

    @property
    def sets_level(self) -> bool:
        """Whether the compatibility level of the subject is set."""
        return self.verdict.level.will_change

    @property
    def changes(self) -> bool:
        """Whether anything is sent to the registry to keep."""
        return self.op != "keep" or self.sets_level

    @property
    def details(self) -> str:
        """`FULL, +1 field, refers to address v1 -> v2`."""
        parts = [self.verdict.level.level] if self.op != "keep" else []
        if self.diff:
            parts += [summary(self.diff.changes), *(f"refers to {r}" for r in self.diff.references)]
        if self.op != "keep":
            parts += [f"{name} = {value}" for name, value in self.metadata.items()]
        return ", ".join(filter(None, parts))

    def lines(self) -> Iterator[str]:
        """For people."""
        it, name = self.candidate, title(self.candidate.subject)
        moved = f"v{it.newest} -> v{self.number}" if self.op == "change" else f"v{self.number}"
        details = f" ({self.details})" if self.details else ""
        yield f"{_SYMBOLS[self.op]} {name} {moved}{details}"
        if self.sets_level:
            before = self.verdict.level.registry or "none of its own"
            yield f"~ {name}: compatibility {before} -> {self.verdict.level.level}"
        if self.verdict.incompatible:
            reasons = "; ".join(self.verdict.reasons) or "the registry says no more"
            yield f"! {name} is not compatible at {self.verdict.level.level}: {reasons}"
        elif self.verdict.lost:
            lost = ", ".join(f"v{n}" for n in self.verdict.lost)
            yield f"! {name} cannot read {lost}: `kgen pull` takes it with --allow-incompatible"

    def as_json(self, id_: int | None, number: int | None) -> dict[str, Any]:
        """Its stable form; `id_` and `number` are what the registry gave."""
        it = self.candidate
        references = it.version.references
        return {
            "subject": it.subject,
            "path": it.file.shown,
            "action": self.op,
            "from": it.newest,
            "to": number or self.number,
            "id": id_,
            "references": [{"name": r.name, "subject": r.subject, "version": r.version} for r in references],
            "compatibility": self.verdict.level.level,
            "sets_compatibility": self.sets_level,
            "metadata": dict(self.metadata),
            "summary": self.details,
            "incompatible": self.verdict.incompatible,
            "problems": self.verdict.reasons,
        }


@dataclass(frozen=True)
class PushPlan:
    """The files in the order in which they are registered. `ids` and `numbers` are what the registry gave, by
    subject, once that is done.
    """

    registry: str
    items: tuple[PushItem, ...]
    notes: tuple[str, ...] = ()
    pushed: bool = False
    ids: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether anything would be registered or set."""
        return any(item.changes for item in self.items)

    @property
    def refused(self) -> list[PushItem]:
        """Those that may not follow what is registered."""
        return [item for item in self.items if item.verdict.incompatible]

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        subjects = [
            item.as_json(self.ids.get(item.candidate.subject), self.numbers.get(item.candidate.subject))
            for item in self.items
        ]
        return {
            "version": 1,
            "registry": self.registry,
            "subjects": subjects,
            "notes": list(self.notes),
            "summary": _counts(self.items),
            "changes": self.changes,
            "pushed": self.pushed,
        }

    def lines(self) -> Iterator[str]:
        """For people: what will be done, and the count."""
        for item in self.items:
            yield from item.lines()
        yield ", ".join(f"{n} {name}" for name, n in _counts(self.items).items())


def _counts(items: Sequence[PushItem]) -> dict[str, int]:
    names: Mapping[str, PushOp] = {"new": "add", "changed": "change", "unchanged": "keep"}
    return {name: sum(item.op == op for item in items) for name, op in names.items()}
