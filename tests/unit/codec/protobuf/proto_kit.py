"""Protobuf files for tests, as google.protobuf takes them, and kgen's trees and classes of them."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, make_dataclass
from typing import Any

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from kgen_runtime.codec import make_proto_reader, make_proto_writer
from kgen_runtime.codec.protobuf.schema.proto_descriptor import descriptor_text, parse_descriptor
from kgen_runtime.codec.protobuf.schema.proto_tree import (
    WELL_KNOWN,
    EnumRef,
    MessageRef,
    Presence,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoNamed,
    ProtoScalar,
    ProtoSchema,
    ProtoType,
)
from kgen_runtime.codec.values import ABSENT, OpenEnum

ENGINES: list[Any] = ["native", "python"]  # a missing native engine is a failure

Proto = descriptor_pb2.FieldDescriptorProto
KINDS: Mapping[str, Any] = {
    name.removeprefix("TYPE_").lower(): number
    for name, number in Proto.Type.items()
    if name not in ("TYPE_MESSAGE", "TYPE_ENUM", "TYPE_GROUP")
}
_NAMES = {number: name for name, number in KINDS.items()}
_VERIFY = descriptor_pb2.FeatureSet.VERIFY


def new_pool() -> descriptor_pool.DescriptorPool:
    """A pool with the well-known files, and those of `google.type.Date` and `confluent.type.Decimal`."""
    pool = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, duration_pb2, struct_pb2, wrappers_pb2, any_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    date = descriptor_pb2.FileDescriptorProto(
        name="google/type/date.proto", package="google.type", syntax="proto3"
    )
    made = date.message_type.add(name="Date")
    for number, name in enumerate(("year", "month", "day"), 1):
        made.field.add(name=name, number=number, type=Proto.TYPE_INT32, label=Proto.LABEL_OPTIONAL)
    pool.Add(date)
    decimal = descriptor_pb2.FileDescriptorProto(
        name="confluent/type/decimal.proto", package="confluent.type", syntax="proto3"
    )
    made = decimal.message_type.add(name="Decimal")
    made.field.add(name="value", number=1, type=Proto.TYPE_BYTES, label=Proto.LABEL_OPTIONAL)
    made.field.add(name="precision", number=2, type=Proto.TYPE_UINT32, label=Proto.LABEL_OPTIONAL)
    made.field.add(name="scale", number=3, type=Proto.TYPE_INT32, label=Proto.LABEL_OPTIONAL)
    pool.Add(decimal)
    return pool


WELL_KNOWN_FILES = [
    "google/protobuf/timestamp.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/wrappers.proto",
    "google/protobuf/any.proto",
    "google/type/date.proto",
    "confluent/type/decimal.proto",
]


@dataclass
class Kit:
    """A message in google.protobuf and in kgen. `classes` are slotted dataclasses for all."""

    root: str
    pool: descriptor_pool.DescriptorPool
    schema: ProtoSchema
    classes: dict[str, Any]

    def message(self, name: str = "") -> Any:
        """google.protobuf's class of a message."""
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name or self.root))

    def reader(self, engine: Any, *, classes: bool = True, **options: Any) -> Any:
        found = self.classes if classes else None
        return make_proto_reader(self.schema, self.root, found, engine=engine, **options)

    def writer(self, engine: Any, *, classes: bool = True) -> Any:
        return make_proto_writer(self.schema, self.root, self.classes if classes else None, engine=engine)


def kit_of(file: descriptor_pb2.FileDescriptorProto, root: str, *, keeps: bool = False) -> Kit:
    """What is made of a file. `keeps`: its classes keep unknown fields."""
    pool = new_pool()
    file.dependency.extend(WELL_KNOWN_FILES)
    pool.Add(file)
    names: dict[str, ProtoNamed] = {}
    found = pool.FindMessageTypeByName(root)
    _collect(found, names)
    schema = parse_descriptor(descriptor_text(ProtoSchema(names)))
    assert schema == ProtoSchema(names)
    return Kit(root, pool, schema, classes_of(schema, keeps=keeps))


def file_of(syntax: str = "proto3") -> descriptor_pb2.FileDescriptorProto:
    """An empty file of the package `p`. `syntax` may be editions."""
    if syntax != "editions":
        return descriptor_pb2.FileDescriptorProto(name="p.proto", package="p", syntax=syntax)
    return descriptor_pb2.FileDescriptorProto(
        name="p.proto", package="p", syntax=syntax, edition=descriptor_pb2.EDITION_2023
    )


def _collect(message: Descriptor, names: dict[str, ProtoNamed]) -> None:
    waiting = [message]
    while waiting:
        message = waiting.pop()
        if message.full_name in names or message.full_name in WELL_KNOWN:
            continue
        extensions = message.file.pool.FindAllExtensions(message)
        fields = [*message.fields, *sorted(extensions, key=lambda member: member.number)]
        names[message.full_name] = ProtoMessage(message.full_name, tuple(map(_field, fields)))
        for used in reversed(list(_used(fields))):
            if isinstance(used, EnumDescriptor):
                values = tuple((value.name, value.number) for value in used.values)
                names[used.full_name] = ProtoEnum(used.full_name, values, not used.is_closed)
            else:
                waiting.append(used)


def _used(fields: list[FieldDescriptor]) -> Iterator[Any]:
    for member in fields:
        if member.message_type is not None and member.message_type.GetOptions().map_entry:
            yield from _used(list(member.message_type.fields))
        elif member.message_type or member.enum_type:
            yield member.message_type or member.enum_type


def _field(member: FieldDescriptor) -> ProtoField:
    oneof = member.containing_oneof
    is_real = oneof is not None and not (len(oneof.fields) == 1 and oneof.name.startswith("_"))
    name = f"[{member.full_name}]" if member.is_extension else member.name
    return ProtoField(
        member.number, name, _type(member), _presence(member), oneof.name if oneof and is_real else None
    )


def _type(member: FieldDescriptor) -> ProtoType:
    if member.message_type is not None and member.message_type.GetOptions().map_entry:
        keys, values = (_type(member.message_type.fields_by_number[number]) for number in (1, 2))
        assert isinstance(keys, ProtoScalar)
        assert not isinstance(values, ProtoMap)
        checked = _is_verified(member)
        return ProtoMap(_checked(keys, checked), _checked(values, checked))
    if member.message_type is not None:
        return MessageRef(member.message_type.full_name, member.type == Proto.TYPE_GROUP)
    if member.enum_type is not None:
        return EnumRef(member.enum_type.full_name)
    kind: Any = _NAMES[member.type]
    return _checked(ProtoScalar(kind), _is_verified(member))


def _is_verified(member: Any) -> bool:
    return member._GetFeatures().utf8_validation == _VERIFY


def _checked(type_: Any, checked: bool) -> Any:
    is_text = isinstance(type_, ProtoScalar) and type_.kind == "string"
    return ProtoScalar("string", checked) if is_text else type_


def _presence(member: FieldDescriptor) -> Presence:
    if member.is_repeated:
        return "packed" if member.is_packed else "repeated"
    if member.is_required:
        return "required"
    return "explicit" if member.has_presence else "implicit"


def classes_of(schema: ProtoSchema, *, keeps: bool = False, slots: bool = True) -> dict[str, Any]:
    """Classes as the generator makes them, with attributes of other names than the fields'."""
    classes: dict[str, Any] = {}
    for named in schema.names.values():
        short = named.name.replace(".", "_")
        if isinstance(named, ProtoEnum):
            base: Any = OpenEnum if named.open else enum.IntEnum
            classes[named.name] = base(short, list(named.values))
            continue
        members: dict[str, Any] = {}
        for one in named.fields:
            name = one.oneof or one.name
            if one.oneof is not None:
                key = f"{named.name}.{one.oneof}.{one.name}"
                holder = make_dataclass(key.replace(".", "_"), ["value"], frozen=True, slots=slots)
                classes[key] = holder
            elif isinstance(one.type, ProtoMap):
                members[name] = field(default_factory=dict, metadata={"proto": name})
                continue
            elif one.presence in ("repeated", "packed"):
                members[name] = field(default_factory=list, metadata={"proto": name})
                continue
            default = ABSENT if one.type == MessageRef("google.protobuf.Value") and not one.oneof else None
            members[name] = field(default=default, metadata={"proto": name})
        fields: list[Any] = [(f"a{number}", Any, member) for number, member in enumerate(members.values())]
        if keeps:
            fields.append(("extra", bytes, field(default=b"", metadata={"proto_unknown": True})))
        classes[named.name] = make_dataclass(short, fields, slots=slots, kw_only=True)
    return classes
