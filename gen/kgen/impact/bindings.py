"""What gets a value: names, attributes, items, and tuples of them."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .analysis import Analysis
from .kinds import Class, External, Instance, Kind, Many, ModuleKind, Tuple, either, members
from .scopes import Scope


@dataclass
class Bindings:
    """Binds values."""

    analysis: Analysis

    def bind(self, target: ast.expr, value: Kind, scope: Scope) -> None:
        """Give a name, attribute, item or tuple of them a value."""
        self.unpack(target, value, scope, None)

    def unpack(self, target: ast.expr, value: Kind, scope: Scope, names: dict[str, Kind] | None) -> None:
        """The same; a comprehension's own names go to `names`."""
        if isinstance(target, ast.Name):
            if names is None:
                self.analysis.bind(scope, target.id, value)
            else:
                names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack_all(target, value, scope, names)
        elif isinstance(target, ast.Attribute):
            owner = self.analysis.expressions.kind(target.value, scope)
            self.analysis.objects.attribute(scope, target, owner, target.attr, "store")
            self.set_attribute(target, owner, value, scope)
        elif isinstance(target, ast.Subscript):
            self._set_item(target, value, scope)

    def _unpack_all(
        self, target: ast.Tuple | ast.List, value: Kind, scope: Scope, names: dict[str, Kind] | None
    ) -> None:
        parts = self.analysis.objects.parts(scope, target, value, len(target.elts))
        has_star = any(isinstance(item, ast.Starred) for item in target.elts)
        whole = self.analysis.objects.item(scope, target, value)
        for item, part in zip(target.elts, parts):
            if isinstance(item, ast.Starred):
                self.unpack(item.value, Many(whole), scope, names)
            else:
                self.unpack(item, whole if has_star and not isinstance(value, Tuple) else part, scope, names)

    def set_attribute(self, target: ast.Attribute, owner: Kind, value: Kind, scope: Scope) -> None:
        """An object's attribute is set."""
        for member in members(owner):
            self.put(target.value, member, target.attr, value, scope)

    def put(self, node: ast.expr, owner: Kind, name: str, value: Kind, scope: Scope) -> None:
        """The attribute of such an object, which the expression stands for, is set."""
        shapes = self.analysis.shapes
        if isinstance(owner, (Instance, Class)):
            class_ = owner.of if isinstance(owner, Instance) else owner
            if class_.module not in shapes.generated:
                shapes.learn(shapes.owner(class_, name) or class_, name, value)
        elif isinstance(owner, ModuleKind):
            self.analysis.set_in_module(owner.name, name, value)
        elif isinstance(owner, External):
            self._keep(node, owner, value, scope)

    def _keep(self, node: ast.expr, owner: External, value: Kind, scope: Scope) -> None:
        """An object from outside is given something to keep."""
        kept = self.analysis.contents.kept_in(owner, [value])
        if kept is not owner:
            self.analysis.contents.widen(node, either(owner, kept), scope)

    def _set_item(self, target: ast.Subscript, value: Kind, scope: Scope) -> None:
        owner, key = (
            self.analysis.expressions.kind(target.value, scope),
            self.analysis.expressions.kind(target.slice, scope),
        )
        for member in members(owner):
            if isinstance(member, Instance):
                self.analysis.objects.invoke(scope, target, member, "__setitem__", key, value)
            elif isinstance(member, External):
                self._keep(target.value, member, value, scope)
        self.analysis.contents.widen(target, value, scope)
