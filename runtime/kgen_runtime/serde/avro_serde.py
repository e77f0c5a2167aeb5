"""Avro with Confluent framing: bytes to dataclasses and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar

from ..codec import Reader, Trailing, batch_functions, make_reader, make_writer
from ..codec.avro.schema.tree import Schema, Union, branch_name
from ..codec.decoded import NO_ERRORS, Decoded
from ..codec.ranges import OutOfRangeChoice, keeps_raw
from ..errors import KgenError
from ..messages import Headers
from ..state.registration import register
from .base import DecodedBatch, Encoder, PrefixDecoder, Role, Serde
from .encoded_null import Null, check_null, without_null
from .framed_encoder import FramedEncoder
from .frames import by_schema, only_id, tagged
from .framing import HEADERS, ID_SIZE, id_in
from .schema_store import SchemaStore, Written
from .schemas import Schemas
from .writer_cache import WriterCache
from .writer_kinds import AVRO

T = TypeVar("T")

_BATCHES: Final = batch_functions()
_PICKED: Final = _BATCHES.picked
_SPREAD: Final = _BATCHES.spread

Classes: TypeAlias = Mapping[str, type[Any]]


class AvroSerde(Serde[T]):
    """Values of the latest of `schemas`, written by any version.

    `classes` has the class of every record and enum of that schema, by its full Avro name. `trailing`: what
    becomes of a payload with bytes left over after the value: a `DecodeError` (`refuse`), or the value
    (`ignore`), as Confluent's deserializers have it. For a generated topic, whose value is `old`:
    `dataclasses.replace(topic, value=AvroSerde(old.schemas, old.classes, trailing="ignore"))`. `null`: what
    becomes of a payload whose value is null (the schema is `["null", ...]`, or `"null"`): a `DecodeError`
    (`refuse`), or None (`tombstone`), as Confluent's deserializers have it: that is written as a tombstone.
    None is never written as an encoded null. `out_of_range`: what becomes of a date, a time, a timestamp or a
    decimal that Python has no value for: a `DecodeError` (`error`), or an `rt.OutOfRange` with what stood on
    the wire (`raw`), which is written back as it came. Raises `ConfigError` for another `null` or
    `out_of_range`.
    """

    def __init__(
        self,
        schemas: Schemas,
        classes: Classes,
        *,
        trailing: Trailing = "refuse",
        null: Null = "refuse",
        out_of_range: OutOfRangeChoice = "error",
    ) -> None:
        check_null(null)
        keeps_raw(out_of_range)
        self.schemas = schemas
        self.classes = classes
        self.trailing = trailing
        self.null = null
        self.out_of_range: OutOfRangeChoice = out_of_range
        register(schemas, classes)

    def decoder(self, store: SchemaStore, role: Role) -> PrefixDecoder[T]:
        """A decoder for one worker. Raises `SchemaError` if the generated schema is not valid."""
        return _AvroDecoder(self, store, role)

    def encoder(self, store: SchemaStore, role: Role) -> Encoder[T]:
        """An encoder that writes the latest schema. Raises `SchemaError` if that is not valid."""
        return FramedEncoder(make_writer(self.schemas.latest.parse(), self.classes), self.schemas, store)

    def check_writable(self, store: SchemaStore) -> None:
        """See the base."""
        store.id_to_write(self.schemas)

    def __repr__(self) -> str:
        latest = self.schemas.latest
        return f"AvroSerde({self.schemas.subject!r}, version={latest.version}, id={latest.id})"


class _AvroDecoder(Generic[T]):
    def __init__(self, serde: AvroSerde[T], store: SchemaStore, role: Role) -> None:
        self._classes = serde.classes
        self._trailing = serde.trailing
        self._out_of_range = serde.out_of_range
        self._role = role
        self._header = HEADERS[role]
        self._latest = serde.schemas.latest.parse()
        self._refuses_null = serde.null == "refuse" and takes_null(self._latest)
        self._readers = WriterCache(serde.schemas, store, AVRO, self._make_reader)

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> DecodedBatch:
        """See `Decoder.decode_many`."""
        self._readers.forget_old()
        carried = tagged(headers, self._header)
        key = None if carried else only_id(payloads)
        if key is None:
            return self._decode_groups(payloads, carried)
        return self._decode_all(payloads, key)

    def decode_prefixed(self, payloads: Sequence[bytes | None], prefix: bytes) -> DecodedBatch:
        """See `PrefixDecoder.decode_prefixed`."""
        self._readers.forget_old()
        return self._decode_all(payloads, id_in(prefix))

    def _decode_all(self, payloads: Sequence[bytes | None], key: int) -> DecodedBatch:
        reader, id_ = self._readers.find(key)
        values, errors = self._decode(reader, payloads, ID_SIZE)
        return DecodedBatch(values, [id_] * len(payloads), errors)

    def _decode_groups(
        self, payloads: Sequence[bytes | None], carried: Mapping[int, Headers]
    ) -> DecodedBatch:
        values: list[Any] = [None] * len(payloads)
        ids: list[int | None] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        for (key, offset), where in by_schema(payloads, carried, self._role, errors):
            reader, id_ = self._readers.find(key)
            decoded = self._decode(reader, _PICKED(payloads, where), offset)
            _SPREAD(decoded.values, where, values)
            _SPREAD([id_] * len(where), where, ids)
            errors.update((where[i], error) for i, error in decoded.errors.items())
        return DecodedBatch(values, ids, errors or NO_ERRORS)

    def _decode(self, reader: Reader | KgenError, payloads: Sequence[Any], offset: int) -> Decoded:
        """Values of payloads, none of which is None."""
        if isinstance(reader, KgenError):
            return Decoded([None] * len(payloads), dict.fromkeys(range(len(payloads)), reader))
        decoded = reader.decode_many(payloads, offset)
        return without_null(decoded, "AvroSerde") if self._refuses_null else decoded

    def _make_reader(self, written: Written[Schema]) -> Reader:
        return make_reader(
            written.schema,
            self._latest,
            self._classes,
            trailing=self._trailing,
            out_of_range=self._out_of_range,
        )


def takes_null(schema: Schema) -> bool:
    """Whether null is a value of the schema."""
    root = schema.root
    return "null" in map(branch_name, root.branches if isinstance(root, Union) else (root,))
