"""How the properties of a JSON object become the attributes of a class."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import SchemaError
from ..slotted_classes import init_only, is_plain, lacking_methods, needs_value, untaken_fields
from .schema.json_tree import JsonObject

EXTRA = "extra"


@dataclass(frozen=True)
class Absence:
    """What an absent property is read as: the shared `value`, or what `factory` makes each time."""

    value: Any = None
    factory: Callable[[], Any] | None = None


@dataclass(frozen=True)
class ObjectBinding:
    """A class for an object: the attribute of each property, in the schema's order.

    `absent` has an entry for each property, None for those that are required or whose class has to know by
    itself. `extra_attribute` holds properties without a name in the schema, if the schema has a type for
    them. `plain`: a slotted dataclass whose `__init__` only stores its arguments, so a reader may fill the
    slots.
    """

    cls: type[Any]
    attributes: tuple[str, ...]
    absent: tuple[Absence | None, ...]
    extra_attribute: str | None
    plain: bool


def bind_object(schema: JsonObject, cls: type[Any]) -> ObjectBinding:
    """Find an attribute of `cls` for each property.

    A dataclass field whose name is not the property's has `metadata={"json": "<name>"}`, the one of further
    properties `metadata={"json_extra": True}`. Raises `SchemaError` if a dataclass lacks one, needs more than
    them, or has no default for a property that may be absent.
    """
    if not dataclasses.is_dataclass(cls):
        names = tuple(field.name for field in schema.fields)
        return ObjectBinding(cls, names, (None,) * len(names), EXTRA if schema.extra else None, plain=False)
    fields = dataclasses.fields(cls)
    members = {_wire(member): member for member in fields if not member.metadata.get("json_extra")}
    extra_attribute = _extra_attribute(schema, cls, fields)
    wanted = [field.name for field in schema.fields]
    _refuse(schema, cls, "has no field for", [name for name in wanted if name not in members])
    needed = [wire for wire, member in members.items() if wire not in wanted and needs_value(member)]
    needed += [member.name for member in init_only(cls) if needs_value(member)]
    _refuse(schema, cls, "needs a value that the schema does not have:", needed)
    optional = [field.name for field in schema.fields if not field.required]
    bare = [name for name in optional if _absence(members[name]) is None]
    _refuse(schema, cls, "has no default for what may be absent:", bare)
    bound = len(wanted) + (extra_attribute is not None)
    return ObjectBinding(
        cls,
        tuple(members[name].name for name in wanted),
        tuple(None if field.required else _absence(members[field.name]) for field in schema.fields),
        extra_attribute,
        bound == len(fields) and is_plain(cls),
    )


def bind_made_object(schema: JsonObject, cls: type[Any]) -> ObjectBinding:
    """As `bind_object`, for a reader, which makes objects of `cls`.

    Raises `SchemaError` also if that would fail whatever is read: if the class is abstract, or its
    `__init__` takes no value for one of the properties.
    """
    binding = bind_object(schema, cls)
    _refuse(schema, cls, "is abstract: it lacks", lacking_methods(cls))
    untaken, bound = untaken_fields(cls), zip(schema.fields, binding.attributes)
    _refuse(schema, cls, "takes no value for", [field.name for field, name in bound if name in untaken])
    return binding


def _wire(member: dataclasses.Field[Any]) -> str:
    name: str = member.metadata.get("json", member.name)
    return name


def _extra_attribute(
    schema: JsonObject, cls: type[Any], fields: tuple[dataclasses.Field[Any], ...]
) -> str | None:
    found = [member for member in fields if member.metadata.get("json_extra")]
    if not schema.extra:
        _refuse(schema, cls, "needs a value that the schema does not have:", _bare(found))
        return None
    _refuse(schema, cls, "has no field for", ["additional properties"] if not found else [])
    _refuse(schema, cls, "has several fields for additional properties:", [m.name for m in found[1:]])
    return found[0].name


def _bare(members: list[dataclasses.Field[Any]]) -> list[str]:
    return [member.name for member in members if needs_value(member)]


def _absence(member: dataclasses.Field[Any]) -> Absence | None:
    if member.default is not dataclasses.MISSING:
        return Absence(member.default)
    if member.default_factory is not dataclasses.MISSING:
        return Absence(factory=member.default_factory)
    return None


def _refuse(schema: JsonObject, cls: type[Any], what: str, names: list[str]) -> None:
    if names:
        listed = ", ".join(repr(name)[:200] for name in names[:10])
        raise SchemaError(f"{cls.__module__}.{cls.__qualname__} {what} {listed}", where=schema.name)
