"""What the attributes, items and other parts of an object are; asking for them is a use of the model."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from .analysis import Analysis
from .call_arguments import Arguments
from .kinds import (
    DERIVED,
    NO_OBJECT,
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
    MessageKind,
    ModuleKind,
    NoObject,
    Partial,
    SplitKind,
    Stream,
    Text,
    TopicKind,
    Tuple,
    either,
    has_names,
    members,
    texts,
)
from .outside_holders import lacks
from .scopes import Scope
from .uses import ANY, UsageKind

_REFLECTIVE = {"__slots__", "__annotations__", "__dataclass_fields__", "__match_args__", "__dict__"}
_HOOKS = ("__getattr__", "__getattribute__")
_FAILURE = External("kgen_runtime.Failure()")


@dataclass
class Objects:
    """Asks objects for their parts."""

    analysis: Analysis

    # ---------------------------------------------------------------------- attributes

    def attribute(self, scope: Scope, node: ast.AST, owner: Kind, name: str, how: UsageKind = "load") -> Kind:
        """What `owner.name` is."""
        options = members(owner)
        found = [self._member(scope, node, member, name, how) for member in options]
        for member in options if len(options) > 1 else ():
            if isinstance(member, Instance) and self.analysis.shapes.owner(member.of, name) is None:
                self.analysis.report.on_use(scope.text, node, "missing", member.of, name)
        return either(*found)

    def _member(self, scope: Scope, node: ast.AST, owner: Kind, name: str, how: UsageKind) -> Kind:
        if owner is None or isinstance(owner, (NoObject, Derived)):
            is_derived = isinstance(owner, Derived) or name in _REFLECTIVE
            self.analysis.report.suspect(scope.text, node, how, [name])
            return DERIVED if is_derived else None
        if isinstance(owner, (Instance, Class)):
            return self._of_class(scope, node, owner, name, how)
        if isinstance(owner, ModuleKind):
            return self._of_module(scope, node, owner, name)
        if isinstance(owner, External):
            if lacks(owner.name, name):  # a merged annotation that names what the value is now
                self.analysis.report.suspect(scope.text, node, how, [name])
            return self.analysis.index.member(owner, name)
        if isinstance(owner, MessageKind) and name in ("key", "value"):
            half_of = owner.value_of if name == "value" else owner.key_of
            self.analysis.report.on_name_use(scope.text, node, half_of, name)
        return _of_known(owner, name)

    def _of_module(self, scope: Scope, node: ast.AST, owner: ModuleKind, name: str) -> Kind:
        self.analysis.on_name_use(scope, node, owner.name, name)
        self.analysis.module(owner.name)
        found = self.analysis.index.member(owner, name)
        hook = self.analysis.index.name(owner.name, "__getattr__") if found is None else None
        if isinstance(hook, Function):
            return self.analysis.calls.run(hook, Arguments((Text(name),)))
        return found

    def _of_class(
        self, scope: Scope, node: ast.AST, owner: Instance | Class, name: str, how: UsageKind
    ) -> Kind:
        class_ = owner.of if isinstance(owner, Instance) else owner
        definers = self._defining(class_, name)
        for definer in definers:
            self.analysis.report.on_use(scope.text, node, how, definer, name)
            self._structural(scope, node, definer, name, how)
        if definers:
            return either(*(self._value(scope, node, definer, owner, name) for definer in definers))
        return self._missing(scope, node, owner, class_, name, how)

    def _defining(self, class_: Class, name: str) -> list[Class]:
        """The classes that define an attribute: the nearest base, and subclasses that stand in for it."""
        shapes = self.analysis.shapes
        found = [shapes.owner(class_, name)]
        if class_.module not in shapes.generated:
            children = shapes.children.get(class_, ())
            found += [c if shapes.has(c, name) else None for c in children]
            if found[0] is None:
                found += [shapes.owner(child, name) for child in children]
        return list(dict.fromkeys(definer for definer in found if definer))

    def _structural(self, scope: Scope, node: ast.AST, definer: Class, name: str, how: UsageKind) -> None:
        """What a Protocol names may be the model's, if a class of the model has all of it."""
        shapes = self.analysis.shapes
        if shapes.is_protocol(definer):
            wanted = set(shapes.declared(definer))
            for change in self.analysis.report.named.get(name, ()):
                class_ = Class(change.module, change.owner)
                if wanted <= set(shapes.declared(class_)):
                    self.analysis.report.on_use(scope.text, node, how, class_, name, certain=False)

    def _missing(
        self, scope: Scope, node: ast.AST, owner: Instance | Class, class_: Class, name: str, how: UsageKind
    ) -> Kind:
        """An attribute that reading the class does not show."""
        shapes, report = self.analysis.shapes, self.analysis.report
        holds = shapes.holds_model(owner)
        if name == "__class__":
            return class_ if isinstance(owner, Instance) else SCALAR
        if name.startswith("__") and name.endswith("__"):
            return DERIVED if holds else None if name == "__dict__" else SCALAR
        if class_.module in shapes.generated:
            report.on_use(scope.text, node, how, class_, name)
            return None
        hooks = [n for n in _HOOKS if shapes.owner(class_, n)]
        if hooks or (shapes.is_open(class_) and how == "load" and not shapes.is_enum(class_)):
            report.suspect(scope.text, node, how, [name])
        found = [self.invoke(scope, node, owner, hook, Text(name)) for hook in hooks]
        return either(*found) if hooks else None

    def _value(self, scope: Scope, node: ast.AST, definer: Class, owner: Instance | Class, name: str) -> Kind:
        found = [
            self._bound(scope, node, m, owner) for m in members(self.analysis.shapes.attribute(definer, name))
        ]
        return either(*found)

    def _bound(self, scope: Scope, node: ast.AST, member: Kind, owner: Instance | Class) -> Kind:
        if isinstance(member, Function) and member.owner:
            if member.is_property:
                return self.analysis.calls.run(member, Arguments()) if isinstance(owner, Instance) else None
            if isinstance(owner, Class) and not _is_class_method(member):
                return replace(member, bound=False)
            return replace(member, receiver=owner) if member.bound else member
        if isinstance(member, Instance) and self.analysis.shapes.owner(member.of, "__get__"):
            return self.invoke(scope, node, member, "__get__", owner, NO_OBJECT)
        return member

    def invoke(self, scope: Scope, node: ast.AST, owner: Instance | Class, name: str, *args: Kind) -> Kind:
        """What a method of an object of the project gives; unknown where there is none."""
        class_ = owner.of if isinstance(owner, Instance) else owner
        definer = self.analysis.shapes.owner(class_, name)
        method = self._value(scope, node, definer, owner, name) if definer else None
        return self.analysis.calls.call(scope, node, method, Arguments(args)) if method else None

    def has(self, owner: Kind, name: str) -> bool:
        """Whether an object of the project has a method."""
        return isinstance(owner, Instance) and self.analysis.shapes.owner(owner.of, name) is not None

    # ---------------------------------------------------------------------- items

    def item(self, scope: Scope, node: ast.AST, owner: Kind) -> Kind:
        """What iterating gives."""
        return either(*(self._item(scope, node, member) for member in members(owner)))

    def _item(self, scope: Scope, node: ast.AST, owner: Kind) -> Kind:
        if isinstance(owner, Many):
            return owner.key if owner.mapping else owner.item
        if isinstance(owner, Tuple):
            return either(*owner.items)
        if isinstance(owner, Keyed):
            return either(*(Text(key) for key, _ in owner.items), *([None] if owner.is_open else []))
        if isinstance(owner, Class):
            return Instance(owner) if self.analysis.shapes.is_enum(owner) else None
        if isinstance(owner, Instance):
            return self._item_of_instance(scope, node, owner)
        if isinstance(owner, (External, Text)):
            return SCALAR
        return DERIVED if isinstance(owner, Derived) else None

    def _item_of_instance(self, scope: Scope, node: ast.AST, owner: Instance) -> Kind:
        if self.has(owner, "__iter__") or self.has(owner, "__aiter__"):
            name = "__iter__" if self.has(owner, "__iter__") else "__aiter__"
            found = self.invoke(scope, node, owner, name)
            return either(*(self._next(scope, node, m) for m in members(found)))
        if self.has(owner, "__getitem__"):
            return self.invoke(scope, node, owner, "__getitem__", SCALAR)
        return either(*self._fields(owner)) if self.analysis.shapes.is_record(owner.of) else None

    def _next(self, scope: Scope, node: ast.AST, iterator: Kind) -> Kind:
        for name in ("__next__", "__anext__"):
            if isinstance(iterator, Instance) and self.has(iterator, name):
                return self.invoke(scope, node, iterator, name)
        return None if isinstance(iterator, Instance) else self._item(scope, node, iterator)

    def _fields(self, owner: Instance) -> list[Kind]:
        """The fields of a NamedTuple, in their order."""
        shapes = self.analysis.shapes
        return [
            shapes.attribute(definer, n)
            for n in shapes.fields(owner.of)
            if (definer := shapes.owner(owner.of, n))
        ]

    def parts(self, scope: Scope, node: ast.AST, owner: Kind, count: int) -> list[Kind]:
        """What unpacking into so many gives."""
        return [self.subscript(scope, node, owner, SCALAR, n) for n in range(count)]

    def subscript(
        self, scope: Scope, node: ast.AST, owner: Kind, key: Kind, number: int | None = None
    ) -> Kind:
        """What `owner[key]` is; `number` is a key that is a known integer."""
        return either(*(self._subscript(scope, node, member, key, number) for member in members(owner)))

    def _subscript(self, scope: Scope, node: ast.AST, owner: Kind, key: Kind, number: int | None) -> Kind:
        if isinstance(owner, Many):
            self.by_name(scope, node, owner, key)
            is_one = number is not None and owner.item == DERIVED
            return either(None, DERIVED) if is_one else owner.item  # a name of `fields(x)`, or a row
        if isinstance(owner, Tuple):
            known = number is not None and -len(owner.items) <= number < len(owner.items)
            return owner.items[number] if known and number is not None else either(*owner.items)
        if isinstance(owner, Keyed):
            known_keys = [k for k in texts(key) if k in dict(owner.items)]
            return (
                either(*(owner.get(k) for k in known_keys))
                if known_keys
                else either(*(v for _, v in owner.items), None)
            )
        if isinstance(owner, Derived):
            self.by_name(scope, node, owner, key)
            return DERIVED
        if isinstance(owner, Class):
            return self._of_enum(scope, node, owner, key)
        if isinstance(owner, Instance):
            return self._subscript_of_instance(scope, node, owner, key, number)
        if isinstance(owner, (External, Text)):
            return owner if isinstance(owner, External) else SCALAR
        return None

    def by_name(self, scope: Scope, node: ast.AST, owner: Kind, *names: Kind) -> None:
        """Something made from the model is asked for what has a name."""
        if has_names(owner):
            known = [same for kind in names for name in texts(kind) for same in (name, name.lower())]
            self.analysis.report.suspect(scope.text, node, "load", known)

    def _of_enum(self, scope: Scope, node: ast.AST, owner: Class, key: Kind) -> Kind:
        if not self.analysis.shapes.is_enum(owner):
            return owner  # `Box[int]`
        names = texts(key)
        for name in names or [ANY]:
            self.analysis.report.on_use(scope.text, node, "load", owner, name, certain=bool(names))
        return Instance(owner)

    def _subscript_of_instance(
        self, scope: Scope, node: ast.AST, owner: Instance, key: Kind, number: int | None
    ) -> Kind:
        shapes = self.analysis.shapes
        if self.has(owner, "__getitem__"):
            names = texts(key) if shapes.holds_model(owner) else []
            self.analysis.report.suspect(scope.text, node, "load", names)
            return self.invoke(scope, node, owner, "__getitem__", key)
        if shapes.is_record(owner.of):
            found = self._fields(owner)
            known = number is not None and -len(found) <= number < len(found)
            return found[number] if known and number is not None else either(*found)
        names = [name for name in texts(key) if shapes.owner(owner.of, name)]  # a TypedDict
        return (
            either(
                *(self._value(scope, node, h, owner, n) for n in names if (h := shapes.owner(owner.of, n)))
            )
            if names
            else None
        )

    # ---------------------------------------------------------------------- others

    def entered(self, scope: Scope, node: ast.AST, owner: Kind) -> Kind:
        """What `with owner as …` binds."""
        return either(*(self._entered(scope, node, member) for member in members(owner)))

    def _entered(self, scope: Scope, node: ast.AST, owner: Kind) -> Kind:
        if isinstance(owner, Context):
            return owner.item
        if isinstance(owner, Instance):
            name = "__aenter__" if self.has(owner, "__aenter__") else "__enter__"
            return self.invoke(scope, node, owner, name)
        return owner if isinstance(owner, (External, Derived)) else None


def _of_known(owner: Kind, name: str) -> Kind:
    """An attribute of what the runtime, Bytewax or Python itself defines."""
    if isinstance(owner, MessageKind):
        return owner.value if name == "value" else owner.key if name == "key" else SCALAR
    if isinstance(owner, TopicKind):
        return (
            TopicKind(None, owner.value if name == "value" else owner.key)
            if name in ("key", "value")
            else None
        )
    if isinstance(owner, SplitKind):
        return Stream(_FAILURE if name == "errs" else owner.item)
    if isinstance(owner, Text):
        return Getter("format", (owner.value,)) if name in ("format", "format_map") else SCALAR
    if isinstance(owner, Partial):
        return owner.function if name == "func" else None
    return owner if isinstance(owner, Function) and name == "__wrapped__" else None


def _is_class_method(function: Function) -> bool:
    decorators = getattr(function.node, "decorator_list", [])
    return any(ast.unparse(decorator).endswith("classmethod") for decorator in decorators)
