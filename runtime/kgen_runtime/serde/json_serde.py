"""JSON with Confluent framing, or with none: bytes to dataclasses and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, get_args

from ..codec import Reader, ValueWriter, batch_functions, make_json_reader, make_json_writer
from ..codec.decoded import NO_ERRORS, Decoded
from ..codec.json.schema.json_tree import takes_null
from ..codec.ranges import OutOfRangeChoice, keeps_raw
from ..errors import ConfigError, EncodeError, KgenError, SchemaError, ValidationError
from ..messages import Headers
from ..state.registration import register
from .base import DecodedBatch, Encoder, PrefixDecoder, Role, Serde
from .encoded_null import Null, check_null, without_null
from .framed_encoder import BareEncoder, FramedEncoder
from .frames import by_schema, only_id, tagged
from .framing import HEADERS, ID_SIZE, SchemaKey, hinted, id_in
from .json_validation import JsonValidator, json_validator, require_validation
from .schema_store import SchemaStore
from .schemas import Schemas, WriterSchema

T = TypeVar("T")

Framing: TypeAlias = Literal["confluent", "none"]
"""Whether payloads have their schema's id or GUID, before them or in their headers, or are JSON alone."""

_BATCHES: Final = batch_functions()
_PICKED: Final = _BATCHES.picked
_SPREAD: Final = _BATCHES.spread
_LOOKS_LIKE_JSON: Final = 'It looks like JSON without a schema id: JsonSerde(..., framing="none") reads that.'


class JsonSerde(Serde[T]):
    """Values of the latest of `schemas`, a JSON Schema, written by any version: see docs/reference/json.md.

    `classes` has the class of every object and enum of that schema, by the place of its definition. The
    payload says itself what it is: the registry is not asked for the schema that wrote it, so a new one stops
    nothing. `framing`: `none` is for payloads without a schema id, which are written without one as well.
    `null`: what becomes of a payload that is `null`, `out_of_range`: of a date, a time or a date-time that
    Python has no value for: see `AvroSerde`. Raises `ConfigError` for other words.

    `validate`: whether messages are also checked against their schema, at reading (`ValidationError`) and at
    writing (`EncodeError`). That is the schema that wrote the message, if it is among `schemas`, else the
    latest. Raises `ConfigError` if the library for it is not installed.
    """

    def __init__(
        self,
        schemas: Schemas,
        classes: Mapping[str, type[Any]],
        *,
        framing: Framing = "confluent",
        null: Null = "refuse",
        validate: bool = False,
        out_of_range: OutOfRangeChoice = "error",
    ) -> None:
        check_null(null)
        keeps_raw(out_of_range)
        if validate:
            require_validation()
        if framing not in get_args(Framing):
            raise ConfigError(f"invalid framing={framing!r}", hint="Use 'confluent' or 'none'.")
        self.schemas = schemas
        self.classes = classes
        self.framing = framing
        self.null = null
        self.validate = validate
        self.out_of_range: OutOfRangeChoice = out_of_range
        register(schemas, classes)

    def decoder(self, store: SchemaStore, role: Role) -> PrefixDecoder[T]:
        """A decoder for one worker. Raises `SchemaError` if the generated schema is not valid, or is not one
        that can be validated with and is to be.
        """
        return _JsonDecoder(self, role)

    def encoder(self, store: SchemaStore, role: Role) -> Encoder[T]:
        """An encoder that writes the latest schema. Raises `SchemaError` as `decoder` does."""
        writer = self.make_writer()
        if self.validate:
            writer = _ValidatedWriter(writer, json_validator(self.schemas.latest, self.schemas.subject))
        return FramedEncoder(writer, self.schemas, store) if self.framing != "none" else BareEncoder(writer)

    def check_writable(self, store: SchemaStore) -> None:
        """See the base."""
        if self.framing != "none":
            store.id_to_write(self.schemas)

    def make_reader(self) -> Reader:
        """What reads payloads behind their frames, into values of the latest schema. Raises `SchemaError`."""
        schema = self.schemas.latest.parse_json()
        return make_json_reader(schema, self.classes, out_of_range=self.out_of_range)

    def make_writer(self) -> ValueWriter:
        """What writes values of the latest schema. Raises `SchemaError`."""
        return make_json_writer(self.schemas.latest.parse_json(), self.classes)

    def __repr__(self) -> str:
        latest = self.schemas.latest
        return f"{type(self).__name__}({self.schemas.subject!r}, version={latest.version}, id={latest.id})"


class _JsonDecoder(Generic[T]):
    def __init__(self, serde: JsonSerde[T], role: Role) -> None:
        schema = serde.schemas.latest.parse_json()
        self._schemas = serde.schemas
        self._role = role
        self._header = HEADERS[role]
        self._is_framed = serde.framing != "none"
        self._reader = serde.make_reader()
        self._refuses_null = serde.null == "refuse" and takes_null(schema.root)
        latest = serde.schemas.latest
        self._validator = json_validator(latest, serde.schemas.subject) if serde.validate else None

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> DecodedBatch:
        """See `Decoder.decode_many`."""
        if not self._is_framed:
            present = [i for i, payload in enumerate(payloads) if payload is not None]
            return self._decode_groups(payloads, [((None, 0), present)], {})
        carried = tagged(headers, self._header)
        id_ = None if carried else only_id(payloads)
        if id_ is not None:
            values, errors = self._decode(payloads, ID_SIZE, id_)
            return DecodedBatch(values, [id_] * len(payloads), errors)
        failed: dict[int, KgenError] = {}
        groups = list(by_schema(payloads, carried, self._role, failed))
        return self._decode_groups(
            payloads, groups, {i: hinted(error, "JSON", _LOOKS_LIKE_JSON) for i, error in failed.items()}
        )

    def decode_prefixed(self, payloads: Sequence[bytes | None], prefix: bytes) -> DecodedBatch:
        """See `PrefixDecoder.decode_prefixed`."""
        id_ = id_in(prefix)
        values, errors = self._decode(payloads, ID_SIZE, id_)
        return DecodedBatch(values, [id_] * len(payloads), errors)

    def _decode_groups(
        self,
        payloads: Sequence[bytes | None],
        groups: Sequence[tuple[tuple[SchemaKey | None, int], list[int]]],
        errors: dict[int, KgenError],
    ) -> DecodedBatch:
        values: list[Any] = [None] * len(payloads)
        ids: list[int | None] = [None] * len(payloads)
        for (key, offset), where in groups:
            decoded = self._decode(_PICKED(payloads, where), offset, key)
            _SPREAD(decoded.values, where, values)
            _SPREAD([self._id(key)] * len(where), where, ids)
            errors.update((where[i], error) for i, error in decoded.errors.items())
        return DecodedBatch(values, ids, errors or NO_ERRORS)

    def _decode(self, payloads: Sequence[Any], offset: int, key: SchemaKey | None) -> Decoded:
        """Values of payloads, none of which is None."""
        decoded = self._reader.decode_many(payloads, offset)
        if self._refuses_null:
            decoded = without_null(decoded, "JsonSerde")
        return decoded if self._validator is None else self._validated(payloads, offset, key, decoded)

    def _validated(
        self, payloads: Sequence[bytes], offset: int, key: SchemaKey | None, decoded: Decoded
    ) -> Decoded:
        """The same, with errors for those that are not valid."""
        values, errors = list(decoded.values), dict(decoded.errors)
        try:
            check = self._validator_of(key).check
        except SchemaError as error:  # of a version before the latest
            failed = ValidationError(str(error))
            return Decoded([None] * len(values), {**dict.fromkeys(range(len(values)), failed), **errors})
        for i, payload in enumerate(payloads):
            invalid = None if i in errors else check(payload, offset)
            if invalid is not None:
                values[i], errors[i] = None, invalid
        return Decoded(values, errors or NO_ERRORS)

    def _validator_of(self, key: SchemaKey | None) -> JsonValidator:
        assert self._validator is not None  # asked for only then
        known = self._known(key)
        if known is None or known.type != "JSON":
            return self._validator
        return json_validator(known, self._schemas.subject)

    def _id(self, key: SchemaKey | None) -> int | None:
        """The id, of a GUID the one that is known here."""
        if key is None or isinstance(key, int):
            return key
        known = self._known(key)
        return None if known is None else known.id

    def _known(self, key: SchemaKey | None) -> WriterSchema | None:
        """The version that is meant, if it is known here."""
        if key is None:
            return None
        return self._schemas.by_id(key) if isinstance(key, int) else self._schemas.by_guid(str(key))


class _ValidatedWriter:
    """A writer whose payloads are valid."""

    def __init__(self, writer: ValueWriter, validator: JsonValidator) -> None:
        self._writer = writer
        self._check = validator.check

    def encode(self, value: Any, prefix: bytes = b"") -> bytes:
        """See `ValueWriter.encode`."""
        payload = self._writer.encode(value, prefix)
        invalid = self._check(payload, len(prefix))
        if invalid is not None:
            path = invalid.problems[0].path if len(invalid.problems) == 1 else ""
            raise EncodeError(invalid.what, path=path, problems=invalid.problems)
        return payload

    def pack(self, value: Any) -> bytes | None:
        """See `ValueWriter.pack`."""
        return self._writer.pack(value)
