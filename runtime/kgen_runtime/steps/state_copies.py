"""Deep copies of kept state, several times as fast as `copy.deepcopy`: a step that can go back needs many.

Values that cannot change are not copied, and messages and failures are taken for such: they pass between
steps as they are. Containers of nothing else, and dataclasses whose attributes are nothing else, are copied
without a look at each value. Any other object is copied by `copy.deepcopy`.
"""

from __future__ import annotations

import copy
import dataclasses
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePosixPath
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from ..errors import FlowError, named_text
from ..messages import Failure, Message, RawMessage

S = TypeVar("S")
Copier = Callable[[Any, "StateCopy"], Any]


class KeptStateError(FlowError):
    """State that a step keeps cannot go back to what it was, which is not the fault of one message."""


class StateCopy:
    """One copy of a state: `made` is it, `size` about how many values it was made of.

    Raises `KeptStateError`.
    """

    __slots__ = ("made", "memo", "size")

    def __init__(self, state: Any) -> None:
        self.memo: dict[int, Any] = {}
        """What has been copied already, by its id, as `copy.deepcopy` has it."""
        self.size = 1
        self.made: Any = state
        if type(state) not in FIXED:
            try:
                self.made = self.of(state)
            except Exception as error:
                raise KeptStateError(
                    f"kept state cannot be copied: {named_text(type(error).__name__, error)}",
                    hint="State has to be of data that copy.deepcopy can copy and pickle can store.",
                ) from error

    def of(self, value: Any) -> Any:
        """A copy of a value inside."""
        kind = type(value)
        if kind in FIXED:
            return value
        known = self.memo.get(id(value))
        if known is not None:
            return known
        copier = _COPIERS.get(kind)
        if copier is None:
            copier = _COPIERS[kind] = _copier_of(kind)
        return copier(value, self)


FIXED: Final[set[type[Any]]] = {
    *(type(None), type(...), type(NotImplemented), bool, int, float, complex, str, bytes, range, type),
    *(
        Decimal,
        Fraction,
        UUID,
        date,
        datetime,
        time,
        timedelta,
        timezone,
        ZoneInfo,
        re.Pattern,
        PurePosixPath,
    ),
    *(FunctionType, BuiltinFunctionType, ModuleType, Message, RawMessage, Failure),
}
"""Classes whose objects are not copied. Enums are added when one is met."""


def _fixed(value: Any, copying: StateCopy) -> Any:
    return value


def _list(value: list[Any], copying: StateCopy) -> Any:
    copying.size += len(value)
    made = copying.memo[id(value)] = value.copy()
    if not FIXED.issuperset(map(type, value)):
        made[:] = map(copying.of, value)
    return made


def _tuple(value: tuple[Any, ...], copying: StateCopy) -> Any:
    copying.size += len(value)
    if FIXED.issuperset(map(type, value)):
        return value
    made = tuple(map(copying.of, value))
    # Of a circle through a tuple the copy is already there.
    known = copying.memo.get(id(value))
    if known is not None:
        return known
    kept = value if all(map(_same, made, value)) else made
    copying.memo[id(value)] = kept
    return kept


def _same(one: object, other: object) -> bool:
    return one is other


def _dict(value: dict[Any, Any], copying: StateCopy) -> Any:
    copying.size += len(value)
    made = copying.memo[id(value)] = value.copy()  # of the same class: what a defaultdict makes is kept
    if not FIXED.issuperset(map(type, value)):
        made.clear()
        for key, each in value.items():
            made[copying.of(key)] = copying.of(each)
    elif not FIXED.issuperset(map(type, value.values())):
        for key, each in value.items():
            made[key] = copying.of(each)
    return made


def _set(value: set[Any], copying: StateCopy) -> Any:
    copying.size += len(value)
    made = copying.memo[id(value)] = value.copy()
    if not FIXED.issuperset(map(type, value)):
        made.clear()
        made.update(map(copying.of, value))
    return made


def _frozenset(value: frozenset[Any], copying: StateCopy) -> Any:
    copying.size += len(value)
    fixed = FIXED.issuperset(map(type, value))
    return value if fixed else copying.memo.setdefault(id(value), frozenset(map(copying.of, value)))


def _deque(value: deque[Any], copying: StateCopy) -> Any:
    copying.size += len(value)
    made = copying.memo[id(value)] = value.copy()
    if not FIXED.issuperset(map(type, value)):
        made.clear()
        made.extend(map(copying.of, value))
    return made


def _other(value: Any, copying: StateCopy) -> Any:
    copying.size += 10
    return copy.deepcopy(value, copying.memo)


_COPIERS: Final[dict[type[Any], Copier]] = {
    list: _list,
    tuple: _tuple,
    dict: _dict,
    defaultdict: _dict,
    OrderedDict: _dict,
    Counter: _dict,
    set: _set,
    frozenset: _frozenset,
    deque: _deque,
}
"""By class; those of dataclasses, and of what only `copy.deepcopy` knows, are added when one is met."""

_OWN_WAYS: Final = ("__deepcopy__", "__copy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")


def _copier_of(kind: type[Any]) -> Copier:
    if issubclass(kind, (Enum, type)):
        FIXED.add(kind)
        return _fixed
    if not _is_plain_dataclass(kind):
        return _other
    slots = [name for base in kind.__mro__ for name in _slots(base)]
    return _of_dataclass(kind, slots, any("__dict__" in vars(base) for base in kind.__mro__))


def _is_plain_dataclass(kind: type[Any]) -> bool:
    """Whether its attributes are all that there is, and no method of the class has to be asked for them."""
    made_by: object = kind.__new__  # of one derived from a dict it is the dict's
    return (
        dataclasses.is_dataclass(kind)
        and made_by is object.__new__
        and kind.__getattribute__ is object.__getattribute__
        and not any(hasattr(kind, name) for name in ("__getattr__", "__del__"))
        and not any(map(_is_own_way, _own_ways(kind)))
    )


def _own_ways(kind: type[Any]) -> list[Any]:
    return [vars(base)[name] for base in kind.__mro__[:-1] for name in _OWN_WAYS if name in vars(base)]


def _is_own_way(function: Any) -> bool:
    """Whether a class is copied in a way of its own: not where kgen, or `dataclass`, put the method there."""
    module = str(getattr(function, "__module__", ""))
    return not module.startswith("kgen_runtime.state") and module != "dataclasses"


def _slots(base: type[Any]) -> list[str]:
    found = vars(base).get("__slots__", ())
    names = [found] if isinstance(found, str) else list(found)
    return [_mangled(base, name) for name in names if name not in ("__dict__", "__weakref__")]


def _mangled(base: type[Any], name: str) -> str:
    private = name.startswith("__") and not name.endswith("__")
    return f"_{base.__name__.lstrip('_')}{name}" if private else name


def _of_dataclass(kind: type[Any], slots: list[str], has_dict: bool) -> Copier:
    new, put = object.__new__, object.__setattr__

    def of_slots(value: Any, copying: StateCopy) -> Any:
        made = copying.memo[id(value)] = new(kind)
        copying.size += len(slots)
        for name in slots:
            held = getattr(value, name, _UNSET)
            if type(held) in FIXED:
                put(made, name, held)
            elif held is not _UNSET:
                put(made, name, copying.of(held))
        return made

    def of_dict(value: Any, copying: StateCopy) -> Any:
        made = copying.memo[id(value)] = of_slots(value, copying) if slots else new(kind)
        held = value.__dict__
        copying.size += len(held)
        inner = made.__dict__
        inner.update(held)
        if not FIXED.issuperset(map(type, held.values())):
            for name, each in held.items():
                inner[name] = copying.of(each)
        return made

    return of_dict if has_dict else of_slots


_UNSET: Final = object()
"""In place of an attribute that has not been set."""
