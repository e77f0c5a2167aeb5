"""The names of a module, a function, a class's body or a comprehension while it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from .kinds import Class, Kind, either
from .module_source import ModuleSource

Sort: TypeAlias = Literal["module", "function", "class", "inner"]
"""`inner`: a comprehension or an operand, in which `:=` binds names of the scope around it."""


@dataclass
class Scope:
    """Names, what is returned and yielded, and the class whose body or method this is."""

    text: ModuleSource
    sort: Sort = "module"
    names: dict[str, Kind] = field(default_factory=dict)
    around: Scope | None = None
    class_: Class | None = None
    shared: set[str] = field(default_factory=set)  # declared `global` or `nonlocal`
    returned: list[Kind] = field(default_factory=list)
    yielded: list[Kind] = field(default_factory=list)

    def inside(self, sort: Sort, names: Mapping[str, Kind] | None = None) -> Scope:
        """A scope inside of this one."""
        inner = Scope(self.text, sort, dict(names or {}), self, self.class_)
        if sort == "inner":
            inner.returned, inner.yielded, inner.shared = self.returned, self.yielded, self.shared
        return inner

    def branch(self) -> Scope:
        """The same scope in one branch of the code; `join` brings the branches together."""
        return replace(self, names=dict(self.names))

    def join(self, *branches: Scope) -> None:
        """Take on what the names are at the end of any of the branches."""
        if branches:
            names = dict.fromkeys(name for branch in branches for name in branch.names)
            found = {n: either(*(b.names[n] for b in branches if n in b.names)) for n in names}
            self.names.clear()
            self.names.update(found)

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it whose names it sees."""
        scope: Scope | None = self
        is_inner = True
        while scope:
            if scope.sort != "class" or is_inner:
                yield scope
            is_inner = is_inner and scope.sort == "inner"
            scope = scope.around

    def lookup(self, name: str) -> tuple[Kind] | None:
        """What a name is bound to here, if it is."""
        return next(((scope.names[name],) for scope in self.chain() if name in scope.names), None)

    def owner(self) -> Scope:
        """The scope whose names are bound here."""
        scope = self
        while scope.sort == "inner" and scope.around:
            scope = scope.around
        return scope

    def bind(self, name: str, kind: Kind) -> None:
        """Bind a name, in comprehensions and operands that of the scope around them."""
        for scope in self.chain():
            scope.names.pop(name, None)
            if scope.sort != "inner":
                scope.names[name] = kind
                return
