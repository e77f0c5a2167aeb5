"""Reads statements one after another: what names are bound to, branch by branch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .call_arguments import Arguments, agreed, parameters
from .kinds import (
    NO_OBJECT,
    SCALAR,
    Class,
    Derived,
    External,
    Function,
    Instance,
    Kind,
    Many,
    ModuleKind,
    NoObject,
    Text,
    Tuple,
    either,
    members,
)
from .scopes import Scope
from .text import FUNCTIONS

if TYPE_CHECKING:
    from .engine import Engine

_ROUNDS = 3  # of a loop, until its names stay as they are
_DEEPEST = 3  # loop in loops that is read in rounds
_ENDS = (ast.Return, ast.Raise)
_SAME = {"functools", "typing", "typing_extensions", "abc", "dataclasses", "builtins", "contextlib", "pytest"}
"""Modules whose decorators leave a function what it is."""


@dataclass
class Statements:
    """Reads statements."""

    engine: Engine
    _loops: int = 0

    def body(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        """Read statements in their order."""
        for node in body:
            try:
                self._statement(node, scope)
            except RecursionError:
                self.engine.report.broken(scope.text.path, node.lineno)

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        if handler := _HANDLERS.get(type(node)):
            handler(self, node, scope)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._kind(child, scope)

    def _kind(self, node: ast.expr | None, scope: Scope) -> Kind:
        return self.engine.expressions.kind(node, scope)

    # ---------------------------------------------------------------------- binding

    def bind(self, target: ast.expr, value: Kind, scope: Scope) -> None:
        """Give a name, attribute, item or tuple of them a value."""
        self.unpack(target, value, scope, None)

    def unpack(self, target: ast.expr, value: Kind, scope: Scope, names: dict[str, Kind] | None) -> None:
        """The same; a comprehension's own names go to `names`."""
        if isinstance(target, ast.Name):
            if names is None:
                self.engine.bind(scope, target.id, value)
            else:
                names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack_all(target, value, scope, names)
        elif isinstance(target, ast.Attribute):
            owner = self._kind(target.value, scope)
            self.engine.objects.attribute(scope, target, owner, target.attr, "store")
            self.set_attribute(target, owner, value, scope)
        elif isinstance(target, ast.Subscript):
            self._set_item(target, value, scope)

    def _unpack_all(
        self, target: ast.Tuple | ast.List, value: Kind, scope: Scope, names: dict[str, Kind] | None
    ) -> None:
        parts = self.engine.objects.parts(scope, target, value, len(target.elts))
        has_star = any(isinstance(item, ast.Starred) for item in target.elts)
        whole = self.engine.objects.item(scope, target, value)
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
        shapes = self.engine.shapes
        if isinstance(owner, (Instance, Class)):
            class_ = owner.of if isinstance(owner, Instance) else owner
            if class_.module not in shapes.generated:
                shapes.learn(shapes.owner(class_, name) or class_, name, value)
        elif isinstance(owner, ModuleKind):
            self.engine.set_in_module(owner.name, name, value)
        elif isinstance(owner, External):
            self._keep(node, owner, value, scope)

    def _keep(self, node: ast.expr, owner: External, value: Kind, scope: Scope) -> None:
        """An object from outside is given something to keep."""
        kept = self.engine.contents.kept_in(owner, [value])
        if kept is not owner:
            self.engine.contents.widen(node, either(owner, kept), scope)

    def _set_item(self, target: ast.Subscript, value: Kind, scope: Scope) -> None:
        owner, key = self._kind(target.value, scope), self._kind(target.slice, scope)
        for member in members(owner):
            if isinstance(member, Instance):
                self.engine.objects.invoke(scope, target, member, "__setitem__", key, value)
            elif isinstance(member, External):
                self._keep(target.value, member, value, scope)
        self.engine.contents.widen(target, value, scope)

    def _on_assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self._kind(node.value, scope)
        for target in node.targets:
            self.bind(target, value, scope)

    def _on_ann_assign(self, node: ast.AnnAssign, scope: Scope) -> None:
        value = self._kind(node.value, scope) if node.value else NO_OBJECT
        declared = self.engine.expressions.annotation(node.annotation, scope)
        self.engine.constructors.fits(scope, node, declared, value)
        kind = agreed(declared, value, self.engine.calls.is_base(declared))
        if node.value:
            self.bind(node.target, kind, scope)
        elif isinstance(node.target, ast.Name) and scope.sort != "class":
            self.engine.bind(scope, node.target.id, kind)

    def _on_aug_assign(self, node: ast.AugAssign, scope: Scope) -> None:
        value = self._kind(node.value, scope)
        before = self._kind(_loaded(node.target), scope)
        if isinstance(before, Many):
            value = Many(self.engine.objects.item(scope, node, value))
        self.bind(node.target, either(before, value), scope)

    # ---------------------------------------------------------------------- definitions

    def _on_import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = scope.text.absolute(node)
        self.engine.module(module)
        for alias in node.names:
            self.engine.touch_name(scope, node, module, alias.name)
            if alias.name != "*":
                self.engine.module(f"{module}.{alias.name}")
                found = self.engine.world.from_module(module, alias.name)
                scope.bind(alias.asname or alias.name, found)

    def _on_import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            self.engine.module(alias.name)
            scope.bind(
                alias.asname or alias.name.split(".")[0], self.engine.world.imported(scope.text, alias, node)
            )

    def _on_function_def(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        self.engine.expressions.annotation(node.returns, scope)
        for arg in [*parameters(node), *(a for a in (node.args.vararg, node.args.kwarg) if a)]:
            self.engine.expressions.annotation(arg.annotation, scope)
        plain = self.engine.calls.define(node, scope)
        found: Kind = plain
        for decorator in reversed(node.decorator_list):
            found = self._decorated(decorator, found, scope)
        is_method = scope.sort == "class" and scope.home
        if is_method and scope.home:
            scope.bind(node.name, plain)
            if found is not plain:
                self.engine.shapes.learn(scope.home, node.name, _as_method(found, scope.home))
        else:
            self.engine.bind(scope, node.name, found)

    def _decorated(self, decorator: ast.expr, function: Kind, scope: Scope) -> Kind:
        """What a decorator makes of a function."""
        made = self._kind(decorator, scope)
        name = made.name if isinstance(made, External) else ""
        last = name.rstrip("()").rpartition(".")[2]
        if last in ("contextmanager", "asynccontextmanager") and isinstance(function, Function):
            return Function(function.module, function.node, function.owner, function.bound, is_context=True)
        if last in ("fixture", "pytest_fixture") and isinstance(function, Function):
            self.engine.fixtures.add(function)
        if name.startswith("functools.singledispatch"):
            self.engine.calls.escape(function)
            return None
        if isinstance(made, External) or made is None:
            if name.partition(".")[0] not in _SAME:
                self.engine.calls.escape(function)
            return function
        result = self.engine.calls.call(scope, decorator, made, Arguments((function,)))
        return function if result in (None, NO_OBJECT) else either(function, result)

    def _on_class_def(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = [self._kind(base, scope) for base in node.bases]
        for part in [*node.decorator_list, *(k.value for k in node.keywords)]:
            self._kind(part, scope)
        class_ = Class(scope.text.name, node.name)
        if scope.sort != "module" or self.engine.shapes.node(class_) is not node:
            class_ = Class(scope.text.name, f"{node.name}@{node.lineno}")
            self.engine.shapes.local[class_] = node, bases
        inner = scope.inside("class")
        inner.home = class_
        self.engine.bind(scope, node.name, class_)
        self.body(node.body, inner)

    def _on_global(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        scope.shared.update(node.names)

    def _on_return(self, node: ast.Return, scope: Scope) -> None:
        scope.returned.append(self._kind(node.value, scope) if node.value else NO_OBJECT)

    def _on_expr(self, node: ast.Expr, scope: Scope) -> None:
        self._kind(node.value, scope)

    # ---------------------------------------------------------------------- blocks

    def _on_for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        item = self.engine.objects.item(scope, node.iter, self._kind(node.iter, scope))

        def once() -> None:
            self.bind(node.target, item, scope)
            self.body(node.body, scope)

        self._loop(once, scope)
        self.body(node.orelse, scope)

    def _on_while(self, node: ast.While, scope: Scope) -> None:
        def once() -> None:
            self._kind(node.test, scope)
            self._narrowed(node.test, node.body, scope)

        self._loop(once, scope)
        self.body(node.orelse, scope)

    def _loop(self, once: Callable[[], None], scope: Scope) -> None:
        self._loops += 1
        try:
            for _ in range(_ROUNDS if self._loops <= _DEEPEST else 1):
                before = scope.branch()
                once()
                scope.join(before, scope.branch())
                if scope.names == before.names:
                    break
        finally:
            self._loops -= 1

    def _on_with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            owner = self._kind(item.context_expr, scope)
            value = self.engine.objects.entered(scope, item.context_expr, owner)
            if item.optional_vars:
                self.bind(item.optional_vars, value, scope)
        self.body(node.body, scope)

    def _on_try(self, node: ast.Try, scope: Scope) -> None:
        before = scope.branch()
        self.body(node.body, scope)
        failed = scope.branch()
        failed.join(before, scope.branch())
        self.body(node.orelse, scope)
        branches = [scope.branch()]
        for handler in node.handlers:
            branch = failed.branch()
            self._handler(handler, branch)
            if not _ends(handler.body):
                branches.append(branch)
        scope.join(*branches)
        self.body(node.finalbody, scope)

    def _handler(self, node: ast.ExceptHandler, scope: Scope) -> None:
        found = self._kind(node.type, scope) if node.type else None
        if node.name:
            options = [inner for m in members(found) for inner in (m.items if isinstance(m, Tuple) else (m,))]
            self.engine.bind(scope, node.name, either(*map(self._caught, options)))
        self.body(node.body, scope)

    def _caught(self, kind: Kind) -> Kind:
        if isinstance(kind, Class):
            return Instance(kind)
        name = kind.name if isinstance(kind, External) else ""
        return kind if name and not name.startswith("builtins.") else None

    def _on_if(self, node: ast.If, scope: Scope) -> None:
        self._kind(node.test, scope)
        other = scope.branch()
        is_out = self._narrowed(node.test, node.body, scope)
        negated = (
            isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not) and node.test.operand
        )
        if isinstance(negated, ast.expr):
            other.names.update(self.engine.expressions.narrowed(negated, other))
        self.body(node.orelse, other)
        branches = [b for b, ends in ((scope.branch(), is_out), (other, _ends(node.orelse))) if not ends]
        scope.join(*branches)

    def _narrowed(self, test: ast.expr, body: Sequence[ast.stmt], scope: Scope) -> bool:
        """Read a body for which a test holds; whether it ends the function."""
        for name, kind in (known := self.engine.expressions.narrowed(test, scope)).items():
            known[name] = kind
        before = {name: found for name in known if (found := scope.lookup(name))}
        scope.names.update(known)
        self.body(body, scope)
        for name, kind in known.items():
            if scope.names.get(name) == kind:
                scope.names.pop(name)
                if name in before:
                    scope.names[name] = before[name][0]
        return _ends(body)

    # ---------------------------------------------------------------------- patterns

    def _on_match(self, node: ast.Match, scope: Scope) -> None:
        subject = self._kind(node.subject, scope)
        branches = [scope.branch()]
        for case in node.cases:
            branch = scope.branch()
            self._pattern(case.pattern, subject, branch)
            matched = self._matched(case.pattern, branch)
            if isinstance(node.subject, ast.Name) and matched not in (None, NO_OBJECT):
                branch.names[node.subject.id] = matched
            if case.guard:
                self._kind(case.guard, branch)
            self._narrowed(case.guard, case.body, branch) if case.guard else self.body(case.body, branch)
            branches += [] if _ends(case.body) else [branch]
        scope.join(*branches)

    def _pattern(self, node: ast.pattern, subject: Kind, scope: Scope) -> None:
        if isinstance(node, ast.MatchClass):
            self._class_pattern(node, subject, scope)
        elif isinstance(node, ast.MatchValue):
            self._kind(node.value, scope)
        elif isinstance(node, ast.MatchAs):
            if node.pattern:
                self._pattern(node.pattern, subject, scope)
            if node.name:
                matched = self._matched(node.pattern, scope) if node.pattern else None
                self.engine.bind(scope, node.name, subject if matched in (None, NO_OBJECT) else matched)
        elif isinstance(node, ast.MatchOr):
            for child in node.patterns:
                self._pattern(child, subject, scope)
        elif isinstance(node, ast.MatchSequence):
            self._sequence(node, subject, scope)
        elif isinstance(node, ast.MatchMapping):
            self._mapping(node, subject, scope)

    def _sequence(self, node: ast.MatchSequence, subject: Kind, scope: Scope) -> None:
        whole = self.engine.objects.item(scope, ast.Pass(lineno=node.lineno), subject)
        parts = self.engine.objects.parts(scope, node, subject, len(node.patterns))
        has_star = any(isinstance(child, ast.MatchStar) for child in node.patterns)
        for child, part in zip(node.patterns, parts):
            if isinstance(child, ast.MatchStar):
                if child.name:
                    self.engine.bind(scope, child.name, Many(whole))
            else:
                self._pattern(child, whole if has_star else part, scope)

    def _mapping(self, node: ast.MatchMapping, subject: Kind, scope: Scope) -> None:
        for key, child in zip(node.keys, node.patterns):
            self._pattern(
                child, self.engine.objects.subscript(scope, key, subject, self._kind(key, scope)), scope
            )
        if node.rest:
            self.engine.bind(scope, node.rest, subject)

    def _matched(self, node: ast.pattern | None, scope: Scope) -> Kind:
        if isinstance(node, ast.MatchAs):
            return self._matched(node.pattern, scope)
        options = node.patterns if isinstance(node, ast.MatchOr) else [node]
        found = [self._kind(o.cls, scope) if isinstance(o, ast.MatchClass) else None for o in options]
        return either(*(Instance(k) if isinstance(k, Class) else None for k in found))

    def _class_pattern(self, node: ast.MatchClass, subject: Kind, scope: Scope) -> None:
        kind = self._kind(node.cls, scope)
        if isinstance(kind, Class):
            subject = Instance(kind)
        for name, pattern in zip(node.kwd_attrs, node.kwd_patterns):
            found = self.engine.objects.attribute(scope, pattern, subject, name) if name else None
            self._pattern(pattern, found, scope)
        parts = self.engine.objects.parts(scope, node, subject, len(node.patterns))
        for pattern, part in zip(node.patterns, parts):
            self._pattern(pattern, subject if isinstance(kind, External) else part, scope)


def _as_method(kind: Kind, home: Class) -> Kind:
    """A decorated function in a class's body: the object is its first argument."""
    made = [
        Function(m.module, m.node, home, True, m.is_context) if isinstance(m, Function) else m
        for m in members(kind)
    ]
    return either(*made)


def _ends(body: Sequence[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], _ENDS)


def _loaded(node: ast.expr) -> ast.expr:
    """The same place, to be read."""
    if isinstance(node, ast.Attribute):
        return ast.copy_location(ast.Attribute(node.value, node.attr, ast.Load()), node)
    if isinstance(node, ast.Subscript):
        return ast.copy_location(ast.Subscript(node.value, node.slice, ast.Load()), node)
    return node


_HANDLERS: Mapping[type[ast.stmt], Callable[[Any, Any, Scope], None]] = {
    ast.ImportFrom: Statements._on_import_from,
    ast.Import: Statements._on_import,
    ast.FunctionDef: Statements._on_function_def,
    ast.AsyncFunctionDef: Statements._on_function_def,
    ast.ClassDef: Statements._on_class_def,
    ast.Global: Statements._on_global,
    ast.Nonlocal: Statements._on_global,
    ast.Assign: Statements._on_assign,
    ast.AnnAssign: Statements._on_ann_assign,
    ast.AugAssign: Statements._on_aug_assign,
    ast.For: Statements._on_for,
    ast.AsyncFor: Statements._on_for,
    ast.While: Statements._on_while,
    ast.With: Statements._on_with,
    ast.AsyncWith: Statements._on_with,
    ast.Try: Statements._on_try,
    ast.Return: Statements._on_return,
    ast.Expr: Statements._on_expr,
    ast.If: Statements._on_if,
    ast.Match: Statements._on_match,
}
if hasattr(ast, "TryStar"):  # Python 3.11
    _HANDLERS = {**_HANDLERS, ast.TryStar: Statements._on_try}
__all__ = ["FUNCTIONS", "SCALAR", "Derived", "NoObject", "Statements", "Text"]
