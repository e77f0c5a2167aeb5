"""Calls: what they give, what functions are read with, and what is made by constructors."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import known
from .arguments import FROM_MODEL, UNKNOWN, Arguments, Callable_, agreed, bound, expanded, parameters
from .kinds import (
    ABSENT,
    DERIVED,
    SCALAR,
    Class,
    Context,
    Derived,
    External,
    Function,
    Getter,
    Instance,
    Keyed,
    Kind,
    Many,
    Message,
    Partial,
    Text,
    Topic,
    either,
    is_specific,
    members,
    texts,
)
from .outside import forgets, is_class, is_opaque
from .report import ANY
from .scopes import Scope

if TYPE_CHECKING:
    from .engine import Engine

_DEPTH = 12  # of calls in calls
_READINGS = 12  # of one function, with different arguments
_BUDGET = 20_000  # readings of functions in one pass over the project
_FILLS = {"format", "format_map", "substitute", "safe_substitute"}
_PYTEST = {"monkeypatch", "tmp_path", "capsys", "caplog", "request", "tmp_path_factory", "recwarn", "mocker"}


@dataclass
class Calls:
    """Reads calls."""

    engine: Engine
    _depth: int = 0
    _left: int = _BUDGET
    _known: dict[tuple[Callable_, tuple[Kind, ...]], Kind] = field(default_factory=dict)
    _readings: dict[Callable_, int] = field(default_factory=dict)
    _escaped: set[Callable_] = field(default_factory=set)

    def forget(self) -> None:
        """Before the project is read once more."""
        self._depth, self._left = 0, _BUDGET
        for each in (self._known, self._readings, self._escaped):
            each.clear()

    # ---------------------------------------------------------------------- functions of the project

    def define(self, node: Callable_, scope: Scope) -> Function:
        """A function is defined."""
        args = node.args
        plain = [*args.posonlyargs, *args.args]
        pairs = list(zip(plain[len(plain) - len(args.defaults) :], args.defaults))
        pairs += [(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults) if d is not None]
        self.engine.defaults[node] = {a.arg: self.engine.expressions.kind(d, scope) for a, d in pairs}
        is_method = scope.sort == "class" and not isinstance(node, ast.Lambda)
        marks = {ast.unparse(d) for d in getattr(node, "decorator_list", ())} if is_method else set()
        self.engine.scopes[node] = scope
        function = Function(
            scope.text.name,
            node,
            scope.home if is_method else None,
            is_method and "staticmethod" not in marks,
        )
        if node not in self.engine.waiting and node not in self._readings:
            self.engine.waiting[node] = function
        return function

    def escape(self, kind: Kind) -> None:
        """A function is handed to something that may call it with anything."""
        for member in members(kind):
            if isinstance(member, Function) and member.node not in self._escaped:
                self._escaped.add(member.node)
                self.engine.waiting[member.node] = member
            elif isinstance(member, Partial):
                self.escape(member.function)

    def is_escaped(self, node: Callable_) -> bool:
        """Whether something may call it with anything."""
        return node in self._escaped

    def run(self, function: Function, given: Arguments, *, is_last: bool = False) -> Kind:
        """Read a function's body with such arguments; what it gives."""
        node = function.node
        if node not in self.engine.scopes:
            self.engine.module(function.module)
        scope = self.engine.scopes.get(node)
        if scope is None:
            returns = None if isinstance(node, ast.Lambda) else node.returns
            return self.engine.world.annotation(function.module, returns)
        if function.bound:
            given = given.after(function.receiver or self._receiver(function))
        names = self._parameters(function, given, scope, is_last=is_last)
        key = node, tuple(names.values())
        if key not in self._known:
            self._known[key] = ABSENT
            self._known[key] = self._read(function, scope, names)
        return self._known[key]

    def _receiver(self, function: Function) -> Kind:
        decorators = getattr(function.node, "decorator_list", ())
        if function.owner is None:
            return None
        is_class = any(ast.unparse(d).endswith("classmethod") for d in decorators)
        return function.owner if is_class else Instance(function.owner)

    def _parameters(
        self, function: Function, given: Arguments, scope: Scope, *, is_last: bool
    ) -> dict[str, Kind]:
        node = function.node
        names = bound(node, given, {} if is_last else self.engine.defaults.get(node, {}))
        if is_last:
            names.update(self._injected(function, names, scope))
        for arg in parameters(node):
            declared = self.engine.expressions.declared(arg.annotation, scope)
            names[arg.arg] = agreed(declared, names[arg.arg], self.is_base(declared))
        return names

    def is_base(self, declared: Kind) -> bool:
        """Whether other classes of the project may stand in for what is declared."""
        found = [m.of for m in members(declared) if isinstance(m, Instance)]
        return any(c.module not in self.engine.shapes.generated for c in found)

    def _injected(self, function: Function, names: Iterable[str], scope: Scope) -> dict[str, Kind]:
        """What pytest gives a test or a fixture by the names of its parameters."""
        node = function.node
        if isinstance(node, ast.Lambda) or not (
            node.name.startswith("test") or node.name in self.engine.fixtures
        ):
            return {}
        found: dict[str, Kind] = {name: SCALAR for name in names if name in _PYTEST}
        for name in names:
            if fixtures := self.engine.fixtures.get(name):
                found[name] = either(*map(self._of_fixture, fixtures))
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("parametrize"):
                found.update(self._parametrized(decorator, scope))
        return found

    def _of_fixture(self, function: Function) -> Kind:
        made = self.run(function, UNKNOWN, is_last=True)
        has_yield = any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in ast.walk(function.node))
        return made.item if has_yield and isinstance(made, Many) else made

    def _parametrized(self, node: ast.Call, scope: Scope) -> dict[str, Kind]:
        given = self.engine.expressions.arguments(node, scope)
        names = [n.strip() for text in texts(given.get(0)) for n in text.split(",")]
        item = self.engine.objects.item(scope, node, given.get(1))
        if len(names) == 1:
            return {names[0]: item}
        return dict(zip(names, self.engine.objects.parts(scope, node, item, len(names))))

    def _read(self, function: Function, scope: Scope, names: dict[str, Kind]) -> Kind:
        node = function.node
        readings = self._readings.get(node, 0)
        if self._depth >= _DEPTH or readings >= _READINGS or self._left <= 0:
            self.escape(function)
            return None
        self.engine.waiting.pop(node, None)
        self._readings[node] = readings + 1
        self._left -= 1
        self._depth += 1
        inner = scope.inside("function", names)
        inner.home = function.owner or scope.home
        try:
            found = self._result(node, inner)
        finally:
            self._depth -= 1
        returns = None if isinstance(node, ast.Lambda) else node.returns
        declared = self.engine.expressions.declared(returns, scope)
        found = agreed(declared, found, self.is_base(declared))
        return Context(self.engine.objects.item(inner, node, found)) if function.is_context else found

    def _result(self, node: Callable_, inner: Scope) -> Kind:
        if isinstance(node, ast.Lambda):
            return self.engine.expressions.kind(node.body, inner)
        self.engine.statements.body(node.body, inner)
        return Many(either(*inner.yielded)) if inner.yielded else either(*inner.returned)

    # ---------------------------------------------------------------------- calls

    def call(self, scope: Scope, node: ast.AST, function: Kind, given: Arguments) -> Kind:
        """What calling something gives."""
        return either(*(self._call(scope, node, member, given) for member in members(function)))

    def _call(self, scope: Scope, node: ast.AST, function: Kind, given: Arguments) -> Kind:
        if isinstance(function, Function):
            self._check(scope, node, function, given)
            return self.run(function, given)
        if isinstance(function, Class):
            return self.make(scope, node, function, given)
        if isinstance(function, External):
            return known.result(self.engine, scope, node, function.name, given)
        if isinstance(function, Partial):
            named = {**dict(function.named), **dict(given.named)}
            whole = Arguments((*function.args, *given.args), tuple(named.items()), given.rest, given.more)
            return self.call(scope, node, function.function, whole)
        if isinstance(function, Getter):
            return self.get(scope, node, function, given)
        if isinstance(function, Instance) and self.engine.shapes.owner(function.of, "__call__"):
            method = self.engine.objects.attribute(scope, node, function, "__call__")
            return self.call(scope, node, method, given)
        return self._unknown(scope, node, function, given)

    def _unknown(self, scope: Scope, node: ast.AST, function: Kind, given: Arguments) -> Kind:
        """Something is called of which nothing is known: it may be a class of the model."""
        for kind in given.all:
            self.hand_over(scope, node, kind, is_derived=self.engine.shapes.holds_model(kind))
        for change in self.engine.report.affected:
            class_ = Class(change.module, change.owner)
            if change.owner and given.named and self._may_make(class_, given):
                self._store(scope, node, class_, given, certain=False)
        if isinstance(function, Derived):
            self.engine.objects.by_name(scope, node, function, *given.args[:1])
            return DERIVED
        return DERIVED if isinstance(function, Topic) else None

    def _may_make(self, class_: Class, given: Arguments) -> bool:
        """Whether the keywords are those of the class's constructor."""
        names, shapes = given.given(), self.engine.shapes
        has_all = shapes.required(class_) <= names or given.more != ABSENT
        return not given.args and names <= set(shapes.fields(class_)) and has_all

    def method(self, scope: Scope, node: ast.AST, func: ast.Attribute, owner: Kind, given: Arguments) -> Kind:
        """What a method of an object gives."""
        if isinstance(owner, Text) and func.attr in _FILLS:
            self.get(scope, node, Getter("format", (owner.value,)), given)
            return SCALAR
        self.engine.objects.by_name(scope, node, owner, *given.args[:1])
        if isinstance(owner, (Many, Keyed, Text, Message)) or (owner is None and func.attr == "__init__"):
            return known.method(self.engine, scope, node, owner, func.attr, given)
        if isinstance(owner, (Instance, Class)) and (found := self._constructor(scope, func.attr, owner)):
            self.store(scope, node, found, given)
            return ABSENT
        function = self.engine.objects.attribute(scope, func, owner, func.attr)
        if function is None and isinstance(owner, (Instance, Class)):
            return known.of_class(self.engine, scope, node, owner, func.attr, given)
        return self.call(scope, node, function, given)

    def _constructor(self, scope: Scope, name: str, owner: Instance | Class) -> Class | None:
        class_ = owner.of if isinstance(owner, Instance) else owner
        has_own = self.engine.shapes.owner(class_, "__init__") is not None
        return None if name != "__init__" or has_own else class_

    def _check(self, scope: Scope, node: ast.AST, function: Function, given: Arguments) -> None:
        """Hold what a function is called with against its annotations."""
        args = list(parameters(function.node))[function.bound :]
        pairs = list(zip(args, given.args))
        pairs += [(a, kind) for a in args for name, kind in given.named if a.arg == name]
        for parameter, kind in pairs:
            declared = self.engine.world.annotation(function.module, parameter.annotation)
            self.fits(scope, node, declared, kind)
        if any(isinstance(member, Derived) for member in members(given.more)):
            names = [a.arg for a in args[len(given.args) :] if a.arg not in given.given()]
            self.engine.report.suspect(scope.text, node, "load", names)

    def fits(self, scope: Scope, node: ast.AST, declared: Kind, given: Kind) -> None:
        """Report where an object may be of a class that the annotation of its place does not name, or does
        not have what a Protocol wants.
        """
        if isinstance(declared, Many) and isinstance(given, Many):
            self.fits(scope, node, declared.item, given.item)
        wanted = [k for k in members(declared) if isinstance(k, Instance)]
        for member in members(given) if wanted else ():
            if isinstance(member, Instance) and member not in wanted:
                self.engine.report.touch(scope.text, node, "missing", member.of, "")
                for protocol in (k.of for k in wanted if self.engine.shapes.is_protocol(k.of)):
                    self._satisfies(scope, node, member, protocol, ())

    def _satisfies(
        self, scope: Scope, node: ast.AST, member: Instance, protocol: Class, seen: tuple[Class, ...]
    ) -> None:
        shapes = self.engine.shapes
        for name in shapes.declared(protocol) if protocol not in seen else ():
            home = shapes.owner(member.of, name)
            if home:
                self.engine.report.touch(scope.text, node, "load", home, name)
                inner = shapes.attribute(protocol, name)
                if isinstance(inner, Function):
                    inner = self.engine.world.annotation(
                        protocol.module, getattr(inner.node, "returns", None)
                    )
                for part in members(inner):
                    for own in members(shapes.attribute(home, name)):
                        if (
                            isinstance(part, Instance)
                            and isinstance(own, Instance)
                            and shapes.is_protocol(part.of)
                        ):
                            self._satisfies(scope, node, own, part.of, (*seen, protocol))

    # ---------------------------------------------------------------------- constructors

    def make(self, scope: Scope, node: ast.AST, class_: Class, given: Arguments) -> Kind:
        """An object is made; an enum's member is looked up by its value."""
        shapes = self.engine.shapes
        if shapes.is_enum(class_):
            names = texts(given.get(0))
            for name in names or ([ANY] if given.get(0) != ABSENT else []):
                self.engine.report.touch(scope.text, node, "load", class_, name, certain=bool(names))
            return Instance(class_)
        self.store(scope, node, class_, given)
        new = shapes.owner(class_, "__new__")
        init = shapes.owner(class_, "__init__")
        for home, name in ((init, "__init__"), (new, "__new__")):
            for member in members(shapes.attribute(home, name)) if home else ():
                if isinstance(member, Function):
                    self._check(scope, node, member, given)
                    receiver = Instance(class_) if name == "__init__" else class_
                    found = self.run(member, given.after(receiver) if not member.bound else given)
                    if name == "__new__":
                        return either(found, Instance(class_))
        if not init:
            for field_, kind in self._by_field(class_, given):
                shapes.learn(class_, field_, kind)
        return Instance(class_)

    def _by_field(self, class_: Class, given: Arguments) -> list[tuple[str, Kind]]:
        """What the fields of a dataclass, a NamedTuple or such are set to."""
        shapes = self.engine.shapes
        if class_.module in shapes.generated:
            return []
        names = shapes.fields(class_)
        pairs = [*zip(names, given.args), *given.named]
        return [(name, kind) for name, kind in pairs if shapes.owner(class_, name) == class_]

    def store(self, scope: Scope, node: ast.AST, class_: Class, given: Arguments) -> None:
        """A constructor is called, or what stands for it."""
        for home in self.engine.shapes.line(class_):
            if home.module in self.engine.shapes.generated:
                self._store(scope, node, home, given, certain=True)
            elif self.engine.shapes.has(home, "__init__"):
                return

    def _store(self, scope: Scope, node: ast.AST, class_: Class, given: Arguments, *, certain: bool) -> None:
        report = self.engine.report
        places = {k.arg: k for k in node.keywords} if isinstance(node, ast.Call) else {}
        for name in given.given():
            report.touch(scope.text, places.get(name, node), "store", class_, name, certain=certain)
        if given.more != ABSENT:
            report.touch(scope.text, node, "store", class_, ANY, certain=False)
        if not given.args:
            is_all = given.more == ABSENT and certain
            report.touch(scope.text, node, "call", class_, "", given.given(), certain=is_all)

    # ---------------------------------------------------------------------- names in strings

    def get(self, scope: Scope, node: ast.AST, getter: Getter, given: Arguments) -> Kind:
        """What `attrgetter(…)(x)` and such give."""
        if getter.how == "format":
            for text in getter.names:
                self.fill(scope, node, Text(str(text)), given)
            return SCALAR
        found = [self._get(scope, node, getter.how, name, given) for name in getter.names]
        from .kinds import Tuple

        return found[0] if len(found) == 1 else Tuple(tuple(found))

    def _get(self, scope: Scope, node: ast.AST, how: str, name: str | int, given: Arguments) -> Kind:
        owner = given.get(0)
        if how == "item":
            key: Kind = Text(name) if isinstance(name, str) else SCALAR
            return self.engine.objects.subscript(
                scope, node, owner, key, name if isinstance(name, int) else None
            )
        if how == "method":
            func = ast.copy_location(ast.Attribute(ast.Constant(None), str(name), ast.Load()), node)
            return either(*(self.method(scope, node, func, m, Arguments()) for m in members(owner)))
        return self.path(scope, node, owner, str(name))

    def path(self, scope: Scope, node: ast.AST, owner: Kind, path: str) -> Kind:
        """What `owner.a.b` is."""
        for name in path.split("."):
            owner = self.engine.objects.attribute(scope, node, owner, name)
        return owner

    def fill(self, scope: Scope, node: ast.AST, template: Text, given: Arguments) -> None:
        """A string is filled in: `"{0.a}".format(x)`, `"%(a)s" % x`, a Template's `$a`."""
        try:
            parts = [
                (name, spec)
                for _, name, spec, _ in string.Formatter().parse(template.value)
                if name is not None
            ]
        except ValueError:
            parts = []
        number = 0
        for name, spec in parts:
            first, rest = _split(name)
            if not first:
                first, number = str(number), number + 1
            whole = given.get(int(first)) if first.isdecimal() else given.get(len(given.args), first)
            self._filled(scope, node, whole, rest)
            if spec and "{" in spec:
                self.fill(scope, node, Text(spec), given)
        options = [m for kind in given.all for m in members(kind)]
        if any(isinstance(m, Derived) for m in options):
            words = {w for w in _words(template.value)}
            self.engine.report.suspect(scope.text, node, "load", words)

    def _filled(self, scope: Scope, node: ast.AST, owner: Kind, rest: str) -> None:
        for is_attribute, name in (
            string.Formatter().get_field("0" + rest, (_Steps(),), {})[0].steps if rest else ()
        ):
            if is_attribute:
                owner = self.engine.objects.attribute(scope, node, owner, name)
            else:
                number = int(name) if name.isdecimal() else None
                owner = self.engine.objects.subscript(scope, node, owner, Text(name), number)

    # ---------------------------------------------------------------------- what lies outside

    def kept_in(self, owner: External, given: Iterable[Kind]) -> Kind:
        """What an object from outside is that may keep what it is given."""
        if is_class(owner.name):
            return owner
        if not forgets(owner.name) and any(map(self.engine.shapes.holds_model, given)):
            return DERIVED
        is_unknown = any(member is None for kind in given for member in members(kind))
        return None if is_unknown and not is_opaque(owner.name) else owner

    def hand_over(self, scope: Scope, node: ast.AST, kind: Kind, *, is_derived: bool) -> None:
        """A function is given to something that calls it with what is not known."""
        for member in members(kind):
            if isinstance(member, Getter):
                names = [part for n in member.names for part in _words(str(n))]
                self.engine.report.suspect(scope.text, node, "load", names, known=is_derived)
            elif isinstance(member, Function) and is_derived and not self._declares(member):
                self.run(member, FROM_MODEL)
            elif isinstance(member, (Function, Partial)):
                self.escape(member)
            elif isinstance(member, Instance) and self.engine.shapes.owner(member.of, "__call__"):
                self.escape(self.engine.objects.attribute(scope, node, member, "__call__"))

    def _declares(self, function: Function) -> bool:
        found = list(parameters(function.node))[function.bound :]
        return bool(found) and all(arg.annotation for arg in found)

    def outside(self, scope: Scope, node: ast.AST, name: str, given: Arguments) -> Kind:
        """What a function that is not known gives for such arguments."""
        shapes = self.engine.shapes
        holds = any(map(shapes.holds_model, given.all))
        for kind in given.all:
            self.hand_over(scope, node, kind, is_derived=holds)
        if holds:
            names = [part for kind in given.all for text in texts(kind) for part in text.split(".")]
            is_object = isinstance(given.get(0), (Instance, Class))
            self.engine.report.suspect(scope.text, node, "load", names)
            self.engine.report.suspect(
                scope.text, node, "store", given.given() if is_object else ()
            )
        if forgets(name):
            return External(f"{name}()")
        if holds:
            return DERIVED
        calls_back = any(isinstance(m, (Function, Partial)) for kind in given.all for m in members(kind))
        is_unknown = not all(map(is_specific, given.all))
        return None if calls_back or (is_unknown and not is_opaque(name)) else External(f"{name}()")


class _Steps:
    """What `str.format` does with a value: the attributes and items it asks for."""

    def __init__(self, steps: tuple[tuple[bool, str], ...] = ()) -> None:
        self.steps = steps

    def __getattr__(self, name: str) -> _Steps:
        return _Steps((*self.steps, (True, name)))

    def __getitem__(self, name: object) -> _Steps:
        return _Steps((*self.steps, (False, str(name))))


def _split(name: str) -> tuple[str, str]:
    end = next((n for n, letter in enumerate(name) if letter in ".["), len(name))
    return name[:end], name[end:]


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


__all__ = ["Calls", "expanded"]
