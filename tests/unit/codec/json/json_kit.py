"""Short ways to make trees of JSON Schemas, and readers and writers of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from kgen_runtime.codec import make_json_reader, make_json_writer
from kgen_runtime.codec.json.schema.json_tree import (
    UNDEFINED,
    Anything,
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonSchema,
    JsonUnion,
    Named,
    Node,
    Property,
    StringEnum,
)

HAS_NATIVE = importlib.util.find_spec("kgen_runtime.codec.native._json_reader") is not None
ENGINES: list[Any] = ["native", "python"] if HAS_NATIVE else ["python"]

NULL = JsonScalar("null")
BOOLEAN = JsonScalar("boolean")
INTEGER = JsonScalar("integer")
NUMBER = JsonScalar("number")
STRING = JsonScalar("string")
ANYTHING = Anything()


def text(form: Any, scale: int | None = None) -> JsonScalar:
    """A string of a format."""
    return JsonScalar("string", form, scale)


def required(name: str, node: Node) -> Property:
    return Property(name, node, required=True)


def optional(name: str, node: Node, default: Any = UNDEFINED) -> Property:
    return Property(name, node, default=default)


def obj(name: str, *fields: Property, more: Node | None = None, closed: bool = False) -> JsonObject:
    return JsonObject(name, fields, extra=more, closed=closed)


def enum_of(name: str, *symbols: str) -> StringEnum:
    return StringEnum(name, symbols)


def any_of(*branches: Node, tag: str | None = None) -> JsonUnion:
    return JsonUnion(branches, tag)


def one(*values: Any) -> Constant:
    return Constant(values)


def schema_of(root: Node | Named, *others: Named) -> JsonSchema:
    """A schema of this root, and what else it refers to."""
    names = {named.name: named for named in others}
    if isinstance(root, JsonObject | StringEnum):
        names[root.name] = root
        root = JsonRef(root.name)
    return JsonSchema(root, names)


def reads(engine: Any, root: Node | Named, *others: Named, **classes: Any) -> Callable[..., Any]:
    return make_json_reader(schema_of(root, *others), classes, engine=engine).decode


def writes(engine: Any, root: Node | Named, *others: Named, **classes: Any) -> Callable[..., bytes]:
    return make_json_writer(schema_of(root, *others), classes, engine=engine).encode


def array(items: Node) -> JsonArray:
    return JsonArray(items)


def mapping(values: Node) -> JsonMap:
    return JsonMap(values)


def ref(name: str) -> JsonRef:
    return JsonRef(name)
