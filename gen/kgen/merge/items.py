"""What stands between a pair of brackets: arguments, parameters, bases, the items of lists and dicts, each
with its place in the text.
"""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TypeAlias

from .parsed_source import ParsedSource, Token
from .units import DEFS

Nodes: TypeAlias = tuple[ast.AST | None, ...]
_OPEN, _SHUT = set("([{"), set(")]}")


@dataclass(frozen=True)
class Item:
    """One of several things in brackets, with its place in the text.

    `nodes` are what it is made of, in a fixed order; None where an optional one (a default) is not there.
    """

    key: str | None
    nodes: Nodes
    meaning: str
    start: int
    end: int


def bracketed(node: ast.AST) -> tuple[str, ...]:
    """The fields of a node that stand between one pair of brackets."""
    if isinstance(node, ast.Call):
        return ("args", "keywords")
    if isinstance(node, ast.ClassDef):
        return ("bases", "keywords")
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return ("args",)
    if isinstance(node, ast.Dict):
        return ("keys", "values")
    return ("elts",) if isinstance(node, (ast.List, ast.Set, ast.Tuple)) else ()


def items(source: ParsedSource, node: ast.AST) -> list[Item] | None:
    """What stands between a node's brackets; None where there are none or the text does not show it."""
    parts = list(_parts(node))
    spans = _segments(source, node)
    if spans is None or len(spans) != len(parts):
        return None
    return [Item(key, nodes, _meaning(source, key, nodes), *span) for (key, nodes), span in zip(parts, spans)]


def align(old: Sequence[Item], new: Sequence[Item]) -> dict[int, int]:
    """Which item became which: by keyword, else by order of what stayed the same."""
    keyed = {item.key: j for j, item in enumerate(new) if item.key}
    found = {i: keyed[item.key] for i, item in enumerate(old) if item.key in keyed}
    left = [i for i, item in enumerate(old) if not item.key]
    right = [j for j, item in enumerate(new) if not item.key]
    matcher = SequenceMatcher(
        None, [old[i].meaning for i in left], [new[j].meaning for j in right], autojunk=False
    )
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal" or b - a == d - c:
            found.update(zip(left[a:b], right[c:d]))
    return found


def _meaning(source: ParsedSource, key: str | None, nodes: Nodes) -> str:
    return "\n".join(source.dump(node) for node in nodes if node) or str(key)


def _parts(node: ast.AST) -> Iterator[tuple[str | None, Nodes]]:
    if isinstance(node, ast.Call):
        yield from _arguments([*node.args, *node.keywords])
    elif isinstance(node, ast.ClassDef):
        yield from _arguments([*node.bases, *node.keywords])
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from _parameters(node.args)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values):
            yield (f"key {ast.dump(key)}", (key, value)) if key else (None, (value,))
    elif isinstance(node, (ast.List, ast.Set, ast.Tuple)):
        yield from ((None, (item,)) for item in node.elts)


def _arguments(nodes: Sequence[ast.expr | ast.keyword]) -> Iterator[tuple[str | None, Nodes]]:
    for node in sorted(nodes, key=lambda n: (n.lineno, n.col_offset)):
        yield (f"keyword {node.arg}" if isinstance(node, ast.keyword) and node.arg else None), (node,)


def _parameters(args: ast.arguments) -> Iterator[tuple[str | None, Nodes]]:
    plain = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(args.defaults)), *args.defaults]
    for i, (arg, default) in enumerate(zip(plain, defaults)):
        yield f"parameter {arg.arg}", (arg, default)
        if args.posonlyargs and i + 1 == len(args.posonlyargs):
            yield "/", ()
    if args.vararg or args.kwonlyargs:
        yield "*", (args.vararg,)
    for arg, default in zip(args.kwonlyargs, args.kw_defaults):
        yield f"parameter {arg.arg}", (arg, default)
    if args.kwarg:
        yield "**", (args.kwarg,)


def _segments(source: ParsedSource, node: ast.AST) -> list[tuple[int, int]] | None:
    """The spans between a node's brackets and commas, without the blanks and comments around them."""
    start, end = source.span(node)
    if isinstance(node, ast.Call):
        start = source.span(node.func)[1]
    tokens = source.tokens_between(start, end)
    while isinstance(node, ast.Call) and tokens and tokens[0].string == ")":
        tokens = tokens[1:]
    if isinstance(node, DEFS):
        tokens = tokens[3 if isinstance(node, ast.AsyncFunctionDef) else 2 :]
        end = 0
    if not tokens or tokens[0].string not in _OPEN:
        return None
    return _split(tokens, end)


def _split(tokens: Sequence[Token], end: int) -> list[tuple[int, int]] | None:
    """Cut at the commas of the outermost brackets, which must close at `end` where that is known."""
    spans: list[tuple[int, int]] = []
    depth, first, last = 1, -1, -1
    for token in tokens[1:]:
        operator = token.string if token.type == tokenize.OP else ""
        depth += (operator in _OPEN) - (operator in _SHUT)
        if depth == 0 or (depth == 1 and operator == ","):
            spans += [(first, last)] if first >= 0 else []
            first = -1
            if depth == 0:
                return spans if end in (0, token.end) else None
        else:
            first, last = (token.start if first < 0 else first), token.end
    return None
