"""How the fields of a message become the attributes of a class."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import SchemaError
from ..slotted_classes import init_only, is_plain, lacking_methods, needs_value, untaken_fields
from ..values import OpenEnum
from .schema.proto_tree import ProtoEnum, ProtoMessage


@dataclass(frozen=True)
class MessageBinding:
    """A class for a message.

    `attributes`: one for each field in the schema's order, those of a oneof as one, at its first member; last
    that of unknown fields, if the class has one (`keeps_unknown`). `slots` gives the place of each field (by
    name) in them. `holders`: the class of each member of a oneof, by the field's name. `plain`: a slotted
    dataclass whose `__init__` only stores its arguments, so a reader may fill the slots.
    """

    cls: type[Any]
    attributes: tuple[str, ...]
    slots: Mapping[str, int]
    holders: Mapping[str, type[Any]]
    keeps_unknown: bool
    plain: bool


def bind_message(schema: ProtoMessage, cls: type[Any], classes: Mapping[str, type[Any]]) -> MessageBinding:
    """Find an attribute of `cls` for each field, and the classes for members of oneofs in `classes`.

    A dataclass field whose name is not the field's (or the oneof's) has `metadata={"proto": "<name>"}`, the
    one of unknown fields `metadata={"proto_unknown": True}`. Raises `SchemaError` if `cls` is not a
    dataclass, lacks a field or needs more of them, or if a member of a oneof has no class.
    """
    if not dataclasses.is_dataclass(cls):
        _refuse(schema, cls, "is not a dataclass, for", [schema.name])
    fields = dataclasses.fields(cls)
    members = {_wire(member): member for member in fields if not member.metadata.get("proto_unknown")}
    wanted = list(dict.fromkeys(field.oneof or field.name for field in schema.fields))
    _refuse(schema, cls, "has no field for", [name for name in wanted if name not in members])
    needed = [wire for wire, member in members.items() if wire not in wanted and needs_value(member)]
    needed += [member.name for member in init_only(cls) if needs_value(member)]
    _refuse(schema, cls, "needs a value that the message does not have:", needed)
    unknown = [member.name for member in fields if member.metadata.get("proto_unknown")]
    _refuse(schema, cls, "has several fields for unknown fields:", unknown[1:])
    places = {name: number for number, name in enumerate(wanted)}
    attributes = tuple(members[name].name for name in wanted) + tuple(unknown)
    return MessageBinding(
        cls,
        attributes,
        {field.name: places[field.oneof or field.name] for field in schema.fields},
        {
            field.name: _holder(f"{schema.name}.{field.oneof}.{field.name}", classes)
            for field in schema.fields
            if field.oneof is not None
        },
        bool(unknown),
        len(attributes) == len(fields) and is_plain(cls),
    )


def bind_made_message(
    schema: ProtoMessage, cls: type[Any], classes: Mapping[str, type[Any]]
) -> MessageBinding:
    """As `bind_message`, for a reader, which makes objects of `cls`.

    Raises `SchemaError` also if that would fail whatever is read: if the class is abstract, or its
    `__init__` takes no value for one of the fields.
    """
    binding = bind_message(schema, cls, classes)
    _refuse(schema, cls, "is abstract: it lacks", lacking_methods(cls))
    untaken = untaken_fields(cls)
    _refuse(schema, cls, "takes no value for", [name for name in binding.attributes if name in untaken])
    return binding


def bind_proto_enum(schema: ProtoEnum, cls: type[Any]) -> Mapping[int, Any]:
    """The member of `cls` for each number. Raises `SchemaError` if one is lacking, if it is not an IntEnum,
    or not an `OpenEnum` for an enum that is open.
    """
    base = OpenEnum if schema.open else enum.IntEnum
    if not issubclass(cls, base):
        raise SchemaError(f"{cls.__module__}.{cls.__qualname__} is not an {base.__name__}", where=schema.name)
    named = cls.__members__.values()
    known = {int(member): member for member in named}
    lacking = [name for name, number in schema.values if number not in known]
    _refuse(schema, cls, "has no member for", lacking)
    return {number: known[number] for _, number in schema.values}


def _holder(key: str, classes: Mapping[str, type[Any]]) -> type[Any]:
    cls = classes.get(key)
    if cls is None:
        raise SchemaError("there is no class for a member of a oneof", where=key)
    named = [member.name for member in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
    if named != ["value"]:
        raise SchemaError(
            f"{cls.__module__}.{cls.__qualname__} is not a dataclass with the one field `value`", where=key
        )
    return cls


def _wire(member: dataclasses.Field[Any]) -> str:
    name: str = member.metadata.get("proto", member.name)
    return name


def _refuse(schema: ProtoMessage | ProtoEnum, cls: type[Any], what: str, names: list[str]) -> None:
    if names:
        listed = ", ".join(repr(name)[:200] for name in names[:10])
        raise SchemaError(f"{cls.__module__}.{cls.__qualname__} {what} {listed}", where=schema.name)
