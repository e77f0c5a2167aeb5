"""What containers, and other objects that keep things, hold after something was put into them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from .analysis import Analysis
from .call_arguments import Arguments, value_of
from .kinds import DERIVED, NO_OBJECT, Derived, External, Keyed, Kind, Many, Text, either, members, texts
from .outside_holders import forgets, is_class, is_opaque
from .scopes import Scope

_WIDEST = 32  # dict whose keys are distinguished
_ADDS = {"append", "add", "appendleft", "insert", "put", "put_nowait", "push", "set", "setdefault", "send"}
_JOINS = {"extend", "extendleft", "update"}


@dataclass
class Contents:
    """Keeps up with what is put into objects."""

    analysis: Analysis

    def absorb(self, node: ast.Attribute, owner: Kind, given: Arguments, scope: Scope) -> None:
        """A method is called that may put its arguments into the object."""
        if given.args or given.named:
            found = [self._filled(scope, node, member, given) for member in members(owner)]
            if any(new is not member for new, member in zip(found, members(owner))):
                self.widen(node.value, either(*found), scope)

    def _filled(self, scope: Scope, node: ast.Attribute, owner: Kind, given: Arguments) -> Kind:
        first, last = given.get(0), given.args[-1] if given.args else NO_OBJECT
        if isinstance(owner, External):
            return self.kept_in(owner, given.all)
        if not isinstance(owner, (Many, Keyed)) or node.attr not in _ADDS | _JOINS:
            return owner
        if isinstance(owner, Many) and not owner.mapping:
            is_one = node.attr in _ADDS
            return Many(either(owner.item, last if is_one else self.analysis.objects.item(scope, node, last)))
        if node.attr in _ADDS:
            return with_item(owner, first, last)
        found = joined(owner, last) if given.args else owner
        return found.with_items(dict(given.named)) if isinstance(found, Keyed) else found

    def kept_in(self, owner: External, given: Iterable[Kind]) -> Kind:
        """What an object from outside is that may keep what it is given."""
        if is_class(owner.name):
            return owner
        if not forgets(owner.name) and any(map(self.analysis.shapes.holds_model, given)):
            return DERIVED
        is_unknown = any(member is None for kind in given for member in members(kind))
        return None if is_unknown and not is_opaque(owner.name) else owner

    def widen(self, target: ast.expr, kind: Kind, scope: Scope) -> None:
        """What an expression stands for holds more now: `kind`."""
        if isinstance(target, ast.Name):
            self._widen_name(target.id, kind, scope)
        elif isinstance(target, ast.Attribute):
            owner = self.analysis.expressions.kind(target.value, scope)
            self.analysis.bindings.set_attribute(target, owner, kind, scope)
        elif isinstance(target, ast.Subscript):
            self._widen_item(target.value, target.slice, kind, scope)
        elif isinstance(target, ast.Call) and isinstance(target.func, ast.Attribute) and target.args:
            self._widen_item(
                target.func.value, target.args[0], kind, scope
            )  # `x.setdefault(k, []).append(…)`

    def _widen_name(self, name: str, kind: Kind, scope: Scope) -> None:
        outer = next((s for s in scope.chain() if name in s.names), None)
        if outer is None:
            self.analysis.set_in_module(scope.text.name, name, kind)
        elif outer is scope.owner() and outer.sort != "module":
            outer.names[name] = kind
        else:
            self.analysis.widen(outer, name, kind)

    def _widen_item(self, base: ast.expr, key: ast.expr, kind: Kind, scope: Scope) -> None:
        name = self.analysis.expressions.kind(key, scope)
        found = [with_item(m, name, kind) for m in members(self.analysis.expressions.kind(base, scope))]
        self.widen(base, either(*found), scope)


def with_item(owner: Kind, key: Kind, value: Kind) -> Kind:
    """A dict or list with one more item."""
    return either(*(_with_item(member, key, value) for member in members(owner)))


def _with_item(owner: Kind, key: Kind, value: Kind) -> Kind:
    if isinstance(owner, Keyed):
        names = texts(key)
        if names and len(names) == len(members(key)) and len(owner.items) < _WIDEST:
            return owner.with_items(dict.fromkeys(names, value))
        keys = [Text(k) for k, _ in owner.items]
        return Many(either(*(v for _, v in owner.items), value), either(*keys, key), mapping=True)
    if isinstance(owner, Many) and owner.mapping:
        return Many(either(owner.item, value), either(owner.key, key), mapping=True)
    return Many(either(owner.item, value)) if isinstance(owner, Many) else owner


def joined(owner: Kind, more: Kind) -> Kind:
    """A dict with the items of another."""
    return either(*(_joined(one, other) for one in members(owner) for other in members(more)))


def _joined(owner: Kind, more: Kind) -> Kind:
    if isinstance(owner, Keyed) and isinstance(more, Keyed):
        return owner.with_items(dict(more.items), is_open=more.is_open)
    if isinstance(more, Keyed):
        return with_item(owner, either(*(Text(k) for k, _ in more.items)), value_of(more))
    if isinstance(more, Many):
        return with_item(owner, more.key, more.item)
    if isinstance(more, Derived):
        return either(owner, more)
    return Keyed(owner.items, True) if isinstance(owner, Keyed) else either(owner, None)
