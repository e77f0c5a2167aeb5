"""What a merge does to the user's text: replacements of spans, so that every other byte stays."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import lines
from .parsed_source import ParsedSource, indent_of, newline_of, split_lines


class TangledError(Exception):
    """Two edits concern the same span: the structure of the texts is not what the merge took it for."""


@dataclass(frozen=True)
class Conflict:
    """A place that both sides changed. `line` is in the user's file, from 1."""

    path: str
    line: int
    what: str
    yours: str
    base: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Edit:
    """Put `text` where the user's text has `start` to `end`. At one place, `first` edits go first.

    `follows` says that the user wrote what goes, and that it is a name that the new render changed.
    """

    start: int
    end: int
    text: str
    conflict: Conflict | None = None
    first: bool = False
    follows: bool = False


@dataclass
class Edits:
    """The edits of one merge, gathered in any order."""

    source: ParsedSource
    path: str
    found: list[Edit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.newline = newline_of(self.source.text)

    def replace(self, start: int, end: int, text: str, *, first: bool = False, follows: bool = False) -> None:
        """Replace a span of the user's text."""
        self.found.append(Edit(start, end, self.own_ends(text), first=first, follows=follows))

    def clash(self, start: int, end: int, what: str, base: str, theirs: str) -> None:
        """Leave a span as it is and say that both sides changed it."""
        line = self.source.text.count("\n", 0, start) + 1
        yours = self.source.text[start:end]
        conflict = Conflict(self.path, line, what, yours, self.own_ends(base), self.own_ends(theirs))
        self.found.append(Edit(start, end, yours, conflict))

    def own_ends(self, text: str) -> str:
        """A text with the line ends of the user's file."""
        return "".join(
            line.rstrip("\r\n") + self.newline if line.endswith(("\r", "\n")) else line
            for line in split_lines(text)
        )

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Every clash, from top to bottom."""
        return tuple(e.conflict for e in sorted(self.found, key=lambda e: e.start) if e.conflict)

    @property
    def followed(self) -> str:
        """What the user wrote and is called otherwise now."""
        return " ".join(["", *(self.source.text[e.start : e.end] for e in self.found if e.follows)])

    def apply(self, *, marked: bool = True) -> str:
        """The text with every edit made; clashes stand between markers, or else stay as the user has them.

        Raises `TangledError` if two edits concern the same span.
        """
        text, at, parts = self.source.text, 0, []
        for edit in sorted(self.found, key=lambda e: (e.start, e.end > e.start, not e.first)):
            if edit.start < at:
                raise TangledError(f"two edits meet at {edit.start}")
            parts += [text[at : edit.start], self._text(edit) if marked else edit.text]
            at = edit.end
        return "".join((*parts, text[at:]))

    def _text(self, edit: Edit) -> str:
        if (conflict := edit.conflict) is None:
            return edit.text
        return lines.markers(conflict.yours, conflict.base, conflict.theirs, self.newline)


def reindent(source: ParsedSource, first: int, end: int, old: str, new: str, unit: str) -> str:
    """The lines of a text with another indentation: `old` at their beginning becomes `new`, further levels
    become `unit`s.

    The inside of strings is data and stays; docstrings are moved along.
    """
    if old == new and unit == source.indent_unit:
        return "".join(source.lines[first:end])
    moved = (
        line if number in source.string_lines else _moved(line, old, new, source.indent_unit, unit)
        for number, line in enumerate(source.lines[first:end], first)
    )
    return "".join(moved)


def _moved(line: str, old: str, new: str, old_unit: str, new_unit: str) -> str:
    if not line.strip():
        return line
    blanks = indent_of(line)
    if not blanks.startswith(old):
        return line
    rest = blanks[len(old) :]
    levels = 0
    while old_unit != new_unit and rest.startswith(old_unit):
        rest, levels = rest[len(old_unit) :], levels + 1
    return new + new_unit * levels + rest + line[len(blanks) :]
