"""The members of a union that a type annotation stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

_DEPTH = 8  # of aliases in aliases


def type_members(node: ast.expr, aliases: Mapping[str, ast.expr]) -> tuple[str, ...]:
    """The members of the union, aliases opened, sorted and each once."""
    return tuple(sorted(set(_members(node, aliases, _DEPTH))))


def _members(node: ast.expr, aliases: Mapping[str, ast.expr], depth: int) -> Iterator[str]:
    if isinstance(node, ast.BinOp):
        yield from _members(node.left, aliases, depth)
        yield from _members(node.right, aliases, depth)
    elif isinstance(node, ast.Name) and node.id in aliases and depth:
        yield from _members(aliases[node.id], aliases, depth - 1)
    elif isinstance(node, ast.Subscript) and depth:
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        parts = (" | ".join(sorted(set(_members(i, aliases, depth - 1)))) for i in inner)
        yield f"{ast.unparse(node.value)}[{', '.join(parts)}]"
    else:
        yield ast.unparse(node)
