"""Two formats in one topic: framed with a schema's id, and plain; or framed, of two languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from ..codec.decoded import NO_ERRORS
from ..errors import ConfigError, EncodeError, KgenError
from ..messages import Headers
from .avro_serde import AvroSerde
from .base import DecodedBatch, Decoder, Encoder, Role, Serde
from .framing import HEADERS
from .json_serde import JsonSerde
from .primitive import IntSerde, StringSerde
from .protobuf_serde import ProtobufSerde
from .schema_store import SchemaStore
from .two_languages import LanguageSerde, TwoLanguageDecoder, TwoLanguageEncoder

T = TypeVar("T")

_FIRST_TEXT = 2  # frames begin with the byte 0 or 1
_INT_SIZE = 4  # shorter than any frame


class EitherSerde(Serde[T]):
    """Reads what is framed with `framed`, and what is certainly not framed with `plain`, which is for text or
    32-bit integers: a frame begins with 00 or 01 and has at least five bytes. What might be a frame is never
    taken for plain: if it is none, it is an error, as with `framed` alone. So text that begins with U+0000
    or U+0001 is not read as text, and not written.

    Or, for a subject that changed its type, both are framed, two of an `AvroSerde`, a `JsonSerde` and a
    `ProtobufSerde`: each message is read by the language of the schema that wrote it. The first is the one
    that the subject has now.

    Writes each value in the format of its type. The type is the one that the declaration gives, as in
    `key: rt.Serde[OrderKey | str] = rt.EitherSerde(…)`. Raises `ConfigError` for another `plain`.
    """

    def __init__(self, framed: Serde[Any], plain: StringSerde | IntSerde | LanguageSerde) -> None:
        self.framed = framed
        self.plain = plain
        self.languages = _languages(framed, plain)
        if not self.languages and not isinstance(plain, (StringSerde, IntSerde)):
            raise ConfigError(
                f"{plain!r} cannot be distinguished from what is framed with a schema's id",
                hint="use StringSerde or IntSerde; or two of Avro-, Json- and ProtobufSerde, framed",
            )

    @property
    def is_text(self) -> bool:
        """Whether what is plain is text."""
        return isinstance(self.plain, StringSerde)

    def decoder(self, store: SchemaStore, role: Role) -> Decoder[T]:
        """A decoder for one worker. Raises `SchemaError` if the generated schema is not valid."""
        if self.languages:
            return TwoLanguageDecoder(self.languages, store, role)
        return _EitherDecoder(self, store, role)

    def encoder(self, store: SchemaStore, role: Role) -> Encoder[T]:
        """An encoder. Raises `SchemaError` if the latest schema is not valid."""
        if self.languages:
            return TwoLanguageEncoder(self.languages, store, role)
        return _EitherEncoder(self, store, role)

    def check_writable(self, store: SchemaStore) -> None:
        """See the base. What is plain needs no schema, and may be all that is written."""
        if self.languages:
            self.framed.check_writable(store)

    def __repr__(self) -> str:
        return f"EitherSerde({self.framed!r}, {self.plain!r})"


def _languages(*serdes: Serde[Any]) -> tuple[LanguageSerde, ...]:
    """The two serdes, if they are of two languages and framed."""
    both = tuple(
        each
        for each in serdes
        if isinstance(each, AvroSerde)
        or (isinstance(each, (JsonSerde, ProtobufSerde)) and each.framing != "none")
    )
    return both if len({each.schemas.latest.type for each in both}) == 2 else ()


class _EitherDecoder(Generic[T]):
    def __init__(self, serde: EitherSerde[T], store: SchemaStore, role: Role) -> None:
        self._framed = serde.framed.decoder(store, role)
        self._plain = serde.plain.decoder(store, role)
        self._is_text = serde.is_text
        self._header = HEADERS[role]

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> DecodedBatch:
        """See `Decoder.decode_many`."""
        given = headers if headers is not None else [()] * len(payloads)
        plain = [i for i, p in enumerate(payloads) if p is not None and self._is_plain(p, given[i])]
        framed = sorted(set(range(len(payloads))).difference(plain))
        values: list[Any] = [None] * len(payloads)
        ids: list[int | None] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        for decoder, where in ((self._framed, framed), (self._plain, plain)):
            if where:
                found = decoder.decode_many([payloads[i] for i in where], [given[i] for i in where])
                for i, value, id_ in zip(where, found.values, found.schema_ids):
                    values[i], ids[i] = value, id_
                errors.update((where[i], error) for i, error in found.errors.items())
        return DecodedBatch(values, ids, errors or NO_ERRORS)

    def _is_plain(self, payload: bytes, headers: Headers) -> bool:
        if any(name == self._header for name, _ in headers):
            return False
        if self._is_text:
            return not payload or payload[0] >= _FIRST_TEXT
        return len(payload) == _INT_SIZE


class _EitherEncoder(Generic[T]):
    def __init__(self, serde: EitherSerde[T], store: SchemaStore, role: Role) -> None:
        self._framed: Encoder[Any] = serde.framed.encoder(store, role)
        self._plain: Encoder[Any] = serde.plain.encoder(store, role)
        self._type = str if serde.is_text else int

    def encode(self, value: T | None) -> bytes | None:
        """See `Encoder.encode`."""
        if not isinstance(value, self._type) or isinstance(value, bool):
            return self._framed.encode(value)
        payload = self._plain.encode(value)
        if self._type is str and payload and payload[0] < _FIRST_TEXT:
            raise EncodeError(
                "text that begins with U+0000 or U+0001 would be taken for a value with a schema's id"
            )
        return payload
