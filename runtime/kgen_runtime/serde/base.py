"""What a serde is: how keys and values of a topic become Python values and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from ..messages import Headers
from .confluent import SerdeDeserializer, SerdeSerializer
from .schema_store import SchemaStore

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)

Role: TypeAlias = Literal["key", "value"]


class Decoder(Protocol[T_co]):
    """Bytes to values, for one role of one topic, bound to a schema store. Belongs to one worker thread."""

    def decode_many(
        self, payloads: Sequence[bytes | None], headers: Sequence[Headers] | None = None
    ) -> tuple[list[Any], list[int | None]]:
        """Values and writer schema ids, in order. None stays None (null key, tombstone).

        A payload that can never be decoded leaves its exception (`FramingError`, `UnknownSchema`,
        `RulesError`, `DecodeError`, `ResolutionError`) in place of the value. Raises
        `RegistryUnavailable` where a schema id is not known here and the registry cannot be asked: nothing
        was lost, call again later.
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
        """Raises `RegistryError` where the registry has not the schema that an encoder needs."""

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
