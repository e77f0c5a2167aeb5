"""Protobuf messages as a frozen tree: what the codec, the compatibility check and the generator's model read.

Every use of a message or enum is a reference by full name (`shop.Order.Line`, without a dot in front); its
definition stands once in `ProtoSchema.names`. So the tree is finite even if messages hold themselves. It has
no files, imports, syntax or options: presence, packing, delimiting, UTF-8 checks and open enums are resolved
for each field, by whatever made the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

ProtoKind: TypeAlias = Literal[
    "double",
    "float",
    "int32",
    "int64",
    "uint32",
    "uint64",
    "sint32",
    "sint64",
    "fixed32",
    "fixed64",
    "sfixed32",
    "sfixed64",
    "bool",
    "string",
    "bytes",
]
Presence: TypeAlias = Literal["implicit", "explicit", "required", "repeated", "packed"]

KINDS: Final[tuple[str, ...]] = get_args(ProtoKind)
PRESENCES: Final[tuple[str, ...]] = get_args(Presence)
KEY_KINDS: Final = frozenset(KINDS) - {"double", "float", "bytes"}
PACKABLE: Final = frozenset(KINDS) - {"string", "bytes"}
"""The kinds that a packed field may have; enums may be packed too."""

MOST_NUMBER: Final = (1 << 29) - 1
"""The largest number of a field."""

WRAPPERS: Final[Mapping[str, ProtoKind]] = {
    "google.protobuf.DoubleValue": "double",
    "google.protobuf.FloatValue": "float",
    "google.protobuf.Int64Value": "int64",
    "google.protobuf.UInt64Value": "uint64",
    "google.protobuf.Int32Value": "int32",
    "google.protobuf.UInt32Value": "uint32",
    "google.protobuf.BoolValue": "bool",
    "google.protobuf.StringValue": "string",
    "google.protobuf.BytesValue": "bytes",
}
"""Messages of one field `value`, which are read as that."""

TIMESTAMP: Final = "google.protobuf.Timestamp"
DURATION: Final = "google.protobuf.Duration"
STRUCT: Final = "google.protobuf.Struct"
VALUE: Final = "google.protobuf.Value"
LIST_VALUE: Final = "google.protobuf.ListValue"
ANY: Final = "google.protobuf.Any"
DATE: Final = "google.type.Date"
DECIMAL: Final = "confluent.type.Decimal"

WELL_KNOWN: Final = frozenset(WRAPPERS) | {TIMESTAMP, DURATION, STRUCT, VALUE, LIST_VALUE, ANY, DATE, DECIMAL}
"""Messages with a Python type of their own. They need no definition in `ProtoSchema.names`; one that is
there is not looked at.
"""


@dataclass(frozen=True)
class ProtoScalar:
    """A scalar type. `checked`: of a string, whether it has to be valid UTF-8 (not in proto2)."""

    kind: ProtoKind
    checked: bool = True


@dataclass(frozen=True)
class MessageRef:
    """The use of a message. `group`: delimited by a tag at its end, as proto2's groups."""

    name: str
    group: bool = False


@dataclass(frozen=True)
class EnumRef:
    """The use of an enum."""

    name: str


@dataclass(frozen=True)
class ProtoMap:
    """A map; on the wire a repeated message of `key = 1` and `value = 2`."""

    keys: ProtoScalar
    values: ProtoScalar | MessageRef | EnumRef


ProtoType: TypeAlias = ProtoScalar | MessageRef | EnumRef | ProtoMap


@dataclass(frozen=True)
class ProtoField:
    """A field of a message.

    `name` is that of the .proto file; of an extension its full name in brackets. Fields of
    messages and members of a oneof have explicit presence; of a map `presence` is "repeated". `oneof` is its
    oneof's name (not that which protoc makes up for a proto3 `optional`). `default` is proto2's explicit
    default as protoc has it in `FieldDescriptorProto.default_value`: the codec does not look at it.
    `json_name` is None if it is the one that `json_name_of` gives.
    """

    number: int
    name: str
    type: ProtoType
    presence: Presence = "implicit"
    oneof: str | None = None
    default: str | None = None
    json_name: str | None = None


@dataclass(frozen=True)
class ProtoMessage:
    """A message. `fields` are in order of declaration, `reserved` are first and last number of each range."""

    name: str  # full
    fields: tuple[ProtoField, ...] = ()
    reserved: tuple[tuple[int, int], ...] = ()
    reserved_names: tuple[str, ...] = ()

    @property
    def oneofs(self) -> Mapping[str, tuple[ProtoField, ...]]:
        """The members of each oneof, in order of declaration."""
        out: dict[str, tuple[ProtoField, ...]] = {}
        for member in self.fields:
            if member.oneof is not None:
                out[member.oneof] = (*out.get(member.oneof, ()), member)
        return out


@dataclass(frozen=True)
class ProtoEnum:
    """An enum. `values` are name and number, in order of declaration; of two names of one number the first
    is the value's name, the others are aliases. `open`: numbers without a name are values too; if not, they
    are unknown fields.
    """

    name: str  # full
    values: tuple[tuple[str, int], ...]
    open: bool = True
    reserved: tuple[tuple[int, int], ...] = ()
    reserved_names: tuple[str, ...] = ()


ProtoNamed: TypeAlias = ProtoMessage | ProtoEnum


@dataclass(frozen=True)
class ProtoSchema:
    """Messages and enums by full name, with all that they refer to (but `WELL_KNOWN`), in order."""

    names: Mapping[str, ProtoNamed] = field(default_factory=dict)

    def reachable(self, root: str) -> ProtoSchema:
        """What a message needs, itself first. Raises KeyError if there is no such message."""
        if root in WELL_KNOWN:
            return ProtoSchema({})
        out: dict[str, ProtoNamed] = {}
        waiting = [root]
        while waiting:
            name = waiting.pop()
            if name in out:
                continue
            named = out[name] = self.names[name]
            waiting += reversed([used for used in used_names(named) if used not in WELL_KNOWN])
        return ProtoSchema(out)


def used_names(named: ProtoNamed) -> Iterator[str]:
    """The full names of messages and enums that the fields of a message refer to, well-known ones too."""
    for member in named.fields if isinstance(named, ProtoMessage) else ():
        used = member.type.values if isinstance(member.type, ProtoMap) else member.type
        if isinstance(used, MessageRef | EnumRef):
            yield used.name


def json_name_of(name: str) -> str:
    """The JSON name of a field that does not say another: `unit_price` is `unitPrice`, as protoc has it."""
    out: list[str] = []
    upper = False
    for letter in name:
        if letter == "_":
            upper = True
        else:
            out.append(letter.upper() if upper and letter.isascii() else letter)
            upper = False
    return "".join(out)
