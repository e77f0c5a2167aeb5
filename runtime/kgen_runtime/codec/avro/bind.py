"""How the fields of a record become the attributes of a class."""

from __future__ import annotations

import dataclasses
import inspect
import types
from dataclasses import dataclass
from typing import Any

from ...errors import SchemaError
from .schema.tree import Record


@dataclass(frozen=True)
class RecordBinding:
    """A class for a record: the attribute of each field, in the schema's order.

    `plain`: a slotted dataclass whose `__init__` only stores its arguments, so a reader may fill the slots.
    """

    cls: type[Any]
    attributes: tuple[str, ...]
    plain: bool


def bind(record: Record, cls: type[Any]) -> RecordBinding:
    """Find an attribute of `cls` for each field.

    Raises `SchemaError` if a dataclass lacks one, or needs more than them.
    """
    if not dataclasses.is_dataclass(cls):
        return RecordBinding(cls, tuple(field.name for field in record.fields), plain=False)
    members = {member.metadata.get("avro", member.name): member for member in dataclasses.fields(cls)}
    wanted = [field.name for field in record.fields]
    _refuse(record, cls, "has no field for", [name for name in wanted if name not in members])
    needed = [wire for wire, member in members.items() if wire not in wanted and _required(member)]
    needed += [member.name for member in _init_only(cls) if _required(member)]
    _refuse(record, cls, "needs a value that the schema does not have:", needed)
    attributes = tuple(members[name].name for name in wanted)
    return RecordBinding(cls, attributes, len(members) == len(wanted) and is_plain(cls))


def bind_made(record: Record, cls: type[Any]) -> RecordBinding:
    """As `bind`, for a reader, which makes objects of `cls`.

    Raises `SchemaError` also where that would fail whatever is read: if the class is abstract, or its
    `__init__` takes no value for one of the fields.
    """
    binding = bind(record, cls)
    made_by: object = cls.__new__
    if inspect.isabstract(cls) and made_by is object.__new__:
        _refuse(record, cls, "is abstract: it lacks", sorted(cls.__abstractmethods__))
    if dataclasses.is_dataclass(cls) and _is_generated(cls.__init__):
        unset = {member.name for member in dataclasses.fields(cls) if not member.init}
        bound = zip(record.fields, binding.attributes)
        _refuse(record, cls, "takes no value for", [field.name for field, name in bound if name in unset])
    return binding


def _refuse(record: Record, cls: type[Any], what: str, names: list[str]) -> None:
    if names:
        raise SchemaError(f"{cls.__module__}.{cls.__qualname__} {what} {', '.join(names)}", where=record.name)


def _required(member: dataclasses.Field[Any]) -> bool:
    return (
        member.init
        and member.default is dataclasses.MISSING
        and member.default_factory is dataclasses.MISSING
    )


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
        and _is_generated(cls.__init__)
        and _stores(cls)
        and not _init_only(cls)
        and all(_is_slot(cls, member) for member in dataclasses.fields(cls))
    )


def _is_generated(method: Any) -> bool:
    """Whether `dataclass()` made it: what is written by hand stands in a file."""
    code = getattr(method, "__code__", None)
    return code is not None and code.co_filename == "<string>"


def _stores(cls: type[Any]) -> bool:
    """Whether `__init__` stores by setting an attribute: that of a frozen dataclass goes past its refusal."""
    setter: object = cls.__setattr__
    return setter is object.__setattr__ or (_is_generated(setter) and cls.__dataclass_params__.frozen)


def _init_only(cls: type[Any]) -> list[dataclasses.Field[Any]]:
    """The arguments of `__init__` that are not fields."""
    every: dict[str, dataclasses.Field[Any]] = cls.__dataclass_fields__
    others = every.keys() - {member.name for member in dataclasses.fields(cls)}
    arguments = inspect.signature(cls.__init__).parameters if others else {}
    return [every[name] for name in every if name in others and name in arguments]


def _is_slot(cls: type[Any], member: dataclasses.Field[Any]) -> bool:
    slot = getattr(cls, member.name, None)
    return member.init and isinstance(slot, types.MemberDescriptorType) and issubclass(cls, slot.__objclass__)
