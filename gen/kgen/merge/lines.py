"""The merge of lines: what is left to do where the meaning of a text does not help (comments, docstrings,
text that does not parse).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

YOURS, BASE, MIDDLE, THEIRS = "<<<<<<< yours", "||||||| base", "=======", ">>>>>>> kgen"


@dataclass(frozen=True)
class Hunk:
    """A run of lines of the result; where `clash` is set both sides changed the same lines of the base."""

    ours: tuple[str, ...]
    base: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    clash: bool = False


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    lines: tuple[str, ...]

    def meets(self, other: _Change, touching: bool) -> bool:
        """Whether two changes concern the same lines; with `touching`, neighbours do not count."""
        if self.start == self.end == other.start == other.end or not touching:
            return self.start <= other.end and other.start <= self.end
        return self.start < other.end and other.start < self.end


def merge_lines(
    base: Sequence[str],
    ours: Sequence[str],
    theirs: Sequence[str],
    *,
    touching: bool = False,
    union: bool = False,
) -> list[Hunk]:
    """Merge three lists of lines.

    Changes of lines that touch are a clash, as they are for git, unless `touching`: then only changes of the
    same line are. With `union`, what both put in at one place is kept from both.
    """
    left, right = _changes(base, ours), _changes(base, theirs)
    hunks: list[Hunk] = []
    at = 0
    while left or right:
        mine, other = _next_group(left, right, touching)
        start = min(c.start for c in mine + other)
        end = max(c.end for c in mine + other)
        hunks.append(Hunk(tuple(base[at:start])))
        hunks.append(_hunk(base, start, end, mine, other, union))
        at = end
    return [*hunks, Hunk(tuple(base[at:]))]


def clean(hunks: Sequence[Hunk]) -> list[str] | None:
    """The merged lines, or None where there is a clash."""
    if any(hunk.clash for hunk in hunks):
        return None
    return [line for hunk in hunks for line in hunk.ours]


def marked(hunks: Sequence[Hunk], newline: str) -> str:
    """The merged text with markers around what clashes."""
    return "".join(
        markers("".join(h.ours), "".join(h.base), "".join(h.theirs), newline) if h.clash else "".join(h.ours)
        for h in hunks
    )


def markers(ours: str, base: str, theirs: str, newline: str) -> str:
    """The three texts between markers."""
    parts = (YOURS + newline, ours, BASE + newline, base, MIDDLE + newline, theirs, THEIRS + newline)
    return "".join(_ended(part, newline) for part in parts)


def _ended(text: str, newline: str) -> str:
    return text if not text or text.endswith(("\n", "\r")) else text + newline


def _changes(base: Sequence[str], changed: Sequence[str]) -> list[_Change]:
    matcher = SequenceMatcher(
        None, [_key(line) for line in base], [_key(line) for line in changed], autojunk=False
    )
    return [_Change(a, b, tuple(changed[c:d])) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"]


def _key(line: str) -> str:
    return line.rstrip("\r\n")


def _next_group(
    left: list[_Change], right: list[_Change], touching: bool
) -> tuple[list[_Change], list[_Change]]:
    """Take the first change and every other that meets it, directly or through others."""
    mine: list[_Change] = []
    other: list[_Change] = []
    first_is_left = bool(left) and (
        not right or (left[0].start, left[0].end) <= (right[0].start, right[0].end)
    )
    (mine if first_is_left else other).append((left if first_is_left else right).pop(0))
    grew = True
    while grew:
        grew = False
        for side, queue, across in ((mine, left, other), (other, right, mine)):
            while queue and any(queue[0].meets(c, touching) for c in across):
                side.append(queue.pop(0))
                grew = True
    return mine, other


def _hunk(
    base: Sequence[str], start: int, end: int, mine: list[_Change], other: list[_Change], union: bool
) -> Hunk:
    ours, theirs = _apply(base, start, end, mine), _apply(base, start, end, other)
    if not mine:
        return Hunk(theirs)
    if not other or [*map(_key, ours)] == [*map(_key, theirs)]:
        return Hunk(ours)
    if union and start == end:
        return Hunk((*ours, *(line for line in theirs if _key(line) not in map(_key, ours))))
    return Hunk(ours, tuple(base[start:end]), theirs, clash=True)


def _apply(base: Sequence[str], start: int, end: int, changes: list[_Change]) -> tuple[str, ...]:
    lines: list[str] = []
    at = start
    for change in changes:
        lines += [*base[at : change.start], *change.lines]
        at = change.end
    return (*lines, *base[at:end])
