"""A schema of the seed folder, as the registry knows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Schema
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.codec.json.schema.json_tree import JsonSchema

from ..compat.proto_types import topic_messages
from ..model.value_types import full_names_in
from ..protobuf.declared_files import DeclaredFiles
from .schema_request import ReferencedText, declared
from .seed_files import SeedSchema


@dataclass(frozen=True)
class Registered:
    """A schema from a file, as the registry knows it.

    `referenced` are the texts it refers to, in dependency order.
    """

    schema: SeedSchema
    id: int
    referenced: tuple[ReferencedText, ...]

    def parse(self) -> Schema:
        """The Avro schema as a tree. Raises `SchemaError`."""
        return parse(self.schema.text, [each.text for each in self.referenced])

    @cached_property
    def declared(self) -> DeclaredFiles:
        """What the .proto file declares, by one run of protoc. Raises `SchemaError`."""
        return declared(self.schema.text, self.referenced)

    def parse_json(self) -> JsonSchema:
        """The JSON Schema as a tree. Raises `SchemaError`."""
        return parse_json_schema(self.schema.text, dict(self.referenced))

    def full_names(self) -> tuple[str, ...]:
        """The full names of the types that values of it may have. Raises `SchemaError`."""
        if self.schema.type == "PROTOBUF":
            return topic_messages(self.declared)
        return full_names_in(self.parse_json() if self.schema.type == "JSON" else self.parse())
