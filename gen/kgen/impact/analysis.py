"""What is known of a project while it is read: shared by the parts that read it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from .call_arguments import Callable_
from .kinds import NO_OBJECT, Function, Kind, either
from .module_source import ModuleSource
from .parts import (
    BindingPart,
    CallPart,
    ConstructorPart,
    ContentPart,
    ExpressionPart,
    FixturePart,
    ObjectPart,
    PatternPart,
    StatementPart,
    StringPart,
)
from .project_index import ProjectIndex
from .scopes import Scope
from .shapes import Shapes
from .uses import FoundUses


@dataclass
class Analysis:
    """What is known, and the parts as they know one another."""

    index: ProjectIndex
    shapes: Shapes
    report: FoundUses
    wanted: list[ModuleSource]
    modules: dict[str, Scope] = field(default_factory=dict)
    scopes: dict[Callable_, Scope] = field(default_factory=dict)  # that functions are defined in
    defaults: dict[Callable_, dict[str, Kind]] = field(default_factory=dict)
    waiting: dict[Callable_, Function] = field(default_factory=dict)  # functions that nothing has called yet
    rebound: set[tuple[str, str]] = field(default_factory=set)  # names of modules that are set elsewhere

    objects: ObjectPart = field(init=False)
    expressions: ExpressionPart = field(init=False)
    calls: CallPart = field(init=False)
    constructors: ConstructorPart = field(init=False)
    contents: ContentPart = field(init=False)
    strings: StringPart = field(init=False)
    fixtures: FixturePart = field(init=False)
    bindings: BindingPart = field(init=False)
    patterns: PatternPart = field(init=False)
    statements: StatementPart = field(init=False)

    def module(self, name: str) -> Scope | None:
        """A module's names; it is read when it is asked for the first time."""
        text = self.index.texts.get(name)
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
        elif owner.sort == "class" and owner.class_:
            scope.bind(name, kind)
            self.shapes.learn(owner.class_, name, kind)
        elif owner.sort == "module":
            known = self.index.values.get((owner.text.name, name), NO_OBJECT)
            self.index.values[owner.text.name, name] = either(known, kind)
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
        self.index.values[module, name] = either(self.index.values.get((module, name), NO_OBJECT), kind)
        if module in self.modules:
            names = self.modules[module].names
            names[name] = either(names.get(name, NO_OBJECT), kind)

    def on_name_use(self, scope: Scope, node: ast.AST, module: str, name: str) -> None:
        """A module's name is used, and those that it stands for by an import of everything."""
        self.report.on_name_use(scope.text, node, module, name)
        for origin, same in self.index.origins(module, name):
            self.report.on_name_use(scope.text, node, origin, same)
