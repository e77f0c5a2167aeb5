"""The classes of the project: their attributes and methods, with what these are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from .kinds import (
    Class,
    Context,
    Derived,
    Either,
    Function,
    Instance,
    Keyed,
    Kind,
    Many,
    MessageKind,
    Partial,
    SplitKind,
    Stream,
    TopicKind,
    Tuple,
    either,
    is_specific,
)
from .module_source import FUNCTIONS
from .project_index import ProjectIndex, last_name

_ENUMS = {"Enum", "StrEnum", "IntEnum", "Flag", "IntFlag", "OpenEnum"}
_BARE = {"object", "Protocol", "Generic", "ABC", "NamedTuple", "TypedDict", "Exception", "BaseException"}
_PROPERTIES = {"property", "cached_property", "setter"}


@dataclass
class Shapes:
    """Looks up classes. `learned` holds what attributes were found to be set to, `local` the classes that are
    not at the top of a module.
    """

    index: ProjectIndex
    generated: frozenset[str]  # the modules that kgen wrote
    learned: dict[Class, dict[str, Kind]] = field(default_factory=dict)
    local: dict[Class, tuple[ast.ClassDef, list[Kind]]] = field(default_factory=dict)
    _declared: dict[Class, dict[str, Kind]] = field(default_factory=dict)
    _holding: dict[Class, bool] = field(default_factory=dict)
    _lines: dict[Class, list[Class]] = field(default_factory=dict)

    def node(self, class_: Class) -> ast.ClassDef | None:
        """The definition."""
        if class_ in self.local:
            return self.local[class_][0]
        text = self.index.texts.get(class_.module)
        found = text.bindings.get(class_.name) if text else None
        return found[0] if found and isinstance(found[0], ast.ClassDef) else None

    def forget(self) -> None:
        """Before the project is read once more: what holds what may be another now."""
        self._holding.clear()
        self._lines.clear()

    def learn(self, class_: Class, name: str, kind: Kind) -> None:
        """An attribute is set."""
        known = self.learned.setdefault(class_, {})
        known[name] = either(known.get(name, kind), kind)

    def line(self, class_: Class) -> list[Class]:
        """The class and those of the project that it inherits from, nearest first."""
        if class_ not in self._lines:
            self._lines[class_] = self._line(class_)
        return self._lines[class_]

    def _line(self, class_: Class) -> list[Class]:
        found: list[Class] = []
        left = [class_]
        while left:
            first = left.pop(0)
            if first not in found:
                found.append(first)
                left += [b for b in self.bases(first) if isinstance(b, Class)]
        return found

    def bases(self, class_: Class) -> list[Kind]:
        """The base classes, those from outside too."""
        if class_ in self.local:
            return self.local[class_][1]
        node = self.node(class_)
        heads = (
            [base.value if isinstance(base, ast.Subscript) else base for base in node.bases] if node else []
        )
        return [self.index.value(class_.module, head) for head in heads]

    @cached_property
    def children(self) -> dict[Class, list[Class]]:
        """The classes at the top of modules that inherit from each class."""
        found: dict[Class, list[Class]] = {}
        for class_, _ in self.index.classes():
            for base in self.line(class_)[1:]:
                found.setdefault(base, []).append(class_)
        return found

    def owner(self, class_: Class, name: str) -> Class | None:
        """The class, or base class, that defines an attribute."""
        return next((c for c in self.line(class_) if self.has(c, name)), None)

    def has(self, class_: Class, name: str) -> bool:
        """Whether the class itself defines an attribute."""
        return name in self.declared(class_) or name in self.learned.get(class_, ())

    def attribute(self, class_: Class, name: str) -> Kind:
        """What an attribute that the class itself defines is."""
        declared, known = self.declared(class_).get(name), self.learned.get(class_, {})
        if declared is None or name not in known:
            return known.get(name) if declared is None else declared
        learned = known[name]
        return (
            declared
            if is_specific(declared) and not isinstance(declared, Function)
            else either(declared, learned)
        )

    def is_enum(self, class_: Class) -> bool:
        """Whether the class is an enum."""
        return bool(self._base_names(class_) & _ENUMS)

    def is_protocol(self, class_: Class) -> bool:
        """Whether the class says what others have to have."""
        return "Protocol" in self._base_names(class_)

    def is_record(self, class_: Class) -> bool:
        """Whether its fields have an order: a NamedTuple."""
        return any("NamedTuple" in self._base_names(c) for c in self.line(class_))

    def is_open(self, class_: Class) -> bool:
        """Whether it may have attributes that reading does not show: none of its bases is from outside."""
        outside = {n for c in self.line(class_) for n in self._base_names(c)} - _BARE - _ENUMS
        known = {c.name for c in self.line(class_)}
        return not outside - known or self.owner(class_, "__getattr__") is not None

    def _base_names(self, class_: Class) -> set[str]:
        node = self.node(class_)
        heads = (
            [base.value if isinstance(base, ast.Subscript) else base for base in node.bases] if node else []
        )
        return {last_name(head) for head in heads}

    def fields(self, class_: Class) -> list[str]:
        """The annotated names of a class and its bases, in their order."""
        found: dict[str, None] = {}
        for each in reversed(self.line(class_)):
            node = self.node(each)
            body = node.body if node else []
            found.update(
                {
                    i.target.id: None
                    for i in body
                    if isinstance(i, ast.AnnAssign) and isinstance(i.target, ast.Name)
                }
            )
        return list(found)

    def required(self, class_: Class) -> set[str]:
        """The fields of a generated class that have no default."""
        node = self.node(class_)
        items = [i for i in node.body if isinstance(i, ast.AnnAssign)] if node else []
        return {i.target.id for i in items if isinstance(i.target, ast.Name) and not _has_default(i.value)}

    def declared(self, class_: Class) -> dict[str, Kind]:
        """The class's own attributes and methods, and what they are declared to be."""
        if class_ not in self._declared:
            self._declared[class_] = {}
            node = self.node(class_)
            if node:
                self._declared[class_].update(self._body(class_, node))
        return self._declared[class_]

    def _body(self, class_: Class, node: ast.ClassDef) -> Iterator[tuple[str, Kind]]:
        own = Instance(class_) if self.is_enum(class_) else None
        for item in node.body:
            if isinstance(item, FUNCTIONS):
                yield from self._assigned(class_, item)
                yield item.name, self._method(class_, item)
            elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                yield item.target.id, self.index.annotation(class_.module, item.annotation)
            elif isinstance(item, ast.Assign):
                yield from ((t.id, own) for t in item.targets if isinstance(t, ast.Name))

    def _method(self, class_: Class, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Kind:
        marks = {ast.unparse(d).partition("(")[0].rpartition(".")[2] for d in node.decorator_list}
        return Function(
            class_.module,
            node,
            class_,
            bound="staticmethod" not in marks,
            is_context=bool(marks & {"contextmanager", "asynccontextmanager"}),
            is_property=bool(marks & _PROPERTIES),
        )

    def _assigned(
        self, class_: Class, method: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> Iterator[tuple[str, Kind]]:
        """`self.x: T = …`, and `self.x = parameter` by the parameter's annotation."""
        args = [*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs]
        declared = {a.arg: a.annotation for a in args}
        first = args[0].arg if args else ""
        for node in ast.walk(method):
            if isinstance(node, ast.AnnAssign) and (name := _attribute_of(first, node.target)):
                yield name, self.index.annotation(class_.module, node.annotation)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                kind = self.index.annotation(class_.module, declared.get(node.value.id))
                yield from ((n, kind) for t in node.targets if (n := _attribute_of(first, t)))

    # ---------------------------------------------------------------------- the model

    def holds_model(self, kind: Kind) -> bool:
        """Whether it is, or holds, an object or a class of the model."""
        if isinstance(kind, (Class, Instance)):
            return self._class_holds(kind.of if isinstance(kind, Instance) else kind)
        if isinstance(kind, (Many, Context, Stream, SplitKind)):
            return self.holds_model(kind.item)
        if isinstance(kind, (Tuple, Either)):
            return any(map(self.holds_model, kind.items if isinstance(kind, Tuple) else kind.kinds))
        if isinstance(kind, Keyed):
            return any(self.holds_model(value) for _, value in kind.items)
        if isinstance(kind, (MessageKind, TopicKind)):
            return self.holds_model(kind.value) or self.holds_model(kind.key)
        if isinstance(kind, Partial):
            return any(map(self.holds_model, [kind.function, *kind.args, *(v for _, v in kind.named)]))
        return isinstance(kind, Derived)

    def _class_holds(self, class_: Class) -> bool:
        if class_ not in self._holding:
            self._holding[class_] = False
            self._holding[class_] = not self.is_enum(class_) and (
                class_.module in self.generated
                or any(c.module in self.generated for c in self.line(class_))
                or any(self.holds_model(self.attribute(class_, name)) for name in self.names(class_))
            )
        return self._holding[class_]

    def names(self, class_: Class) -> list[str]:
        """The names of a class's own attributes."""
        return [*self.declared(class_), *self.learned.get(class_, ())]


def _attribute_of(name: str, node: ast.expr) -> str:
    is_own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    return node.attr if is_own and isinstance(node, ast.Attribute) else ""


def _has_default(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call) and last_name(value.func) == "field":
        return any(k.arg in ("default", "default_factory") for k in value.keywords)
    return value is not None
