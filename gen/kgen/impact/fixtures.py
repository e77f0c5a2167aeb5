"""What pytest gives tests and fixtures by the names of their parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from .analysis import Analysis
from .call_arguments import UNKNOWN
from .kinds import SCALAR, Function, Kind, Many, either, texts
from .scopes import Scope

_OF_PYTEST = {
    "monkeypatch",
    "tmp_path",
    "capsys",
    "caplog",
    "request",
    "tmp_path_factory",
    "recwarn",
    "mocker",
}


@dataclass
class Fixtures:
    """The fixtures of a project by their names."""

    analysis: Analysis
    known: dict[str, list[Function]] = field(default_factory=dict)

    def add(self, function: Function) -> None:
        """A function that is decorated as a fixture."""
        found = self.known.setdefault(getattr(function.node, "name", ""), [])
        if function not in found:
            found.append(function)

    def given(self, function: Function, names: Iterable[str], scope: Scope) -> dict[str, Kind]:
        """The parameters of a test or a fixture that pytest fills in."""
        node = function.node
        if isinstance(node, ast.Lambda) or not (node.name.startswith("test") or node.name in self.known):
            return {}
        found: dict[str, Kind] = {name: SCALAR for name in names if name in _OF_PYTEST}
        for name in names:
            if fixtures := self.known.get(name):
                found[name] = either(*map(self._of, fixtures))
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("parametrize"):
                found.update(self._parametrized(decorator, scope))
        return found

    def _of(self, function: Function) -> Kind:
        made = self.analysis.calls.run(function, UNKNOWN, is_last=True)
        has_yield = any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in ast.walk(function.node))
        return made.item if has_yield and isinstance(made, Many) else made

    def _parametrized(self, node: ast.Call, scope: Scope) -> dict[str, Kind]:
        given = self.analysis.expressions.arguments(node, scope)
        names = [n.strip() for text in texts(given.get(0)) for n in text.split(",")]
        item = self.analysis.objects.item(scope, node, given.get(1))
        if len(names) == 1:
            return {names[0]: item}
        return dict(zip(names, self.analysis.objects.parts(scope, node, item, len(names))))
