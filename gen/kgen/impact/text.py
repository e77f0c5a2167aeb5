"""The modules of a project as text: what their names are bound to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

Binding: TypeAlias = ast.stmt | ast.alias
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = ("body", "orelse", "finalbody")


@dataclass(eq=False)
class Text:
    """A module of the project."""

    name: str  # dotted
    path: str
    tree: ast.Module
    is_package: bool

    @cached_property
    def bindings(self) -> dict[str, tuple[Binding, ast.stmt]]:
        """What the module's names are bound to: the definition, and the statement it is in."""
        found: dict[str, tuple[Binding, ast.stmt]] = {}
        for node in _top_level(self.tree.body):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                found[node.name] = node, node
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                found.update(
                    {a.asname or a.name.split(".")[0]: (a, node) for a in node.names if a.name != "*"}
                )
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found.update({t.id: (node, node) for t in targets if isinstance(t, ast.Name)})
        return found

    @cached_property
    def stars(self) -> list[ast.ImportFrom]:
        """The imports of everything."""
        nodes = _top_level(self.tree.body)
        return [n for n in nodes if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"]

    @cached_property
    def imported(self) -> frozenset[str]:
        """The dotted names that any of its imports has."""
        return frozenset(self._imported())

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """The names that are used anywhere in it."""
        nodes = list(ast.walk(self.tree))
        plain = {n.id for n in nodes if isinstance(n, ast.Name)}
        return frozenset(plain | {n.attr for n in nodes if isinstance(n, ast.Attribute)})

    def _imported(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                module = self.absolute(node)
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
                yield node.value  # `importlib.import_module("…")`

    def join(self, later: Text) -> None:
        """Take on the names that only a later version of the module has; a value may be what either says."""
        for name, (_, statement) in later.bindings.items():
            if name not in self.bindings:
                self.tree.body.append(statement)
        old, new = self.bindings.get("value"), later.bindings.get("value")
        self.__dict__.pop("bindings", None)
        if old and new and isinstance(old[0], ast.AnnAssign) and isinstance(new[0], ast.AnnAssign):
            first, second = old[0].annotation, new[0].annotation
            if isinstance(first, ast.Subscript) and isinstance(second, ast.Subscript):
                # `rt.Serde[A]` and `rt.Serde[B]` make `rt.Serde[A | B]`
                first.slice = ast.BinOp(first.slice, ast.BitOr(), second.slice)

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module that a `from … import` names, dotted."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        base = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*base, *([node.module] if node.module else [])])


def _top_level(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements of a body, and those inside its `if`, `try` and `with`."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            for name in _BLOCKS:
                found += _top_level(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            found += _top_level(handler.body)
    return found
