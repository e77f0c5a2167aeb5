"""Protobuf with Confluent framing, or with none: bytes to dataclasses and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeVar, get_args

from ..codec import Reader, ValueWriter, batch_functions, make_proto_reader, make_proto_writer
from ..codec.decoded import NO_ERRORS
from ..codec.ranges import OutOfRangeChoice, keeps_raw
from ..errors import ConfigError, FramingError, KgenError, SchemaError, UnexpectedTypeError
from ..messages import Headers
from ..state.registration import register
from .base import DecodedBatch, Decoder, Encoder, PrefixDecoder, Role, Serde
from .framed_encoder import BareEncoder, FramedEncoder
from .frames import by_message, only_message, tagged
from .framing import HEADERS, ID_SIZE, SchemaKey, hinted, id_in
from .json_serde import Framing
from .message_indexes import read_indexes, written_indexes
from .message_scopes import Indexes, MessageOrder
from .schema_store import SchemaStore
from .schemas import Schemas
from .writer_cache import WriterCache
from .writer_kinds import MESSAGES

T = TypeVar("T")

_BATCHES: Final = batch_functions()
_PICKED: Final = _BATCHES.picked
_SPREAD: Final = _BATCHES.spread

_LOOKS_LIKE_PROTOBUF: Final = (
    'It may be Protobuf without a schema id: ProtobufSerde(..., framing="none") reads that.'
)


class ProtobufSerde(Serde[T]):
    """Values of one message of the latest of `schemas`, a Protobuf file, written by any version: see
    docs/reference/protobuf.md.

    `message` is its full name. `classes` has the class of every message and enum, by full name, and of every
    member of a oneof, by that of its message, the oneof's name and its own (`shop.Order.payment.card`). What
    a class keeps of unknown fields is its own matter. A message of another type of the file, or of another
    file, is an `UnexpectedTypeError`.

    `framing`: `none` is for payloads without a schema id and message indexes, which are written without them
    as well. `out_of_range`: what becomes of a time, a date or a duration that Python has no value for: see
    `AvroSerde`. Raises `ConfigError` for other words.
    """

    def __init__(
        self,
        schemas: Schemas,
        message: str,
        classes: Mapping[str, type[Any]],
        *,
        framing: Framing = "confluent",
        out_of_range: OutOfRangeChoice = "error",
    ) -> None:
        keeps_raw(out_of_range)
        if framing not in get_args(Framing):
            raise ConfigError(f"invalid framing={framing!r}", hint="Use 'confluent' or 'none'.")
        self.schemas = schemas
        self.message = message
        self.classes = classes
        self.framing = framing
        self.out_of_range: OutOfRangeChoice = out_of_range
        register(schemas, classes)

    def decoder(self, store: SchemaStore, role: Role) -> Decoder[T]:
        """A decoder for one worker. Raises `SchemaError` if the generated schema is not valid."""
        return _BareDecoder(self) if self.framing == "none" else self.framed_decoder(store, role)

    def framed_decoder(self, store: SchemaStore, role: Role) -> PrefixDecoder[T]:
        """The same of messages with a schema id."""
        return _ProtobufDecoder(self, store, role)

    def encoder(self, store: SchemaStore, role: Role) -> Encoder[T]:
        """An encoder that writes the latest schema. Raises `SchemaError` if that is not valid, or does not
        define the message.
        """
        if self.framing == "none":
            return BareEncoder(self.make_writer())
        return FramedEncoder(self.make_writer(), self.schemas, store, written_indexes(self.indexes()))

    def check_writable(self, store: SchemaStore) -> None:
        """See the base."""
        if self.framing != "none":
            store.id_to_write(self.schemas)

    def make_reader(self) -> Reader:
        """What reads payloads behind their frames. Raises `SchemaError`."""
        return make_proto_reader(
            self.schemas.messages, self.message, self.classes, out_of_range=self.out_of_range
        )

    def make_writer(self) -> ValueWriter:
        """What writes values of the latest schema. Raises `SchemaError`."""
        return make_proto_writer(self.schemas.messages, self.message, self.classes)

    def indexes(self) -> Indexes:
        """Where the message is in the latest file. Raises `SchemaError` if it is not there."""
        latest = self.schemas.latest
        found = latest.parse_messages().indexes(self.message)
        if found is None:
            where = f"{self.schemas.subject} version {latest.version}"
            raise SchemaError(f"there is no message {self.message}", where=where)
        return found

    def is_named(self, order: MessageOrder, indexes: Indexes, key: SchemaKey) -> bool:
        """Whether the message at these indexes of the file that `key` stands for is this one.

        Versions of the subject may have had it in another package.
        """
        names = order.names(indexes)
        if self.message in names:
            return True
        by_id, by_guid = self.schemas.by_id, self.schemas.by_guid
        known = by_id(key) if isinstance(key, int) else by_guid(str(key))
        latest = self.schemas.latest.parse_messages().package
        if known is None or order.package == latest:
            return False
        return _within(self.message, latest) in [_within(name, order.package) for name in names]

    def __repr__(self) -> str:
        latest = self.schemas.latest
        subject = f"{self.schemas.subject!r}, version={latest.version}, id={latest.id}"
        return f"ProtobufSerde({self.message!r}, {subject})"


def _within(name: str, package: str) -> str:
    return name.removeprefix(f"{package}.") if package else name


class _BareDecoder(Generic[T]):
    """Reads messages without a schema id."""

    def __init__(self, serde: ProtobufSerde[T]) -> None:
        self._reader = serde.make_reader()

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> DecodedBatch:
        """See `Decoder.decode_many`."""
        ids: list[int | None] = [None] * len(payloads)
        present = [i for i, payload in enumerate(payloads) if payload is not None]
        some: Any = _PICKED(payloads, present)
        decoded = self._reader.decode_many(some)
        values: list[Any] = [None] * len(payloads)
        _SPREAD(decoded.values, present, values)
        return DecodedBatch(values, ids, {present[i]: error for i, error in decoded.errors.items()})


class _WriterFile:
    """The file that wrote messages. `read` are the indexes of those in it that are of our type."""

    def __init__(self, order: MessageOrder) -> None:
        self.order = order
        self.read: set[Indexes] = set()


class _ProtobufDecoder(Generic[T]):
    def __init__(self, serde: ProtobufSerde[T], store: SchemaStore, role: Role) -> None:
        self._serde = serde
        self._role = role
        self._header = HEADERS[role]
        self._reader = serde.make_reader()
        self._files: WriterCache[MessageOrder, _WriterFile] = WriterCache(
            serde.schemas, store, MESSAGES, lambda written: _WriterFile(written.schema)
        )

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> DecodedBatch:
        """See `Decoder.decode_many`."""
        self._files.forget_old()
        carried = tagged(headers, self._header)
        only = None if carried else only_message(payloads)
        return self._decode_groups(payloads, carried) if only is None else self._decode_all(payloads, *only)

    def decode_prefixed(self, payloads: Sequence[bytes | None], prefix: bytes) -> DecodedBatch:
        """See `PrefixDecoder.decode_prefixed`."""
        self._files.forget_old()
        return self._decode_all(payloads, id_in(prefix), *read_indexes(prefix, ID_SIZE))

    def _decode_all(
        self, payloads: Sequence[bytes | None], key: SchemaKey, indexes: Indexes, offset: int
    ) -> DecodedBatch:
        """Payloads of one message of one schema, none of which is None."""
        error, id_ = self._problem(key, indexes)
        count = len(payloads)
        if error is not None:
            return DecodedBatch([None] * count, [id_] * count, dict.fromkeys(range(count), error))
        values, errors = self._reader.decode_many(payloads, offset)  # type: ignore[arg-type]  # none is None
        return DecodedBatch(values, [id_] * count, errors)

    def _decode_groups(
        self, payloads: Sequence[bytes | None], carried: Mapping[int, Headers]
    ) -> DecodedBatch:
        values: list[Any] = [None] * len(payloads)
        ids: list[int | None] = [None] * len(payloads)
        failed: dict[int, KgenError] = {}
        groups = list(by_message(payloads, carried, self._role, failed))
        errors = {i: hinted(error, "Protobuf", _LOOKS_LIKE_PROTOBUF) for i, error in failed.items()}
        for (key, indexes, offset), where in groups:
            decoded = self._decode_all(_PICKED(payloads, where), key, indexes, offset)
            _SPREAD(decoded.values, where, values)
            _SPREAD(decoded.schema_ids, where, ids)
            errors.update((where[i], each) for i, each in decoded.errors.items())
        return DecodedBatch(values, ids, errors or NO_ERRORS)

    def _problem(self, key: SchemaKey, indexes: Indexes) -> tuple[KgenError | None, int | None]:
        """Why such messages are not read, and the id of their schema where it is known."""
        file, id_ = self._files.find(key)
        if isinstance(file, KgenError):
            return file, id_
        if indexes in file.read:
            return None, id_
        if self._serde.is_named(file.order, indexes, key):
            file.read.add(indexes)
            return None, id_
        return unnamed(file.order, indexes, f"the {self._role} is read as {self._serde.message}"), id_


def unnamed(order: MessageOrder, indexes: Indexes, read_as: str) -> KgenError:
    """The error of a message that is not of a type that is read."""
    names = order.names(indexes)
    if not names:
        shown = ", ".join(map(str, indexes))
        return FramingError(f"the file of the schema has no message at [{shown}]")
    return unexpected(names[0], read_as)


def unexpected(name: str, read_as: str) -> UnexpectedTypeError:
    """The error of a message of another type."""
    hint = f'If it belongs in the topic: value = [..., "{name}"] under the topic in kgen.toml.'
    return UnexpectedTypeError(f"a message of type {name}: {read_as}", hint=hint)
