"""How the fields of a record become the attributes of a class."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ...errors import SchemaError
from ..slotted_classes import init_only, is_plain, lacking_methods, needs_value, untaken_fields
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
    needed = [wire for wire, member in members.items() if wire not in wanted and needs_value(member)]
    needed += [member.name for member in init_only(cls) if needs_value(member)]
    _refuse(record, cls, "needs a value that the schema does not have:", needed)
    attributes = tuple(members[name].name for name in wanted)
    return RecordBinding(cls, attributes, len(members) == len(wanted) and is_plain(cls))


def bind_made(record: Record, cls: type[Any]) -> RecordBinding:
    """As `bind`, for a reader, which makes objects of `cls`.

    Raises `SchemaError` also where that would fail whatever is read: if the class is abstract, or its
    `__init__` takes no value for one of the fields.
    """
    binding = bind(record, cls)
    _refuse(record, cls, "is abstract: it lacks", lacking_methods(cls))
    untaken, bound = untaken_fields(cls), zip(record.fields, binding.attributes)
    _refuse(record, cls, "takes no value for", [field.name for field, name in bound if name in untaken])
    return binding


def _refuse(record: Record, cls: type[Any], what: str, names: list[str]) -> None:
    if names:
        raise SchemaError(f"{cls.__module__}.{cls.__qualname__} {what} {', '.join(names)}", where=record.name)
