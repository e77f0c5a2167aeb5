"""protoc's descriptor set as what the files declare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final, TypeAlias

from google.protobuf import descriptor_pb2 as pb
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from kgen_runtime.codec.limits import NAME_LENGTH
from kgen_runtime.codec.protobuf.schema.proto_tree import (
    PACKABLE,
    WELL_KNOWN,
    EnumRef,
    MessageRef,
    Presence,
    ProtoEnum,
    ProtoField,
    ProtoKind,
    ProtoMap,
    ProtoMessage,
    ProtoNamed,
    ProtoScalar,
    ProtoSchema,
    ProtoType,
    json_name_of,
    used_names,
)

from ..errors import SchemaError
from . import proto_features
from .declared_files import DeclaredFiles, ProtoExtension
from .import_names import is_builtin

_Field: Final = pb.FieldDescriptorProto
_Features: Final = pb.FeatureSet
_KINDS: Final[Mapping[int, ProtoKind]] = {
    _Field.TYPE_DOUBLE: "double",
    _Field.TYPE_FLOAT: "float",
    _Field.TYPE_INT32: "int32",
    _Field.TYPE_INT64: "int64",
    _Field.TYPE_UINT32: "uint32",
    _Field.TYPE_UINT64: "uint64",
    _Field.TYPE_SINT32: "sint32",
    _Field.TYPE_SINT64: "sint64",
    _Field.TYPE_FIXED32: "fixed32",
    _Field.TYPE_FIXED64: "fixed64",
    _Field.TYPE_SFIXED32: "sfixed32",
    _Field.TYPE_SFIXED64: "sfixed64",
    _Field.TYPE_BOOL: "bool",
    _Field.TYPE_STRING: "string",
    _Field.TYPE_BYTES: "bytes",
}
_META: Final = 1088  # the extension of `confluent/meta.proto` in every kind of options
_META_DOC: Final = 1
_META_TAGS: Final = 3

_Place: TypeAlias = "tuple[int, ...]"
_Declared: TypeAlias = (
    "pb.DescriptorProto | pb.FieldDescriptorProto | pb.OneofDescriptorProto"
    " | pb.EnumDescriptorProto | pb.EnumValueDescriptorProto"
)


def declared_files(descriptor_set: bytes) -> DeclaredFiles:
    """What the files of a serialized `FileDescriptorSet` declare; the last one is the file itself, the others
    are what it imports. Raises `SchemaError` if a full name is longer than those that the codec takes.
    """
    *imported, main = pb.FileDescriptorSet.FromString(descriptor_set).file
    walks = [_FileWalk(file) for file in (main, *imported)]
    for walk in walks:
        walk.walk()
    every = {name: named for walk in walks for name, named in walk.names.items()}
    used = _used(every, walks[0].names)
    for name in used:
        if len(name) > NAME_LENGTH:
            raise SchemaError(f"the full name {name[:60]}… has more than {NAME_LENGTH} characters", where="/")
    return DeclaredFiles(
        main.name,
        ProtoSchema(used),
        tuple(_joined(main.package, each.name) for each in main.message_type),
        {name: nested for walk in walks for name, nested in walk.nested.items()},
        {name: walk.file.name for walk in walks for name in walk.names},
        {key: text for walk in walks for key, text in walk.docs.items()},
        {key: tags for walk in walks for key, tags in walk.tags.items()},
        frozenset(key for walk in walks for key in walk.deprecated),
        tuple(it for walk in walks for it in walk.extensions),
    )


def _used(every: Mapping[str, ProtoNamed], own: Mapping[str, ProtoNamed]) -> dict[str, ProtoNamed]:
    """What a file declares and what that refers to, in the order of the files."""
    found = {*own}
    todo = [*own.values()]
    while todo:
        new = {name for name in used_names(todo.pop()) if name not in WELL_KNOWN} - found
        found |= new
        todo += [every[name] for name in new]
    return {name: named for name, named in every.items() if name in found and name not in WELL_KNOWN}


class _FileWalk:
    """One file."""

    def __init__(self, file: pb.FileDescriptorProto) -> None:
        self.file = file
        self.names: dict[str, ProtoNamed] = {}
        self.nested: dict[str, tuple[str, ...]] = {}
        self.docs: dict[str, str] = {}
        self.tags: dict[str, tuple[str, ...]] = {}
        self.deprecated: list[str] = []
        self.extensions: list[ProtoExtension] = []

    def walk(self) -> None:
        """All of it."""
        file, features = self.file, proto_features.of_file(self.file)
        self._extended(file.extension)
        for at, message in enumerate(file.message_type):
            self._message(message, (message.name,), features, (4, at))
        for at, enum in enumerate(file.enum_type):
            self._enum(enum, (enum.name,), features, (5, at))

    @cached_property
    def _comments(self) -> Mapping[_Place, str]:
        found: dict[_Place, str] = {}
        for location in self.file.source_code_info.location:
            text = location.leading_comments or location.trailing_comments
            if text:
                found.setdefault(tuple(location.path), text)
        return found

    def _note(self, key: str, place: _Place, declared: _Declared) -> None:
        """Keeps what is said of a declaration: in a comment, else in Confluent's metadata; not of what is
        built in, which says other things in another version of protoc.
        """
        if is_builtin(self.file.name):
            return
        text = _comment(self._comments.get(place, ""))
        if declared.HasField("options"):
            options = declared.options
            doc, tags = _metadata(options)
            text = text or doc
            if tags:
                self.tags[key] = tags
            if not isinstance(options, pb.OneofOptions) and options.deprecated:
                self.deprecated.append(key)
        if text:
            self.docs[key] = text

    def _message(
        self, message: pb.DescriptorProto, path: tuple[str, ...], outer: pb.FeatureSet, place: _Place
    ) -> None:
        name = _joined(self.file.package, *path)
        features = proto_features.inside(outer, message.options)
        entries = {
            f".{name}.{it.name}": (it, proto_features.inside(features, it.options))
            for it in message.nested_type
            if it.options.map_entry
        }
        oneofs = [proto_features.inside(features, it.options) for it in message.oneof_decl]
        fields = []
        for at, item in enumerate(message.field):
            in_oneof = item.HasField("oneof_index")
            above = oneofs[item.oneof_index] if in_oneof else features
            is_member = in_oneof and not item.proto3_optional
            oneof = message.oneof_decl[item.oneof_index].name if is_member else None
            fields.append(_field(item, above, oneof, entries))
            self._note(f"{name}:{item.name}", (*place, 2, at), item)
        self.nested[name] = path
        self.names[name] = ProtoMessage(
            name,
            tuple(fields),
            tuple((it.start, it.end - 1) for it in message.reserved_range),
            tuple(map(_text, message.reserved_name)),
        )
        self._note(name, place, message)
        for at, declared in enumerate(message.oneof_decl):
            self._note(f"{name}.{declared.name}", (*place, 8, at), declared)
        self._extended(message.extension)
        for at, inner in enumerate(message.nested_type):
            if not inner.options.map_entry:
                self._message(inner, (*path, inner.name), features, (*place, 3, at))
        for at, enum in enumerate(message.enum_type):
            self._enum(enum, (*path, enum.name), features, (*place, 4, at))

    def _enum(
        self, enum: pb.EnumDescriptorProto, path: tuple[str, ...], outer: pb.FeatureSet, place: _Place
    ) -> None:
        name = _joined(self.file.package, *path)
        features = proto_features.inside(outer, enum.options)
        self.nested[name] = path
        self.names[name] = ProtoEnum(
            name,
            tuple((it.name, it.number) for it in enum.value),
            features.enum_type != _Features.CLOSED,
            tuple((it.start, it.end) for it in enum.reserved_range),
            tuple(map(_text, enum.reserved_name)),
        )
        self._note(name, place, enum)
        for at, value in enumerate(enum.value):
            self._note(f"{name}:{value.name}", (*place, 2, at), value)

    def _extended(self, extensions: Iterable[pb.FieldDescriptorProto]) -> None:
        for it in extensions:
            message = it.extendee.removeprefix(".")
            if not re.match(r"google\.protobuf\.\w+Options\Z", message):
                self.extensions.append(ProtoExtension(message, it.number, it.name))


def _field(
    item: pb.FieldDescriptorProto,
    outer: pb.FeatureSet,
    oneof: str | None,
    entries: Mapping[str, tuple[pb.DescriptorProto, pb.FeatureSet]],
) -> ProtoField:
    features = proto_features.inside(outer, item.options)
    type_: ProtoType
    if item.type_name in entries:
        entry, inner = entries[item.type_name]
        keys, values = (_single(it, proto_features.inside(inner, it.options)) for it in entry.field)
        assert isinstance(keys, ProtoScalar)
        # What stands in an entry has its length before it, whatever the file says of messages.
        type_ = ProtoMap(keys, MessageRef(values.name) if isinstance(values, MessageRef) else values)
    else:
        type_ = _single(item, features)
    return ProtoField(
        item.number,
        item.name,
        type_,
        _presence(item, type_, features),
        oneof,
        _text(item.default_value) if item.HasField("default_value") else None,
        _text(item.json_name) if item.json_name not in ("", json_name_of(item.name)) else None,
    )


def _single(item: pb.FieldDescriptorProto, features: pb.FeatureSet) -> ProtoScalar | MessageRef | EnumRef:
    name = item.type_name.removeprefix(".")
    if item.type == _Field.TYPE_ENUM:
        return EnumRef(name)
    if item.type == _Field.TYPE_MESSAGE:
        return MessageRef(name, features.message_encoding == _Features.DELIMITED)
    if item.type == _Field.TYPE_GROUP:
        return MessageRef(name, group=True)
    kind = _KINDS[item.type]
    return ProtoScalar(kind, kind != "string" or features.utf8_validation != _Features.NONE)


def _presence(item: pb.FieldDescriptorProto, type_: ProtoType, features: pb.FeatureSet) -> Presence:
    if item.label == _Field.LABEL_REPEATED:
        packable = isinstance(type_, EnumRef) or (isinstance(type_, ProtoScalar) and type_.kind in PACKABLE)
        by_default = features.repeated_field_encoding == _Features.PACKED
        packed = item.options.packed if item.options.HasField("packed") else by_default
        return "packed" if packable and packed else "repeated"
    if item.label == _Field.LABEL_REQUIRED or features.field_presence == _Features.LEGACY_REQUIRED:
        return "required"
    has_presence = item.proto3_optional or item.HasField("oneof_index") or isinstance(type_, MessageRef)
    return "implicit" if features.field_presence == _Features.IMPLICIT and not has_presence else "explicit"


def _metadata(options: Message) -> tuple[str, tuple[str, ...]]:
    """Doc and tags of `confluent/meta.proto`, by its numbers: whether a process knows its extensions depends
    on what else was imported.
    """
    doc, tags = "", []
    for extension in _unknown(options.SerializeToString()):
        if extension.field_number == _META and isinstance(extension.data, bytes):
            for part in _unknown(extension.data):
                if isinstance(part.data, bytes) and part.field_number == _META_DOC:
                    doc = part.data.decode("utf-8", "replace")
                elif isinstance(part.data, bytes) and part.field_number == _META_TAGS:
                    tags.append(part.data.decode("utf-8", "replace"))
    return doc, tuple(tags)


def _unknown(message: bytes) -> Any:
    return UnknownFieldSet(empty_pb2.Empty.FromString(message))


def _text(value: str | bytes) -> str:
    """A text of the file. google.protobuf gives bytes if what stands there in escapes is not UTF-8."""
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _comment(text: str) -> str:
    """A comment without the space that stands in front of each line, and without stars."""
    lines = [line.removeprefix(" ").rstrip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n")


def _joined(*parts: str) -> str:
    return ".".join(filter(None, parts))
