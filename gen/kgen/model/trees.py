"""What the trees of Avro schemas, JSON Schemas and .proto files have in common: named types, and what they
refer to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias, overload

from kgen_runtime.codec.avro.schema import tree as avro
from kgen_runtime.codec.json.schema import json_tree as json
from kgen_runtime.codec.protobuf.schema import proto_tree as proto

from ..protobuf.proto_model import (
    MemberRef,
    OneofMember,
    ProtoClassed,
    ProtoList,
    ProtoModel,
    ProtoNode,
    ProtoOneof,
    attributes_of,
)

AnySchema: TypeAlias = "avro.Schema | json.JsonSchema | ProtoModel"
AnyNamed: TypeAlias = "avro.Named | json.Named | ProtoClassed"
AnyNode: TypeAlias = "avro.Node | json.Node | ProtoNode"
AnyRecord: TypeAlias = "avro.Record | json.JsonObject"

LANGUAGES: Final[Mapping[str, str]] = {"AVRO": "Avro", "JSON": "JSON Schema", "PROTOBUF": "Protobuf"}
"""What a registry calls a language, and what people do."""
RECORDS = (avro.Record, json.JsonObject)
ENUMS = (avro.Enum, json.StringEnum)
_CLASSED = (*RECORDS, *ENUMS, proto.ProtoMessage, proto.ProtoEnum, OneofMember)
_ARRAYS = (avro.Array, json.JsonArray, ProtoList)
_MAPS = (avro.Map, json.JsonMap, proto.ProtoMap)
_UNIONS = (avro.Union, json.JsonUnion, ProtoOneof)
_REFS = (avro.Ref, json.JsonRef, proto.MessageRef, proto.EnumRef, MemberRef)


def has_class(named: AnyNamed) -> bool:
    """Whether a named type becomes a class."""
    return isinstance(named, _CLASSED)


def is_class(root: AnyNode, names: Mapping[str, AnyNamed]) -> bool:
    """Whether a schema is one record or enum."""
    return isinstance(root, _REFS) and not is_well_known(root) and has_class(names[root.name])


def is_well_known(node: AnyNode) -> bool:
    """Whether a type of Protobuf has a Python type of its own, and no class: it is not among the names."""
    return isinstance(node, proto.MessageRef) and node.name in proto.WELL_KNOWN


def is_simple(root: AnyNode, names: Mapping[str, AnyNamed]) -> bool:
    """Whether a schema is one scalar."""
    named = names[root.name] if isinstance(root, _REFS) and not is_well_known(root) else root
    return isinstance(named, (avro.Primitive, avro.Fixed, json.JsonScalar))


@overload
def held(named: json.Named) -> Iterator[json.Node]: ...
@overload
def held(named: AnyNamed) -> Iterator[AnyNode]: ...
def held(named: AnyNamed) -> Iterator[AnyNode]:
    """The types of what a record holds; nothing of an enum."""
    if isinstance(named, proto.ProtoMessage):
        yield from (attribute.type for attribute in attributes_of(named))
    if isinstance(named, OneofMember):
        yield named.field.type
    if isinstance(named, RECORDS):
        for item in named.fields:
            yield item.type
    if isinstance(named, json.JsonObject) and named.extra is not None:
        yield named.extra


@overload
def parts(node: json.Node) -> tuple[json.Node, ...]: ...
@overload
def parts(node: AnyNode) -> tuple[AnyNode, ...]: ...
def parts(node: AnyNode) -> tuple[AnyNode, ...]:
    """The types inside of a list, map or union."""
    if isinstance(node, avro.Primitive):  # most nodes
        return ()
    if isinstance(node, _ARRAYS):
        return (node.items,)
    if isinstance(node, _MAPS):
        return (node.values,)
    if isinstance(node, _UNIONS):
        return node.branches
    return (*node.items, node.rest) if isinstance(node, json.JsonTuple) else ()


def refs(node: AnyNode) -> Iterator[str]:
    """The names that a type mentions, in order."""
    if isinstance(node, avro.Primitive):
        return
    if isinstance(node, _REFS) and not is_well_known(node):
        yield node.name
    for part in parts(node):
        yield from refs(part)


def reach(names: Mapping[str, AnyNamed], root: AnyNode) -> tuple[str, ...]:
    """The names that are used from `root` on, in order of definition: each after what it uses (recursion
    aside).
    """
    found: set[str] = set()
    todo = list(refs(root))
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(ref for node in held(names[name]) for ref in refs(node))
    return tuple(name for name in names if name in found)


def ref_to(schema: AnySchema, name: str) -> AnyNode:
    """The use of a named type of the schema."""
    if isinstance(schema, ProtoModel):
        named = schema.names[name]
        if isinstance(named, OneofMember):
            return MemberRef(name)
        return proto.EnumRef(name) if isinstance(named, proto.ProtoEnum) else proto.MessageRef(name)
    return json.JsonRef(name) if isinstance(schema, json.JsonSchema) else avro.Ref(name)


def doc_of(schema: AnySchema, name: str) -> str | None:
    """What the schema says of one of its types."""
    return schema.doc(name) if isinstance(schema, ProtoModel) else schema.names[name].doc


def language(schema: AnySchema) -> str:
    """What the schema is written in, for people."""
    if isinstance(schema, ProtoModel):
        return LANGUAGES["PROTOBUF"]
    return LANGUAGES["JSON" if isinstance(schema, json.JsonSchema) else "AVRO"]
