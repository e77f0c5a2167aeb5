"""Which names a schema's text defines, and which it uses without defining them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from kgen_runtime.codec.json.schema.json_documents import SchemaTexts
from kgen_runtime.errors import SchemaError

from ..model.subjects import SchemaType
from ..protobuf.import_names import is_builtin
from ..protobuf.proto_tokens import imports

Use: TypeAlias = "tuple[str, ...]"
"""What a use may mean, the first that there is: `Address` in the namespace shop is `shop.Address`, else
`Address`.
"""

_NAMED = ("record", "error", "enum", "fixed")
_PRIMITIVE = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_DATA = frozenset({"const", "default", "enum", "examples"})


@dataclass(frozen=True)
class NamesInSchema:
    """The names of a text. `root` is what others call the whole of it: the full name of an Avro type, the
    `$id` of a JSON Schema; empty if it has none, as a .proto file. `uses` are in the order of the text; of a
    .proto file they are the files that it imports, but for those that every registry has built in.
    """

    root: str = ""
    defined: frozenset[str] = frozenset()
    uses: tuple[Use, ...] = ()


@dataclass
class _Found:
    defined: list[str] = field(default_factory=list)
    uses: dict[Use, None] = field(default_factory=dict)


def names_in(kind: SchemaType, text: str) -> NamesInSchema:
    """The names of a text; none of what is not a schema, which is reported where it is parsed."""
    if kind == "PROTOBUF":
        return NamesInSchema(uses=tuple((name,) for name in imports(text) if not is_builtin(name)))
    try:
        value = json.loads(text)
        return _of_json_schema(text, value) if kind == "JSON" else _of_avro(value)
    except (ValueError, RecursionError, SchemaError):
        return NamesInSchema()


def _of_avro(value: Any) -> NamesInSchema:
    found = _Found()
    _walk(value, "", found)
    is_named = isinstance(value, dict) and value.get("type") in _NAMED
    uses = [use for use in found.uses if not set(use) & set(found.defined)]
    return NamesInSchema(
        found.defined[0] if is_named and found.defined else "", frozenset(found.defined), tuple(uses)
    )


def _walk(node: Any, space: str, found: _Found) -> None:
    """The types of an Avro schema; what is not well-formed is passed over."""
    if isinstance(node, str):
        if node not in _PRIMITIVE:
            found.uses[tuple(dict.fromkeys((_full(node, space), node)))] = None
    elif isinstance(node, list):
        for branch in node:
            _walk(branch, space, found)
    elif isinstance(node, dict):
        _walk_object(node, space, found)


def _walk_object(node: dict[str, Any], space: str, found: _Found) -> None:
    kind = node.get("type")
    if kind in _NAMED and isinstance(kind, str):
        own = node.get("namespace", space)
        name = _full(str(node.get("name", "")), own if isinstance(own, str) else "")
        found.defined.append(name)
        fields = node.get("fields")
        for each in fields if isinstance(fields, list) else ():
            if isinstance(each, dict):
                _walk(each.get("type"), name.rpartition(".")[0], found)
    else:
        inner = {"array": "items", "map": "values"}.get(kind if isinstance(kind, str) else "", "type")
        _walk(node.get(inner), space, found)


def _full(name: str, space: str) -> str:
    return name if "." in name or not space else f"{space}.{name}"


def _of_json_schema(text: str, value: Any) -> NamesInSchema:
    resources = SchemaTexts(text, {}).root.document.resources
    bases = {resource.base for resource in resources.values() if resource.base}
    uses = {uri: None for ref in _refs(value) if (uri := ref.partition("#")[0]) and uri not in bases}
    return NamesInSchema(resources[""].base, frozenset(bases), tuple((uri,) for uri in uses))


def _refs(value: Any) -> Iterator[str]:
    """Every `$ref` and `$dynamicRef`, but what is data."""
    todo = [value]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            yield from (ref for key in ("$ref", "$dynamicRef") if isinstance(ref := node.get(key), str))
            todo += [inner for key, inner in reversed(node.items()) if key not in _DATA]
        elif isinstance(node, list):
            todo += reversed(node)
