"""Values that remember the branch of a union that they were read from.

In `["int", "long"]` both branches hold ints, in a union of two fixed of one size both hold bytes: what is
read from the second of such branches is an int (bytes, …) of a class of its own, so that it is written back
as it came. What is computed from it is an ordinary int again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from .avro.schema.tree import Fixed, Named, Node, Primitive, Ref, Union, branch_name
from .values import Duration

T = TypeVar("T", int, float, bytes, Decimal, UUID, dt.time, Duration)

_CLASSES = 4096


class OfBranch:
    """The base of such classes. `branch`: a type (`long`), or the full name of a fixed."""

    __slots__ = ()
    branch: ClassVar[str]

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return of_branch, (without_branch(self), self.branch)


_COPIES: Mapping[type[Any], Callable[[type[Any], Any], Any]] = {
    int: lambda cls, value: cls(int.__int__(value)),
    float: lambda cls, value: cls(float.__float__(value)),
    bytes: lambda cls, value: cls(memoryview(value)),
    Decimal: lambda cls, value: cls(value),
    UUID: lambda cls, value: cls(int=value.int),
    dt.time: lambda cls, value: cls(value.hour, value.minute, value.second, value.microsecond),
    Duration: lambda cls, value: cls(value.months, value.days, value.millis),
}

_BASES = {base.__name__: base for base in _COPIES}


def of_branch(value: T, branch: str) -> T:
    """`value`, to be written as this branch of a union: a type (`long`), or the full name of a fixed.

    It equals the value. Where a union has no such branch, or that does not take the value, it is written as
    the value would be. Raises TypeError for what no two branches have in common.
    """
    base: type[Any] = type(value) if type(value) in _COPIES else _base(value)
    made: T = _COPIES[base](_class(base.__name__, branch), value)
    return made


def without_branch(value: Any) -> Any:
    """The value, without the branch it is of."""
    if not isinstance(value, OfBranch):
        return value
    base = _base(value)
    return _COPIES[base](base, value)


def _base(value: Any) -> type[Any]:
    found = next((base for base in _COPIES if isinstance(value, base)), None)
    if found is None or isinstance(value, bool):
        raise TypeError(f"a {type(value).__name__} is of one branch alone")
    return found


@lru_cache(maxsize=_CLASSES)
def _class(name: str, branch: str) -> type[Any]:
    return type(name, (OfBranch, _BASES[name]), {"__slots__": (), "branch": branch})


def ambiguous(union: Union, names: Mapping[str, Named]) -> frozenset[str]:
    """The branches whose values alone do not tell them from an earlier one."""
    seen: set[tuple[str, int]] = set()
    found: set[str] = set()
    for branch in union.branches:
        if (held := _held(branch, names)) is None:
            continue
        kind, size = held
        if held in seen or (kind, _ANY) in seen or (size == _ANY and any(it[0] == kind for it in seen)):
            found.add(branch_name(branch))
        seen.add(held)
    return frozenset(found)


_ANY = -1
_HELD = {"int": "int", "long": "int", "float": "float", "double": "float", "bytes": "bytes"}
_HELD_LOGICAL = {
    "uuid": "uuid",
    "decimal": "decimal",
    "big-decimal": "decimal",
    "duration": "duration",
    "time-millis": "time",
    "time-micros": "time",
}


def _held(branch: Node, names: Mapping[str, Named]) -> tuple[str, int] | None:
    """What Python type holds the values of a branch, and their size in bytes if that is fixed."""
    node = names[branch.name] if isinstance(branch, Ref) else branch
    if not isinstance(node, Primitive | Fixed):
        return None
    if node.logical:
        kind = _HELD_LOGICAL.get(node.logical.name)
        return (kind, _ANY) if kind else None
    if isinstance(node, Fixed):
        return "bytes", node.size
    return (_HELD[node.type], _ANY) if node.type in _HELD else None
