"""What the parts of the analysis ask of one another: expressions lead to calls, calls to statements, and
those to expressions again.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Protocol

from .call_arguments import Arguments, Callable_
from .kinds import Class, External, Function, Getter, Instance, Kind
from .scopes import Scope
from .uses import UsageKind


class ObjectPart(Protocol):
    """Attributes and items of objects."""

    def attribute(self, scope: Scope, node: ast.AST, owner: Kind, name: str, how: UsageKind = "load") -> Kind:
        """What `owner.name` is; its use is reported."""

    def invoke(self, scope: Scope, node: ast.AST, owner: Instance | Class, name: str, *args: Kind) -> Kind:
        """What a method of the project's gives."""

    def has(self, owner: Kind, name: str) -> bool:
        """Whether an object's class has a member."""

    def item(self, scope: Scope, node: ast.AST, owner: Kind) -> Kind:
        """What iterating gives."""

    def parts(self, scope: Scope, node: ast.AST, owner: Kind, count: int) -> list[Kind]:
        """What unpacking gives."""

    def subscript(
        self, scope: Scope, node: ast.AST, owner: Kind, key: Kind, number: int | None = None
    ) -> Kind:
        """What `owner[key]` is."""

    def by_name(self, scope: Scope, node: ast.AST, owner: Kind, *names: Kind) -> None:
        """Names are asked of what may have those of the model."""

    def entered(self, scope: Scope, node: ast.AST, owner: Kind) -> Kind:
        """What `with … as` binds."""


class ExpressionPart(Protocol):
    """Expressions and annotations."""

    def kind(self, node: ast.expr | None, scope: Scope) -> Kind:
        """What an expression gives."""

    def annotation(self, node: ast.expr | None, scope: Scope) -> Kind:
        """What an annotation declares; the names in it are used."""

    def declared(self, node: ast.expr | None, scope: Scope) -> Kind:
        """What an annotation declares."""

    def narrowed(self, test: ast.expr, scope: Scope) -> dict[str, Kind]:
        """What names are where a test holds."""

    def arguments(self, node: ast.Call, scope: Scope) -> Arguments:
        """The arguments of a call."""


class CallPart(Protocol):
    """Calls, and the functions that they read."""

    def forget(self) -> None:
        """Before the project is read once more."""

    def define(self, node: Callable_, scope: Scope) -> Function:
        """A function is defined."""

    def escape(self, kind: Kind) -> None:
        """A function is handed to something that may call it with anything."""

    def is_escaped(self, node: Callable_) -> bool:
        """Whether something may call it with anything."""

    def run(self, function: Function, given: Arguments, *, is_last: bool = False) -> Kind:
        """Read a function's body with such arguments; what it gives."""

    def is_base(self, declared: Kind) -> bool:
        """Whether other classes of the project may stand in for what is declared."""

    def call(self, scope: Scope, node: ast.AST, function: Kind, given: Arguments) -> Kind:
        """What a call gives."""

    def method(self, scope: Scope, node: ast.AST, func: ast.Attribute, owner: Kind, given: Arguments) -> Kind:
        """What a call of an object's method gives."""

    def outside(self, scope: Scope, node: ast.AST, name: str, given: Arguments) -> Kind:
        """What a call of something that is not known gives."""


class ConstructorPart(Protocol):
    """Objects that are made, and whether they fit where they go."""

    def make(self, scope: Scope, node: ast.AST, class_: Class, given: Arguments) -> Kind:
        """An object of a class is made."""

    def store(self, scope: Scope, node: ast.AST, class_: Class, given: Arguments) -> None:
        """A constructor is called, or what stands for it."""

    def suspect(self, scope: Scope, node: ast.AST, given: Arguments) -> None:
        """Something is called that may be a class of the model."""

    def check(self, scope: Scope, node: ast.AST, function: Function, given: Arguments) -> None:
        """Hold what a function is called with against its parameters."""

    def fits(self, scope: Scope, node: ast.AST, declared: Kind, given: Kind) -> None:
        """Report where an object may be of a class that its place does not name."""


class ContentPart(Protocol):
    """What containers hold."""

    def absorb(self, node: ast.Attribute, owner: Kind, given: Arguments, scope: Scope) -> None:
        """A method that puts its arguments into the object."""

    def kept_in(self, owner: External, given: Iterable[Kind]) -> Kind:
        """An object from outside that was given something."""

    def widen(self, target: ast.expr, kind: Kind, scope: Scope) -> None:
        """A place may hold something else, too."""


class StringPart(Protocol):
    """Names in strings."""

    def get(self, scope: Scope, node: ast.AST, getter: Getter, given: Arguments) -> Kind:
        """What a getter gives."""

    def fill(self, scope: Scope, node: ast.AST, template: str, given: Arguments) -> None:
        """A template is filled."""


class FixturePart(Protocol):
    """What pytest gives to tests."""

    def add(self, function: Function) -> None:
        """A fixture is defined."""

    def given(self, function: Function, names: Iterable[str], scope: Scope) -> dict[str, Kind]:
        """What a test is called with."""


class BindingPart(Protocol):
    """Names, attributes and items that get values."""

    def bind(self, target: ast.expr, value: Kind, scope: Scope) -> None:
        """Give a name, attribute, item or tuple of them a value."""

    def unpack(self, target: ast.expr, value: Kind, scope: Scope, names: dict[str, Kind] | None) -> None:
        """The same; a comprehension's own names go to `names`."""

    def set_attribute(self, target: ast.Attribute, owner: Kind, value: Kind, scope: Scope) -> None:
        """An object's attribute is set."""

    def put(self, node: ast.expr, owner: Kind, name: str, value: Kind, scope: Scope) -> None:
        """The attribute of such an object, which the expression stands for, is set."""


class PatternPart(Protocol):
    """Patterns of `match`."""

    def match(self, node: ast.pattern, subject: Kind, scope: Scope) -> None:
        """Bind what a pattern names, and report what it asks of the subject."""

    def matched(self, node: ast.pattern | None, scope: Scope) -> Kind:
        """What a subject is that matches."""


class StatementPart(Protocol):
    """Statements."""

    def body(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        """Read statements in their order."""
