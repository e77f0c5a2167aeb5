"""What the expressions in user code are."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import contents
from .analysis import Analysis
from .call_arguments import Arguments, expanded, starred
from .kinds import (
    NO_OBJECT,
    SCALAR,
    Class,
    Derived,
    External,
    Function,
    Instance,
    Keyed,
    Kind,
    Many,
    MessageKind,
    Text,
    Tuple,
    bounded,
    either,
    has_names,
    members,
    texts,
)
from .outside_holders import BUILTINS
from .project_index import expression, last_name
from .scopes import Scope

_ANYTHING = {"Any", "object"}
_WIDEST = 32  # tuple whose items are distinguished


@dataclass
class Expressions:
    """Reads expressions; every use in them goes to the report."""

    analysis: Analysis

    def kind(self, node: ast.expr | None, scope: Scope) -> Kind:
        """What an expression is."""
        if node is None:
            return None
        if handler := _HANDLERS.get(type(node)):
            return bounded(handler(self, node, scope))
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.kind(child, scope)
        return SCALAR

    def annotation(self, node: ast.expr | None, scope: Scope) -> Kind:
        """What an annotation says; the names in it are uses."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = unquoted(node)
        self.kind(node, scope)
        return self.declared(node, scope)

    def declared(self, node: ast.expr | None, scope: Scope) -> Kind:
        """What an annotation says."""
        return self.analysis.index.annotation(scope.text.name, node, scope.lookup)

    # ---------------------------------------------------------------------- names and attributes

    def _of_constant(self, node: ast.Constant, scope: Scope) -> Kind:
        if isinstance(node.value, str):
            module, _, name = node.value.rpartition(".")
            if module in self.analysis.index.texts:
                self.analysis.on_name_use(scope, node, module, name)
            return Text(node.value)
        return NO_OBJECT if node.value is None else SCALAR

    def _of_name(self, node: ast.Name, scope: Scope) -> Kind:
        if found := scope.lookup(node.id):
            return found[0]
        module = scope.text.name
        for origin, name in self.analysis.index.origins(module, node.id):
            self.analysis.report.on_name_use(scope.text, node, origin, name)
        known = self.analysis.index.name(module, node.id)
        is_builtin = known is None and node.id not in scope.text.bindings and node.id in BUILTINS
        return External(f"builtins.{node.id}") if is_builtin else known

    def _of_attribute(self, node: ast.Attribute, scope: Scope) -> Kind:
        return self.analysis.objects.attribute(scope, node, self.kind(node.value, scope), node.attr)

    def _of_subscript(self, node: ast.Subscript, scope: Scope) -> Kind:
        owner, key = self.kind(node.value, scope), self.kind(node.slice, scope)
        if isinstance(owner, External) and owner.name == "kgen_runtime.Message":
            self._message_type(node, scope)
        if isinstance(node.slice, ast.Slice):
            return either(*(Many(either(*m.items)) if isinstance(m, Tuple) else m for m in members(owner)))
        return self.analysis.objects.subscript(scope, node, owner, key, _number(node.slice))

    def _message_type(self, node: ast.Subscript, scope: Scope) -> None:
        """`rt.Message[bytes, orders.Order]` says what the key is."""
        found = self.declared(node, scope)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if isinstance(found, MessageKind) and ast.unparse(parts[0]).rpartition(".")[2] not in _ANYTHING:
            self.analysis.report.on_name_use(scope.text, node, found.key_of, "key")

    # ---------------------------------------------------------------------- operators

    def _of_named_expr(self, node: ast.NamedExpr, scope: Scope) -> Kind:
        value = self.kind(node.value, scope)
        self.analysis.bind(scope, node.target.id, value)
        return value

    def _of_if_exp(self, node: ast.IfExp, scope: Scope) -> Kind:
        self.kind(node.test, scope)
        inner = scope.inside("inner", self.narrowed(node.test, scope))
        return either(self.kind(node.body, inner), self.kind(node.orelse, scope))

    def _of_bool_op(self, node: ast.BoolOp, scope: Scope) -> Kind:
        inner, found = scope, []
        for part in node.values:
            found.append(self.kind(part, inner))
            if isinstance(node.op, ast.And):
                inner = inner.inside("inner", self.narrowed(part, inner))
        return either(*found)

    def _of_bin_op(self, node: ast.BinOp, scope: Scope) -> Kind:
        left, right = self.kind(node.left, scope), self.kind(node.right, scope)
        if isinstance(node.op, ast.Add) and texts(left) and texts(right):
            return _joined([left, right])
        if isinstance(left, Text) and isinstance(node.op, ast.Mod):
            self.analysis.strings.fill(scope, node, left.value, Arguments((right,)))
            return SCALAR
        options = [*members(left), *members(right)]
        found = [_operand(member) for member in options]
        if isinstance(left, Keyed) and isinstance(right, Keyed):
            return left.with_items(dict(right.items), is_open=right.is_open)
        return either(*found)

    def _of_joined_str(self, node: ast.JoinedStr, scope: Scope) -> Kind:
        return _joined([self._piece(part, scope) for part in node.values])

    def _piece(self, node: ast.expr, scope: Scope) -> Kind:
        """One piece of an f-string; a value that is written in a form of its own is not the text itself."""
        if not isinstance(node, ast.FormattedValue):
            return self.kind(node, scope)
        found = self.kind(node.value, scope)
        self.kind(node.format_spec, scope)
        is_plain = node.format_spec is None and node.conversion in (-1, ord("s"))
        return found if is_plain else SCALAR

    def _of_compare(self, node: ast.Compare, scope: Scope) -> Kind:
        found = [self.kind(part, scope) for part in (node.left, *node.comparators)]
        if any(map(has_names, found)):
            names = [name for kind in found for name in texts(kind)]
            self.analysis.report.suspect(scope.text, node, "load", names)
        return SCALAR

    def narrowed(self, test: ast.expr, scope: Scope) -> dict[str, Kind]:
        """What `isinstance(x, T)` says of `x`."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return {k: v for part in test.values for k, v in self.narrowed(part, scope).items()}
        if isinstance(test, ast.Call) and last_name(test.func) == "isinstance" and len(test.args) == 2:
            subject = test.args[0].target if isinstance(test.args[0], ast.NamedExpr) else test.args[0]
            return self._isinstance(subject.id, test.args[1], scope) if isinstance(subject, ast.Name) else {}
        return {}

    def _isinstance(self, name: str, wanted: ast.expr, scope: Scope) -> dict[str, Kind]:
        found = members(self.kind(wanted, scope))
        options = [inner for o in found for inner in (o.items if isinstance(o, Tuple) else (o,))]
        if not all(isinstance(o, (Class, External)) for o in options) or any(map(self._is_loose, options)):
            return {}
        return {name: either(*(Instance(o) if isinstance(o, Class) else _object(o) for o in options))}

    def _is_loose(self, kind: Kind) -> bool:
        return isinstance(kind, Class) and self.analysis.shapes.is_protocol(kind)

    # ---------------------------------------------------------------------- displays

    def _of_list(self, node: ast.List | ast.Set, scope: Scope) -> Kind:
        return Many(either(*(self._element(item, scope) for item in node.elts)))

    def _element(self, node: ast.expr, scope: Scope) -> Kind:
        found = self.kind(node, scope)
        return self.analysis.objects.item(scope, node, found) if isinstance(node, ast.Starred) else found

    def _of_tuple(self, node: ast.Tuple, scope: Scope) -> Kind:
        items = tuple(self._element(item, scope) for item in node.elts)
        if len(items) > _WIDEST or any(isinstance(item, ast.Starred) for item in node.elts):
            return Many(either(*items))
        return Tuple(items)

    def _of_dict(self, node: ast.Dict, scope: Scope) -> Kind:
        found: Kind = Keyed(())
        for key, value in zip(node.keys, node.values):
            name, item = (self.kind(key, scope) if key else None), self.kind(value, scope)
            found = contents.joined(found, item) if key is None else contents.with_item(found, name, item)
        return found

    def _of_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> Kind:
        return Many(self.kind(node.elt, self._generators(node.generators, scope)))

    def _of_dict_comp(self, node: ast.DictComp, scope: Scope) -> Kind:
        inner = self._generators(node.generators, scope)
        return Many(self.kind(node.value, inner), self.kind(node.key, inner), mapping=True)

    def _generators(self, generators: Sequence[ast.comprehension], scope: Scope) -> Scope:
        inner = scope.inside("inner")
        for generator in generators:
            found = self.analysis.objects.item(inner, generator.iter, self.kind(generator.iter, inner))
            self.analysis.bindings.unpack(generator.target, found, inner, inner.names)
            for test in generator.ifs:
                self.kind(test, inner)
                inner.names.update(self.narrowed(test, inner))
        return inner

    # ---------------------------------------------------------------------- functions

    def _of_inner(self, node: ast.Starred | ast.Await, scope: Scope) -> Kind:
        return self.kind(node.value, scope)

    def _of_lambda(self, node: ast.Lambda, scope: Scope) -> Kind:
        return self.analysis.calls.define(node, scope)

    def _of_yield(self, node: ast.Yield, scope: Scope) -> Kind:
        scope.owner().yielded.append(self.kind(node.value, scope) if node.value else NO_OBJECT)
        return None

    def _of_yield_from(self, node: ast.YieldFrom, scope: Scope) -> Kind:
        scope.owner().yielded.append(self.analysis.objects.item(scope, node, self.kind(node.value, scope)))
        return None

    def _of_call(self, node: ast.Call, scope: Scope) -> Kind:
        owner = self.kind(node.func.value, scope) if isinstance(node.func, ast.Attribute) else None
        given = self.arguments(node, scope)
        if not isinstance(node.func, ast.Attribute):
            return self.analysis.calls.call(scope, node, self.kind(node.func, scope), given)
        found = [self.analysis.calls.method(scope, node, node.func, m, given) for m in members(owner)]
        self.analysis.contents.absorb(node.func, owner, given, scope)
        return either(*found)

    def arguments(self, node: ast.Call, scope: Scope) -> Arguments:
        """What a call is given."""
        if not any(isinstance(a, ast.Starred) for a in node.args) and all(k.arg for k in node.keywords):
            args = tuple(self.kind(arg, scope) for arg in node.args)
            return Arguments(args, tuple((k.arg or "", self.kind(k.value, scope)) for k in node.keywords))
        found = Arguments()
        for arg in node.args:
            kind = self.kind(arg, scope)
            if isinstance(arg, ast.Starred):
                found = found.joined(starred(kind, self.analysis.objects.item(scope, arg, kind)))
            else:
                found = found.joined(Arguments((kind,)))
        for keyword in node.keywords:
            kind = self.kind(keyword.value, scope)
            for member in [kind] if keyword.arg else members(kind):
                more = Arguments(named=((keyword.arg, member),)) if keyword.arg else expanded(member)
                found = found.joined(more)
        return found


def _joined(pieces: Sequence[Kind]) -> Kind:
    """The strings that pieces make one after another; not a known one where a piece is unknown."""
    options = [texts(piece) for piece in pieces]
    is_known = all(map(all, (map(_is_text, members(piece)) for piece in pieces)))
    if not is_known or math.prod(map(len, options)) > _WIDEST:
        return SCALAR
    return either(
        *(Text(whole) for parts in itertools.product(*options) if len(whole := "".join(parts)) < 200)
    )


def _is_text(kind: Kind) -> bool:
    return isinstance(kind, Text)


def _operand(kind: Kind) -> Kind:
    if isinstance(kind, (Many, Derived)) or kind is None:
        return kind
    if isinstance(kind, Tuple):
        return Many(either(*kind.items))
    if isinstance(kind, Keyed):
        return Keyed(kind.items, True)
    return None if isinstance(kind, (Instance, Function)) else SCALAR


def _object(kind: Kind) -> Kind:
    """An object of a class from outside."""
    name = kind.name if isinstance(kind, External) else ""
    if name in ("builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset"):
        return Many(None)
    return Many(None, None, mapping=True) if name == "builtins.dict" else SCALAR


def _number(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, int) else None


def unquoted(node: ast.Constant) -> ast.expr | None:
    """An expression that is written as a string, at the place of the string."""
    inner = expression(str(node.value))
    for child in ast.walk(inner) if inner else ():
        if isinstance(child, ast.expr):
            child.lineno, child.end_lineno = node.lineno, node.end_lineno
    return inner


_HANDLERS: Mapping[type[ast.expr], Callable[[Any, Any, Scope], Kind]] = {
    ast.Constant: Expressions._of_constant,
    ast.Name: Expressions._of_name,
    ast.Attribute: Expressions._of_attribute,
    ast.Subscript: Expressions._of_subscript,
    ast.Call: Expressions._of_call,
    ast.Lambda: Expressions._of_lambda,
    ast.Starred: Expressions._of_inner,
    ast.Await: Expressions._of_inner,
    ast.Yield: Expressions._of_yield,
    ast.YieldFrom: Expressions._of_yield_from,
    ast.NamedExpr: Expressions._of_named_expr,
    ast.IfExp: Expressions._of_if_exp,
    ast.BoolOp: Expressions._of_bool_op,
    ast.BinOp: Expressions._of_bin_op,
    ast.JoinedStr: Expressions._of_joined_str,
    ast.Compare: Expressions._of_compare,
    ast.List: Expressions._of_list,
    ast.Set: Expressions._of_list,
    ast.Tuple: Expressions._of_tuple,
    ast.Dict: Expressions._of_dict,
    ast.ListComp: Expressions._of_comprehension,
    ast.SetComp: Expressions._of_comprehension,
    ast.GeneratorExp: Expressions._of_comprehension,
    ast.DictComp: Expressions._of_dict_comp,
}
