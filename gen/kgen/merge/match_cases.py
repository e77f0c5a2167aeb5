"""The merge of a `match` statement, branch by branch: each is known by the class that it is for, so that a
branch for a new type is put in whatever the user wrote into the others.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .units import FUNCTIONS, Block, Unit, body_block, case_block, case_end

Trio: TypeAlias = "tuple[MatchCase, MatchCase, MatchCase]"


@dataclass(frozen=True, eq=False)
class MatchCase:
    """A `case`, in lines from 0. `classes` are those that its pattern is for, by their expressions; empty if
    it is for anything.
    """

    unit: Unit
    node: ast.match_case
    start: int
    end: int

    @property
    def classes(self) -> frozenset[str]:
        """Of `case a.B() | a.C():` both."""
        return frozenset(_classes(self.node.pattern))

    @property
    def head(self) -> str:
        """The pattern and the condition."""
        guard = ast.unparse(self.node.guard) if self.node.guard else ""
        return f"{ast.unparse(self.node.pattern)} if {guard}"

    @property
    def is_last(self) -> bool:
        """Whether it takes all that is left: no branch may follow it."""
        pattern = self.node.pattern
        return isinstance(pattern, ast.MatchAs) and pattern.pattern is None and self.node.guard is None

    @property
    def meaning(self) -> tuple[str, tuple[str, ...]]:
        """Equal for two that differ in layout alone."""
        source = self.unit.source
        span = source.line_start(self.start), source.line_start(self.end)
        body = "\n".join(source.dump(node) for node in self.node.body)
        return f"{self.head}:\n{body}", source.comments(*span)

    @property
    def body(self) -> Block | None:
        """Its statements; None if they stand on the line of the pattern."""
        return case_block(self.unit, self.node, self.end)


@dataclass(frozen=True)
class MergedCases:
    """What becomes of the branches of a match: those that are `dropped`, `changed` by the user and dropped,
    `merged` by their bodies, and `added` after one of the user's (None: before all of them).
    """

    dropped: Sequence[MatchCase]
    clashes: Sequence[tuple[MatchCase, MatchCase]]
    merged: Sequence[Trio]
    added: Sequence[tuple[MatchCase, MatchCase | None]]


def branches_of(unit: Unit) -> tuple[MatchCase, ...]:
    """The branches of a statement; none if it is not a `match` on lines of its own."""
    if len(unit.nodes) > 1 or not isinstance(unit.node, ast.Match):
        return ()
    cases = unit.node.cases
    starts = [case.pattern.lineno - 1 for case in cases]
    if len(set(starts)) < len(starts) or starts[0] <= unit.start:
        return ()
    return tuple(MatchCase(unit, case, at, case_end(unit, case, at)) for case, at in zip(cases, starts))


def has_branches(unit: Unit) -> bool:
    """Whether it is a function with a `match` of its own."""
    return isinstance(unit.node, FUNCTIONS) and any(isinstance(it, ast.Match) for it in unit.node.body)


def stays_own(b: Unit, o: Unit, t: Unit) -> bool:
    """Whether the body that the user has stays as it is: the values of the function became of several types,
    or of one again, and the user changed more in it than its docstring and layout.
    """
    if has_branches(b) == has_branches(t):
        return False
    blocks = [body_block(b), body_block(o)]
    old, mine = (
        [u.whole_meaning for u in it.units if ("doc",) not in u.keys] if it else None for it in blocks
    )
    return old is None or mine != old


def merged_branches(b: Unit, o: Unit, t: Unit, *, recreate: bool) -> MergedCases | None:
    """What becomes of the user's branches, those of `o`; None if one of the three is another statement."""
    base, ours, theirs = (branches_of(unit) for unit in (b, o, t))
    if not (base and ours and theirs):
        return None
    before, after = _by_head(base), _by_head(theirs)
    if len(before) < len(base) or len(after) < len(theirs):
        return None
    dropped: list[MatchCase] = []
    clashes: list[tuple[MatchCase, MatchCase]] = []
    merged: list[Trio] = []
    for head, branch in before.items():
        mine = [it for it in ours if it.head == head]
        if head in after:
            merged += [(branch, it, after[head]) for it in mine[:1]]
            continue
        dropped += [it for it in mine if it.meaning == branch.meaning]
        users = [it for it in ours if it.classes & branch.classes and it not in dropped]
        clashes += [(branch, it) for it in users]
    return MergedCases(dropped, clashes, merged, tuple(_added(before, ours, theirs, recreate)))


def _added(
    before: dict[str, MatchCase], ours: Sequence[MatchCase], theirs: Sequence[MatchCase], recreate: bool
) -> Iterator[tuple[MatchCase, MatchCase | None]]:
    """The new branches that the user has not, each with the one of the user's that it follows."""
    covered = {name for it in ours for name in it.classes}
    heads = {it.head for it in ours}
    last = len(ours) - 1 if ours[-1].is_last else len(ours)
    at = -1
    for branch in theirs:
        there = branch.head in heads or bool(branch.classes and branch.classes <= covered)
        if there or (branch.head in before and not recreate):
            found = [i for i, it in enumerate(ours[:last]) if it.classes & branch.classes]
            at = max(found, default=at)
            continue
        if branch.is_last and last < len(ours):
            continue
        place = len(ours) - 1 if branch.is_last else at if at >= 0 else last - 1
        yield branch, ours[place] if place >= 0 else None


def _by_head(branches: Sequence[MatchCase]) -> dict[str, MatchCase]:
    return {branch.head: branch for branch in branches}


def _classes(pattern: ast.pattern) -> Iterator[str]:
    if isinstance(pattern, ast.MatchClass):
        yield ast.unparse(pattern.cls)
    elif isinstance(pattern, ast.MatchOr):
        for each in pattern.patterns:
            yield from _classes(each)
    elif isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        yield from _classes(pattern.pattern)
