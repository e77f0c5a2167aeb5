"""Which classes a reader may fill without calling them, and what their fields need."""

from __future__ import annotations

import dataclasses
import inspect
import types
from typing import Any


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
