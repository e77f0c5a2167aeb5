"""Calls: what they give, what functions are read with, and what is made by constructors."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from . import container_methods, outside_calls
from .analysis import Analysis
from .call_arguments import FROM_MODEL, Arguments, Callable_, agreed, bound, parameters
from .kinds import (
    DERIVED,
    NO_OBJECT,
    SCALAR,
    Class,
    Context,
    Derived,
    External,
    Function,
    Getter,
    Instance,
    Keyed,
    Kind,
    Many,
    MessageKind,
    Partial,
    Text,
    TopicKind,
    either,
    is_specific,
    members,
    texts,
)
from .outside_holders import forgets, is_opaque
from .scopes import Scope
from .strings import FILLS, words

_DEPTH = 12  # of calls in calls
_NESTING = 30  # of calls in calls, those of partials, methods and callbacks too
_READINGS = 12  # of one function, with different arguments
_BUDGET = 20_000  # readings of functions in one pass over the project


@dataclass
class Calls:
    """Reads calls."""

    analysis: Analysis
    _depth: int = 0
    _nesting: int = 0
    _left: int = _BUDGET
    _known: dict[tuple[Callable_, tuple[Kind, ...]], Kind] = field(default_factory=dict)
    _readings: dict[Callable_, int] = field(default_factory=dict)
    _escaped: set[Callable_] = field(default_factory=set)

    def forget(self) -> None:
        """Before the project is read once more."""
        self._depth, self._left = 0, _BUDGET
        for each in (self._known, self._readings, self._escaped):
            each.clear()

    # ---------------------------------------------------------------------- functions of the project

    def define(self, node: Callable_, scope: Scope) -> Function:
        """A function is defined."""
        args = node.args
        plain = [*args.posonlyargs, *args.args]
        pairs = list(zip(plain[len(plain) - len(args.defaults) :], args.defaults))
        pairs += [(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults) if d is not None]
        self.analysis.defaults[node] = {a.arg: self.analysis.expressions.kind(d, scope) for a, d in pairs}
        is_method = scope.sort == "class" and not isinstance(node, ast.Lambda)
        marks = {ast.unparse(d) for d in getattr(node, "decorator_list", ())} if is_method else set()
        self.analysis.scopes[node] = scope
        function = Function(
            scope.text.name,
            node,
            scope.class_ if is_method else None,
            is_method and "staticmethod" not in marks,
        )
        if node not in self.analysis.waiting and node not in self._readings:
            self.analysis.waiting[node] = function
        return function

    def escape(self, kind: Kind) -> None:
        """A function is handed to something that may call it with anything."""
        for member in members(kind):
            if isinstance(member, Function) and member.node not in self._escaped:
                self._escaped.add(member.node)
                self.analysis.waiting[member.node] = member
            elif isinstance(member, Partial):
                self.escape(member.function)

    def is_escaped(self, node: Callable_) -> bool:
        """Whether something may call it with anything."""
        return node in self._escaped

    def run(self, function: Function, given: Arguments, *, is_last: bool = False) -> Kind:
        """Read a function's body with such arguments; what it gives."""
        node = function.node
        if node not in self.analysis.scopes:
            self.analysis.module(function.module)
        scope = self.analysis.scopes.get(node)
        if scope is None:
            returns = None if isinstance(node, ast.Lambda) else node.returns
            return self.analysis.index.annotation(function.module, returns)
        if function.bound:
            given = given.after(function.receiver or self._receiver(function))
        names = self._parameters(function, given, scope, is_last=is_last)
        key = node, tuple(names.values())
        if key not in self._known:
            self._known[key] = NO_OBJECT
            self._known[key] = self._read(function, scope, names, is_last=is_last)
        return self._known[key]

    def _receiver(self, function: Function) -> Kind:
        decorators = getattr(function.node, "decorator_list", ())
        if function.owner is None:
            return None
        is_class = any(ast.unparse(d).endswith("classmethod") for d in decorators)
        return function.owner if is_class else Instance(function.owner)

    def _parameters(
        self, function: Function, given: Arguments, scope: Scope, *, is_last: bool
    ) -> dict[str, Kind]:
        node = function.node
        names = bound(node, given, {} if is_last else self.analysis.defaults.get(node, {}))
        if is_last:
            names.update(self.analysis.fixtures.given(function, list(names), scope))
        for arg in parameters(node):
            declared = self.analysis.expressions.declared(arg.annotation, scope)
            names[arg.arg] = agreed(declared, names[arg.arg], self.is_base(declared))
        return names

    def is_base(self, declared: Kind) -> bool:
        """Whether other classes of the project may stand in for what is declared."""
        found = [m.of for m in members(declared) if isinstance(m, Instance)]
        return any(c.module not in self.analysis.shapes.generated for c in found)

    def _read(self, function: Function, scope: Scope, names: dict[str, Kind], *, is_last: bool) -> Kind:
        node = function.node
        readings = self._readings.get(node, 0)
        if not is_last and (self._depth >= _DEPTH or readings >= _READINGS or self._left <= 0):
            self.escape(function)
            return None
        self.analysis.waiting.pop(node, None)
        self._readings[node] = readings + 1
        self._left -= 1
        self._depth += 1
        inner = scope.inside("function", names)
        inner.class_ = function.owner or scope.class_
        try:
            found = self._result(node, inner)
        finally:
            self._depth -= 1
        returns = None if isinstance(node, ast.Lambda) else node.returns
        declared = self.analysis.expressions.declared(returns, scope)
        found = agreed(declared, found, self.is_base(declared))
        return Context(self.analysis.objects.item(inner, node, found)) if function.is_context else found

    def _result(self, node: Callable_, inner: Scope) -> Kind:
        if isinstance(node, ast.Lambda):
            return self.analysis.expressions.kind(node.body, inner)
        self.analysis.statements.body(node.body, inner)
        return Many(either(*inner.yielded)) if inner.yielded else either(*inner.returned)

    # ---------------------------------------------------------------------- calls

    def call(self, scope: Scope, node: ast.AST, function: Kind, given: Arguments) -> Kind:
        """What calling something gives."""
        if self._nesting >= _NESTING:
            return None
        self._nesting += 1
        try:
            return either(*(self._call(scope, node, member, given) for member in members(function)))
        finally:
            self._nesting -= 1

    def _call(self, scope: Scope, node: ast.AST, function: Kind, given: Arguments) -> Kind:
        if isinstance(function, Function):
            self.analysis.constructors.check(scope, node, function, given)
            return self.run(function, given)
        if isinstance(function, Class):
            return self.analysis.constructors.make(scope, node, function, given)
        if isinstance(function, External):
            return outside_calls.result(self.analysis, scope, node, function.name, given)
        if isinstance(function, Partial):
            named = {**dict(function.named), **dict(given.named)}
            whole = Arguments((*function.args, *given.args), tuple(named.items()), given.rest, given.more)
            return self.call(scope, node, function.function, whole)
        if isinstance(function, Getter):
            return self.analysis.strings.get(scope, node, function, given)
        if isinstance(function, Instance) and self.analysis.shapes.owner(function.of, "__call__"):
            method = self.analysis.objects.attribute(scope, node, function, "__call__")
            return self.call(scope, node, method, given)
        return self._unknown(scope, node, function, given)

    def _unknown(self, scope: Scope, node: ast.AST, function: Kind, given: Arguments) -> Kind:
        """Something is called of which nothing is known: it may be a class of the model."""
        for kind in given.all:
            self.hand_over(scope, node, kind, is_derived=self.analysis.shapes.holds_model(kind))
        self.analysis.constructors.suspect(scope, node, given)
        if isinstance(function, Derived):
            self.analysis.objects.by_name(scope, node, function, *given.args[:1])
            return DERIVED
        return DERIVED if isinstance(function, TopicKind) else None

    def method(self, scope: Scope, node: ast.AST, func: ast.Attribute, owner: Kind, given: Arguments) -> Kind:
        """What a method of an object gives."""
        if isinstance(owner, Text) and func.attr in FILLS:
            self.analysis.strings.fill(scope, node, owner.value, given)
            return SCALAR
        self.analysis.objects.by_name(scope, node, owner, *given.args[:1])
        if isinstance(owner, (Many, Keyed, Text, MessageKind)) or (owner is None and func.attr == "__init__"):
            return container_methods.method(self.analysis, scope, node, owner, func.attr, given)
        if isinstance(owner, (Instance, Class)) and func.attr == "__init__":
            class_ = owner.of if isinstance(owner, Instance) else owner
            if self.analysis.shapes.owner(class_, "__init__") is None:
                self.analysis.constructors.store(scope, node, class_, given)
                return NO_OBJECT
        function = self.analysis.objects.attribute(scope, func, owner, func.attr)
        if function is None and isinstance(owner, (Instance, Class)):
            return container_methods.of_class(self.analysis, scope, node, owner, func.attr, given)
        return self.call(scope, node, function, given)

    # ---------------------------------------------------------------------- what lies outside

    def hand_over(self, scope: Scope, node: ast.AST, kind: Kind, *, is_derived: bool) -> None:
        """A function is given to something that calls it with what is not known."""
        for member in members(kind):
            if isinstance(member, Getter):
                names = [part for n in member.names for part in words(str(n))]
                self.analysis.report.suspect(scope.text, node, "load", names)
            elif isinstance(member, Function) and is_derived and not self._declares(member):
                self.run(member, FROM_MODEL)
            elif isinstance(member, (Function, Partial)):
                self.escape(member)
            elif isinstance(member, Instance) and self.analysis.shapes.owner(member.of, "__call__"):
                self.escape(self.analysis.objects.attribute(scope, node, member, "__call__"))

    def _declares(self, function: Function) -> bool:
        found = list(parameters(function.node))[function.bound :]
        return bool(found) and all(arg.annotation for arg in found)

    def outside(self, scope: Scope, node: ast.AST, name: str, given: Arguments) -> Kind:
        """What a function that is not known gives for such arguments."""
        shapes = self.analysis.shapes
        holds = any(map(shapes.holds_model, given.all))
        for kind in given.all:
            self.hand_over(scope, node, kind, is_derived=holds)
        if holds:
            names = [part for kind in given.all for text in texts(kind) for part in text.split(".")]
            is_object = isinstance(given.get(0), (Instance, Class))
            self.analysis.report.suspect(scope.text, node, "load", names)
            self.analysis.report.suspect(scope.text, node, "store", given.given() if is_object else ())
        if forgets(name):
            return External(f"{name}()")
        if holds:
            return DERIVED
        calls_back = any(isinstance(m, (Function, Partial)) for kind in given.all for m in members(kind))
        is_unknown = not all(map(is_specific, given.all))
        return None if calls_back or (is_unknown and not is_opaque(name)) else External(f"{name}()")
