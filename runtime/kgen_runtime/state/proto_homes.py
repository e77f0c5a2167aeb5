"""Classes made from Protobuf messages: `kgen_runtime.state` keeps their objects by the numbers of fields."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..codec.protobuf.proto_bind import MessageBinding, bind_message
from ..codec.protobuf.schema.proto_tree import EnumRef, ProtoMap, ProtoMessage
from ..errors import SchemaError
from .marks import Mark

if TYPE_CHECKING:
    from ..serde.schemas import Schemas


@dataclass(frozen=True)
class ProtoMember:
    """A field: its number, its attribute, the class that holds it as a member of a oneof, and its enum's."""

    number: int
    attribute: str
    holder: type[Any] | None
    enum: type[Any] | None


class ProtoBinding:
    """A class that stands for a message or an enum of a Protobuf file."""

    def __init__(self, schemas: Schemas, name: str, cls: type[Any], classes: Mapping[str, type[Any]]) -> None:
        self.schemas = schemas
        self.name = name
        self.cls = cls
        self.classes = classes

    @cached_property
    def mark(self) -> str:
        """What its pickled values carry."""
        digest = hashlib.sha256(self.schemas.descriptor.encode()).digest()[:6]
        return str(
            Mark(self.cls.__module__, self.cls.__qualname__, base64.urlsafe_b64encode(digest).decode())
        )

    @cached_property
    def members(self) -> tuple[ProtoMember, ...]:
        """Its fields. Raises `SchemaError` if the class does not stand for a message of its schema."""
        message, bound = self._bound
        return tuple(
            ProtoMember(
                each.number,
                bound.attributes[bound.slots[each.name]],
                bound.holders.get(each.name),
                self._enum(each.type),
            )
            for each in message.fields
        )

    @cached_property
    def holders(self) -> Mapping[str, frozenset[type[Any]]]:
        """The classes that an attribute of a oneof may have a value of, by attribute. Raises as `members`."""
        found: dict[str, frozenset[type[Any]]] = {}
        for each in self.members:
            if each.holder is not None:
                found[each.attribute] = found.get(each.attribute, frozenset()) | {each.holder}
        return found

    @cached_property
    def unknown_attribute(self) -> str | None:
        """The attribute of the bytes of unknown fields. Raises as `members`."""
        _, bound = self._bound
        return bound.attributes[-1] if bound.keeps_unknown else None

    @cached_property
    def absent(self) -> Mapping[str, dataclasses.Field[Any]]:
        """The fields of the class, by attribute: what an absent one is."""
        return {each.name: each for each in dataclasses.fields(self.cls)}

    @cached_property
    def _bound(self) -> tuple[ProtoMessage, MessageBinding]:
        named = self.schemas.messages.names.get(self.name)
        if not isinstance(named, ProtoMessage):
            raise SchemaError(f"{self.name} is not a message of {self.schemas.subject}")
        return named, bind_message(named, self.cls, self.classes)

    def _enum(self, type_: object) -> type[Any] | None:
        used = type_.values if isinstance(type_, ProtoMap) else type_
        return self.classes.get(used.name) if isinstance(used, EnumRef) else None
