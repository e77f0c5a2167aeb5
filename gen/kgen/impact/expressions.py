"""What expressions in user code are, and every use of a class's field, symbol or name in them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from . import steps
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
    Tuple,
    either,
    item_of,
    members,
)
from .shapes import Shapes
from .world import Text, World

How: TypeAlias = Literal["load", "store", "call", "never", "missing"]
Touch: TypeAlias = Callable[[ast.AST, How, "Class | None", str, "frozenset[str]"], None]
"""Told of a use: where, how, of which class (None: unknown), which member; for calls, the keywords given."""
Callable_: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_ANYTHING = {"Any", "object"}
_NOTHING: frozenset[str] = frozenset()
_DEPTH = 12  # of calls into functions without annotations


@dataclass
class Scope:
    """The local names, what is returned, and the class whose body this is."""

    names: dict[str, Kind]
    returned: list[Kind] = field(default_factory=list)
    home: Class | None = None
    around: Scope | None = None  # of a class's body: functions in it do not see its names

    def inner(self, names: Mapping[str, Kind] | None = None) -> Scope:
        """A scope inside of this one."""
        return Scope({**self.names, **(names or {})}, home=self.home)


@dataclass
class Expressions:
    """Reads the expressions of one module. `touch` is told of uses of members, `touch_name` of a module's
    names.
    """

    world: World
    shapes: Shapes
    text: Text
    touch: Touch
    touch_name: Callable[[ast.AST, str, str], None]
    scopes: dict[Callable_, Scope] = field(default_factory=dict)
    waiting: dict[Callable_, None] = field(default_factory=dict)  # functions that nothing has called yet
    _calls: list[object] = field(default_factory=list)
    _sites: dict[Kind, ast.AST] = field(default_factory=dict)  # where functions were handed over

    def kind(self, node: ast.expr | None, scope: Scope) -> Kind:
        """What an expression is; every use in it is told."""
        if node is None or isinstance(node, ast.Constant):
            return None
        if handler := _HANDLERS.get(type(node)):
            found: Kind = handler(self, node, scope)
            return found
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.kind(child, scope)
        return None

    def annotation(self, node: ast.expr | None, scope: Scope) -> Kind:
        """What an annotation says; the names in it are uses."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = _unquoted(node)
        self.kind(node, scope)
        return self._declared(node, scope)

    def _declared(self, node: ast.expr | None, scope: Scope) -> Kind:
        local = scope.names.get(node.id) if isinstance(node, ast.Name) else None
        return Instance(local) if isinstance(local, Class) else self.world.annotation(self.text.name, node)

    def run(self, node: Callable_, scope: Scope, given: Sequence[Kind], owner: Class | None) -> Kind:
        """Read a function's body with arguments of such kinds; what it gives."""
        raise NotImplementedError

    def bind(self, target: ast.expr, value: Kind, scope: Scope) -> None:
        """Give a name, attribute or tuple of them a value."""
        if isinstance(target, ast.Name):
            scope.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            for number, item in enumerate(target.elts):
                part = steps.subscript(value, number)
                self.bind(item.value if isinstance(item, ast.Starred) else item, part, scope)
        elif isinstance(target, ast.Attribute):
            self.attribute(target, self.kind(target.value, scope), target.attr, "store")
        else:
            self.kind(target, scope)

    def narrowed(self, test: ast.expr, scope: Scope) -> dict[str, Kind]:
        """What `isinstance(x, T)` says of `x`."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return {k: v for part in test.values for k, v in self.narrowed(part, scope).items()}
        if isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "isinstance":
            subject, wanted = test.args[0], test.args[-1]
            options = wanted.elts if isinstance(wanted, ast.Tuple) else [wanted]
            found = [Instance(k) for k in (self.kind(o, scope) for o in options) if isinstance(k, Class)]
            return {subject.id: either(*found)} if isinstance(subject, ast.Name) and found else {}
        return {}

    def _of_name(self, node: ast.Name, scope: Scope) -> Kind:
        if node.id in scope.names:
            return scope.names[node.id]
        found = self.world.name(self.text.name, node.id)
        known = found is not None or node.id in self.text.bindings
        return found if known else External(f"builtins.{node.id}")

    def _of_attribute(self, node: ast.Attribute, scope: Scope) -> Kind:
        return self.attribute(node, self.kind(node.value, scope), node.attr, "load")

    def attribute(self, node: ast.AST, owner: Kind, name: str, how: How) -> Kind:
        """What `owner.name` is."""
        found = [self._member(node, member, name, how) for member in members(owner)]
        for member in members(owner) if len(found) > 1 else ():
            if isinstance(member, Instance) and self.shapes.owner(member.of, name) is None:
                self.touch(node, "missing", member.of, name, _NOTHING)
        if owner is None:
            self.touch(node, how, None, name, _NOTHING)
        return either(*found)

    def _member(self, node: ast.AST, owner: Kind, name: str, how: How) -> Kind:
        if isinstance(owner, (Module, External)):
            if isinstance(owner, Module):
                self.touch_name(node, owner.name, name)
            return self.world.member(owner, name)
        if isinstance(owner, (Instance, Class)):
            return self._class_member(node, owner, name, how)
        if isinstance(owner, Message) and name in ("key", "value"):
            self.touch_name(node, owner.value_of if name == "value" else owner.key_of, name)
            return owner.value if name == "value" else owner.key
        if isinstance(owner, Split):
            return Stream(None if name == "errs" else owner.item)
        return None

    def _class_member(self, node: ast.AST, owner: Instance | Class, name: str, how: How) -> Kind:
        class_ = owner.of if isinstance(owner, Instance) else owner
        home = self.shapes.owner(class_, name)
        if home is None:
            self.touch(node, how, class_, name, _NOTHING)
            return None
        self.touch(node, how, home, name, _NOTHING)
        return self.shapes.attributes(home)[name]

    def _of_subscript(self, node: ast.Subscript, scope: Scope) -> Kind:
        owner = self.kind(node.value, scope)
        index = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if isinstance(owner, Class) and isinstance(index, str):
            self.touch(node, "load", owner, index, _NOTHING)
            return Instance(owner)
        self.kind(node.slice, scope)
        if isinstance(owner, External) and owner.name == "kgen_runtime.Message":
            self._message_type(node)
        if isinstance(node.slice, ast.Slice):
            return owner
        return steps.subscript(owner, index if isinstance(index, int) else None)

    def _message_type(self, node: ast.Subscript) -> None:
        """`rt.Message[bytes, orders.Order]` says what the key is."""
        found = self.world.annotation(self.text.name, node)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if isinstance(found, Message) and ast.unparse(parts[0]).rpartition(".")[2] not in _ANYTHING:
            self.touch_name(node, found.key_of, "key")

    def _of_named_expr(self, node: ast.NamedExpr, scope: Scope) -> Kind:
        value = self.kind(node.value, scope)
        self.bind(node.target, value, scope)
        return value

    def _of_if_exp(self, node: ast.IfExp, scope: Scope) -> Kind:
        self.kind(node.test, scope)
        inner = scope.inner(self.narrowed(node.test, scope))
        return either(self.kind(node.body, inner), self.kind(node.orelse, scope))

    def _of_bool_op(self, node: ast.BoolOp, scope: Scope) -> Kind:
        inner = scope
        found = []
        for part in node.values:
            found.append(self.kind(part, inner))
            if isinstance(node.op, ast.And):
                inner = inner.inner(self.narrowed(part, inner))
        return either(*found)

    def _of_list(self, node: ast.List | ast.Set, scope: Scope) -> Kind:
        return Many(either(*(self.kind(item, scope) for item in node.elts)))

    def _of_tuple(self, node: ast.Tuple, scope: Scope) -> Kind:
        return Tuple(tuple(self.kind(item, scope) for item in node.elts))

    def _of_dict(self, node: ast.Dict, scope: Scope) -> Kind:
        keys = [self.kind(key, scope) for key in node.keys]
        return Many(either(*(self.kind(v, scope) for v in node.values)), either(*keys), mapping=True)

    def _of_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> Kind:
        return Many(self.kind(node.elt, self._generators(node.generators, scope)))

    def _of_dict_comp(self, node: ast.DictComp, scope: Scope) -> Kind:
        inner = self._generators(node.generators, scope)
        return Many(self.kind(node.value, inner), self.kind(node.key, inner), mapping=True)

    def _generators(self, generators: Sequence[ast.comprehension], scope: Scope) -> Scope:
        inner = scope.inner()
        for generator in generators:
            self.bind(generator.target, item_of(self.kind(generator.iter, inner)), inner)
            for test in generator.ifs:
                self.kind(test, inner)
                inner.names.update(self.narrowed(test, inner))
        return inner

    def _of_inner(self, node: ast.Starred | ast.Await, scope: Scope) -> Kind:
        return self.kind(node.value, scope)

    def _of_lambda(self, node: ast.Lambda, scope: Scope) -> Kind:
        self.scopes[node] = scope.inner()
        self.waiting[node] = None
        return Function(self.text.name, node)

    # ---------------------------------------------------------------------- calls

    def _of_call(self, node: ast.Call, scope: Scope) -> Kind:
        owner, function = self._function(node.func, scope)
        args = [self.kind(a, scope) for a in node.args]
        named = {k.arg or "": self.kind(k.value, scope) for k in node.keywords}
        self._sites = {function: node, **dict(zip(args, node.args))}
        if isinstance(function, Class):
            return self._made(node, function, named)
        if isinstance(function, External):
            return self._outside(node, function.name, args, named, scope)
        if function is None and isinstance(node.func, ast.Attribute):
            return steps.method(owner, node.func.attr)
        return self.call(function, args)

    def _function(self, node: ast.expr, scope: Scope) -> tuple[Kind, Kind]:
        """What is called, and whose method it is."""
        if isinstance(node, ast.Attribute):
            owner = self.kind(node.value, scope)
            return owner, self.attribute(node, owner, node.attr, "load")
        return None, self.kind(node, scope)

    def _arguments(self, function: Function, args: Sequence[Kind]) -> None:
        """Hold what a function is called with against its annotations."""
        site = self._sites.get(function)
        for parameter, given in zip(function.node.args.args[function.bound :], args) if site else ():
            self.fits(site, self.world.annotation(function.module, parameter.annotation), given)

    def fits(self, node: ast.AST | None, declared: Kind, given: Kind) -> None:
        """Tell where an object may be of a class that the annotation of its place does not name."""
        known = [k for k in members(declared) if isinstance(k, Instance)]
        for member in members(given) if node and known else ():
            if isinstance(member, Instance) and member not in known:
                self.touch(node, "missing", member.of, "", _NOTHING)  # type: ignore[arg-type]

    def _made(self, node: ast.Call, class_: Class, named: Mapping[str, Kind]) -> Kind:
        """An object is made; an enum's member is looked up by its value."""
        first = node.args[0] if node.args else None
        if self.shapes.is_enum(class_) and isinstance(first, ast.Constant) and isinstance(first.value, str):
            self.touch(node, "load", class_, first.value, _NOTHING)
            return Instance(class_)
        for keyword in node.keywords:
            if keyword.arg:
                self._class_member(keyword, class_, keyword.arg, "store")
        if not node.args and "" not in named:
            self.touch(node, "call", class_, "", frozenset(named))
        return Instance(class_)

    def _outside(
        self, node: ast.Call, name: str, args: Sequence[Kind], named: Mapping[str, Kind], scope: Scope
    ) -> Kind:
        function = name.rpartition(".")[2]
        if function == "cast" and node.args:
            return self.annotation(node.args[0], scope)
        for module, half in steps.written(name, [*args, *named.values()]):
            self.touch_name(node, module, half)
        self._by_name(node, function, args[0] if args else None)
        return steps.result(name, args, named, self.call)

    def _by_name(self, node: ast.Call, function: str, first: Kind) -> None:
        """Functions that take the names of fields, or prove that nothing is left."""
        name = node.args[1] if len(node.args) > 1 else None
        if function in ("getattr", "hasattr", "setattr") and isinstance(name, ast.Constant):
            self.attribute(node, first, str(name.value), "store" if function == "setattr" else "load")
        elif function == "replace" and isinstance(first, Instance):
            for keyword in node.keywords:
                self._class_member(keyword, first, keyword.arg or "", "store")
        elif function == "assert_never":
            for member in members(first):
                if isinstance(member, Instance):
                    self.touch(node, "never", member.of, "", _NOTHING)

    def call(self, function: Kind, args: Sequence[Kind]) -> Kind:
        """What a function gives when it is called with such arguments."""
        return either(*(self._called(f, args) for f in members(function) if isinstance(f, Function)))

    def _called(self, function: Function, args: Sequence[Kind]) -> Kind:
        node = function.node
        returns = None if isinstance(node, ast.Lambda) else node.returns
        declared = self.world.annotation(function.module, returns)
        self._arguments(function, args)
        scope = self.scopes.get(node)
        key = (node, tuple(args))
        if scope is None or key in self._calls or len(self._calls) >= _DEPTH or (returns and annotated(node)):
            return declared
        self.waiting.pop(node, None)
        self._calls.append(key)
        bound: list[Kind] = [Instance(function.owner)] if function.owner and function.bound else []
        try:
            found = self.run(node, scope, [*bound, *args], function.owner)
        finally:
            self._calls.pop()
        return found if declared is None else declared


def annotated(node: Callable_) -> bool:
    """Whether every parameter says what it is, so that calls tell nothing new."""
    args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return all(arg.annotation for arg in args if arg.arg not in ("self", "cls")) and bool(args)


def _unquoted(node: ast.Constant) -> ast.expr | None:
    """An annotation that is written as a string."""
    try:
        inner = ast.parse(str(node.value), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    for child in ast.walk(inner):
        if isinstance(child, ast.expr):
            child.lineno, child.end_lineno = node.lineno, node.end_lineno
    return inner


_HANDLERS: Mapping[type[ast.expr], Callable[[Any, Any, Scope], Kind]] = {
    ast.Name: Expressions._of_name,
    ast.Attribute: Expressions._of_attribute,
    ast.Subscript: Expressions._of_subscript,
    ast.Call: Expressions._of_call,
    ast.Lambda: Expressions._of_lambda,
    ast.Starred: Expressions._of_inner,
    ast.Await: Expressions._of_inner,
    ast.NamedExpr: Expressions._of_named_expr,
    ast.IfExp: Expressions._of_if_exp,
    ast.BoolOp: Expressions._of_bool_op,
    ast.List: Expressions._of_list,
    ast.Set: Expressions._of_list,
    ast.Tuple: Expressions._of_tuple,
    ast.Dict: Expressions._of_dict,
    ast.ListComp: Expressions._of_comprehension,
    ast.SetComp: Expressions._of_comprehension,
    ast.GeneratorExp: Expressions._of_comprehension,
    ast.DictComp: Expressions._of_dict_comp,
}
