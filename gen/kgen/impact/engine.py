"""Reads a project: every module that reaches what changed, twice, so that what a later line puts into an
attribute or a module's name is known to an earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import (
    bindings,
    calls,
    constructors,
    contents,
    expressions,
    fixtures,
    objects,
    patterns,
    statements,
    strings,
)
from .analysis import Analysis
from .call_arguments import UNKNOWN, Callable_


@dataclass
class Engine(Analysis):
    """The analysis with the parts that read a project."""

    def __post_init__(self) -> None:
        self.objects = objects.Objects(self)
        self.expressions = expressions.Expressions(self)
        self.calls = calls.Calls(self)
        self.constructors = constructors.Constructors(self)
        self.contents = contents.Contents(self)
        self.strings = strings.Strings(self)
        self.fixtures = fixtures.Fixtures(self)
        self.bindings = bindings.Bindings(self)
        self.patterns = patterns.Patterns(self)
        self.statements = statements.Statements(self)

    def read(self) -> None:
        """Read everything; what is found goes to the report."""
        for self.report.is_muted in (True, False):
            self._forget()
            for text in self.wanted:
                self.module(text.name)
            self._rest()

    def _forget(self) -> None:
        for known in (self.modules, self.scopes, self.defaults, self.waiting):
            known.clear()
        self.shapes.forget()
        self.calls.forget()

    def _rest(self) -> None:
        """The functions that nothing calls, and those that are called from outside: first those that nothing
        names, then the last of a module first, as functions mostly call earlier ones.
        """
        named = frozenset().union(*(text.mentioned for text in self.wanted))
        for node in [n for n in self.waiting if getattr(n, "name", "") not in named]:
            self._last(node)
        while self.waiting:
            self._last(next(reversed(self.waiting)))

    def _last(self, node: Callable_) -> None:
        """Modules that import nothing of the model are read for what others call in them."""
        function = self.waiting.pop(node, None)
        text = function and self.index.texts[function.module]
        if function and text and (text in self.wanted or self.calls.is_escaped(node)):
            try:
                self.calls.run(function, UNKNOWN, is_last=True)
            except RecursionError:
                self.report.broken(text.path, node.lineno)
