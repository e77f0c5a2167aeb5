"""Values behind the id of the schema that writes them."""

from __future__ import annotations

from typing import Generic, TypeVar

from ..codec import ValueWriter
from .framing import id_prefix
from .schema_store import SchemaStore
from .schemas import Schemas

T = TypeVar("T")


class FramedEncoder(Generic[T]):
    """Writes with the id that the registry has for the latest of `schemas`; see `Encoder`."""

    def __init__(self, writer: ValueWriter, schemas: Schemas, store: SchemaStore) -> None:
        self._writer = writer
        self._schemas = schemas
        self._store = store
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
        self._prefix = id_prefix(id_)
