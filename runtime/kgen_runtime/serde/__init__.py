"""How keys and values become Python values and back: framing, serdes, and where their schemas come from."""

from __future__ import annotations

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
