"""The classes of the project: their attributes and methods, with what these are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from .kinds import Class, Function, Instance, Kind
from .world import World

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Shapes:
    """Looks up classes, each at most once."""

    world: World
    _known: dict[Class, dict[str, Kind]] = field(default_factory=dict)

    def node(self, class_: Class) -> ast.ClassDef | None:
        """The definition."""
        text = self.world.texts.get(class_.module)
        found = text.bindings.get(class_.name) if text else None
        return found[0] if found and isinstance(found[0], ast.ClassDef) else None

    def owner(self, class_: Class, name: str, seen: tuple[Class, ...] = ()) -> Class | None:
        """The class, or base class, that defines an attribute."""
        if name in self.attributes(class_):
            return class_
        for base in self.bases(class_):
            if base not in seen and (found := self.owner(base, name, (*seen, class_))):
                return found
        return None

    def bases(self, class_: Class) -> Iterator[Class]:
        """The base classes that are of the project."""
        node = self.node(class_)
        for base in node.bases if node else ():
            if isinstance(base, ast.Name):
                kind = self.world.name(class_.module, base.id)
            elif isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name):
                kind = self.world.member(self.world.name(class_.module, base.value.id), base.attr)
            else:
                continue
            if isinstance(kind, Class):
                yield kind

    def is_enum(self, class_: Class) -> bool:
        """Whether the class is an enum."""
        node = self.node(class_)
        names = {ast.unparse(base).rpartition(".")[2] for base in node.bases} if node else set()
        return bool(names & {"Enum", "StrEnum", "IntEnum"})

    def attributes(self, class_: Class) -> dict[str, Kind]:
        """The class's own attributes and methods, and what they are on an instance."""
        if class_ not in self._known:
            self._known[class_] = {}
            node = self.node(class_)
            if node:
                self._known[class_].update(self._body(class_, node))
        return self._known[class_]

    def _body(self, class_: Class, node: ast.ClassDef) -> Iterator[tuple[str, Kind]]:
        for item in node.body:
            if isinstance(item, _FUNCTIONS):
                yield from self._assigned(class_, item)
                yield item.name, self._method(class_, item)
            elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                yield item.target.id, self.world.annotation(class_.module, item.annotation)
            elif isinstance(item, ast.Assign):
                own = Instance(class_) if self.is_enum(class_) else None
                yield from ((t.id, own) for t in item.targets if isinstance(t, ast.Name))

    def _method(self, class_: Class, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Kind:
        marks = {ast.unparse(d).rpartition(".")[2] for d in node.decorator_list}
        if marks & {"property", "cached_property"}:
            return self.world.annotation(class_.module, node.returns)
        return Function(class_.module, node, class_, bound="staticmethod" not in marks)

    def _assigned(
        self, class_: Class, method: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> Iterator[tuple[str, Kind]]:
        """`self.x: T = …`, and `self.x = parameter` by the parameter's annotation."""
        declared = {a.arg: a.annotation for a in [*method.args.args, *method.args.kwonlyargs]}
        for node in ast.walk(method):
            if isinstance(node, ast.AnnAssign) and _is_self(node.target):
                yield node.target.attr, self.world.annotation(class_.module, node.annotation)  # type: ignore[union-attr]
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                kind = self.world.annotation(class_.module, declared.get(node.value.id))
                yield from (
                    (t.attr, kind) for t in node.targets if _is_self(t) and isinstance(t, ast.Attribute)
                )


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
