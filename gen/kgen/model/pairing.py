"""Which types of two schemas are the same type, though their names or namespaces differ."""

from __future__ import annotations

from collections.abc import Iterator

from kgen_runtime.codec.avro.schema.tree import Enum, Named, Record, Ref, Schema
from kgen_runtime.codec.json.schema.json_tree import JsonSchema

from ..protobuf.proto_model import ProtoModel
from .json_pairing import json_type_pairs
from .proto_pairing import proto_type_pairs
from .trees import AnySchema


def type_pairs(old: AnySchema, new: AnySchema) -> dict[str, str]:
    """Old full name -> new full name: by the name itself, by aliases, by place at the root, and in another
    namespace by what is most alike in namespace, fields and symbols. In JSON Schema see `json_type_pairs`, in
    Protobuf `proto_type_pairs`; schemas of different languages have no type in common.
    """
    if isinstance(old, JsonSchema) and isinstance(new, JsonSchema):
        return json_type_pairs(old, new)
    if isinstance(old, ProtoModel) and isinstance(new, ProtoModel):
        return proto_type_pairs(old, new)
    return avro_type_pairs(old, new) if isinstance(old, Schema) and isinstance(new, Schema) else {}


def avro_type_pairs(old: Schema, new: Schema) -> dict[str, str]:
    """`type_pairs` of two Avro schemas."""
    pairs = {name: name for name in old.names if name in new.names}
    for pair in _candidates(old, new):
        if pair[0] not in pairs and pair[1] not in pairs.values():
            pairs[pair[0]] = pair[1]
    return pairs


def _candidates(old: Schema, new: Schema) -> Iterator[tuple[str, str]]:
    gone = [name for name in old.names if name not in new.names]
    came = [name for name in new.names if name not in old.names]
    if not gone or not came:
        return
    yield from ((alias, name) for name in came for alias in new.names[name].aliases if alias in gone)
    yield from ((name, alias) for name in gone for alias in old.names[name].aliases if alias in came)
    if isinstance(old.root, Ref) and isinstance(new.root, Ref):
        yield from ((old.root.name, name) for name in came if name == new.root.name and old.root.name in gone)
    moved = [(a, b) for a in gone for b in came if _may_have_moved(old.names[a], new.names[b])]
    yield from sorted(moved, key=lambda it: (-_likeness(old.names[it[0]], new.names[it[1]]), it))


def _may_have_moved(a: Named, b: Named) -> bool:
    return type(a) is type(b) and short(a.name) == short(b.name)


def _likeness(a: Named, b: Named) -> float:
    return _spaces_alike(a.name.split(".")[:-1], b.name.split(".")[:-1]) + _share(_traits(a), _traits(b))


def _spaces_alike(a: list[str], b: list[str]) -> float:
    """How many parts of two namespaces are equal, counted from either end."""
    ahead = next((at for at, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    rest = list(zip(reversed(a[ahead:]), reversed(b[ahead:])))
    behind = next((at for at, (x, y) in enumerate(rest) if x != y), len(rest))
    return (ahead + behind) / max(len(a), len(b), 1)


def _traits(named: Named) -> set[object]:
    if isinstance(named, Record):
        return {item.name for item in named.fields} | {(item.name, item.type) for item in named.fields}
    return set(named.symbols) if isinstance(named, Enum) else {named.size}


def _share(a: set[object], b: set[object]) -> float:
    return len(a & b) / (len(a | b) or 1)


def short(name: str) -> str:
    """A full name without its namespace."""
    return name.rpartition(".")[2]
