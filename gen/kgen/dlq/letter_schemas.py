"""The schema that a letter's payload names: vendored in the project, else from the registry."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

from kgen_runtime.codec.avro.schema.tree import Schema
from kgen_runtime.codec.json.schema.json_tree import JsonSchema
from kgen_runtime.codec.protobuf.schema.proto_tree import ProtoSchema
from kgen_runtime.errors import FramingError, RegistryUnavailable
from kgen_runtime.messages import Headers
from kgen_runtime.serde import remote
from kgen_runtime.serde.framing import GUID_SIZE, ID_SIZE, SchemaKey, split, split_message
from kgen_runtime.serde.message_order import message_order
from kgen_runtime.serde.registry.client import RegistryClient
from kgen_runtime.serde.schemas import Schemas
from kgen_runtime.serde.writer_kinds import AVRO

from ..errors import UnknownSchema
from ..model.library import Library
from ..model.subjects import SchemaVersion, Snapshot
from ..protobuf.proto_model import ProtoModel

Part = Literal["key", "value"]


@dataclass(frozen=True)
class PayloadSchema:
    """A schema (None: JSON text without one), what it is to people, and where in the payload its data
    begins. Of Protobuf `message` is the full name of the message.
    """

    schema: Schema | JsonSchema | ProtoSchema | None
    name: str
    begins: int
    message: str = ""


class LetterSchemas:
    """Finds schemas by what payloads begin with; each is looked up once."""

    def __init__(self, snapshot: Snapshot | None, registry: RegistryClient | None) -> None:
        self._library = None if snapshot is None else Library(snapshot)
        self._versions = [] if snapshot is None else [v for s in snapshot.subjects for v in s.versions]
        self._registry = registry
        self._unavailable: RegistryUnavailable | None = None
        self._known: dict[tuple[SchemaKey, str], Schema | JsonSchema | None] = {}

    def find(self, payload: bytes, headers: Headers, part: Part, topic: str | None) -> PayloadSchema:
        """The schema of the key or value of a letter of a topic. Raises `KgenError`: `FramingError` if it
        names none, `UnknownSchema` and other errors of the registry if that does not give it.
        """
        key, begins = split(payload, headers, part, indexed=True)
        subject = f"{topic or ''}-{part}"
        version = self._locked(key, subject)
        if version is not None and self._library is not None:
            unit = self._library.unit((version.subject, version.version))
            if isinstance(unit.schema, ProtoModel):
                return _of_message(unit.schema.schema, version, payload, headers, part)
            return PayloadSchema(unit.schema, f"{version.subject} v{version.version}, of kgen.lock", begins)
        if self._unavailable is not None:
            raise self._unavailable
        if self._registry is None:
            raise UnknownSchema(
                f"schema {key} is not in kgen.lock, and no registry is set",
                hint="kgen pull, or --registry URL",
            )
        known = (key, part)
        if known not in self._known:
            try:
                self._known[known] = _of_registry(self._registry, key, subject)
            except RegistryUnavailable as error:
                self._unavailable = error  # not asked again, and waited for, for each letter
                raise
        return PayloadSchema(self._known[known], f"schema {key}, of the registry", begins)

    def _locked(self, key: SchemaKey, subject: str) -> SchemaVersion | None:
        """That of the topic's own subject before others with the id: ids belong to a registry context."""
        named = [each for each in self._versions if key == (each.id if isinstance(key, int) else _guid(each))]
        own = [each for each in named if each.subject == subject]
        found = own or named
        return found[-1] if found else None


def _of_message(
    schema: ProtoSchema, version: SchemaVersion, payload: bytes, headers: Headers, part: Part
) -> PayloadSchema:
    """That of a Protobuf file: which message of it, its message indexes say. Raises `FramingError`."""
    _, indexes, begins = split_message(payload, headers, part)
    names = message_order(version.text).names(indexes)
    if not names:
        raise FramingError(f"the file has no message at [{', '.join(map(str, indexes))}]")
    name = f"{names[0]} of {version.subject} v{version.version}, of kgen.lock"
    return PayloadSchema(schema, name, begins, names[0])


def framed_size(payload: bytes) -> int:
    """How many bytes the framing takes, of a payload whose schema is not known."""
    if payload[:1] == b"\x00":
        return ID_SIZE
    return GUID_SIZE if payload[:1] == b"\x01" else 0


def _of_registry(registry: RegistryClient, key: SchemaKey, subject: str) -> Schema | None:
    """None for JSON Schema, which JSON text can be shown without."""
    asked = Schemas(subject, (), "ignore")
    if isinstance(key, int):
        if remote.type_by_id(registry, key, asked) == "JSON":
            return None
        return remote.by_id(registry, key, asked, AVRO)
    if remote.type_by_guid(registry, str(key), asked) == "JSON":
        return None
    return remote.by_guid(registry, str(key), asked, AVRO)[0]


def _guid(version: SchemaVersion) -> uuid.UUID | None:
    try:
        return None if version.guid is None else uuid.UUID(version.guid)
    except ValueError:
        return None
