"""What a function is called with, and which of its parameters that is."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .kinds import (
    DERIVED,
    NO_OBJECT,
    SCALAR,
    Derived,
    External,
    Function,
    Instance,
    Keyed,
    Kind,
    Many,
    Text,
    Tuple,
    either,
    is_specific,
    members,
)

Callable_ = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Arguments:
    """The arguments of a call. `rest` is what a `*` adds, `more` the mapping of a `**`, if it is not known
    how many; `NO_OBJECT` where there is none.
    """

    args: tuple[Kind, ...] = ()
    named: tuple[tuple[str, Kind], ...] = ()
    rest: Kind = NO_OBJECT
    more: Kind = NO_OBJECT

    @property
    def all(self) -> list[Kind]:
        """The kinds of all of them."""
        return [*self.args, *(kind for _, kind in self.named), self.rest, self.more]

    def get(self, number: int, name: str = "") -> Kind:
        """An argument by its position or its name; `NO_OBJECT` where it is not given."""
        found = self.args[number : number + 1] or [kind for key, kind in self.named if key == name]
        return found[0] if found else self.rest

    def after(self, first: Kind) -> Arguments:
        """With another one before them."""
        return Arguments((first, *self.args), self.named, self.rest, self.more)

    def joined(self, more: Arguments) -> Arguments:
        """With others after them; positions after a `*` of unknown length are not known."""
        is_open = self.rest != NO_OBJECT
        rest = either(self.rest, *(more.args if is_open else ()), more.rest)
        named = {**dict(self.named), **dict(more.named)}
        args = self.args if is_open else self.args + more.args
        return Arguments(args, tuple(named.items()), rest, either(self.more, more.more))

    def given(self) -> frozenset[str]:
        """The names of the keywords."""
        return frozenset(name for name, _ in self.named)


UNKNOWN = Arguments(rest=None, more=None)
FROM_MODEL = Arguments(rest=DERIVED, more=DERIVED)


def value_of(mapping: Kind) -> Kind:
    """A value of a mapping that `**` takes apart."""
    return either(*(_value_of(member) for member in members(mapping)))


def _value_of(mapping: Kind) -> Kind:
    if isinstance(mapping, Many):
        return mapping.item
    if isinstance(mapping, Keyed):
        return either(*(value for _, value in mapping.items), *([None] if mapping.is_open else []))
    if isinstance(mapping, Derived):
        return DERIVED
    return SCALAR if isinstance(mapping, External) else None


def expanded(mapping: Kind) -> Arguments:
    """What `**mapping` gives."""
    if isinstance(mapping, Keyed):
        return Arguments(named=mapping.items, more=None if mapping.is_open else NO_OBJECT)
    return Arguments(more=mapping)


def starred(kind: Kind, item: Kind) -> Arguments:
    """What `*kind` gives; `item` is what iterating it gives."""
    return Arguments(kind.items) if isinstance(kind, Tuple) else Arguments(rest=item)


def bound(node: Callable_, given: Arguments, defaults: Mapping[str, Kind]) -> dict[str, Kind]:
    """What each parameter is."""
    args = node.args
    plain = [a.arg for a in (*args.posonlyargs, *args.args)]
    found = dict(zip(plain, given.args))
    extra = dict(given.named)
    for name in [*plain[len(given.args) :], *(a.arg for a in args.kwonlyargs)]:
        found[name] = extra.pop(name) if name in extra else _left(name, given, defaults)
    if args.vararg:
        found[args.vararg.arg] = Many(either(*given.args[len(plain) :], given.rest))
    if args.kwarg:
        is_open = given.more != NO_OBJECT
        derived = any(isinstance(m, Derived) for m in members(given.more))
        found[args.kwarg.arg] = DERIVED if derived else Keyed(tuple(extra.items()), is_open)
    return found


def _left(name: str, given: Arguments, defaults: Mapping[str, Kind]) -> Kind:
    options = [] if given.rest == NO_OBJECT else [given.rest]
    options += [] if given.more == NO_OBJECT else [value_of(given.more)]
    return either(*options) if options else defaults.get(name)


def parameters(node: Callable_) -> Iterator[ast.arg]:
    """The parameters, `*args` and `**kwargs` left out."""
    yield from (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)


def agreed(declared: Kind, given: Kind, is_base: bool = False) -> Kind:
    """What an object is that is declared to be one thing and given as another. `is_base` if the declared
    class is one that others stand in for.
    """
    if declared is None or given in (None, NO_OBJECT):
        return given if declared is None else declared
    if not is_specific(declared):
        return given
    more = (Derived, Keyed, Text, Function, Instance) if is_base else (Derived, Keyed, Text, Function)
    return either(declared, *(m for m in members(given) if isinstance(m, more)))
