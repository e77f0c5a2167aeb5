"""Reads a module of the user's, statement by statement: what its names are bound to, where and how fields are
used.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .expressions import Callable_, Expressions, Scope, annotated
from .kinds import Class, Function, Instance, Kind, either, item_of


class Reader(Expressions):
    """Reads one module."""

    def read(self) -> None:
        """Read the whole module; functions without annotations as they are called, or else at the end."""
        self._body(self.text.tree.body, Scope({}))
        while self.waiting:
            node, _ = self.waiting.popitem()
            self.run(node, self.scopes[node], [], self.scopes[node].home)

    def run(self, node: Callable_, scope: Scope, given: Sequence[Kind], owner: Class | None) -> Kind:
        """Read a function's body with arguments of such kinds; what it gives."""
        inner = scope.inner(self._parameters(node.args, scope, given, owner))
        inner.home = None
        if isinstance(node, ast.Lambda):
            return self.kind(node.body, inner)
        self._body(node.body, inner)
        return either(*inner.returned)

    def _parameters(
        self, args: ast.arguments, scope: Scope, given: Sequence[Kind], owner: Class | None
    ) -> dict[str, Kind]:
        plain = [*args.posonlyargs, *args.args]
        found: dict[str, Kind] = {a.arg: None for a in (args.vararg, args.kwarg) if a}
        kinds = [*given[: len(plain)], *[None] * (len(plain) + len(args.kwonlyargs))]
        for arg, kind in zip([*plain, *args.kwonlyargs], kinds):
            declared = self.annotation(arg.annotation, scope)
            if arg.arg in ("self", "cls") and owner and arg is plain[0]:
                kind = Instance(owner) if arg.arg == "self" else owner
            found[arg.arg] = kind if declared is None else declared
        return found

    def _body(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        for node in body:
            self._statement(node, scope)

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        if handler := _HANDLERS.get(type(node)):
            handler(self, node, scope)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.kind(child, scope)

    def _on_import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = self.text.absolute(node)
        for alias in node.names:
            self.touch_name(node, module, alias.name)
            if alias.name != "*":
                scope.names[alias.asname or alias.name] = self.world.imported(self.text, alias, node)

    def _on_import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            scope.names[alias.asname or alias.name.split(".")[0]] = self.world.imported(
                self.text, alias, node
            )

    def _on_function_def(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        for decorator in node.decorator_list:
            self.kind(decorator, scope)
        self.annotation(node.returns, scope)
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            self.kind(default, scope)
        scope.names[node.name] = Function(self.text.name, node, scope.home)
        self.scopes[node] = Scope((scope.around or scope).names, home=scope.home)
        if annotated(node):
            self.run(node, self.scopes[node], [], scope.home)
        else:
            self.waiting[node] = None

    def _on_class_def(self, node: ast.ClassDef, scope: Scope) -> None:
        for part in [*node.decorator_list, *node.bases, *(k.value for k in node.keywords)]:
            self.kind(part, scope)
        class_ = Class(self.text.name, node.name)
        scope.names[node.name] = class_
        inner = scope.inner()
        inner.home, inner.around = class_, scope
        self._body(node.body, inner)

    def _on_assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.kind(node.value, scope)
        for target in node.targets:
            self.bind(target, value, scope)

    def _on_ann_assign(self, node: ast.AnnAssign, scope: Scope) -> None:
        value = self.kind(node.value, scope)
        declared = self.annotation(node.annotation, scope)
        self.fits(node, declared, value)
        self.bind(node.target, value if declared is None else declared, scope)

    def _on_for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self.bind(node.target, item_of(self.kind(node.iter, scope)), scope)
        self._body([*node.body, *node.orelse], scope)

    def _on_with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = self.kind(item.context_expr, scope)
            if item.optional_vars:
                self.bind(item.optional_vars, value, scope)
        self._body(node.body, scope)

    def _on_try(self, node: ast.Try, scope: Scope) -> None:
        self._body(node.body, scope)
        for handler in node.handlers:
            self.kind(handler.type, scope)
            self._body(handler.body, scope)
        self._body([*node.orelse, *node.finalbody], scope)

    def _on_return(self, node: ast.Return, scope: Scope) -> None:
        scope.returned.append(self.kind(node.value, scope))

    def _on_if(self, node: ast.If | ast.While, scope: Scope) -> None:
        self.kind(node.test, scope)
        inner = scope.inner(self.narrowed(node.test, scope))
        inner.returned = scope.returned
        self._body(node.body, inner)
        for name, kind in inner.names.items():
            scope.names.setdefault(name, kind)
        self._body(node.orelse, scope)

    def _on_match(self, node: ast.Match, scope: Scope) -> None:
        subject = self.kind(node.subject, scope)
        for case in node.cases:
            self._pattern(case.pattern, subject, scope)
            self.kind(case.guard, scope)
            self._body(case.body, scope)

    def _pattern(self, node: ast.pattern, subject: Kind, scope: Scope) -> None:
        if isinstance(node, ast.MatchClass):
            self._class_pattern(node, scope)
        elif isinstance(node, ast.MatchValue):
            self.kind(node.value, scope)
        elif isinstance(node, ast.MatchAs):
            if node.pattern:
                self._pattern(node.pattern, subject, scope)
            if node.name:
                matched = node.pattern and self._matched(node.pattern, scope)
                scope.names[node.name] = matched or subject
        else:
            inner = [*getattr(node, "patterns", [])]
            for child in inner:
                self._pattern(child, subject if isinstance(node, ast.MatchOr) else item_of(subject), scope)

    def _matched(self, node: ast.pattern, scope: Scope) -> Kind:
        options = node.patterns if isinstance(node, ast.MatchOr) else [node]
        found = [self.kind(o.cls, scope) for o in options if isinstance(o, ast.MatchClass)]
        return either(*(Instance(k) for k in found if isinstance(k, Class)))

    def _class_pattern(self, node: ast.MatchClass, scope: Scope) -> None:
        kind = self.kind(node.cls, scope)
        instance = Instance(kind) if isinstance(kind, Class) else None
        for name, pattern in zip(node.kwd_attrs, node.kwd_patterns):
            self._pattern(pattern, self.attribute(pattern, instance, name, "load"), scope)
        for pattern in node.patterns:
            self._pattern(pattern, instance, scope)


_HANDLERS: Mapping[type[ast.stmt], Callable[[Any, Any, Scope], None]] = {
    ast.ImportFrom: Reader._on_import_from,
    ast.Import: Reader._on_import,
    ast.FunctionDef: Reader._on_function_def,
    ast.AsyncFunctionDef: Reader._on_function_def,
    ast.ClassDef: Reader._on_class_def,
    ast.Assign: Reader._on_assign,
    ast.AnnAssign: Reader._on_ann_assign,
    ast.For: Reader._on_for,
    ast.AsyncFor: Reader._on_for,
    ast.With: Reader._on_with,
    ast.AsyncWith: Reader._on_with,
    ast.Try: Reader._on_try,
    ast.Return: Reader._on_return,
    ast.If: Reader._on_if,
    ast.While: Reader._on_if,
    ast.Match: Reader._on_match,
}
if hasattr(ast, "TryStar"):  # Python 3.11
    _HANDLERS = {**_HANDLERS, ast.TryStar: Reader._on_try}
