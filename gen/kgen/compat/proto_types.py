"""Types of Protobuf fields: how they are written, and what they are called in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kgen_runtime.codec.protobuf.schema.proto_tree import (
    EnumRef,
    MessageRef,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoScalar,
    ProtoType,
)

from ..protobuf.declared_files import DeclaredFiles

_FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("int32", "int64", "uint32", "uint64", "bool"), "varint"),
    **dict.fromkeys(("sint32", "sint64"), "zigzag"),
    **dict.fromkeys(("string", "bytes"), "text"),
    **dict.fromkeys(("fixed32", "sfixed32"), "fixed32"),
    **dict.fromkeys(("fixed64", "sfixed64"), "fixed64"),
}
_LABELS: Final[Mapping[str, str]] = {"packed": "repeated", "implicit": ""}


def wire_family(type_: ProtoType) -> str:
    """Equal for types that read each other's values: `int32` and `bool`, `string` and `bytes`, an enum and
    `int32`; a map is a message.
    """
    if isinstance(type_, ProtoScalar):
        return _FAMILIES.get(type_.kind, type_.kind)
    if isinstance(type_, EnumRef):
        return "varint"
    return "group" if isinstance(type_, MessageRef) and type_.group else "message"


def is_repeated(field: ProtoField) -> bool:
    """Whether there may be several values; a map is so, too."""
    return field.presence in ("repeated", "packed")


def label_of(field: ProtoField) -> str:
    """`optional`, `required` or `repeated`, as a text has it; empty where it has none."""
    if isinstance(field.type, ProtoMap) or field.oneof is not None:
        return ""
    if field.presence == "explicit":
        return "" if isinstance(field.type, MessageRef) else "optional"
    return _LABELS.get(field.presence, field.presence)


def proto_type_text(type_: ProtoType) -> str:
    """A type as a text has it, with full names: `shop.Line`, `map<string, int32>`, `group shop.Order.Old`."""
    if isinstance(type_, ProtoScalar):
        return type_.kind
    if isinstance(type_, ProtoMap):
        return f"map<{proto_type_text(type_.keys)}, {proto_type_text(type_.values)}>"
    return f"group {type_.name}" if isinstance(type_, MessageRef) and type_.group else type_.name


def labelled_text(field: ProtoField) -> str:
    """The same with the field's label: `repeated shop.Line`."""
    return " ".join(filter(None, (label_of(field), proto_type_text(field.type))))


def message_of(files: DeclaredFiles, name: str) -> ProtoMessage:
    """A message by its full name; one without fields, if the files do not have it."""
    found = files.schema.names.get(name)
    return found if isinstance(found, ProtoMessage) else ProtoMessage(name)


def local_name(files: DeclaredFiles, name: str) -> str:
    """A full name without the package: `Order.Line`."""
    return ".".join(files.nested.get(name, (name,)))


def package_of(files: DeclaredFiles) -> str:
    """The package of the file itself, as far as it defines something."""
    own = next((n for n, file in files.files.items() if file == files.file), "")
    return own[: -len(local_name(files, own))].rstrip(".") if own else ""


def own_messages(files: DeclaredFiles) -> dict[str, ProtoMessage]:
    """The messages that the file itself defines, by their names without the package."""
    return {
        local_name(files, name): named
        for name, named in files.schema.names.items()
        if isinstance(named, ProtoMessage) and files.files.get(name) == files.file
    }


def own_enums(files: DeclaredFiles) -> dict[str, ProtoEnum]:
    """The enums that the file itself defines, by their names without the package."""
    return {
        local_name(files, name): named
        for name, named in files.schema.names.items()
        if isinstance(named, ProtoEnum) and files.files.get(name) == files.file
    }


def topic_messages(files: DeclaredFiles) -> tuple[str, ...]:
    """The messages that may be a topic's: those at the top of the file that no other message there holds; its
    first one, if they hold each other.
    """
    held = {
        used.name
        for message in own_messages(files).values()
        for field in message.fields
        if isinstance(
            used := field.type.values if isinstance(field.type, ProtoMap) else field.type, MessageRef
        )
        and used.name != message.name
    }
    return tuple(name for name in files.messages if name not in held) or files.messages[:1]
