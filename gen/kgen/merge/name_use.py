"""The names that statements use and define, as far as reading shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from .parsed_source import docstring_node

_WORD = re.compile(r"[^\W\d]\w*")
_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def loaded_by(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that are read anywhere in some nodes."""
    return {
        n.id
        for node in nodes
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }


def bound_by(nodes: Iterable[ast.stmt]) -> set[str]:
    """The names that statements define in the scope they stand in, or in blocks of it."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update(alias_name(alias) for alias in node.names)
        else:
            found.update(
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            )
    return found


def bound_anywhere(tree: ast.AST) -> set[str]:
    """Every name that is defined in a tree, in whatever scope: a name that is not among them comes from
    elsewhere.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            found |= bound_by([node])
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            found.add(node.name)
    return found


def words_in_strings(tree: ast.AST) -> set[str]:
    """The words of strings other than docstrings: annotations may be written so."""
    docs = {id(docstring_node(n.body)) for n in ast.walk(tree) if isinstance(n, _DOCUMENTED)}
    strings = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in docs)
    return {word for value in strings if isinstance(value, str) for word in _WORD.findall(value)}


def alias_name(alias: ast.alias) -> str:
    """The name that an import binds."""
    return alias.asname or alias.name.split(".")[0]
