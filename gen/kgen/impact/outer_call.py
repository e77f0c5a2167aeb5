"""A call of a function that lies outside of the project."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .analysis import Analysis
from .call_arguments import Arguments
from .kinds import (
    NO_OBJECT,
    Kind,
)
from .scopes import Scope


@dataclass
class Call:
    """A call of something from outside."""

    analysis: Analysis
    scope: Scope
    node: ast.AST
    name: str  # dotted
    given: Arguments

    def arg(self, number: int, name: str = "") -> Kind:
        """An argument; unknown where it is not given."""
        found = self.given.get(number, name)
        return None if found == NO_OBJECT else found

    def has(self, number: int, name: str = "") -> bool:
        """Whether an argument is given."""
        return self.given.get(number, name) != NO_OBJECT

    def item(self, kind: Kind) -> Kind:
        """What iterating gives."""
        return self.analysis.objects.item(self.scope, self.node, kind)

    def back(self, function: Kind, *args: Kind) -> Kind:
        """What a callback gives for such arguments."""
        if function in (None, NO_OBJECT):
            return None
        return self.analysis.calls.call(self.scope, self.node, function, Arguments(args))

    @property
    def places(self) -> list[ast.expr]:
        """The positional arguments as they are written."""
        return self.node.args if isinstance(self.node, ast.Call) else []


Handler: TypeAlias = Callable[[Call], Kind]
