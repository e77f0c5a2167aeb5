"""The modules of a project as text: what their names are bound to."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, cast

Binding: TypeAlias = ast.stmt | ast.alias
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMING = (ast.Name, ast.Attribute, ast.Import, ast.ImportFrom, ast.Constant)
_OPEN = (ast.If, ast.Try, ast.With, ast.For, ast.While)


def parsed(text: str, mode: Literal["exec", "eval"] = "exec") -> ast.Module | ast.Expression:
    """Python text as a tree, without a word on its escape sequences and such.

    Raises:
        SyntaxError: It is not Python, or too deeply nested.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cast("ast.Module | ast.Expression", ast.parse(text.removeprefix("\ufeff"), mode=mode))
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from None


def syntax_nodes(tree: ast.AST) -> list[ast.AST]:
    """As `ast.walk`, but for operators and contexts (`ast.Load`), in a third of the time: there may be
    thousands of modules.
    """
    found = [tree]
    for node in found:
        found += inner_nodes(node)
    return found


def inner_nodes(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below, in their order, but for operators and contexts."""
    found: list[ast.AST] = []
    for name in _INNER[node.__class__]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += filter(None, value)
        elif value is not None:
            found.append(value)
    return found


class _InnerFields(dict[type[ast.AST], tuple[str, ...]]):
    """By class of node, the fields that have nodes."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        if kind in (ast.Constant, ast.Global, ast.Nonlocal):
            return self.setdefault(kind, ())
        plain = _PLAIN - {"name"} if kind.__name__ == "TypeAlias" else _PLAIN  # `type X = …` of Python 3.12
        return self.setdefault(kind, tuple(name for name in kind._fields if name not in plain))


_PLAIN = {
    "arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "kwd_attrs", "level", "module",
    "name", "op", "ops", "rest", "simple", "str", "type_comment", "type_ignores",
}  # fmt: skip
"""Fields that have texts, numbers, operators or contexts."""
_INNER = _InnerFields()


@dataclass(eq=False)
class ModuleSource:
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
        return frozenset(name for node in self._nodes for name in self._imported(node))

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """The names that are used anywhere in it."""
        plain = {n.id for n in self._nodes if isinstance(n, ast.Name)}
        return frozenset(plain | {n.attr for n in self._nodes if isinstance(n, ast.Attribute)})

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        return [node for node in syntax_nodes(self.tree) if isinstance(node, _NAMING)]

    def _imported(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.ImportFrom):
            module = self.absolute(node)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            yield node.value  # `importlib.import_module("…")`

    def join(self, later: ModuleSource) -> None:
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
    """Statements of a body, and those inside its `if`, `try` and `with`, in their order."""
    found: list[ast.stmt] = []
    left = list(reversed(body))
    while left:
        node = left.pop()
        found.append(node)
        if isinstance(node, _OPEN):
            inner = [*getattr(node, "body", []), *(s for h in getattr(node, "handlers", []) for s in h.body)]
            inner += [*getattr(node, "orelse", []), *getattr(node, "finalbody", [])]
            left += reversed(inner)
    return found
