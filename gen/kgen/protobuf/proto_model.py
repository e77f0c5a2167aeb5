"""What a .proto file declares as the model of classes has it: what becomes a class, and which types refer to
which. Protobuf's oneofs are unions here: each of their members is a type of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from kgen_runtime.codec.protobuf.schema.proto_descriptor import descriptor_text
from kgen_runtime.codec.protobuf.schema.proto_tree import (
    WELL_KNOWN,
    EnumRef,
    MessageRef,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoScalar,
    ProtoSchema,
)

from .declared_files import DeclaredFiles


@dataclass(frozen=True)
class OneofMember:
    """A member of a oneof, which has a class with the one attribute `value`. Its name is
    `shop.Order.payment.card`: the message's, the oneof's and the field's.
    """

    name: str
    field: ProtoField


@dataclass(frozen=True)
class MemberRef:
    """The use of a member of a oneof, by name."""

    name: str


@dataclass(frozen=True)
class ProtoOneof:
    """One of the members, or none."""

    branches: tuple[MemberRef, ...]


@dataclass(frozen=True)
class ProtoList:
    """A repeated field."""

    items: ProtoScalar | MessageRef | EnumRef


@dataclass(frozen=True)
class NoMessage:
    """The root of a file that declares no message."""


ProtoNode: TypeAlias = (
    ProtoScalar | MessageRef | EnumRef | MemberRef | ProtoOneof | ProtoMap | ProtoList | NoMessage
)
ProtoClassed: TypeAlias = ProtoMessage | ProtoEnum | OneofMember
"""What has a class."""


@dataclass(frozen=True)
class ProtoAttribute:
    """What becomes one attribute of a message's class: a field, or all members of a oneof. `wire` is the name
    of that.
    """

    wire: str
    type: ProtoNode
    fields: tuple[ProtoField, ...]

    @property
    def field(self) -> ProtoField:
        """The field, if it is one."""
        return self.fields[0]

    @property
    def is_oneof(self) -> bool:
        """Whether it is a oneof."""
        return self.field.oneof is not None


def attributes_of(message: ProtoMessage) -> Iterator[ProtoAttribute]:
    """The attributes of a message, a oneof at its first member."""
    oneofs = message.oneofs
    for item in message.fields:
        if item.oneof is None:
            yield ProtoAttribute(item.name, _type_of(item), (item,))
        elif item == oneofs[item.oneof][0]:
            members = oneofs[item.oneof]
            refs = tuple(MemberRef(f"{message.name}.{item.oneof}.{it.name}") for it in members)
            yield ProtoAttribute(item.oneof, ProtoOneof(refs), members)


def _type_of(item: ProtoField) -> ProtoNode:
    if isinstance(item.type, ProtoMap) or item.presence not in ("repeated", "packed"):
        return item.type
    return ProtoList(item.type)


@dataclass(frozen=True)
class ProtoModel:
    """A file's types by full name, in order: its own, then those that they refer to. `root` is the first
    message that the file declares outside of others.
    """

    names: Mapping[str, ProtoClassed]
    root: ProtoNode
    files: DeclaredFiles = field(compare=False, repr=False)

    @property
    def schema(self) -> ProtoSchema:
        """The tree that the codec reads."""
        return self.files.schema

    @cached_property
    def descriptor(self) -> str:
        """The text of that tree, which generated code carries."""
        return descriptor_text(self.files.schema)

    def of(self, message: str) -> ProtoModel:
        """The same file, with another of its messages as the root. Raises `KeyError` if it has no such."""
        if not isinstance(self.names[message], ProtoMessage):
            raise KeyError(message)
        return replace(self, root=MessageRef(message))

    def doc(self, key: str) -> str | None:
        """What is said of a type, of a field (`shop.Order:id`) or of a value (`shop.Status:NEW`)."""
        return self.files.docs.get(key)


def proto_model(files: DeclaredFiles) -> ProtoModel:
    """What the declarations are as a model."""
    names: dict[str, ProtoClassed] = {}
    for name, named in files.schema.names.items():
        names[name] = named
        if isinstance(named, ProtoMessage):
            for item in named.fields:
                if item.oneof is not None:
                    member = f"{name}.{item.oneof}.{item.name}"
                    names[member] = OneofMember(member, item)
    first = next((it for it in files.messages if it not in WELL_KNOWN), None)
    return ProtoModel(names, MessageRef(first) if first else NoMessage(), files)
