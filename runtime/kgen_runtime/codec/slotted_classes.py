"""Which classes a reader may fill without calling them, what their fields need, what cannot be in a cycle."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
import types
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from .values import (
    Absent,
    Duration,
    LocalTimestampNanos,
    NanosDatetime,
    NanosTimedelta,
    OutOfRange,
    TimestampNanos,
)

_LEAVES: Final = frozenset(
    (
        *(bool, int, float, str, bytes, Decimal, UUID, type(None)),
        *(dt.date, dt.time, dt.datetime, dt.timedelta),
        *(Absent, Duration, NanosDatetime, NanosTimedelta, LocalTimestampNanos, TimestampNanos),
    )
)
_REACH: Final = 64
"""How many classes are gone through: a chain of records may be as long as the schema's text."""
_CLASSES: Final = 4096


def is_plain(cls: type[Any]) -> bool:
    """Whether calling the class does no more than store each argument in its slot.

    And reading an attribute no more than look there. One with `__del__` would see objects that are half made.
    """
    made_by: object = cls.__new__
    return (
        dataclasses.is_dataclass(cls)
        and type(cls) is type
        and made_by is object.__new__
        and cls.__getattribute__ is object.__getattribute__
        and not any(hasattr(cls, name) for name in ("__post_init__", "__getattr__", "__del__"))
        and is_generated(cls.__init__)
        and _stores(cls)
        and not init_only(cls)
        and all(_is_slot(cls, member) for member in dataclasses.fields(cls))
    )


def is_generated(method: Any) -> bool:
    """Whether `dataclass()` made it: what is written by hand stands in a file."""
    code = getattr(method, "__code__", None)
    return code is not None and code.co_filename == "<string>"


def _stores(cls: type[Any]) -> bool:
    """Whether `__init__` stores by setting an attribute: that of a frozen dataclass goes past its refusal."""
    setter: object = cls.__setattr__
    return setter is object.__setattr__ or (is_generated(setter) and cls.__dataclass_params__.frozen)


def init_only(cls: type[Any]) -> list[dataclasses.Field[Any]]:
    """The arguments of `__init__` that are not fields."""
    every: dict[str, dataclasses.Field[Any]] = cls.__dataclass_fields__
    others = every.keys() - {member.name for member in dataclasses.fields(cls)}
    arguments = inspect.signature(cls.__init__).parameters if others else {}
    return [every[name] for name in every if name in others and name in arguments]


def lacking_methods(cls: type[Any]) -> list[str]:
    """The methods without which no object of an abstract class can be made, sorted."""
    made_by: object = cls.__new__
    return sorted(cls.__abstractmethods__) if inspect.isabstract(cls) and made_by is object.__new__ else []


def untaken_fields(cls: type[Any]) -> set[str]:
    """The fields that the `__init__` which `dataclass()` made takes no value for."""
    if not dataclasses.is_dataclass(cls) or not is_generated(cls.__init__):
        return set()
    return {member.name for member in dataclasses.fields(cls) if not member.init}


def _is_slot(cls: type[Any], member: dataclasses.Field[Any]) -> bool:
    slot = getattr(cls, member.name, None)
    return member.init and isinstance(slot, types.MemberDescriptorType) and issubclass(cls, slot.__objclass__)


def needs_value(member: dataclasses.Field[Any]) -> bool:
    """Whether a field has no default: an object cannot be made without a value for it."""
    return (
        member.init
        and member.default is dataclasses.MISSING
        and member.default_factory is dataclasses.MISSING
    )


def is_alone(cls: type[Any]) -> bool:
    """Whether by the types of its fields no object of the class can be in a cycle of references, so that
    garbage collection need not visit it. (A cycle that is made against the types, or through an object of a
    class derived from one of theirs, is never freed.)

    They hold text, numbers, times, enums and the like, lists and dicts of them, and objects of other classes
    with slots that do not come back to this one. It is not if a type is `Any`, a type variable, or not known.
    """
    seen: set[type[Any]] = set()
    waiting = [cls]
    while waiting:
        held = _held(waiting.pop())  # type: ignore[arg-type]  # classes can be hashed
        if held is None or cls in held or len(seen) > _REACH:
            return False
        waiting += held - seen
        seen |= held
    return True


@lru_cache(_CLASSES)
def _held(cls: type[Any]) -> frozenset[type[Any]] | None:
    """The other dataclasses that are in the types of its fields; None if its objects may hold anything."""
    if not is_plain(cls) or cls.__dictoffset__:
        return None
    names = {member.name for member in dataclasses.fields(cls)}
    slots = {name for base in cls.__mro__ for name in _slots(base)}
    if slots - names - {"__weakref__"}:
        return None
    try:
        hints = get_type_hints(cls)
    except (NameError, AttributeError, TypeError, SyntaxError):  # names that stand nowhere, or no types
        return None
    found: set[type[Any]] = set()
    return frozenset(found) if all(_is_closed(hints[name], found) for name in names) else None


def _slots(cls: type[Any]) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _is_closed(hint: Any, found: set[type[Any]]) -> bool:
    """Whether a value of this type holds only leaves, and objects of classes that are put into `found`."""
    origin = get_origin(hint)
    if origin in (list, dict, Union, types.UnionType):
        return all(_is_closed(each, found) for each in get_args(hint))
    if origin in (Literal, OutOfRange):
        return True
    if not isinstance(hint, type):
        return False
    if hint in _LEAVES or issubclass(hint, enum.Enum):
        return True
    if not dataclasses.is_dataclass(hint):
        return False
    found.add(hint)
    return True
