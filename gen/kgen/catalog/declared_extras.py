"""Tags, constraints and other properties of types and fields, as schemas declare them beside types: what
parsers of the wire format leave out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kgen_runtime.codec.json.schema.json_tree import JsonObject

from ..model.json_places import place_of, tokens
from ..model.library import ParsedVersion
from .entries import Extras

_TAGS: Final = "confluent:tags"
_MOST: Final = 40
_SHOWN: Final = 200
"""How many of each are taken of a field, and how many characters."""

_AVRO = frozenset(
    {"name", "namespace", "type", "doc", "default", "order", "aliases", "fields", "symbols", "size", "items"}
    | {"values", "logicalType", "precision", "scale", "avro.java.string", _TAGS}
)
_CONSTRAINTS = (
    *("format", "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum"),
    *("exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties"),
    *("maxProperties", "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType"),
)
_JSON = frozenset(
    {*_CONSTRAINTS, _TAGS, "type", "title", "description", "default", "examples", "example", "const", "enum"}
    | {"properties", "patternProperties", "additionalProperties", "propertyNames", "required", "items"}
    | {"prefixItems", "additionalItems", "contains", "minContains", "maxContains", "unevaluatedItems"}
    | {"unevaluatedProperties", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependencies"}
    | {"dependentRequired", "dependentSchemas", "definitions", "nullable", "discriminator", "contentSchema"}
)
_NONE: Final = Extras()
Found = dict["tuple[str, str]", Extras]


def declared_extras(unit: ParsedVersion) -> Found:
    """By the full name of a type and its field (empty: the type itself); those that have none are left out.
    The text of a version that was parsed is JSON.
    """
    found: Found = {}
    if unit.version.type == "JSON":
        _of_json(unit, found)
    else:
        for text in (unit.version.text, *(reference.text for reference in unit.references)):
            _of_avro(json.loads(text), found)
    return found


# ---------------------------------------------------------------------------------------------------- Avro


def _of_avro(schema: Any, found: Found) -> None:
    left: list[tuple[Any, str]] = [(schema, "")]
    while left:
        node, namespace = left.pop()
        if isinstance(node, list):
            left += [(each, namespace) for each in node]
        elif isinstance(node, dict):
            kind = node.get("type")
            if isinstance(kind, (dict, list)):
                left.append((kind, namespace))
            if kind in ("record", "error", "enum", "fixed"):
                fullname = full_name(node, namespace)
                namespace = fullname.rpartition(".")[0]
                _add(found, fullname, "", _avro_extras(node))
                for item in node.get("fields", ()) if kind in ("record", "error") else ():
                    _add(found, fullname, item["name"], _avro_extras(item))
                    if not isinstance(item["type"], str):
                        left.append((item["type"], namespace))
            left += [(node[key], namespace) for key in ("items", "values") if key in node]


def full_name(node: Mapping[str, Any], namespace: str) -> str:
    """Of a definition in Avro."""
    name: str = node["name"]
    space = node.get("namespace", namespace)
    return name if "." in name or not space else f"{space}.{name}"


def _avro_extras(node: Mapping[str, Any]) -> Extras:
    if node.keys() <= _AVRO and _TAGS not in node and isinstance(node.get("type"), str):
        return _NONE
    inner = node.get("type")
    both = {**inner, **node} if isinstance(inner, dict) and isinstance(inner.get("type"), str) else node
    names_a_type = isinstance(inner, dict) and "name" in inner
    source = node if names_a_type else both
    return Extras(_tags(source), (), tuple(_properties(source, _AVRO)))


# ---------------------------------------------------------------------------------------------------- JSON


def _of_json(unit: ParsedVersion, found: Found) -> None:
    documents = {name: json.loads(text) for name, text in unit.documents.items()}
    documents[""] = json.loads(unit.version.text)
    for name, named in unit.schema.names.items():
        document, pointer = place_of(name, unit.documents)
        node = _at(documents.get(document), pointer)
        if not isinstance(node, dict):
            continue
        _add(found, name, "", _json_extras(node))
        for item in named.fields if isinstance(named, JsonObject) else ():
            if (declared := _property(node, item.name)) is not None:
                _add(found, name, item.name, _json_extras(declared))


def _at(node: Any, pointer: str) -> Any:
    for part in tokens(pointer):
        if isinstance(node, list):
            node = node[int(part)] if part.isdigit() and int(part) < len(node) else None
        else:
            node = node.get(part) if isinstance(node, dict) else None
    return node


def _property(node: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """A property of the schema itself, or of one that it is merged with."""
    for each in (node, *(it for it in _list(node.get("allOf")) if isinstance(it, dict))):
        properties = each.get("properties")
        found = properties.get(name) if isinstance(properties, dict) else None
        if isinstance(found, dict):
            return found
    return None


def _json_extras(node: Mapping[str, Any]) -> Extras:
    constraints = [
        f"{key} {_text(node[key])}"
        for key in _CONSTRAINTS
        if node.get(key) is not None and node[key] is not False
    ]
    return Extras(_tags(node), tuple(constraints), tuple(_properties(node, _JSON)))


# ---------------------------------------------------------------------------------------------------- both


def _add(found: Found, name: str, item: str, extras: Extras) -> None:
    if extras is not _NONE and extras != _NONE:
        found.setdefault((name, item), extras)


def _tags(node: Mapping[str, Any]) -> tuple[str, ...]:
    tags = [tag[:_SHOWN] for tag in _list(node.get(_TAGS)) if isinstance(tag, str) and tag.strip()]
    return tuple(sorted(set(tags)))[:_MOST]


def _properties(node: Mapping[str, Any], known: frozenset[str]) -> Iterator[tuple[str, str]]:
    own = [key for key in node if key not in known and not key.startswith("$") and key != "id"]
    for key in own[:_MOST]:
        yield key[:_SHOWN], _text(node[key])


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
