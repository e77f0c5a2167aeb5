"""Reads statements one after another: what names are bound to, branch by branch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .analysis import Analysis
from .call_arguments import Arguments, agreed, parameters
from .kinds import (
    NO_OBJECT,
    Class,
    External,
    Function,
    Instance,
    Kind,
    Many,
    Tuple,
    either,
    members,
)
from .scopes import Scope

_ROUNDS = 3  # of a loop, until its names stay as they are
_DEEPEST = 3  # loop in loops that is read in rounds
_ENDS = (ast.Return, ast.Raise)
_SAME = {"functools", "typing", "typing_extensions", "abc", "dataclasses", "builtins", "contextlib", "pytest"}
"""Modules whose decorators leave a function what it is."""


@dataclass
class Statements:
    """Reads statements."""

    analysis: Analysis
    _loops: int = 0

    def body(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        """Read statements in their order."""
        for node in body:
            try:
                self._statement(node, scope)
            except RecursionError:
                self.analysis.report.broken(scope.text.path, node.lineno)

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        if handler := _HANDLERS.get(type(node)):
            handler(self, node, scope)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._kind(child, scope)

    def _kind(self, node: ast.expr | None, scope: Scope) -> Kind:
        return self.analysis.expressions.kind(node, scope)

    # ---------------------------------------------------------------------- names

    def _on_assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self._kind(node.value, scope)
        for target in node.targets:
            self.analysis.bindings.bind(target, value, scope)

    def _on_ann_assign(self, node: ast.AnnAssign, scope: Scope) -> None:
        value = self._kind(node.value, scope) if node.value else NO_OBJECT
        declared = self.analysis.expressions.annotation(node.annotation, scope)
        self.analysis.constructors.fits(scope, node, declared, value)
        kind = agreed(declared, value, self.analysis.calls.is_base(declared))
        if node.value:
            self.analysis.bindings.bind(node.target, kind, scope)
        elif isinstance(node.target, ast.Name) and scope.sort != "class":
            self.analysis.bind(scope, node.target.id, kind)

    def _on_aug_assign(self, node: ast.AugAssign, scope: Scope) -> None:
        value = self._kind(node.value, scope)
        before = self._kind(_loaded(node.target), scope)
        if isinstance(before, Many):
            value = Many(self.analysis.objects.item(scope, node, value))
        self.analysis.bindings.bind(node.target, either(before, value), scope)

    # ---------------------------------------------------------------------- definitions

    def _on_import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = scope.text.absolute(node)
        self.analysis.module(module)
        for alias in node.names:
            self.analysis.on_name_use(scope, node, module, alias.name)
            if alias.name != "*":
                self.analysis.module(f"{module}.{alias.name}")
                found = self.analysis.index.from_module(module, alias.name)
                scope.bind(alias.asname or alias.name, found)

    def _on_import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            self.analysis.module(alias.name)
            scope.bind(
                alias.asname or alias.name.split(".")[0],
                self.analysis.index.imported(scope.text, alias, node),
            )

    def _on_function_def(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        self.analysis.expressions.annotation(node.returns, scope)
        for arg in [*parameters(node), *(a for a in (node.args.vararg, node.args.kwarg) if a)]:
            self.analysis.expressions.annotation(arg.annotation, scope)
        plain = self.analysis.calls.define(node, scope)
        found: Kind = plain
        for decorator in reversed(node.decorator_list):
            found = self._decorated(decorator, found, scope)
        is_method = scope.sort == "class" and scope.class_
        if is_method and scope.class_:
            scope.bind(node.name, plain)
            if found is not plain:
                self.analysis.shapes.learn(scope.class_, node.name, _as_method(found, scope.class_))
        else:
            self.analysis.bind(scope, node.name, found)

    def _decorated(self, decorator: ast.expr, function: Kind, scope: Scope) -> Kind:
        """What a decorator makes of a function."""
        made = self._kind(decorator, scope)
        name = made.name if isinstance(made, External) else ""
        last = name.rstrip("()").rpartition(".")[2]
        if last in ("contextmanager", "asynccontextmanager") and isinstance(function, Function):
            return Function(function.module, function.node, function.owner, function.bound, is_context=True)
        if last in ("fixture", "pytest_fixture") and isinstance(function, Function):
            self.analysis.fixtures.add(function)
        if name.startswith("functools.singledispatch"):
            self.analysis.calls.escape(function)
            return None
        if isinstance(made, External) or made is None:
            if name.partition(".")[0] not in _SAME:
                self.analysis.calls.escape(function)
            return function
        result = self.analysis.calls.call(scope, decorator, made, Arguments((function,)))
        return function if result in (None, NO_OBJECT) else either(function, result)

    def _on_class_def(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = [self._kind(base, scope) for base in node.bases]
        for part in [*node.decorator_list, *(k.value for k in node.keywords)]:
            self._kind(part, scope)
        class_ = Class(scope.text.name, node.name)
        if scope.sort != "module" or self.analysis.shapes.node(class_) is not node:
            class_ = Class(scope.text.name, f"{node.name}@{node.lineno}")
            self.analysis.shapes.local[class_] = node, bases
        inner = scope.inside("class")
        inner.class_ = class_
        self.analysis.bind(scope, node.name, class_)
        self.body(node.body, inner)

    def _on_global(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        scope.shared.update(node.names)

    def _on_return(self, node: ast.Return, scope: Scope) -> None:
        scope.returned.append(self._kind(node.value, scope) if node.value else NO_OBJECT)

    def _on_expr(self, node: ast.Expr, scope: Scope) -> None:
        self._kind(node.value, scope)

    # ---------------------------------------------------------------------- blocks

    def _on_for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        item = self.analysis.objects.item(scope, node.iter, self._kind(node.iter, scope))

        def once() -> None:
            self.analysis.bindings.bind(node.target, item, scope)
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
            value = self.analysis.objects.entered(scope, item.context_expr, owner)
            if item.optional_vars:
                self.analysis.bindings.bind(item.optional_vars, value, scope)
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
            self.analysis.bind(scope, node.name, either(*map(self._caught, options)))
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
            other.names.update(self.analysis.expressions.narrowed(negated, other))
        self.body(node.orelse, other)
        branches = [b for b, ends in ((scope.branch(), is_out), (other, _ends(node.orelse))) if not ends]
        scope.join(*branches)

    def _narrowed(self, test: ast.expr, body: Sequence[ast.stmt], scope: Scope) -> bool:
        """Read a body for which a test holds; whether it ends the function."""
        for name, kind in (known := self.analysis.expressions.narrowed(test, scope)).items():
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
            self.analysis.patterns.match(case.pattern, subject, branch)
            matched = self.analysis.patterns.matched(case.pattern, branch)
            if isinstance(node.subject, ast.Name) and matched not in (None, NO_OBJECT):
                branch.names[node.subject.id] = matched
            if case.guard:
                self._kind(case.guard, branch)
            self._narrowed(case.guard, case.body, branch) if case.guard else self.body(case.body, branch)
            branches += [] if _ends(case.body) else [branch]
        scope.join(*branches)


def _as_method(kind: Kind, definer: Class) -> Kind:
    """A decorated function in a class's body: the object is its first argument."""
    made = [
        Function(m.module, m.node, definer, True, m.is_context) if isinstance(m, Function) else m
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
