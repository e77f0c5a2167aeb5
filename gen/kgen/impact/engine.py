"""Reads a project: every module that reaches what changed, twice, so that what a later line puts into an
attribute or a module's name is known to an earlier one.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from . import calls, constructors, contents, expressions, fixtures, objects, statements, strings
from .call_arguments import UNKNOWN, Callable_
from .kinds import NO_OBJECT, Function, Kind, either
from .scopes import Scope
from .shapes import Shapes
from .text import ModuleSource
from .uses import FoundUses
from .world import ProjectIndex


@dataclass
class Engine:
    """What is known of a project while it is read, and the parts that read it."""

    world: ProjectIndex
    shapes: Shapes
    report: FoundUses
    wanted: list[ModuleSource]
    modules: dict[str, Scope] = field(default_factory=dict)
    scopes: dict[Callable_, Scope] = field(default_factory=dict)  # that functions are defined in
    defaults: dict[Callable_, dict[str, Kind]] = field(default_factory=dict)
    waiting: dict[Callable_, Function] = field(default_factory=dict)  # functions that nothing has called yet
    rebound: set[tuple[str, str]] = field(default_factory=set)  # names of modules that are set elsewhere

    def __post_init__(self) -> None:
        self.objects = objects.Objects(self)
        self.expressions = expressions.Expressions(self)
        self.calls = calls.Calls(self)
        self.constructors = constructors.Constructors(self)
        self.contents = contents.Contents(self)
        self.strings = strings.Strings(self)
        self.fixtures = fixtures.Fixtures(self)
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
        text = function and self.world.texts[function.module]
        if function and text and (text in self.wanted or self.calls.is_escaped(node)):
            try:
                self.calls.run(function, UNKNOWN, is_last=True)
            except RecursionError:
                self.report.broken(text.path, node.lineno)

    def module(self, name: str) -> Scope | None:
        """A module's names; it is read when it is asked for the first time."""
        text = self.world.texts.get(name)
        if text is None or name in self.shapes.generated:
            return None
        if name not in self.modules:
            self.modules[name] = Scope(text)
            self.statements.body(text.tree.body, self.modules[name])
        return self.modules[name]

    # ---------------------------------------------------------------------- names

    def bind(self, scope: Scope, name: str, kind: Kind) -> None:
        """Give a name its value."""
        owner = scope.owner()
        if name in owner.shared:
            self._share(owner, name, kind)
        elif owner.sort == "class" and owner.home:
            scope.bind(name, kind)
            self.shapes.learn(owner.home, name, kind)
        elif owner.sort == "module":
            known = self.world.values.get((owner.text.name, name), NO_OBJECT)
            self.world.values[owner.text.name, name] = either(known, kind)
            is_fixed = (owner.text.name, name) not in self.rebound
            scope.bind(name, kind if is_fixed else either(known, kind))
        else:
            scope.bind(name, kind)

    def _share(self, scope: Scope, name: str, kind: Kind) -> None:
        """A name of a scope around this one is set."""
        for outer in list(scope.chain())[1:]:
            if outer.sort == "module" or name in outer.names:
                self.widen(outer, name, kind)
                return

    def widen(self, scope: Scope, name: str, kind: Kind) -> None:
        """A name may be something else, too."""
        scope.names[name] = either(scope.names.get(name, NO_OBJECT), kind)
        if scope.sort == "module":
            self.set_in_module(scope.text.name, name, kind)

    def set_in_module(self, module: str, name: str, kind: Kind) -> None:
        """A module's name is set from elsewhere."""
        self.rebound.add((module, name))
        self.world.values[module, name] = either(self.world.values.get((module, name), NO_OBJECT), kind)
        if module in self.modules:
            names = self.modules[module].names
            names[name] = either(names.get(name, NO_OBJECT), kind)

    def touch_name(self, scope: Scope, node: ast.AST, module: str, name: str) -> None:
        """A module's name is used, and those that it stands for by an import of everything."""
        self.report.touch_name(scope.text, node, module, name)
        for origin, same in self.world.origins(module, name):
            self.report.touch_name(scope.text, node, origin, same)
