"""Which fields of a schema carry a tag (`confluent:tags`), by the schema's text.

A tag is read from the text: `"confluent:tags": ["PII"]` beside a field of an Avro record or a property of a
JSON Schema, `tags` among Confluent's options of a Protobuf field. Tags that are only in the registry's
metadata of a version are not in the text.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, Final

from .avro_serde import AvroSerde
from .base import Serde
from .either import EitherSerde
from .json_serde import JsonSerde
from .proto_tags import proto_tags
from .protobuf_serde import ProtobufSerde
from .schemas import Schemas
from .types_serde import TypesSerde

_TAGS: Final = "confluent:tags"
_PROPERTIES: Final = "properties"


def schemas_of(serde: Serde[Any]) -> list[Schemas]:
    """The schemas that a serde reads with; none if it has none."""
    if isinstance(serde, EitherSerde):
        return [*schemas_of(serde.framed), *schemas_of(serde.plain)]
    if isinstance(serde, TypesSerde):
        return [schemas for each in serde.serdes.values() for schemas in schemas_of(each)]
    if isinstance(serde, (AvroSerde, JsonSerde, ProtobufSerde)) and serde.schemas is not None:
        return [serde.schemas]
    return []


def tagged_fields(schemas: Schemas, tags: Collection[str]) -> frozenset[str]:
    """The names of the fields with one of these tags, in any version and in what it refers to."""
    return frozenset(
        name
        for version in schemas.versions
        for text in (version.text, *version.references)
        for name, found in (proto_tags(text) if version.type == "PROTOBUF" else _fields(json.loads(text)))
        if not found.isdisjoint(tags)
    )


def _fields(document: Any) -> Iterator[tuple[str, frozenset[str]]]:
    """Names and tags, of fields at any depth."""
    todo: list[Any] = [document]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif isinstance(node, dict):
            todo += node.values()
            properties = node.get(_PROPERTIES)
            if isinstance(properties, dict):
                for name, about in properties.items():
                    yield name, _tags(about)
            if isinstance(node.get("name"), str):
                yield node["name"], _tags(node)


def _tags(node: Any) -> frozenset[str]:
    found = node.get(_TAGS) if isinstance(node, dict) else None
    return frozenset(tag for tag in found if isinstance(tag, str)) if isinstance(found, list) else frozenset()
