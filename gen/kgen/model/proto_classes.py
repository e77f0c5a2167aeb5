"""Messages, enums and members of oneofs of a .proto file as classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kgen_runtime.codec.protobuf.schema.proto_tree import (
    VALUE,
    EnumRef,
    MessageRef,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoScalar,
)

from ..protobuf.proto_model import OneofMember, ProtoAttribute, ProtoList, ProtoModel, attributes_of
from ..pycode import quote
from ..pycode.expr import Expr, call, dict_of
from . import names
from .classes import doc, remarked
from .project import EnumClass, FieldDef, RecordClass, Symbol
from .proto_annotations import ProtoTypeWriter, may_be_none
from .trees import AnyNamed
from .type_writer import ModuleTypes, Path

_ZEROS = {"bool": "False", "string": '""', "bytes": 'b""', "double": "0.0", "float": "0.0"}
UNKNOWN = "~"
"""The key of the attribute that holds unknown fields; no field has this name."""


@dataclass(frozen=True)
class ProtoClassMaker:
    """Makes the classes of a file in one module.

    `classes` is full name -> class, as the module knows it; `members` gives, for a type, the name of a field,
    oneof or value -> attribute or member. `keeps_unknown`: messages have an attribute for unknown fields.
    """

    module: ModuleTypes
    subject: str
    schema: ProtoModel
    classes: Mapping[str, str]
    members: Callable[[AnyNamed], Mapping[str, str]]
    keeps_unknown: bool = False

    def make(self, named: AnyNamed) -> EnumClass | RecordClass:
        """The class of a message, an enum or a member of a oneof."""
        if isinstance(named, ProtoEnum):
            return self._enum(named)
        self.module.imports.name("dataclasses", "dataclass")
        if isinstance(named, OneofMember):
            return self._member(named)
        assert isinstance(named, ProtoMessage)
        return self._message(named)

    def _enum(self, enum: ProtoEnum) -> EnumClass:
        known = self.members(enum)
        members = tuple(
            Symbol(known[wire], str(number), self._doc(f"{enum.name}:{wire}")) for wire, number in enum.values
        )
        if enum.open:
            self.module.imports.module("kgen_runtime", "rt")
        else:
            self.module.imports.name("enum", "IntEnum")
        base = "rt.OpenEnum" if enum.open else "IntEnum"
        return EnumClass(self.classes[enum.name], enum.name, self._doc(enum.name), members, base=base)

    def _member(self, member: OneofMember) -> RecordClass:
        message, _, name = member.name.rsplit(".", 2)
        types = ProtoTypeWriter(self.module, self.schema.names, self.classes, frozenset({"value"}))
        path = Path(f"{self.classes[member.name]}Value", self.subject, (f"{member.name}:value",))
        annotation = types.annotation(member.field.type, path)
        value = FieldDef("value", "value", annotation, None, None)
        text = self._doc(f"{message}:{name}", member.field)
        return RecordClass(self.classes[member.name], member.name, text, (value,), frozen=True)

    def _message(self, message: ProtoMessage) -> RecordClass:
        known = self.members(message)
        attributes = {it.wire: known[it.wire] for it in attributes_of(message)}
        unknown = names.free("extra", attributes.values()) if self.keeps_unknown else None
        shadowed = frozenset({*attributes.values(), *filter(None, [unknown])})
        types = ProtoTypeWriter(self.module, self.schema.names, self.classes, shadowed)
        fields = [self._field(message, item, attributes[item.wire], types) for item in attributes_of(message)]
        if unknown is not None:
            metadata = dict_of([('"proto_unknown"', "True")])
            default = call(types.name("field"), default='b""', metadata=metadata)
            text = "Fields that the schema does not name, as they came."
            fields.append(FieldDef(unknown, UNKNOWN, types.name("bytes"), default, text))
        return RecordClass(self.classes[message.name], message.name, self._doc(message.name), tuple(fields))

    def _field(
        self, message: ProtoMessage, item: ProtoAttribute, name: str, types: ProtoTypeWriter
    ) -> FieldDef:
        path = Path(
            self.classes[message.name] + names.pascal(name), self.subject, (f"{message.name}:{item.wire}",)
        )
        annotation = types.attribute(item, path)
        metadata = dict_of([('"proto"', quote.string(item.wire))]) if name != item.wire else None
        if item.is_oneof:
            text = self._doc(f"{message.name}.{item.wire}")
        else:
            text = self._doc(f"{message.name}:{item.wire}", item.field)
        return FieldDef(name, item.wire, annotation, self._default(item, metadata, types), text)

    def _default(self, item: ProtoAttribute, metadata: Expr | None, types: ProtoTypeWriter) -> Expr | None:
        options = {"metadata": metadata} if metadata is not None else {}
        if isinstance(item.type, ProtoList | ProtoMap):
            factory = types.name("list" if isinstance(item.type, ProtoList) else "dict")
            return call(types.name("field"), default_factory=factory, **options)
        value = self._absent(item, types)
        if metadata is None:
            return value
        return call(types.name("field"), **({"default": value} if value is not None else {}), **options)

    def _absent(self, item: ProtoAttribute, types: ProtoTypeWriter) -> Expr | None:
        """What an attribute is where the message has nothing for it; None if it has to have something."""
        if item.type == MessageRef(VALUE) and item.field.presence == "explicit":
            return types.name("rt.ABSENT")
        if may_be_none(item):
            return "None"
        if item.field.presence == "required":
            return None
        if isinstance(item.type, EnumRef):
            enum = self.schema.names[item.type.name]
            assert isinstance(enum, ProtoEnum)
            return f"{types.cls(enum.name)}.{self.members(enum)[enum.values[0][0]]}"
        assert isinstance(item.type, ProtoScalar)
        return _ZEROS.get(item.type.kind, "0")

    def _doc(self, key: str, field: ProtoField | None = None) -> str | None:
        remarks = (
            [f"default {_shown_default(field)}"] if field is not None and field.default is not None else []
        )
        remarks += ["deprecated"] if key in self.schema.files.deprecated else []
        return remarked(doc(self.schema.doc(key)), [*remarks])


def _shown_default(field: ProtoField) -> str:
    """An explicit default as Python has it; of bytes it is escaped already."""
    kind = field.type.kind if isinstance(field.type, ProtoScalar) else None
    text = field.default or ""
    shown = quote.string(text) if kind == "string" else f'b"{text}"' if kind == "bytes" else text
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
