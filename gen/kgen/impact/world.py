"""The project's modules as text: what their names mean and what their annotations say, followed through
imports.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from . import kinds
from .kinds import (
    Class,
    External,
    Function,
    Instance,
    Kind,
    Many,
    Message,
    Module,
    Split,
    Stream,
    Topic,
    either,
)

Binding: TypeAlias = ast.stmt | ast.alias
_SEQUENCES = {
    "list", "List", "set", "Set", "frozenset", "FrozenSet", "Sequence", "Iterable", "Iterator", "Collection",
    "deque", "Generator", "MutableSequence", "AsyncIterator", "AbstractSet",
}  # fmt: skip
_MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"}
_WRAPPERS = {"Optional", "Annotated", "Final", "ClassVar", "Required", "Type"}
_DEPTH = 40


@dataclass
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
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
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
        for name in ("body", "orelse", "finalbody"):
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                found += _top_level(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            found += _top_level(handler.body)
    return found


@dataclass
class World:
    """All modules of a project, the generated ones as they were."""

    texts: Mapping[str, Text]
    _busy: set[tuple[str, str]] = field(default_factory=set)

    def name(self, module: str, name: str) -> Kind:
        """What a module's name is when it is used as a value."""
        text = self.texts.get(module)
        if text is None or (module, name) in self._busy:
            return External(f"{module}.{name}") if text is None else None
        self._busy.add((module, name))
        try:
            return self._bound(text, name)
        finally:
            self._busy.remove((module, name))

    def _bound(self, text: Text, name: str) -> Kind:
        if name in text.bindings:
            return self._binding(text, *text.bindings[name])
        submodule = f"{text.name}.{name}"
        if text.is_package and submodule in self.texts:
            return Module(submodule)
        for node in text.stars:
            found = self.name(text.absolute(node), name)
            if found is not None and not isinstance(found, External):
                return found
        return None

    def _binding(self, text: Text, node: Binding, statement: ast.stmt) -> Kind:
        if isinstance(node, ast.alias):
            return self.imported(text, node, statement)
        if isinstance(node, ast.ClassDef):
            return Class(text.name, node.name)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return Function(text.name, node)
        if isinstance(node, ast.AnnAssign):
            if _last(node.annotation) == "TypeAlias" and node.value:
                return self._alias(text.name, node.value)
            return self.annotation(text.name, node.annotation)
        if isinstance(node, ast.Assign):
            return self._assigned(text.name, node.value)
        return None

    def _alias(self, module: str, node: ast.expr) -> Kind:
        """A type alias as a value is the class, where it is another name for one."""
        found = [k.of for k in kinds.members(self.annotation(module, node)) if isinstance(k, Instance)]
        return found[0] if len(found) == 1 else None

    def _assigned(self, module: str, value: ast.expr) -> Kind:
        if isinstance(value, ast.Call) and _last(value.func) == "Topic":
            serdes = {k.arg: self._serde(module, k.value) for k in value.keywords}
            return Topic(serdes.get("key"), serdes.get("value"), module)
        if isinstance(value, ast.Name):
            return self.name(module, value.id)
        if isinstance(value, ast.Attribute):
            return self._attribute(module, value)
        return None

    def _serde(self, module: str, node: ast.expr) -> Kind:
        text = self.texts[module]
        bound = text.bindings.get(node.id) if isinstance(node, ast.Name) else None
        if bound and isinstance(bound[0], ast.AnnAssign) and isinstance(bound[0].annotation, ast.Subscript):
            return self.annotation(module, bound[0].annotation.slice)
        return None

    def imported(self, text: Text, alias: ast.alias, statement: ast.stmt) -> Kind:
        """What an import binds."""
        if isinstance(statement, ast.ImportFrom):
            module = text.absolute(statement)
            if f"{module}.{alias.name}" in self.texts and module not in self.texts:
                return Module(f"{module}.{alias.name}")
            return self.name(module, alias.name)
        return Module(alias.name if alias.asname else alias.name.split(".")[0])

    def _attribute(self, module: str, node: ast.Attribute) -> Kind:
        owner = self.name(module, node.value.id) if isinstance(node.value, ast.Name) else None
        if isinstance(node.value, ast.Attribute):
            owner = self._attribute(module, node.value)
        return self.member(owner, node.attr)

    def member(self, owner: Kind, name: str) -> Kind:
        """What `owner.name` is, for modules and what lies outside."""
        if isinstance(owner, Module):
            return self._member_of_module(owner.name, name)
        return External(f"{owner.name}.{name}") if isinstance(owner, External) else None

    def _member_of_module(self, module: str, name: str) -> Kind:
        if module in self.texts and (found := self.name(module, name)) is not None:
            return found
        known = f"{module}.{name}"
        if any(t == known or t.startswith(f"{known}.") for t in self.texts):
            return Module(known)
        return None if module in self.texts else External(known)

    # ---------------------------------------------------------------------- annotations

    def annotation(self, module: str, node: ast.expr | None, depth: int = _DEPTH) -> Kind:
        """What an object with this annotation is."""
        if node is None or not depth:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.annotation(module, _parsed(node.value), depth - 1)
        if isinstance(node, ast.BinOp):
            sides = (self.annotation(module, n, depth - 1) for n in (node.left, node.right))
            return either(*sides)
        if isinstance(node, ast.Subscript):
            return self._generic(module, node, depth)
        return self._plain(module, node, depth)

    def _plain(self, module: str, node: ast.expr, depth: int) -> Kind:
        if isinstance(node, ast.Name):
            return self._type_named(module, node.id, depth)
        if isinstance(node, ast.Attribute):
            owner = self._value(module, node.value)
            if isinstance(owner, Module) and owner.name in self.texts:
                return self._type_named(owner.name, node.attr, depth)
        return None

    def _type_named(self, module: str, name: str, depth: int) -> Kind:
        """An annotation that is a name: of a class, of an alias, of something imported."""
        text = self.texts.get(module)
        found = text.bindings.get(name) if text else None
        if text is None or found is None:
            value = self.name(module, name) if text else None
            return Instance(value) if isinstance(value, Class) else None
        node, statement = found
        if isinstance(node, ast.ClassDef):
            return Instance(Class(module, name))
        if isinstance(node, ast.alias) and isinstance(statement, ast.ImportFrom):
            return self._type_named(text.absolute(statement), node.name, depth - 1) if depth else None
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            return self.annotation(module, node.value, depth - 1)
        return None

    def _value(self, module: str, node: ast.expr) -> Kind:
        if isinstance(node, ast.Name):
            return self.name(module, node.id)
        return (
            self.member(self._value(module, node.value), node.attr)
            if isinstance(node, ast.Attribute)
            else None
        )

    def _generic(self, module: str, node: ast.Subscript, depth: int) -> Kind:
        head = _last(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        args = [self.annotation(module, part, depth - 1) for part in parts]
        if head in _SEQUENCES:
            return Many(args[0])
        if head in _MAPPINGS:
            return Many(args[-1], args[0], mapping=True)
        if head in ("tuple", "Tuple"):
            is_open = isinstance(parts[-1], ast.Constant) and parts[-1].value is ...
            return Many(args[0]) if is_open else kinds.Tuple(tuple(args))
        if head == "Union":
            return either(*args)
        if head == "Message":
            return Message(args[0], args[-1], topic := self._topic_with(args[-1]), topic)
        return args[0] if head in _WRAPPERS else _runtime(head, args)

    def _topic_with(self, value: Kind) -> str:
        """The module of the only topic that has such values; empty where there is none or are several."""
        found = [module for module in self.texts if value and value in self._values_of(module)]
        return found[0] if len(found) == 1 else ""

    def _values_of(self, module: str) -> tuple[Kind, ...]:
        found = self.name(module, "topic") if "topic" in self.texts[module].bindings else None
        return kinds.members(found.value) if isinstance(found, Topic) else ()


def _runtime(head: str, args: list[Kind]) -> Kind:
    """The generic types of Bytewax and of the runtime."""
    key, value = args[0], args[-1]
    made: dict[str, Kind] = {
        "Topic": Topic(key, value),
        "Serde": Topic(None, value),
        "Stream": Stream(value),
        "KeyedStream": Stream(kinds.Tuple((None, value))),
        "Split": Split(value),
    }
    return made.get(head)


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None
