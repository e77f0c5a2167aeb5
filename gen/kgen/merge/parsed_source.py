"""A Python text with what a merge needs to know of it: its tree, its comments, and where everything stands,
to the character.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_LAYOUT = {
    tokenize.NL,
    tokenize.COMMENT,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.NEWLINE,
    tokenize.ENCODING,
}
_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def split_lines(text: str) -> list[str]:
    """The lines as Python's own reader sees them (not at form feeds or U+2028), with their ends."""
    return _LINE.findall(text)


def newline_of(text: str) -> str:
    """The line end that most lines of a text have."""
    windows = text.count("\r\n")
    counts = {"\n": text.count("\n") - windows, "\r\n": windows, "\r": text.count("\r") - windows}
    return max(counts, key=lambda end: counts[end])


@dataclass(frozen=True)
class Token:
    """A token and its place in the text."""

    type: int
    string: str
    start: int
    end: int
    line: int  # from 0
    end_line: int


@dataclass
class ParsedSource:
    """A text that parses. Raises `SyntaxError` if it does not."""

    text: str
    lines: list[str] = field(init=False)
    tree: ast.Module = field(init=False)
    tokens: list[Token] = field(init=False)
    _starts: list[int] = field(init=False)
    _dumps: dict[int, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = split_lines(self.text)
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line))
        try:
            self.tree = ast.parse(self.text)
            self.tokens = self._tokenize()
        except (ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
            raise SyntaxError(str(error)) from error
        _clean_docstrings(self.tree)

    def _tokenize(self) -> list[Token]:
        clean = "".join(line.rstrip("\r\n") + "\n" for line in self.lines)
        found = []
        for token in tokenize.generate_tokens(io.StringIO(clean).readline):
            (line, column), (end_line, end_column) = token.start, token.end
            start, end = self._place(line - 1, column), self._place(end_line - 1, end_column)
            found.append(Token(token.type, token.string, start, end, line - 1, end_line - 1))
        return found

    def _place(self, line: int, column: int) -> int:
        if line >= len(self.lines):
            return len(self.text)
        return self._starts[line] + min(column, len(self.lines[line]))

    def line_start(self, line: int) -> int:
        """The offset of a line's first character; of the end of the text for the line past the last."""
        return self._starts[min(line, len(self.lines))]

    def line_at(self, offset: int) -> int:
        """The line, from 0, that an offset is in."""
        return min(bisect_right(self._starts, offset), len(self.lines)) - 1

    def offset(self, line: int, utf8_column: int) -> int:
        """The offset of a place as `ast` gives it: lines from 1, columns in UTF-8 bytes."""
        text = self.lines[line - 1]
        return self._starts[line - 1] + len(
            text.encode("utf-8", "surrogatepass")[:utf8_column].decode("utf-8", "surrogatepass")
        )

    def span(self, node: ast.AST) -> tuple[int, int]:
        """From where to where a node reaches; decorators are not part of it, nor are brackets around an
        expression.
        """
        start = self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        end = self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        return start, end

    def dump(self, node: ast.AST) -> str:
        """What a node means: equal for two nodes that differ in layout alone."""
        key = id(node)
        if key not in self._dumps:
            self._dumps[key] = ast.dump(node)
        return self._dumps[key]

    def comments(self, start: int, end: int) -> tuple[str, ...]:
        """The comments between two offsets, without their hash signs and outer blanks."""
        return tuple(c.string.lstrip("#").strip() for c in self._comments if start <= c.start < end)

    @cached_property
    def _comments(self) -> list[Token]:
        return [t for t in self.tokens if t.type == tokenize.COMMENT]

    def tokens_between(self, start: int, end: int) -> list[Token]:
        """The tokens between two offsets that are not layout."""
        return [t for t in self.tokens if start <= t.start < end and t.type not in _LAYOUT and t.string]

    def stands_alone(self, start: int, end: int) -> bool:
        """Whether brackets, commas or quotes stand on both sides of a span: no operator binds to it."""
        before, after = self.text[:start].rstrip()[-1:], self.text[end:].lstrip()[:1]
        return before in {*"([{,'\""} and after in {*")]},'\""}

    def between_brackets(self, start: int, end: int) -> tuple[int, int]:
        """The span of all that stands in a pair of brackets, blanks and a last comma included, given that of
        the items in it.
        """
        code = [t for t in self.tokens if t.type not in _LAYOUT]
        opening = max(t.end for t in code if t.end <= start)
        return opening, next(t.start for t in code if t.start >= end and t.string != ",")

    def comment_tokens(self, start: int, end: int) -> list[Token]:
        """The comment tokens between two offsets."""
        return [t for t in self._comments if start <= t.start < end]

    @cached_property
    def string_lines(self) -> frozenset[int]:
        """The lines that begin inside a string other than a docstring: their leading blanks are data."""
        inside: set[int] = set()
        opened: list[int] = []
        names = {tokenize.tok_name[t.type]: t.type for t in self.tokens}
        before = tokenize.NEWLINE
        for token in self.tokens:
            if token.type == tokenize.STRING and before not in _LAYOUT:
                inside.update(range(token.line + 1, token.end_line + 1))
            elif token.type == names.get("FSTRING_START"):
                opened.append(token.line)
            elif token.type == names.get("FSTRING_END"):
                inside.update(range(opened.pop() + 1, token.end_line + 1))
            before = token.type
        return frozenset(inside)

    @cached_property
    def indent_unit(self) -> str:
        """What one level of indentation looks like here."""
        return next((t.string for t in self.tokens if t.type == tokenize.INDENT), "    ")


def indent_of(line: str) -> str:
    """The blanks that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t\f"))]


def width(line: str) -> int:
    """How far a line is indented, in columns."""
    return len(indent_of(line).replace("\f", "").expandtabs(8))


def _clean_docstrings(tree: ast.Module) -> None:
    """Docstrings are compared without their indentation and trailing blanks, which formatters change."""
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and (doc := docstring_node(node.body)):
            lines = inspect.cleandoc(str(doc.value)).split("\n")
            doc.value = "\n".join(line.rstrip() for line in lines).strip()


def docstring_node(body: list[ast.stmt]) -> ast.Constant | None:
    """The string that a body begins with."""
    if body and isinstance(body[0], ast.Expr):
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value
    return None
