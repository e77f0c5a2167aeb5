"""Objects of the project's classes that are made, and those given where an annotation wants others."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import cached_property

from .analysis import Analysis
from .call_arguments import Arguments, parameters
from .kinds import NO_OBJECT, Class, Derived, Function, Instance, Kind, Many, either, members, texts
from .scopes import Scope
from .uses import ANY


@dataclass
class Constructors:
    """Reads constructions, and checks what functions are called with."""

    analysis: Analysis

    def make(self, scope: Scope, node: ast.AST, class_: Class, given: Arguments) -> Kind:
        """An object is made; an enum's member is looked up by its value."""
        if self.analysis.shapes.is_enum(class_):
            names = texts(given.get(0))
            for name in names or ([ANY] if given.get(0) != NO_OBJECT else []):
                self.analysis.report.on_use(scope.text, node, "load", class_, name, certain=bool(names))
            return Instance(class_)
        self.store(scope, node, class_, given)
        self._run(scope, node, class_, "__init__", Instance(class_), given)
        if self.analysis.shapes.owner(class_, "__init__") is None:
            self._set_fields(class_, given)
        return either(Instance(class_), self._run(scope, node, class_, "__new__", class_, given))

    def _run(
        self, scope: Scope, node: ast.AST, class_: Class, name: str, receiver: Kind, given: Arguments
    ) -> Kind:
        shapes = self.analysis.shapes
        definer = shapes.owner(class_, name)
        found: list[Kind] = []
        for member in members(shapes.attribute(definer, name)) if definer else ():
            if isinstance(member, Function):
                self.check(scope, node, member, given)
                if name == "__init__":
                    found.append(self.analysis.calls.run(replace(member, receiver=receiver), given))
                else:
                    plain = replace(member, bound=False)
                    found.append(self.analysis.calls.run(plain, given.after(receiver)))
        return either(*found)

    def _set_fields(self, class_: Class, given: Arguments) -> None:
        """The fields of a dataclass, a NamedTuple or such are set."""
        shapes = self.analysis.shapes
        if class_.module not in shapes.generated:
            for name, kind in [*zip(shapes.fields(class_), given.args), *given.named]:
                if definer := shapes.owner(class_, name):
                    shapes.learn(definer, name, kind)

    def store(self, scope: Scope, node: ast.AST, class_: Class, given: Arguments) -> None:
        """A constructor is called, or what stands for it: `replace(x, …)`, `super().__init__(…)`."""
        for definer in self.analysis.shapes.line(class_):
            if definer.module in self.analysis.shapes.generated:
                self._store(scope, node, definer, given, certain=True)
            elif self.analysis.shapes.has(definer, "__init__"):
                return

    def _store(self, scope: Scope, node: ast.AST, class_: Class, given: Arguments, *, certain: bool) -> None:
        report = self.analysis.report
        places = {k.arg: k for k in node.keywords} if isinstance(node, ast.Call) else {}
        for name in given.given():
            report.on_use(scope.text, places.get(name, node), "store", class_, name, certain=certain)
        if given.more != NO_OBJECT:
            report.on_use(scope.text, node, "store", class_, ANY, certain=False)
        if not given.args:
            is_all = given.more == NO_OBJECT and certain
            report.on_use(scope.text, node, "call", class_, "", given.given(), certain=is_all)

    def suspect(self, scope: Scope, node: ast.AST, given: Arguments) -> None:
        """Something is called that may be a class of the model, if the keywords are those of one."""
        if not given.named or given.args:
            return
        for class_ in self._changed.get(min(given.given()), ()):
            if self._may_make(class_, given):
                self._store(scope, node, class_, given, certain=False)

    @cached_property
    def _changed(self) -> dict[str, list[Class]]:
        """The classes of which something changed, by the names of their fields."""
        found: dict[str, list[Class]] = {}
        for class_ in self.analysis.report.owners:
            for name in self.analysis.shapes.fields(class_):
                found.setdefault(name, []).append(class_)
        return found

    def _may_make(self, class_: Class, given: Arguments) -> bool:
        names, shapes = given.given(), self.analysis.shapes
        has_all = shapes.required(class_) <= names or given.more != NO_OBJECT
        return names <= set(shapes.fields(class_)) and has_all

    # ---------------------------------------------------------------------- annotations

    def check(self, scope: Scope, node: ast.AST, function: Function, given: Arguments) -> None:
        """Hold what a function is called with against its annotations and the names of its parameters."""
        args = list(parameters(function.node))[function.bound :]
        named = dict(given.named)
        pairs = [*zip(args, given.args), *((arg, named[arg.arg]) for arg in args if arg.arg in named)]
        for parameter, kind in pairs:
            declared = self.analysis.index.annotation(function.module, parameter.annotation)
            self.fits(scope, node, declared, kind)
        if any(isinstance(member, Derived) for member in members(given.more)):
            names = [arg.arg for arg in args[len(given.args) :] if arg.arg not in named]
            self.analysis.report.suspect(scope.text, node, "load", names)

    def fits(self, scope: Scope, node: ast.AST, declared: Kind, given: Kind) -> None:
        """Report where an object may be of a class that the annotation of its place does not name, or does
        not have what a Protocol wants.
        """
        if isinstance(declared, Many) and isinstance(given, Many):
            self.fits(scope, node, declared.item, given.item)
        wanted = [k for k in members(declared) if isinstance(k, Instance)]
        for member in members(given) if wanted else ():
            if isinstance(member, Instance) and member not in wanted:
                self.analysis.report.on_use(scope.text, node, "missing", member.of, "")
                for protocol in (k.of for k in wanted if self.analysis.shapes.is_protocol(k.of)):
                    self._satisfies(scope, node, member.of, protocol, ())

    def _satisfies(
        self, scope: Scope, node: ast.AST, class_: Class, protocol: Class, seen: tuple[Class, ...]
    ) -> None:
        """The names of a Protocol are asked of an object."""
        shapes = self.analysis.shapes
        for name in shapes.declared(protocol) if protocol not in seen else ():
            if definer := shapes.owner(class_, name):
                self.analysis.report.on_use(scope.text, node, "load", definer, name)
                wanted = shapes.attribute(protocol, name)
                if isinstance(wanted, Function) and not isinstance(wanted.node, ast.Lambda):
                    wanted = self.analysis.index.annotation(protocol.module, wanted.node.returns)
                inner = [
                    m.of for m in members(wanted) if isinstance(m, Instance) and shapes.is_protocol(m.of)
                ]
                own = [m.of for m in members(shapes.attribute(definer, name)) if isinstance(m, Instance)]
                for each, other in ((a, b) for a in own for b in inner):
                    self._satisfies(scope, node, each, other, (*seen, protocol))
