"""Serdes as confluent-kafka knows them, for `bytewax.connectors.kafka.operators` and plain consumers and
producers.
"""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from confluent_kafka.serialization import Deserializer, MessageField, SerializationContext, Serializer

from ..errors import KgenError
from ..messages import Headers
from .schema_store import SchemaStore

if TYPE_CHECKING:
    from .base import Decoder, Encoder, Role, Serde

T = TypeVar("T")


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
    """Decodes one key or value at a time; raises what a decoder would leave in its place."""

    def __init__(self, serde: Serde[T], store: SchemaStore | None = None) -> None:
        self._coders = _PerThread(serde, store)

    def __call__(self, value: bytes | None, ctx: SerializationContext | None = None) -> T | None:
        """The value; None for None. Raises `KgenError` of the kinds of `Decoder.decode_many`."""
        decoder = self._coders.decoder(_role(ctx))
        (decoded,), _ = decoder.decode_many((value,), (_headers(ctx),))
        if isinstance(decoded, KgenError):
            raise copy.copy(decoded)  # the decoder may keep its own
        result: T | None = decoded
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
