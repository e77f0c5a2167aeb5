"""Values behind the id of the schema that writes them."""

from __future__ import annotations

from typing import Generic, TypeVar

from ..codec import ValueWriter
from .framing import id_prefix
from .schema_store import SchemaStore
from .schemas import Schemas

T = TypeVar("T")


class FramedEncoder(Generic[T]):
    """Writes with the id that the registry has for the latest of `schemas`, and of Protobuf with message
    indexes; see `Encoder`.
    """

    def __init__(
        self, writer: ValueWriter, schemas: Schemas, store: SchemaStore, indexes: bytes = b""
    ) -> None:
        self._writer = writer
        self._schemas = schemas
        self._store = store
        self._indexes = indexes
        self._prefix = b""
        self._recheck_at: float | None = 0.0  # None: the prefix is final

    def encode(self, value: T | None) -> bytes | None:
        """See `Encoder.encode`."""
        if value is None:
            return None
        if self._recheck_at is not None:
            self._find_id()
        return self._writer.encode(value, self._prefix)

    def _find_id(self) -> None:
        if self._prefix and self._recheck_at is not None and self._store.clock() < self._recheck_at:
            return
        id_, self._recheck_at = self._store.id_to_write(self._schemas)
        self._prefix = id_prefix(id_) + self._indexes


class BareEncoder(Generic[T]):
    """Writes values without a schema id."""

    def __init__(self, writer: ValueWriter) -> None:
        self._writer = writer

    def encode(self, value: T | None) -> bytes | None:
        """See `Encoder.encode`."""
        return None if value is None else self._writer.encode(value)
