"""One topic with messages of two languages: its subject changed its type, from Avro to Protobuf, say."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from ..codec.decoded import NO_ERRORS
from ..errors import KgenError, ResolutionError, RulesError, UnknownSchema
from ..messages import Headers
from .avro_serde import AvroSerde
from .base import DecodedBatch, Decoder, Encoder, Role
from .frames import by_schema, tagged
from .framing import HEADERS, SchemaKey
from .json_serde import JsonSerde
from .protobuf_serde import ProtobufSerde
from .schema_store import SchemaStore

T = TypeVar("T")

LanguageSerde: TypeAlias = "AvroSerde[Any] | JsonSerde[Any] | ProtobufSerde[Any]"
"""A serde of a language that schemas are in."""


class TwoLanguageDecoder(Generic[T]):
    """Reads each message with the serde of the language of the schema that wrote it."""

    def __init__(self, serdes: Sequence[LanguageSerde], store: SchemaStore, role: Role) -> None:
        self._decoders: Mapping[str, Decoder[Any]] = {
            each.schemas.latest.type: each.decoder(store, role) for each in serdes
        }
        self._schemas = [each.schemas for each in serdes]
        self._store = store
        self._role = role

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> DecodedBatch:
        """See `Decoder.decode_many`."""
        values: list[Any] = [None] * len(payloads)
        ids: list[int | None] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        carried = tagged(headers, HEADERS[self._role])
        by_type: dict[str, list[int]] = {}
        # Message indexes of Protobuf follow the schema in a header.
        indexed = "PROTOBUF" in self._decoders
        for (key, _), where in by_schema(payloads, carried, self._role, errors, indexed=indexed):
            try:
                by_type.setdefault(self._type(key), []).extend(where)
            except (UnknownSchema, ResolutionError, RulesError) as error:
                errors.update(dict.fromkeys(where, copy.copy(error)))
        for type_, where in by_type.items():
            given = None if headers is None else [headers[i] for i in where]
            found = self._decoders[type_].decode_many([payloads[i] for i in where], given)
            for i, value, id_ in zip(where, found.values, found.schema_ids):
                values[i], ids[i] = value, id_
            errors.update((where[i], error) for i, error in found.errors.items())
        return DecodedBatch(values, ids, errors or NO_ERRORS)

    def _type(self, key: SchemaKey) -> str:
        """The language of a schema, one of those that are read here."""
        for schemas in self._schemas:
            known = schemas.by_id(key) if isinstance(key, int) else schemas.by_guid(str(key))
            if known is not None:
                return known.type
        found = self._store.schema_type(self._schemas[0], key)
        if found not in self._decoders:
            kind = "id" if isinstance(key, int) else "GUID"
            both = " and ".join(self._decoders)
            raise ResolutionError(f"schema {kind} {key} is of type {found}; the topic is read as {both}")
        return found


class TwoLanguageEncoder(Generic[T]):
    """Writes objects of the second serde's classes with that one, all else with the first."""

    def __init__(self, serdes: Sequence[LanguageSerde], store: SchemaStore, role: Role) -> None:
        first, second = serdes
        self._first: Encoder[Any] = first.encoder(store, role)
        self._second: Encoder[Any] = second.encoder(store, role)
        self._classes = tuple(set(second.classes.values()).difference(first.classes.values()))

    def encode(self, value: T | None) -> bytes | None:
        """See `Encoder.encode`."""
        return (self._second if isinstance(value, self._classes) else self._first).encode(value)
