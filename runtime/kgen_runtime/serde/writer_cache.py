"""What was made for each schema that wrote messages of a subject."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from ..errors import KgenError, ResolutionError, RulesError, UnknownSchema
from .framing import SchemaKey
from .schema_store import SchemaStore, Written
from .schemas import Schemas
from .writer_kinds import WriterKind

S = TypeVar("S")
M = TypeVar("M")

_MAX_MADE: Final = 1_000


class UntilRecheck(Generic[M]):
    """What was made for schemas by id or GUID, until an answer of the store is to be asked for again."""

    def __init__(self, store: SchemaStore) -> None:
        self._store = store
        self._made: dict[SchemaKey, M] = {}
        self._recheck_at: float | None = None

    def forget_old(self) -> None:
        """Forget all, if it is time to ask again."""
        if self._recheck_at is not None and self._store.clock() >= self._recheck_at:
            self._made.clear()
            self._recheck_at = None

    @property
    def remembered(self) -> int:
        """For how many schemas."""
        return len(self._made)

    def known(self, key: SchemaKey) -> M | None:
        """What was made for a schema, if that is remembered."""
        return self._made.get(key)

    def keep(self, key: SchemaKey, made: M) -> M:
        """Remember it."""
        if len(self._made) >= _MAX_MADE:
            self._made.clear()
        self._made[key] = made
        return made

    def note(self, until: float | None) -> None:
        """Something was made of an answer that holds `until` then."""
        if until is not None:
            self._recheck_at = min(until, self._recheck_at or until)


class WriterCache(UntilRecheck["tuple[M | KgenError, int | None]"], Generic[S, M]):
    """What was made for each schema that wrote a message of a subject, until the store's answers are to be
    asked for again. `make` may raise `ResolutionError`, which is remembered too.
    """

    def __init__(
        self, schemas: Schemas, store: SchemaStore, kind: WriterKind[S], make: Callable[[Written[S]], M]
    ) -> None:
        super().__init__(store)
        self._schemas = schemas
        self._kind = kind
        self._make = make

    def find(self, key: SchemaKey) -> tuple[M | KgenError, int | None]:
        """What was made for a schema, or its error, and its id. Raises `RegistryUnavailable`."""
        found = self.known(key)
        return found if found is not None else self._find(key)

    def _find(self, key: SchemaKey) -> tuple[M | KgenError, int | None]:
        try:
            written = self._store.written(self._schemas, key, self._kind)
        except (UnknownSchema, ResolutionError, RulesError) as error:
            # Not kept here: the store remembers, and forgets in time. A copy has no traceback that holds the
            # batch.
            return copy.copy(error), key if isinstance(key, int) else None
        found = self.keep(key, (self._resolve(written, key), written.id))
        self.note(written.until)
        return found

    def _resolve(self, written: Written[S], key: SchemaKey) -> M | KgenError:
        try:
            return self._make(written)
        except ResolutionError as error:
            kind = "id" if isinstance(key, int) else "GUID"
            subject = f"{self._schemas.subject} version {self._schemas.latest.version}"
            return ResolutionError(
                f"what schema {kind} {key} wrote cannot be read as {subject}: {error.what}",
                where=error.where,
                hint=error.hint
                or "If the subject has newer versions, `kgen pull` brings the classes up to date.",
            )
