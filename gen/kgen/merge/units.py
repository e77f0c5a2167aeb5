"""A body of statements as units: what is matched, moved, kept or replaced as one, each with the comments and
blanks above it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .parsed_source import ParsedSource, docstring_node, indent_of, width

Key: TypeAlias = tuple[str, ...]
Bodied: TypeAlias = (
    ast.FunctionDef
    | ast.AsyncFunctionDef
    | ast.ClassDef
    | ast.With
    | ast.AsyncWith
    | ast.If
    | ast.For
    | ast.While
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFS = (*FUNCTIONS, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
BODIED = (*DEFS, ast.With, ast.AsyncWith, ast.If, ast.For, ast.AsyncFor, ast.While)
_MARK = re.compile(r"#!|#.*coding[:=]")  # what must stay on the first lines of a file
BODIES = ("body", "orelse", "finalbody", "handlers")
LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


@dataclass(frozen=True, eq=False)
class Unit:
    """A statement, or several that share a line, with its place in lines from 0.

    `keys` say what it is, the most distinctive first: the step id, the name it defines. `end` takes in
    comments that are indented deeper than it and so belong to the end of its body.
    """

    source: ParsedSource
    nodes: tuple[ast.stmt, ...]
    keys: tuple[Key, ...]
    lead: int
    start: int
    end: int
    top: bool = False  # of the file, not of a body

    @property
    def node(self) -> ast.stmt:
        """The statement, or the first of several."""
        return self.nodes[0]

    @property
    def text(self) -> str:
        """The text with what stands above it."""
        return self.source.text[self.source.line_start(self.lead) : self.source.line_start(self.end)]

    @property
    def body_text(self) -> str:
        """The text without what stands above it."""
        return self.source.text[self.source.line_start(self.start) : self.source.line_start(self.end)]

    @property
    def above(self) -> int:
        """The line before which something may be put: that of its comments, but below the marks of a file."""
        marks = sum(bool(_MARK.match(line)) for line in self.source.lines[:2]) if self.lead == 0 else 0
        return min(self.lead + marks, self.start)

    @property
    def meaning(self) -> str:
        """Equal for two statements that differ in layout and comments alone."""
        return "\n".join(self.source.dump(node) for node in self.nodes)

    @property
    def whole_meaning(self) -> tuple[str, tuple[str, ...]]:
        """The same with the comments, those above included."""
        source = self.source
        return self.meaning, source.comments(source.line_start(self.lead), source.line_start(self.end))

    @property
    def indent(self) -> str:
        """The blanks it begins with."""
        return indent_of(self.source.lines[self.start])

    @property
    def is_import(self) -> bool:
        """Whether it is imports of the whole file and nothing else."""
        return self.top and all(isinstance(node, IMPORTS) for node in self.nodes)


@dataclass(frozen=True, eq=False)
class Block:
    """The units of a body and the lines after the last of them."""

    source: ParsedSource
    units: tuple[Unit, ...]
    start: int
    tail: int
    end: int

    @property
    def prose(self) -> Block:
        """Its docstring alone."""
        units = tuple(unit for unit in self.units if ("doc",) in unit.keys)
        end = units[-1].end if units else self.start
        return Block(self.source, units, self.start, end, end)


def module_block(source: ParsedSource) -> Block:
    """The units of a whole file."""
    return _block(source, source.tree.body, 0, len(source.lines))


def body_block(unit: Unit) -> Block | None:
    """The units of a statement's body; None where it has none, shares a line with its header, or comes in
    several branches.
    """
    node = unit.node
    if len(unit.nodes) > 1 or not isinstance(node, BODIED) or getattr(node, "orelse", None):
        return None
    head = header_end(unit.source, node)
    if _first_line(node.body[0]) <= head:
        return None
    return _block(unit.source, node.body, head + 1, unit.end)


def case_end(unit: Unit, case: ast.match_case, start: int) -> int:
    """The line after a `case` that begins on a line, with the comments that belong to its body."""
    return _with_own_comments(unit.source, start, case.body[-1].end_lineno or 0, unit.end)


def case_block(unit: Unit, case: ast.match_case, end: int) -> Block | None:
    """The units of the body of a `case`; None if it shares a line with the pattern."""
    source = unit.source
    before = source.span(case.guard or case.pattern)[1]
    tokens = source.tokens_between(before, source.span(case.body[0])[0])
    head = max((token.line for token in tokens if token.string == ":"), default=case.pattern.lineno - 1)
    if _first_line(case.body[0]) <= head:
        return None
    return _block(source, case.body, head + 1, end)


def header_end(source: ParsedSource, node: ast.stmt) -> int:
    """The line of the colon that opens a statement's body."""
    body: list[ast.stmt] = node.body  # type: ignore[attr-defined]
    start, first = source.span(node)[0], source.span(body[0])[0]
    if isinstance(body[0], DEFS) and body[0].decorator_list:
        first = min(source.span(d)[0] for d in body[0].decorator_list)
    return max(
        (t.line for t in source.tokens_between(start, first) if t.string == ":"), default=node.lineno - 1
    )


def nested_units(units: Sequence[Unit]) -> Iterator[Unit]:
    """Every unit inside the bodies of some units, at any depth and in any branch."""
    for unit in units:
        inner = [block.units for block in _branches(unit)]
        for found in inner:
            yield from found
            yield from nested_units(found)


def _branches(unit: Unit) -> Iterator[Block]:
    if block := body_block(unit):
        yield block
    elif len(unit.nodes) == 1 and isinstance(unit.node, (ast.If, ast.Try)):
        yield from _statement_branches(unit, unit.node)


def _statement_branches(unit: Unit, node: ast.If | ast.Try) -> Iterator[Block]:
    handlers = node.handlers if isinstance(node, ast.Try) else []
    for body in (node.body, *(h.body for h in handlers), node.orelse, getattr(node, "finalbody", [])):
        if body and _alone(unit.source, body[0]):
            yield _block(unit.source, body, _first_line(body[0]), body[-1].end_lineno or 0)


def _alone(source: ParsedSource, node: ast.stmt) -> bool:
    """Whether a branch begins on a line of its own."""
    line = source.lines[_first_line(node)]
    return line.lstrip()[:4] != "elif" and len(indent_of(line)) >= node.col_offset


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)]) - 1


def _block(source: ParsedSource, body: list[ast.stmt], start: int, end: int) -> Block:
    units: list[Unit] = []
    at = start
    for nodes in _groups(body):
        first, last = _first_line(nodes[0]), nodes[-1].end_lineno or 0
        last = _with_own_comments(source, first, last, end) if _has_body(nodes) else last
        units.append(Unit(source, nodes, _keys(nodes, body), at, first, last, body is source.tree.body))
        at = last
    return Block(source, tuple(units), start, at, end)


def _groups(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, ...]]:
    """Statements by the lines they share."""
    group: list[ast.stmt] = []
    for node in body:
        if group and _first_line(node) >= (group[-1].end_lineno or 0):
            yield tuple(group)
            group = []
        group.append(node)
    if group:
        yield tuple(group)


def _has_body(nodes: tuple[ast.stmt, ...]) -> bool:
    return hasattr(nodes[-1], "body")


def _with_own_comments(source: ParsedSource, first: int, last: int, end: int) -> int:
    """The line after those comments below a statement that are indented deeper than it."""
    own = width(source.lines[first])
    for number in range(last, end):
        line = source.lines[number].strip()
        if line and not (line.startswith("#") and width(source.lines[number]) > own):
            break
        if line:
            last = number + 1
    return last


def _keys(nodes: tuple[ast.stmt, ...], body: list[ast.stmt]) -> tuple[Key, ...]:
    node = nodes[0]
    if len(nodes) > 1:
        return (("several", *(type(n).__name__ for n in nodes)),)
    if isinstance(node, DEFS):
        return (("def", node.name),)
    if isinstance(node, ast.Expr) and docstring_node(body) is node.value:
        return (("doc",),)
    if isinstance(node, ast.Match):
        return (("match", ast.unparse(node.subject)),)
    return (*_step_key(node), *_name_key(node))


def _step_key(node: ast.stmt) -> Iterator[Key]:
    """A dataflow step is known by its id: the first string argument of a call such as `rt.source("orders",
    …)`.
    """
    call = getattr(node, "value", None)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args:
        first = call.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield ("step", first.value)


def _name_key(node: ast.stmt) -> Iterator[Key]:
    if isinstance(node, ast.Assign) and all(isinstance(t, ast.Name) for t in node.targets):
        yield ("name", *(t.id for t in node.targets if isinstance(t, ast.Name)))
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and isinstance(node.target, ast.Name):
        yield ("name", node.target.id)
    elif isinstance(node, (ast.Return, ast.Pass)):
        yield (type(node).__name__,)
