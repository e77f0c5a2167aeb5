"""The merge of types: a type that the user wrote in another way takes what the new render renamed inside it,
and else stays.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .parsed_source import ParsedSource

FIELDS = ("annotation", "returns")


def replacements(b: ast.AST, o: ast.AST, t: ast.AST, ours: ParsedSource) -> list[tuple[int, int, ast.AST]]:
    """What `o` holds of the parts of `b` that are others in `t`: the span of each in the user's text, and
    what comes in its place. Empty if `o` holds nothing of them, and if `t` is `b` with more around it: the
    user's own text stands around it then.
    """
    changed = {ast.dump(old): new for old, new in _changes(b, t)}
    if any(ast.dump(node) in changed for node in ast.walk(t)):
        return []
    return [(start, end, changed[key]) for key, start, end in _places(o, ours) if key in changed]


def quoted_names(tree: ast.AST, name: str, source: ParsedSource) -> Iterator[int]:
    """Where types in quotes use a name."""
    wanted = ast.dump(ast.Name(name, ast.Load()))
    for node in ast.walk(tree):
        for hint in (h for field in FIELDS if isinstance(h := getattr(node, field, None), ast.AST)):
            strings = [n for n in ast.walk(hint) if isinstance(n, ast.Constant)]
            yield from (start for n in strings for key, start, _ in _places(n, source) if key == wanted)


def _changes(b: ast.AST, t: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """The smallest expressions that differ."""
    if ast.dump(b) == ast.dump(t):
        return
    parts = [_expressions(node) for node in (b, t)]
    if type(b) is not type(t) or _bare(b) != _bare(t) or len(parts[0]) != len(parts[1]):
        yield b, t
        return
    for old, new in zip(*parts):
        yield from _changes(old, new)


def _expressions(node: ast.AST) -> list[ast.expr]:
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _bare(node: ast.AST) -> list[object]:
    """A node's own fields: a name, an operator."""
    own = [value for _, value in ast.iter_fields(node) if not isinstance(value, (ast.expr, list))]
    return [ast.dump(value) if isinstance(value, ast.AST) else value for value in own]


def _places(o: ast.AST, ours: ParsedSource) -> Iterator[tuple[str, int, int]]:
    """Every expression in a type, with its span; a string counts as what it says."""
    for node in ast.walk(o):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _quoted(node.value, *ours.span(node), ours)
        elif isinstance(node, ast.expr):
            yield (ast.dump(node), *ours.span(node))


def _quoted(value: str, start: int, end: int, ours: ParsedSource) -> Iterator[tuple[str, int, int]]:
    if ours.text[start + 1 : end - 1] != value or not value.isascii():
        return  # escapes, prefixes, three quotes: not where the characters of `value` are
    try:
        inner = ast.parse(value, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(inner):
        if isinstance(node, ast.expr) and node.lineno == node.end_lineno == 1:
            yield ast.dump(node), start + 1 + node.col_offset, start + 1 + (node.end_col_offset or 0)
