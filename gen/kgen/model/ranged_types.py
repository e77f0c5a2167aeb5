"""Which types have values on the wire that Python has none for, and what `rt.OutOfRange` holds of them."""

from __future__ import annotations

from collections.abc import Mapping

from kgen_runtime.codec.avro.schema.tree import Fixed, Primitive, Ref
from kgen_runtime.codec.json.json_build import scalar_kind
from kgen_runtime.codec.json.json_texts import RAW_TYPES
from kgen_runtime.codec.json.schema.json_tree import JsonRef, JsonScalar
from kgen_runtime.codec.protobuf.schema.proto_tree import DATE, DECIMAL, DURATION, TIMESTAMP, MessageRef
from kgen_runtime.codec.ranges import limits

from .trees import AnyNamed, AnyNode, AnySchema, held, parts, reach


def raw_type(node: AnyNode | AnyNamed, names: Mapping[str, AnyNamed]) -> str | None:
    """The type of `raw` in an `rt.OutOfRange` of a scalar: `int`, `bytes` or `str`. None if Python has a
    value for all that it may be.
    """
    if isinstance(node, MessageRef):
        return "bytes" if node.name in (TIMESTAMP, DURATION, DATE, DECIMAL) else None
    found = names[node.name] if isinstance(node, Ref | JsonRef) else node
    if isinstance(found, JsonScalar):
        kind = scalar_kind(found)
        return None if kind not in RAW_TYPES else "str" if found.type == "string" else "int"
    if not isinstance(found, Primitive | Fixed) or found.logical is None:
        return None
    if found.logical.name == "decimal":
        return "bytes"
    return "int" if limits(found.logical.name) else None


def has_raw_types(schema: AnySchema) -> bool:
    """Whether a value of the schema may hold an `rt.OutOfRange`."""
    used = [schema.names[name] for name in reach(schema.names, schema.root)]
    todo: list[AnyNode] = [schema.root, *(node for named in used for node in held(named))]
    while todo:
        node = todo.pop()
        if raw_type(node, schema.names):
            return True
        todo.extend(parts(node))
    return False
