"""What a serde is: how keys and values of a topic become Python values and back."""

from __future__ import annotations

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from confluent_kafka.serialization import Deserializer, MessageField, SerializationContext, Serializer

from ..codec.decoded import NO_ERRORS
from ..errors import KgenError
from ..messages import Headers
from .schema_store import SchemaStore

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)

Role: TypeAlias = Literal["key", "value"]


class DecodedBatch(NamedTuple):
    """For each payload, in order, its value and the id of its writer schema, if there is one and it is known.
    The errors of those that do not decode are beside them by index, in no certain order; there the value is
    None.
    """

    values: list[Any]
    schema_ids: list[int | None]
    errors: Mapping[int, KgenError] = NO_ERRORS


class Decoder(Protocol[T_co]):
    """Bytes to values, for one role of one topic, bound to a schema store. Belongs to one worker thread."""

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> DecodedBatch:
        """Values and writer schema ids, and the errors. None stays None (null key, tombstone).

        A payload that can never be decoded has its error (`FramingError`, `UnknownSchema`, `RulesError`,
        `DecodeError`, `ResolutionError`) among the errors; several may share one. Raises
        `RegistryUnavailable` if a schema id is not known here and the registry cannot be asked: nothing was
        lost, call again later.
        """


class PrefixDecoder(Decoder[T_co], Protocol[T_co]):
    """A decoder that can be one of several of a topic."""

    def decode_prefixed(self, payloads: Sequence[bytes | None], prefix: bytes) -> DecodedBatch:
        """As `decode_many`, of payloads without headers that all begin with `prefix`: the id of their schema,
        and what else says of which type they are. None of them is None.
        """


class Encoder(Protocol[T_contra]):
    """Values to bytes, for one role of one topic, bound to a schema store."""

    def encode(self, value: T_contra | None) -> bytes | None:
        """Framed bytes; None stays None.

        Raises `EncodeError`, `UnknownSchema` (not registered there), `RulesError`, `RegistryUnavailable`.
        """


class Serde(ABC, Generic[T]):
    """How one half of a message (key or value) is read and written."""

    @abstractmethod
    def decoder(self, store: SchemaStore, role: Role) -> Decoder[T]:
        """A decoder bound to a store."""

    @abstractmethod
    def encoder(self, store: SchemaStore, role: Role) -> Encoder[T]:
        """An encoder bound to a store."""

    def check_writable(self, store: SchemaStore) -> None:
        """Raises `RegistryError` if the registry has not the schema that an encoder needs."""

    @property
    def deserializer(self) -> SerdeDeserializer[T]:
        """This serde as a confluent-kafka deserializer, on the registry of the environment."""
        return SerdeDeserializer(self)

    @property
    def serializer(self) -> SerdeSerializer[T]:
        """This serde as a confluent-kafka serializer, on the registry of the environment."""
        return SerdeSerializer(self)

    def deserializer_with(self, store: SchemaStore) -> SerdeDeserializer[T]:
        """This serde as a confluent-kafka deserializer, on a given store."""
        return SerdeDeserializer(self, store)

    def serializer_with(self, store: SchemaStore) -> SerdeSerializer[T]:
        """This serde as a confluent-kafka serializer, on a given store."""
        return SerdeSerializer(self, store)


class _PerThread(Generic[T]):
    """Decoders and encoders belong to one thread, and these objects are shared by Bytewax's workers."""

    def __init__(self, serde: Serde[T], store: SchemaStore | None) -> None:
        self._serde = serde
        self._shared = store
        self._lock = threading.Lock()
        self._decoders = threading.local()
        self._encoders = threading.local()

    def decoder(self, role: Role) -> Decoder[T]:
        found: Decoder[T] | None = getattr(self._decoders, role, None)
        if found is None:
            found = self._serde.decoder(self._store(), role)
            setattr(self._decoders, role, found)
        return found

    def encoder(self, role: Role) -> Encoder[T]:
        found: Encoder[T] | None = getattr(self._encoders, role, None)
        if found is None:
            found = self._serde.encoder(self._store(), role)
            setattr(self._encoders, role, found)
        return found

    def _store(self) -> SchemaStore:
        # Not before the first message: a module that only names a deserializer imports without a registry.
        with self._lock:
            if self._shared is None:
                self._shared = SchemaStore.from_env()
            return self._shared


class SerdeDeserializer(Deserializer, Generic[T]):
    """Decodes one key or value at a time; raises its error."""

    def __init__(self, serde: Serde[T], store: SchemaStore | None = None) -> None:
        self._coders = _PerThread(serde, store)

    def __call__(self, value: bytes | None, ctx: SerializationContext | None = None) -> T | None:
        """The value; None for None. Raises `KgenError` of the kinds of `Decoder.decode_many`."""
        decoder = self._coders.decoder(_role(ctx))
        decoded = decoder.decode_many((value,), (_headers(ctx),))
        if decoded.errors:
            raise copy.copy(decoded.errors[0])  # the decoder may keep its own
        result: T | None = decoded.values[0]
        return result


class SerdeSerializer(Serializer, Generic[T]):
    """Encodes one key or value at a time."""

    def __init__(self, serde: Serde[T], store: SchemaStore | None = None) -> None:
        self._coders = _PerThread(serde, store)

    def __call__(self, obj: T | None, ctx: SerializationContext | None = None) -> bytes | None:
        """Framed bytes; None for None. Raises as `Encoder.encode` does."""
        return self._coders.encoder(_role(ctx)).encode(obj)


def _role(ctx: SerializationContext | None) -> Role:
    return "key" if ctx is not None and ctx.field == MessageField.KEY else "value"


def _headers(ctx: SerializationContext | None) -> Headers:
    headers: Any = ctx.headers if ctx is not None else None
    if not headers:
        return ()
    return tuple(headers.items()) if isinstance(headers, dict) else tuple(headers)
