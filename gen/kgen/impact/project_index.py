"""What the names of a project's modules mean and what their annotations say, followed through imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from . import kinds
from .kinds import (
    DERIVED,
    NO_OBJECT,
    Class,
    Context,
    External,
    Function,
    Instance,
    Kind,
    Many,
    MessageKind,
    ModuleKind,
    SplitKind,
    Stream,
    TopicKind,
    either,
)
from .module_source import FUNCTIONS, Binding, ModuleSource, parsed
from .outside_holders import BUILTINS, is_opaque

Lookup: TypeAlias = Callable[[str], "tuple[Kind] | None"]
"""What a name is bound to inside of a function, if it is."""

_SEQUENCES = {
    "list", "List", "set", "Set", "frozenset", "FrozenSet", "Sequence", "Iterable", "Iterator", "Collection",
    "deque", "Deque", "Generator", "MutableSequence", "AsyncIterator", "AsyncIterable", "AsyncGenerator",
    "AbstractSet", "MutableSet", "Container", "Reversible", "KeysView", "ValuesView",
}  # fmt: skip
_MAPPINGS = {
    "dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "DefaultDict", "OrderedDict", "ChainMap"
}  # fmt: skip
_WRAPPERS = {
    "Optional", "Annotated", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly", "Awaitable",
    "InitVar", "Future", "Task", "Unpack",
}  # fmt: skip
_CONTEXTS = {"AbstractContextManager", "AbstractAsyncContextManager", "ContextManager", "AsyncContextManager"}
_DEPTH = 40


@dataclass
class ProjectIndex:
    """All modules of a project, the generated ones as they were.

    `values` holds what reading a module has found its names to be.
    """

    texts: Mapping[str, ModuleSource]
    values: dict[tuple[str, str], Kind] = field(default_factory=dict)
    _busy: set[tuple[str, str]] = field(default_factory=set)

    @cached_property
    def packages(self) -> frozenset[str]:
        """The modules and the packages they are in."""
        parts = [name.split(".") for name in self.texts]
        return frozenset(".".join(p[: n + 1]) for p in parts for n in range(len(p)))

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

    def _bound(self, text: ModuleSource, name: str) -> Kind:
        if name in text.bindings:
            return self._binding(text, name, *text.bindings[name])
        if (text.name, name) in self.values:
            return self.values[text.name, name]
        submodule = f"{text.name}.{name}"
        if text.is_package and submodule in self.texts:
            return ModuleKind(submodule)
        return self._starred(text, name)

    def _starred(self, text: ModuleSource, name: str) -> Kind:
        found = [self.name(text.absolute(node), name) for node in text.stars]
        own = next((k for k in found if k is not None and not isinstance(k, External)), None)
        if own is None and name in BUILTINS:
            return External(f"builtins.{name}")
        return own or next((k for k in found if k is not None), None)

    def _binding(self, text: ModuleSource, name: str, node: Binding, statement: ast.stmt) -> Kind:
        if isinstance(node, ast.alias):
            return self.imported(text, node, statement)
        if isinstance(node, ast.ClassDef):
            return Class(text.name, node.name)
        known = self.values.get((text.name, name))
        if isinstance(node, FUNCTIONS):
            return Function(text.name, node) if known is None else known
        if isinstance(node, ast.AnnAssign):
            if last_name(node.annotation) == "TypeAlias" and node.value:
                return self._alias(text.name, node.value)
            declared = self.annotation(text.name, node.annotation)
            return known if declared is None else declared
        assigned = self._assigned(text.name, node.value) if isinstance(node, ast.Assign) else None
        return known if assigned is None else assigned

    def origins(self, module: str, name: str) -> Iterator[tuple[str, str]]:
        """The modules that a name is in by `from … import *`, and what it is called there."""
        text = self.texts.get(module)
        seen = {module}
        while text and name not in text.bindings:
            found = [t for node in text.stars if (t := self.texts.get(text.absolute(node)))]
            text = next((t for t in found if self.name(t.name, name) is not None), None)
            if text is None or text.name in seen:
                return
            seen.add(text.name)
            yield text.name, name

    def _alias(self, module: str, node: ast.expr) -> Kind:
        """A type alias as a value is the class, if it is another name for one."""
        found = [k.of for k in kinds.members(self.annotation(module, node)) if isinstance(k, Instance)]
        return found[0] if len(found) == 1 else None

    def _assigned(self, module: str, value: ast.expr) -> Kind:
        if isinstance(value, ast.Call) and last_name(value.func) == "Topic":
            serdes = {k.arg: self._serde(module, k.value) for k in value.keywords}
            return TopicKind(serdes.get("key"), serdes.get("value"), module)
        if isinstance(value, (ast.Name, ast.Attribute)):
            found = self.value(module, value)
            return found if isinstance(found, (Class, ModuleKind, Function, TopicKind)) else None
        return None

    def _serde(self, module: str, node: ast.expr) -> Kind:
        text = self.texts[module]
        bound = text.bindings.get(node.id) if isinstance(node, ast.Name) else None
        if bound and isinstance(bound[0], ast.AnnAssign) and isinstance(bound[0].annotation, ast.Subscript):
            return self.annotation(module, bound[0].annotation.slice)
        return None

    def imported(self, text: ModuleSource, alias: ast.alias, statement: ast.stmt) -> Kind:
        """What an import binds."""
        if isinstance(statement, ast.ImportFrom):
            return self.from_module(text.absolute(statement), alias.name)
        return ModuleKind(alias.name if alias.asname else alias.name.split(".")[0])

    def from_module(self, module: str, name: str) -> Kind:
        """What `from module import name` binds."""
        if f"{module}.{name}" in self.texts and module not in self.texts:
            return ModuleKind(f"{module}.{name}")
        return self._member_of_module(module, name)

    def member(self, owner: Kind, name: str) -> Kind:
        """What `owner.name` is, for modules and what lies outside."""
        if isinstance(owner, ModuleKind):
            return self._member_of_module(owner.name, name)
        return External(f"{owner.name}.{name}") if isinstance(owner, External) else None

    def _member_of_module(self, module: str, name: str) -> Kind:
        if module in self.texts and (found := self.name(module, name)) is not None:
            return found
        known = f"{module}.{name}"
        if known in self.packages:
            return ModuleKind(known)
        return None if module in self.texts else self.values.get((module, name), External(known))

    def value(self, module: str, node: ast.expr, local: Lookup | None = None) -> Kind:
        """What a dotted name is."""
        if isinstance(node, ast.Name):
            if local and (found := local(node.id)):
                return found[0]
            return self.name(module, node.id)
        if isinstance(node, ast.Attribute):
            return self.member(self.value(module, node.value, local), node.attr)
        return None

    # ---------------------------------------------------------------------- annotations

    def annotation(
        self, module: str, node: ast.expr | None, local: Lookup | None = None, depth: int = _DEPTH
    ) -> Kind:
        """What an object with this annotation is."""
        if node is None or not depth:
            return None
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                return self.annotation(module, expression(node.value), local, depth - 1)
            return NO_OBJECT if node.value is None else None
        if isinstance(node, ast.BinOp):
            return either(*(self.annotation(module, n, local, depth - 1) for n in (node.left, node.right)))
        if isinstance(node, ast.Subscript):
            return self._generic(module, node, local, depth)
        return self._plain(module, node, local, depth)

    def _plain(self, module: str, node: ast.expr, local: Lookup | None, depth: int) -> Kind:
        alias = self.assignment(module, node)
        if alias:
            return self._of_alias(*alias, local, depth)
        found = self.value(module, node, local)
        if isinstance(found, Class):
            return Instance(found)
        if isinstance(found, External):
            last = found.name.rpartition(".")[2]
            if last in _SEQUENCES | _MAPPINGS | {"tuple", "Tuple"}:
                return Many(None, None, last in _MAPPINGS)
            if last == "Message":
                return MessageKind(None, None)
            return found if is_opaque(found.name) else None
        return found if isinstance(found, Instance) else None  # a type variable's bound

    def assignment(self, module: str, node: ast.expr) -> tuple[str, ast.expr] | None:
        """The module and the value of a name that is assigned, followed through imports."""
        for _ in range(_DEPTH):
            if isinstance(node, ast.Attribute):
                owner = self.value(module, node.value)
                module, name = (owner.name, node.attr) if isinstance(owner, ModuleKind) else ("", "")
            else:
                name = node.id if isinstance(node, ast.Name) else ""
            text = self.texts.get(module)
            if text and name not in text.bindings:
                module = next((m for m, _ in self.origins(module, name)), "")
                text = self.texts.get(module)
            found, statement = text.bindings.get(name, (None, None)) if text else (None, None)
            if text and isinstance(found, ast.alias) and isinstance(statement, ast.ImportFrom):
                module, node = text.absolute(statement), ast.Name(found.name)
                continue
            if isinstance(found, (ast.Assign, ast.AnnAssign)) and found.value:
                return module, found.value
            return None
        return None

    def _of_alias(self, module: str, node: ast.expr, local: Lookup | None, depth: int) -> Kind:
        if not isinstance(node, ast.Call):
            return self.annotation(module, node, local, depth - 1)
        made = last_name(node.func)
        if made == "TypeVar":
            bounds = [*node.args[1:], *(k.value for k in node.keywords if k.arg == "bound")]
            return either(*(self.annotation(module, b, local, depth - 1) for b in bounds)) if bounds else None
        if made == "NewType" and len(node.args) == 2:
            return self.annotation(module, node.args[1], local, depth - 1)
        return None

    def _generic(self, module: str, node: ast.Subscript, local: Lookup | None, depth: int) -> Kind:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        head = self.value(module, node.value, local)
        if isinstance(head, Class):
            return Instance(head)
        name = head.name.rpartition(".")[2] if isinstance(head, External) else last_name(node.value)
        if name == "Literal":
            known = [
                kinds.Text(p.value) for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)
            ]
            return either(*known) if len(known) == len(parts) else None
        args = [self.annotation(module, part, local, depth - 1) for part in parts]
        if name in ("type", "Type"):
            return either(*(k.of if isinstance(k, Instance) else None for k in kinds.members(args[0])))
        return self._made(head, name, parts, args) if args else None

    def _made(self, head: Kind, name: str, parts: list[ast.expr], args: list[Kind]) -> Kind:
        if name in _SEQUENCES:
            return Many(args[0])
        if name in _MAPPINGS:
            return Many(args[-1], args[0], mapping=True)
        if name in ("tuple", "Tuple"):
            is_open = isinstance(parts[-1], ast.Constant) and parts[-1].value is ...
            return Many(args[0]) if is_open else kinds.Tuple(tuple(args))
        if name == "Union":
            return either(*args)
        if name in _WRAPPERS:
            return args[0]
        if name == "Coroutine":
            return args[-1]
        if name in _CONTEXTS:
            return Context(args[0])
        if name == "Message":
            return MessageKind(args[0], args[-1], topic := self._topic_with(args[-1]), topic)
        found = _runtime(name, args)
        return DERIVED if found is None and any(map(_is_object, args)) and name != "Callable" else found

    def _topic_with(self, value: Kind) -> str:
        """The module of the only topic that has such values; empty where there is none or are several."""
        found = [module for module in self.texts if value and value in self._values_of(module)]
        return found[0] if len(found) == 1 else ""

    def _values_of(self, module: str) -> tuple[Kind, ...]:
        found = self.name(module, "topic") if "topic" in self.texts[module].bindings else None
        return kinds.members(found.value) if isinstance(found, TopicKind) else ()

    # ---------------------------------------------------------------------- classes

    def classes(self) -> Iterator[tuple[Class, ast.ClassDef]]:
        """The classes at the top of the modules."""
        for text in self.texts.values():
            for node, _ in text.bindings.values():
                if isinstance(node, ast.ClassDef):
                    yield Class(text.name, node.name), node


def _is_object(kind: Kind) -> bool:
    return any(isinstance(member, (Instance, kinds.Derived)) for member in kinds.members(kind))


def _runtime(head: str, args: list[Kind]) -> Kind:
    """The generic types of Bytewax and of the runtime."""
    key, value = args[0], args[-1]
    made: dict[str, Kind] = {
        "Topic": TopicKind(key, value),
        "Serde": TopicKind(None, value),
        "Stream": Stream(value),
        "KeyedStream": Stream(kinds.Tuple((kinds.SCALAR, value))),
        "Split": SplitKind(value),
        "Branch": SplitKind(kinds.either(key, value)),
    }
    return made.get(head)


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c`; empty for what is not a dotted name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def expression(text: str) -> ast.expr | None:
    """An expression that is written as a string."""
    try:
        found = parsed(text, "eval")
    except SyntaxError:
        return None
    return found.body if isinstance(found, ast.Expression) else None
