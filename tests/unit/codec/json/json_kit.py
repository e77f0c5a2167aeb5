"""Short ways to make trees of JSON Schemas, and readers and writers of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, make_dataclass
from enum import Enum
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
    takes_null,
)
from kgen_runtime.codec.values import ABSENT

ENGINES: list[Any] = ["native", "python"]  # a missing native engine is a failure

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


def classes_of(schema: JsonSchema, slots: bool) -> Mapping[str, type[Any]]:
    """A class for each object and enum, as the generator makes them but for the names."""
    made: dict[str, type[Any]] = {}
    for place, named in schema.names.items():
        if isinstance(named, StringEnum):
            members = {f"m{number}": symbol for number, symbol in enumerate(named.symbols)}
            make: Any = Enum  # a type checker wants the name and the members as literals
            made[place] = make("E" + place[2:], members)
        else:
            made[place] = _dataclass(named, slots)
    return made


def _dataclass(named: JsonObject, slots: bool) -> type[Any]:
    fields: list[Any] = []
    for number, each in enumerate(named.fields):
        default: Any = {} if each.required else {"default": ABSENT if takes_null(each.type) else None}
        fields.append((f"f{number}", Any, field(metadata={"json": each.name}, **default)))
    if named.extra is not None:
        fields.append(("extra", Any, field(default_factory=dict, metadata={"json_extra": True})))
    return make_dataclass("C" + named.name[2:], fields, slots=slots, kw_only=True)


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
