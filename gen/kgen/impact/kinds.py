"""What an expression in user code can be, as far as reading tells. `None` stands for what is not known."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Module:
    """A module."""

    name: str  # dotted


@dataclass(frozen=True)
class External:
    """Something that is defined outside of the project."""

    name: str  # dotted: `kgen_runtime.map_value`


@dataclass(frozen=True)
class Class:
    """A class of the project (the class itself)."""

    module: str
    name: str


@dataclass(frozen=True)
class Instance:
    """An object of a class."""

    of: Class


@dataclass(frozen=True)
class Function:
    """A function or lambda of the project; `bound` where its first parameter is taken."""

    module: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    owner: Class | None = None
    bound: bool = False


@dataclass(frozen=True)
class Many:
    """A list, set, iterator; or a dict, of which `item` is the value and `key` the key."""

    item: Kind
    key: Kind = None
    mapping: bool = False


@dataclass(frozen=True)
class Tuple:
    """A tuple of known length."""

    items: tuple[Kind, ...]


@dataclass(frozen=True)
class Either:
    """One of several."""

    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Topic:
    """A generated topic, or a serde (of the value). `module` is the module that holds the topic."""

    key: Kind
    value: Kind
    module: str = ""


@dataclass(frozen=True)
class Message:
    """An `rt.Message`. `key_of` and `value_of` are the modules of the topics whose key and value it has."""

    key: Kind
    value: Kind
    key_of: str = ""
    value_of: str = ""


@dataclass(frozen=True)
class Stream:
    """A Bytewax stream."""

    item: Kind


@dataclass(frozen=True)
class Split:
    """An object with streams for attributes: `oks` and `errs`, `trues` and `falses`."""

    item: Kind


Kind: TypeAlias = (
    Module
    | External
    | Class
    | Instance
    | Function
    | Many
    | Tuple
    | Either
    | Topic
    | Message
    | Stream
    | Split
    | None
)


def either(*kinds: Kind) -> Kind:
    """One of several, without repetition; what is not known is left out."""
    found: list[Kind] = []
    for kind in kinds:
        found += [
            k
            for k in (kind.kinds if isinstance(kind, Either) else (kind,))
            if k is not None and k not in found
        ]
    return Either(tuple(found)) if len(found) > 1 else found[0] if found else None


def members(kind: Kind) -> tuple[Kind, ...]:
    """The members of a union; what is no union is its only member."""
    return kind.kinds if isinstance(kind, Either) else (kind,)


def item_of(kind: Kind) -> Kind:
    """What iterating gives."""
    found = []
    for member in members(kind):
        if isinstance(member, Many):
            found.append(member.key if member.mapping else member.item)
        elif isinstance(member, Tuple):
            found += list(member.items)
    return either(*found)
