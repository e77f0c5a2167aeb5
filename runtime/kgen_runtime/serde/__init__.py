"""How keys and values become Python values and back: framing, serdes, and where their schemas come from.

A name is imported when it is first asked for: a program with Avro serdes loads nothing of JSON, and none
loads an HTTP client before it asks a registry.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .avro_serde import AvroSerde
    from .base import DecodedBatch, Decoder, Encoder, Role, Serde
    from .either import EitherSerde
    from .json_serde import JsonSerde
    from .primitive import BytesSerde, DoubleSerde, IntSerde, LongSerde, NoneSerde, StringSerde
    from .protobuf_serde import ProtobufSerde
    from .pydantic_serde import PydanticSerde
    from .registry.client import RegistryClient
    from .schema_store import SchemaStore
    from .schemas import Schemas, WriterSchema
    from .types_serde import TypesSerde
    from .vendored import VendoredSchemas, VendoredSubject, VendoredVersion

__all__ = [
    "AvroSerde",
    "BytesSerde",
    "DecodedBatch",
    "Decoder",
    "DoubleSerde",
    "EitherSerde",
    "Encoder",
    "IntSerde",
    "JsonSerde",
    "LongSerde",
    "NoneSerde",
    "ProtobufSerde",
    "PydanticSerde",
    "RegistryClient",
    "Role",
    "SchemaStore",
    "Schemas",
    "Serde",
    "StringSerde",
    "TypesSerde",
    "VendoredSchemas",
    "VendoredSubject",
    "VendoredVersion",
    "WriterSchema",
]

# The same imports as above for type checkers: a test compares the two.
_NAMES: Final = {
    ".avro_serde": "AvroSerde",
    ".base": "DecodedBatch Decoder Encoder Role Serde",
    ".either": "EitherSerde",
    ".json_serde": "JsonSerde",
    ".primitive": "BytesSerde DoubleSerde IntSerde LongSerde NoneSerde StringSerde",
    ".protobuf_serde": "ProtobufSerde",
    ".pydantic_serde": "PydanticSerde",
    ".registry.client": "RegistryClient",
    ".schema_store": "SchemaStore",
    ".schemas": "Schemas WriterSchema",
    ".types_serde": "TypesSerde",
    ".vendored": "VendoredSchemas VendoredSubject VendoredVersion",
}
_MODULES: Final = {name: module for module, names in _NAMES.items() for name in names.split()}


if not TYPE_CHECKING:  # or checkers would accept any name

    def __getattr__(name: str) -> Any:
        """A public name, from its module."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(_MODULES[name], __name__), name)
        return value
