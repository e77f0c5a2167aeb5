"""The schemas of a subject that travel inside generated code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..codec.avro.schema.parser import parse
from ..codec.avro.schema.tree import Schema
from ..errors import ResolutionError
from .rules import OnRules
from .subject_names import context_of

if TYPE_CHECKING:
    from ..codec.json.schema.json_tree import JsonSchema
    from ..codec.protobuf.schema.proto_tree import ProtoSchema
    from .message_scopes import MessageOrder

# The parser of another language is loaded with the first schema in it.

SchemaLanguage: TypeAlias = Literal["AVRO", "JSON", "PROTOBUF"]
"""The language of a schema's text, as registries call it."""


@dataclass(frozen=True)
class WriterSchema:
    """One version of a subject, as one registry knows it.

    `references` are the texts of the schemas it refers to (transitively), in dependency order; `names` what
    the texts call them, one for each, in JSON Schema and Protobuf. `guid` is there where the registry has
    GUIDs.
    """

    version: int
    id: int
    text: str
    references: tuple[str, ...] = ()
    guid: str | None = None
    type: SchemaLanguage = "AVRO"
    names: tuple[str, ...] = ()

    def parse(self) -> Schema:
        """The Avro schema as a tree, parsed once per process. Raises `SchemaError`; a `ResolutionError` if it
        is not of Avro.
        """
        if self.type != "AVRO":
            raise ResolutionError(f"version {self.version} is of type {self.type}, not Avro")
        return _parse(self.text, self.references)

    def parse_json(self) -> JsonSchema:
        """The same of a JSON Schema."""
        if self.type != "JSON":
            raise ResolutionError(f"version {self.version} is of type {self.type}, not JSON Schema")
        return _parse_json(self.text, self.references, self.names)

    def parse_messages(self) -> MessageOrder:
        """The messages that a Protobuf file defines. Raises as `parse_json` does."""
        if self.type != "PROTOBUF":
            raise ResolutionError(f"version {self.version} is of type {self.type}, not Protobuf")
        return messages_of(self.text)


@dataclass(frozen=True)
class Schemas:
    """The known versions of a subject, ascending.

    The last one is the reader schema: the one the classes were generated from. `rules`: whether what has data
    contract rules is refused, or read and written as if it had none. `descriptor`: of Protobuf, the messages
    of the latest version and of all that it imports, as the codec reads them.
    """

    subject: str
    versions: tuple[WriterSchema, ...]
    rules: OnRules = "refuse"
    descriptor: str = ""

    @property
    def latest(self) -> WriterSchema:
        """The reader schema."""
        return self.versions[-1]

    @property
    def context(self) -> str:
        """The registry context of the subject (`:.ctx:orders-value` -> `:.ctx:`); ids are unique within one.
        Empty for the default one.
        """
        return context_of(self.subject)

    @property
    def messages(self) -> ProtoSchema:
        """The messages of `descriptor`, parsed once per process. Raises `SchemaError`."""
        return _parse_descriptor(self.descriptor)

    def by_id(self, id: int) -> WriterSchema | None:  # noqa: A002 - `id` is what registries call it
        """The newest version with this id, if any."""
        return next((version for version in reversed(self.versions) if version.id == id), None)

    def by_guid(self, guid: str) -> WriterSchema | None:
        """The newest version with this GUID, if any."""
        return next((version for version in reversed(self.versions) if version.guid == guid), None)


@lru_cache(maxsize=1024)
def _parse(text: str, references: tuple[str, ...]) -> Schema:
    return parse(text, references)


@lru_cache(maxsize=1024)
def messages_of(text: str) -> MessageOrder:
    """The messages that a Protobuf file defines, parsed once per process. Raises `SchemaError`."""
    from .message_order import message_order

    return message_order(text)


@lru_cache(maxsize=1024)
def _parse_descriptor(text: str) -> ProtoSchema:
    from ..codec.protobuf.schema.proto_descriptor import parse_descriptor

    return parse_descriptor(text)


@lru_cache(maxsize=1024)
def _parse_json(text: str, references: tuple[str, ...], names: tuple[str, ...]) -> JsonSchema:
    from ..codec.json.schema.json_parser import parse_json_schema

    return parse_json_schema(text, dict(zip(names, references)))
