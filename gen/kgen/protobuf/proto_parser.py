"""A .proto file's text as a model."""

from __future__ import annotations

from collections.abc import Mapping

from .proto_model import ProtoModel, proto_model
from .protoc import descriptor_set, require_protoc


def parse_proto(text: str, references: Mapping[str, str]) -> ProtoModel:
    """The file, beside those that it imports, by the names that imports have for them.

    Raises `SchemaError` with the line where protoc refuses it, `ConfigError` if protoc is not installed.
    """
    require_protoc()
    from .descriptor_walk import declared_files  # imports what the extra brings

    return proto_model(declared_files(descriptor_set(text, references)))
