"""Keys and values without a schema, as Kafka's own serializers write them."""

from __future__ import annotations

import struct
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from ..codec import payload_functions
from ..codec.decoded import NO_ERRORS
from ..errors import DecodeError, EncodeError, KgenError
from ..messages import Headers
from .base import DecodedBatch, Decoder, Encoder, Role, Serde
from .schema_store import SchemaStore

T = TypeVar("T")

_TEXTS: Final = payload_functions().texts


class _PrimitiveSerde(Serde[T]):
    """A serde that needs neither schema nor registry."""

    @abstractmethod
    def read(self, payload: bytes) -> T | None:
        """The value of one payload. Raises `DecodeError`."""

    def read_many(self, payloads: Sequence[bytes | None]) -> list[T | None]:
        """The values of many payloads; None stays None. Raises what `read` raises."""
        return [None if payload is None else self.read(payload) for payload in payloads]

    @abstractmethod
    def write(self, value: T) -> bytes | None:
        """The payload of one value. Raises `EncodeError`."""

    def decoder(self, store: SchemaStore, role: Role) -> Decoder[T]:
        """A decoder; `store` is not used."""
        return _Coder(self)

    def encoder(self, store: SchemaStore, role: Role) -> Encoder[T]:
        """An encoder; `store` is not used."""
        return _Coder(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Coder(Generic[T]):
    def __init__(self, serde: _PrimitiveSerde[T]) -> None:
        self._read = serde.read
        self._read_many = serde.read_many
        self._write = serde.write

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> DecodedBatch:
        """See `Decoder.decode_many`."""
        errors: Mapping[int, KgenError] = NO_ERRORS
        try:
            values: list[Any] = self._read_many(payloads)
        except DecodeError:
            values, errors = self._one_by_one(payloads)
        return DecodedBatch(values, [None] * len(payloads), errors)

    def _one_by_one(self, payloads: Sequence[bytes | None]) -> tuple[list[Any], dict[int, KgenError]]:
        values: list[Any] = [None] * len(payloads)
        errors: dict[int, KgenError] = {}
        for index, payload in enumerate(payloads):
            if payload is not None:
                try:
                    values[index] = self._read(payload)
                except DecodeError as error:
                    errors[index] = error.with_traceback(None)
        return values, errors

    def encode(self, value: T | None) -> bytes | None:
        """See `Encoder.encode`."""
        return None if value is None else self._write(value)


class _BytesCoder(_Coder[bytes]):
    def encode(self, value: bytes | None) -> bytes | None:
        """See `Encoder.encode`."""
        return value if value is None or type(value) is bytes else self._write(value)


class BytesSerde(_PrimitiveSerde[bytes]):
    """Bytes as they are."""

    def encoder(self, store: SchemaStore, role: Role) -> Encoder[bytes]:
        """See the base."""
        return _BytesCoder(self)

    def read_many(self, payloads: Sequence[bytes | None]) -> list[bytes | None]:
        """The payloads themselves."""
        return list(payloads)

    def read(self, payload: bytes) -> bytes:
        """The payload itself."""
        return payload

    def write(self, value: bytes) -> bytes:
        """The value itself."""
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise _wrong(
                value,
                'bytes (for text or numbers name the format in kgen.toml, as key = "string" of the topic)',
            )
        return bytes(value)


class StringSerde(_PrimitiveSerde[str]):
    """UTF-8."""

    def read_many(self, payloads: Sequence[bytes | None]) -> list[str | None]:
        """See `read`. Keys are most often text, so without a call in Python for each."""
        try:
            return _TEXTS(payloads)
        except UnicodeDecodeError:
            return super().read_many(payloads)

    def read(self, payload: bytes) -> str:
        """The text. Raises `DecodeError` if it is not UTF-8."""
        try:
            return payload.decode()
        except UnicodeDecodeError as error:
            raise DecodeError(f"not UTF-8: {error.reason}", position=error.start) from None

    def write(self, value: str) -> bytes:
        """The text in UTF-8."""
        if not isinstance(value, str):
            raise _wrong(value, "str")
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise EncodeError(f"the text cannot be written in UTF-8: {error.reason}") from None


class _NumberSerde(_PrimitiveSerde[T]):
    _format: struct.Struct
    _accepts: tuple[type, ...]
    _name: str

    def read(self, payload: bytes) -> T:
        """The number, big-endian. Raises `DecodeError` if the length is not right."""
        try:
            value: T = self._format.unpack(payload)[0]
        except struct.error:
            what = f"{self._name} takes {self._format.size} bytes, not {len(payload)}"
            raise DecodeError(what, position=min(len(payload), self._format.size)) from None
        return value

    def write(self, value: T) -> bytes:
        """The number, big-endian."""
        if not isinstance(value, self._accepts) or isinstance(value, bool):
            raise _wrong(value, self._accepts[0].__name__)
        try:
            return self._format.pack(value)
        except (struct.error, OverflowError):
            raise EncodeError(f"{self._name} cannot hold {str(value)[:40]}") from None


class IntSerde(_NumberSerde[int]):
    """A 32-bit integer in 4 bytes."""

    _format, _accepts, _name = struct.Struct(">i"), (int,), "an int"


class LongSerde(_NumberSerde[int]):
    """A 64-bit integer in 8 bytes."""

    _format, _accepts, _name = struct.Struct(">q"), (int,), "a long"


class DoubleSerde(_NumberSerde[float]):
    """A 64-bit float in 8 bytes."""

    _format, _accepts, _name = struct.Struct(">d"), (float, int), "a double"


class NoneSerde(_PrimitiveSerde[None]):
    """Nothing: what is there is not read, and nothing is written."""

    def read(self, payload: bytes) -> None:
        """None, whatever is there."""

    def write(self, value: None) -> None:
        """Never called for None; anything else is an error."""
        raise _wrong(value, "None")


def _wrong(value: object, wanted: str) -> EncodeError:
    return EncodeError(f"expected {wanted}, got {type(value).__name__}")
