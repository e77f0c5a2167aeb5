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

from .values import Duration, OutOfRange

T = TypeVar("T", int, float, bytes, Decimal, UUID, dt.time, Duration, OutOfRange[int], OutOfRange[bytes])

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
    OutOfRange: lambda cls, value: cls(value.raw, value.logical_type, value.scale),
}

_BASES = {base.__name__: base for base in _COPIES}


def of_branch(value: T, branch: str) -> T:
    """`value`, to be written as this branch of a union: a type (`long`), or the full name of a fixed.

    It equals the value. If a union has no such branch, or that does not take the value, it is written as
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
