"""From messages and classes to the nodes of an engine. Both engines offer the same classes of nodes.

Of a reader (`_proto_reader.pyx`, `proto_reader.py`):

    proto_scalar(kind, checked)
        `kind` as in `ProtoKind`. int32 and the like take the low 32 bits of a varint, bool any but 0. A
        string that is not UTF-8 is damaged if `checked`, else its wrong bytes become lone surrogates
        (`surrogateescape`)
    ProtoEnumNode(members, make, zero)
        `members`: number -> value; `make`: what gives the value of another number, None for a closed enum: a
        number that it has not is an unknown field (in a packed field each by itself, as a varint with its
        tag; in the value of a map the whole entry). The number is the low 32 bits, signed. `zero`: the value
        of a field that is implicit, or of a map's entry without a value
    proto_well_known(name, keeps)
        one of `WELL_KNOWN`, as in `well_known_values`; `keeps`: what Python has no value for is read as an
        `OutOfRange` with the payload as its `raw` and the message's full name as its `logical_type`
    ProtoMapNode(keys, values)
        an entry: keys and values that are not there are the type's zero, or what an empty message is read as.
        The last of two entries with one key stays. Its shape is MAP
    ProtoDictMessageNode(None, ()), ProtoSlotMessageNode(cls, attributes),
    ProtoCallMessageNode(cls, attributes)
        a message to a dict, to a class by its slots, or by a call with all attributes as keywords
        .fill(fields, absent, required, unknown, cost)
            `fields`: a `FieldShape` each, in order of number. `absent`: (value, factory) for each of
            `attributes` but that of unknown fields; of dicts for each field, with `UNSET` as the value of
            what gets no key. `factory` makes it each time if that is not None. `required`: (slot, field's
            name) each, an error if not set. `unknown`: the slot of the bytes of unknown fields, which are
            appended as they came with their tags (b"" if none), or -1: dropped. `cost`: what one message is
            charged (`Cursor.items`)
    ProtoNodeReader(root, max_depth)
        the root is the node of a message or of one that is well known

A field with another wire type than its type's is an unknown field; numbers, bools and enums are read packed
and unpacked. A singular scalar that comes again replaces the first; a message is merged into it: singular
fields replaced, lists and maps extended, messages in it merged, and what is well known read as the
concatenation of the binary of what there is with what comes. Another member of a oneof replaces what there
is; the same member, if it is a message, is merged. Each message and group is one level of depth, known or
not, also in a `Struct`: of its values those that hold others. Varints have up to 10 bytes, of which
the low 64 bits count; tags and lengths up to 5 bytes, field numbers from 1, wire types 0 to 5.

Of a writer (`_proto_writer.pyx`, `proto_writer.py`):

    proto_scalar_writer(kind, checked)
    ProtoEnumWriterNode(name, cls, numbers, known)
        `cls`: an IntEnum class or None; `numbers`: name -> number; `known`: the numbers of a closed enum, or
        None. Takes members of the class, numbers and names; a number of 32 bits as a varint of 64, signed
    proto_well_known_writer(name)
    ProtoMapWriterNode(keys, values)
        entries in order of key: of numbers by value, false before true, of strings by their UTF-8. Key and
        value are always written
    ProtoMessageWriterNode(name, cls, attributes, plain)
        `cls` None: dicts alone; else objects of it, or dicts
        .fill(fields, unknown)
            `fields`: a `FieldShape` each, in order of number. `unknown`: the slot of bytes that are written
            last, or -1
    ProtoNodeWriter(root)

An implicit field is left out if its bits are zero: -0.0 is written. A packed field without items is left out.
In an object the attribute of a oneof is None or of one of the holders; in a dict one member at most is not
None.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final, TypeAlias

from ...errors import SchemaError
from ..values import ABSENT
from .proto_bind import MessageBinding, bind_made_message, bind_message, bind_proto_enum
from .proto_shapes import EXPLICIT, IMPLICIT, MAP, NULLABLE, PACKED, REPEATED, REQUIRED, FieldShape
from .schema.proto_tree import (
    VALUE,
    WELL_KNOWN,
    EnumRef,
    MessageRef,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoScalar,
    ProtoSchema,
    ProtoType,
)

ProtoClasses: TypeAlias = Mapping[str, type[Any]]


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset()
"""Of a dict's fields: without a value there is no key."""

_SLOTS_PER_ITEM = 8  # an absent attribute takes a pointer, an item some 50 bytes
_PRESENCES = {
    "implicit": IMPLICIT,
    "explicit": EXPLICIT,
    "required": REQUIRED,
    "repeated": REPEATED,
    "packed": PACKED,
}
_ZEROS = {"bool": False, "string": "", "bytes": b"", "double": 0.0, "float": 0.0}


class _ProtoBuilder:
    """What the builders of readers and writers share."""

    def __init__(self, engine: ModuleType, schema: ProtoSchema, classes: ProtoClasses) -> None:
        self._engine = engine
        self._schema = schema
        self._classes = classes
        self._messages: dict[str, Any] = {}
        self._enums: dict[str, Any] = {}
        self._waiting: list[ProtoMessage] = []

    def root(self, name: str) -> Any:
        """The node for a message, with all that it needs. Raises `SchemaError` if there is no such
        message.
        """
        root = self._message(name)
        while self._waiting:  # not recursion: a chain of messages may be as long as the text
            self._fill(self._waiting.pop())
        return root

    def _well_known(self, name: str) -> Any:
        raise NotImplementedError

    def _shell(self, message: ProtoMessage) -> Any:
        raise NotImplementedError

    def _enum(self, enum: ProtoEnum) -> Any:
        raise NotImplementedError

    def _fill(self, message: ProtoMessage) -> None:
        raise NotImplementedError

    def _node(self, type_: ProtoType) -> Any:
        raise NotImplementedError

    def _message(self, name: str) -> Any:
        if name in self._messages:
            return self._messages[name]
        if name in WELL_KNOWN:
            self._messages[name] = self._well_known(name)
            return self._messages[name]
        message = self._schema.names.get(name)
        if not isinstance(message, ProtoMessage):
            raise SchemaError("the schema has no message of this name", where=name)
        self._messages[name] = self._shell(message)
        self._waiting.append(message)
        return self._messages[name]

    def _named(self, ref: MessageRef | EnumRef) -> Any:
        if isinstance(ref, MessageRef):
            return self._message(ref.name)
        if ref.name not in self._enums:
            enum = self._schema.names.get(ref.name)
            if not isinstance(enum, ProtoEnum):
                raise SchemaError("the schema has no enum of this name", where=ref.name)
            self._enums[ref.name] = self._enum(enum)
        return self._enums[ref.name]

    def _fields(self, message: ProtoMessage, binding: MessageBinding | None) -> tuple[FieldShape, ...]:
        oneofs = {name: number for number, name in enumerate(message.oneofs)}
        shapes = [
            FieldShape(
                field.number,
                field.name,
                slot if binding is None else binding.slots[field.name],
                self._node(field.type),
                shape_of(field),
                isinstance(field.type, MessageRef) and field.type.group,
                None if binding is None else binding.holders.get(field.name),
                -1 if field.oneof is None else oneofs[field.oneof],
            )
            for slot, field in enumerate(message.fields)
        ]
        return tuple(sorted(shapes))


def shape_of(field: ProtoField) -> int:
    """How a field stands in its message, as in `proto_shapes`."""
    if isinstance(field.type, ProtoMap):
        return MAP
    if field.presence == "explicit" and isinstance(field.type, MessageRef) and field.type.name == VALUE:
        return NULLABLE
    return _PRESENCES[field.presence]


def zero_of(kind: str) -> Any:
    """What a scalar of this kind is if it is absent."""
    return _ZEROS.get(kind, 0)


class ProtoReaderBuilder(_ProtoBuilder):
    """Builds the nodes of one reader with `engine`, the module of the native or of the Python nodes.

    `keeps`: what Python has no value for is read as an `OutOfRange`.
    """

    def __init__(
        self, engine: ModuleType, schema: ProtoSchema, classes: ProtoClasses, *, keeps: bool
    ) -> None:
        super().__init__(engine, schema, classes)
        self._keeps = keeps
        self._zeros: dict[str, Any] = {}

    def _node(self, type_: ProtoType) -> Any:
        if isinstance(type_, ProtoScalar):
            return self._engine.proto_scalar(type_.kind, type_.checked)
        if isinstance(type_, ProtoMap):
            return self._engine.ProtoMapNode(self._node(type_.keys), self._node(type_.values))
        return self._named(type_)

    def _well_known(self, name: str) -> Any:
        return self._engine.proto_well_known(name, self._keeps)

    def _enum(self, enum: ProtoEnum) -> Any:
        cls = self._classes.get(enum.name)
        members: dict[int, Any] = {}
        if cls is None:
            for name, number in enum.values:
                members.setdefault(number, name)
        else:
            members.update(bind_proto_enum(enum, cls))
        make = None if not enum.open else int if cls is None else cls
        self._zeros[enum.name] = members[enum.values[0][1]]
        return self._engine.ProtoEnumNode(members, make, self._zeros[enum.name])

    def _shell(self, message: ProtoMessage) -> Any:
        binding = self._binding(message)
        if binding is None:
            return self._engine.ProtoDictMessageNode(None, ())
        kind = self._engine.ProtoSlotMessageNode if binding.plain else self._engine.ProtoCallMessageNode
        return kind(binding.cls, binding.attributes)

    def _binding(self, message: ProtoMessage) -> MessageBinding | None:
        cls = self._classes.get(message.name)
        return None if cls is None else bind_made_message(message, cls, self._classes)

    def _fill(self, message: ProtoMessage) -> None:
        binding = self._binding(message)
        fields = self._fields(message, binding)
        size = len(message.fields) if binding is None else len(binding.attributes) - binding.keeps_unknown
        absent: list[tuple[Any, Any]] = [(None, None)] * size
        types = {field.name: field.type for field in message.fields}
        for shape in fields:
            absent[shape.slot] = self._absent(types[shape.name], shape, binding is None)
        required = tuple((shape.slot, shape.name) for shape in fields if shape.shape == REQUIRED)
        unknown = size if binding is not None and binding.keeps_unknown else -1
        made = sum(factory is not None for _, factory in absent)
        kept = sum(value is not UNSET for value, _ in absent)
        cost = 1 + made + (kept if binding is None else size // _SLOTS_PER_ITEM)
        self._messages[message.name].fill(fields, tuple(absent), required, unknown, cost)

    def _absent(self, type_: ProtoType, field: FieldShape, in_dict: bool) -> tuple[Any, Any]:
        if field.shape in (REPEATED, PACKED):
            return None, list
        if field.shape == MAP:
            return None, dict
        if field.shape == IMPLICIT and isinstance(type_, EnumRef):
            return self._zeros[type_.name], None
        if field.shape == IMPLICIT and isinstance(type_, ProtoScalar):
            return zero_of(type_.kind), None
        if in_dict:
            return UNSET, None
        return (ABSENT if field.shape == NULLABLE and field.holder is None else None), None


class ProtoWriterBuilder(_ProtoBuilder):
    """Builds the nodes of one writer with `engine`, the module of the native or of the Python nodes."""

    def _node(self, type_: ProtoType) -> Any:
        if isinstance(type_, ProtoScalar):
            return self._engine.proto_scalar_writer(type_.kind, type_.checked)
        if isinstance(type_, ProtoMap):
            return self._engine.ProtoMapWriterNode(self._node(type_.keys), self._node(type_.values))
        return self._named(type_)

    def _well_known(self, name: str) -> Any:
        return self._engine.proto_well_known_writer(name)

    def _enum(self, enum: ProtoEnum) -> Any:
        cls = self._classes.get(enum.name)
        if cls is not None:
            bind_proto_enum(enum, cls)
        known = None if enum.open else frozenset(number for _, number in enum.values)
        return self._engine.ProtoEnumWriterNode(enum.name, cls, dict(enum.values), known)

    def _binding(self, message: ProtoMessage) -> MessageBinding | None:
        cls = self._classes.get(message.name)
        return None if cls is None else bind_message(message, cls, self._classes)

    def _shell(self, message: ProtoMessage) -> Any:
        binding = self._binding(message)
        if binding is None:
            return self._engine.ProtoMessageWriterNode(message.name, None, (), False)
        return self._engine.ProtoMessageWriterNode(
            message.name, binding.cls, binding.attributes, binding.plain
        )

    def _fill(self, message: ProtoMessage) -> None:
        binding = self._binding(message)
        fields = self._fields(message, binding)
        keeps = binding is not None and binding.keeps_unknown
        unknown = len(binding.attributes) - 1 if binding is not None and keeps else -1
        self._messages[message.name].fill(fields, unknown)
