"""Where writer schemas come from: those vendored in the generated code, then the registry by id."""

from __future__ import annotations

import copy
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from ..codec.avro.schema.tree import Schema
from ..errors import KgenError, RegistryError, RegistryUnavailable, ResolutionError, RulesError, UnknownSchema
from . import remote
from .cache import Cache
from .schemas import Schemas, WriterSchema
from .writer_kinds import AVRO, WriterKind

if TYPE_CHECKING:
    from .registry.client import RegistryClient

S = TypeVar("S")
T = TypeVar("T")

log = logging.getLogger("kgen_runtime.serde")

_LOOK_UP = 60.0
"""Seconds to find a schema and all it refers to; then it waits like for a registry that is not there."""
_CHECK = 10.0
"""The same for a schema that is known here, and only compared."""
_HURRY = 2.0
"""And that where the registry was unavailable a moment ago."""
_AGAIN = (0.5, 1.0)
"""Seconds before a schema that the registry refuses is asked for again."""


@dataclass(frozen=True)
class Written(Generic[S]):
    """The schema behind an id or GUID, the id where known, and when to ask again (None: this is final)."""

    schema: S
    id: int | None
    until: float | None = None


class _Asked(Generic[T]):
    """A question under way: who else has it waits for the one answer."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._answer: T | None = None
        self._error: Exception | None = None

    def end(self, answer: T | None, error: BaseException | None = None) -> None:
        """The answer is there, or will not come."""
        unavailable = RegistryUnavailable("the request to the schema registry was interrupted")
        self._answer = answer
        self._error = error if isinstance(error, Exception) else unavailable if error else None
        self._done.set()

    def outcome(self) -> T:
        """Bounded by how long the one who asks may take. Raises what that one raises."""
        self._done.wait()
        if self._error is not None:
            raise copy.copy(self._error)
        return self._answer  # type: ignore[return-value]  # there where there is no error


class SchemaStore:
    """The schemas of one registry, or only the vendored ones where `registry` is None. Shared by threads.

    Ids belong to one registry: a vendored schema is compared once with what the registry has under its id.
    If they differ, the registry's is used; if the registry cannot be asked, the vendored one is, and
    the check is tried again after `recheck_after` seconds. An id the registry does not know is remembered as
    unknown for `unknown_for` seconds.
    """

    def __init__(
        self,
        registry: RegistryClient | None,
        *,
        unknown_for: float = 60.0,
        recheck_after: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registry = registry
        self.clock = clock
        self._unknown_for = unknown_for
        self._recheck_after = recheck_after
        self._known: Cache[object] = Cache(1_000)
        self._unknown: Cache[KgenError] = Cache(10_000)
        self._asked: dict[Hashable, _Asked[Any]] = {}
        self._lock = threading.Lock()
        # Set while the registry cannot be asked about vendored schemas.
        self._away_until: float | None = None
        self._said: set[Hashable] = set()

    @classmethod
    def from_env(cls, url: str | None = None) -> SchemaStore:
        """A store on the registry at `url`, else of `KGEN_REGISTRY_URL`, or on none where that is unset.

        Raises `ConfigError`.
        """
        if url is None and not os.environ.get("KGEN_REGISTRY_URL"):
            return cls(None)
        from .registry.client import RegistryClient  # with its HTTP client, which others need not load

        return cls(RegistryClient.from_env(url))

    def get(self, schemas: Schemas, id: int) -> Schema:  # noqa: A002 - `id` is what registries call it
        """The schema that wrote what carries `id`.

        Raises `UnknownSchema`, `RegistryUnavailable` (ask again later), `RegistryError` (the registry
        refuses), `RulesError` where the schema has rules that are not to be ignored, and `ResolutionError`
        if the registry's schema cannot be used.
        """
        return self.writer(schemas, id).schema

    def writer(self, schemas: Schemas, id: int) -> Written[Schema]:  # noqa: A002
        """As `get`, with the time when a schema that could not be checked should be asked for again."""
        return self.written(schemas, id, AVRO)

    def writer_by_guid(self, schemas: Schemas, guid: uuid.UUID) -> Written[Schema]:
        """As `writer`, for a schema GUID.

        GUIDs are made from the schema, so a vendored one needs no check.
        """
        return self.written(schemas, guid, AVRO)

    def written(self, schemas: Schemas, key: int | uuid.UUID, kind: WriterKind[S]) -> Written[S]:
        """What `kind` makes of the schema with an id or GUID. Raises as `get`: `ResolutionError` also for a
        schema of another language.
        """
        if not isinstance(key, int):
            return self._written_by_guid(schemas, key, kind)
        vendored = schemas.by_id(key)
        registry = self.registry
        if registry is None:
            if vendored is None:
                raise self._unlisted(f"unknown schema id {key}", schemas)
            return Written(kind.of_version(vendored), key)
        if vendored is not None:
            return self._checked(registry, schemas, vendored, kind)
        return Written(self._by_id(registry, schemas, key, kind), key)

    def _written_by_guid(self, schemas: Schemas, guid: uuid.UUID, kind: WriterKind[S]) -> Written[S]:
        text = str(guid)
        vendored = schemas.by_guid(text)
        if vendored is not None:
            return Written(kind.of_version(vendored), vendored.id)
        registry = self.registry
        if registry is None:
            raise self._unlisted(f"unknown schema GUID {text}", schemas)

        def ask(client: RegistryClient) -> tuple[S, int | None]:
            return remote.by_guid(client, text, schemas, kind)

        key = ("guid", kind, schemas.rules, text)
        schema, id_ = self._once(key, lambda: self._insist(registry, schemas, f"schema GUID {text}", ask))
        return Written(schema, id_)

    def schema_type(self, schemas: Schemas, key: int | uuid.UUID) -> str:
        """The language (`AVRO`, `JSON`…) of a schema that is not vendored, by id or GUID. Raises as `get`."""
        registry, what = self.registry, f"schema {'id' if isinstance(key, int) else 'GUID'} {key}"
        if registry is None:
            raise self._unlisted(f"unknown {what}", schemas)

        def ask(client: RegistryClient) -> str:
            if isinstance(key, int):
                return remote.type_by_id(client, key, schemas)
            return remote.type_by_guid(client, str(key), schemas)

        known = ("type", schemas.context, schemas.rules, key)
        return self._once(known, lambda: self._insist(registry, schemas, what, ask))

    def id_to_write(self, schemas: Schemas) -> tuple[int, float | None]:
        """The id of the latest schema in the registry, and when to ask again (None: it is final).

        Raises as `get` does.
        """
        registry, latest = self.registry, schemas.latest
        if registry is None:
            return latest.id, None
        key = ("write", schemas.subject, schemas.rules, latest)
        try:
            return self._once(key, lambda: remote.registered_id(self._asker(registry), schemas)), None
        except UnknownSchema as error:
            raise _not_registered(schemas, registry, error) from None
        except RegistryUnavailable as error:
            self._say("away", "vendored schema ids are used unchecked: %s", error.what)
            return latest.id, self._away()

    def _checked(
        self, registry: RegistryClient, schemas: Schemas, vendored: WriterSchema, kind: WriterKind[S]
    ) -> Written[S]:
        key = ("id", kind, schemas.context, schemas.rules, vendored.id)
        try:
            schema = self._once(key, lambda: remote.by_id(self._asker(registry), vendored.id, schemas, kind))
        except UnknownSchema:
            return self._unlisted_there(schemas, vendored, kind)
        except RulesError:
            raise
        except RegistryError as error:
            if error.status == 404:
                return self._unlisted_there(schemas, vendored, kind)
            self._say("away", "vendored schemas are used unchecked: %s", error.what)
            return Written(kind.of_version(vendored), vendored.id, self._away())
        if schema != kind.of_version(vendored):
            self._differs(schemas, vendored, "is another schema, which is used, in")
        return Written(schema, vendored.id)

    def _unlisted_there(self, schemas: Schemas, vendored: WriterSchema, kind: WriterKind[S]) -> Written[S]:
        """Deleted over there, or never registered: no other schema has the id, so nothing is read wrongly."""
        self._differs(schemas, vendored, "is not known to")
        return Written(kind.of_version(vendored), vendored.id, self.clock() + self._recheck_after)

    def _differs(self, schemas: Schemas, vendored: WriterSchema, how: str) -> None:
        message = "%s: schema id %d %s the registry at %s: was the code generated from another registry?"
        url = self.registry and self.registry.url
        self._say((schemas.subject, vendored.id), message, schemas.subject, vendored.id, how, url)

    def _by_id(self, registry: RegistryClient, schemas: Schemas, id_: int, kind: WriterKind[S]) -> S:
        def ask(client: RegistryClient) -> S:
            return remote.by_id(client, id_, schemas, kind)

        key = ("id", kind, schemas.context, schemas.rules, id_)
        try:
            return self._once(key, lambda: self._insist(registry, schemas, f"schema id {id_}", ask))
        except UnknownSchema as error:
            raise UnknownSchema(
                f"unknown schema id {id_}" if error.status == 404 else error.what,
                hint=f"{registry.url} does not give it. Was the message written with another registry?",
                status=error.status,
                error_code=error.error_code,
            ) from None

    def _insist(
        self, registry: RegistryClient, schemas: Schemas, what: str, ask: Callable[[RegistryClient], T]
    ) -> T:
        """What `ask` gives; what the registry refuses is asked for again, a few times.

        If it then answers other questions, it is the one schema that is unavailable (`UnknownSchema`); else
        the registry is at fault, and what it said is raised.
        """
        client = registry.lasting(_LOOK_UP)
        for pause in (*_AGAIN, None):
            try:
                return ask(client)
            except (UnknownSchema, RegistryUnavailable, RulesError):
                raise
            except RegistryError as error:
                if error.status in (None, 401, 407):
                    raise  # of no answer, or of the credentials: not of the one schema
                if pause is None or error.status == 404:
                    self._refused(client, schemas, what, error)
                client.pause(pause or 0, f"{what}: {error.what}")
        raise AssertionError("unreachable: the last try ends it")

    def _refused(self, client: RegistryClient, schemas: Schemas, what: str, error: RegistryError) -> NoReturn:
        if not remote.answers(client, schemas):
            raise error
        text = f"unknown {what}" if error.status == 404 else f"{what} is unavailable: {error.what}"
        raise UnknownSchema(text, status=error.status, error_code=error.error_code) from None

    def _asker(self, registry: RegistryClient) -> RegistryClient:
        """Whom to ask about what is vendored: nobody while the registry is unavailable, and then with one
        short try.

        Raises `RegistryUnavailable`.
        """
        if self._away_until is None:
            return registry.lasting(_CHECK)
        if self.clock() < self._away_until:
            raise RegistryUnavailable("the schema registry was not available a moment ago")
        return registry.hurried().lasting(_HURRY)

    def _away(self) -> float:
        if self._away_until is None or self.clock() >= self._away_until:
            self._away_until = self.clock() + self._recheck_after
        return self._away_until

    def _once(self, key: Hashable, ask: Callable[[], T]) -> T:
        """What `ask` answers, asked once however many threads want it; what is unknown or unusable is raised
        from memory for a while.
        """
        with self._lock:
            known = self._known.get(key, self.clock())
            if known is not None:
                return known  # type: ignore[return-value]  # a key always goes with one kind of answer
            error = self._unknown.get(key, self.clock())
            if error is not None:
                raise copy.copy(error)
            other = self._asked.get(key)
            mine: _Asked[T] = _Asked()
            if other is None:
                self._asked[key] = mine
        return self._ask(key, ask, mine) if other is None else other.outcome()

    def _ask(self, key: Hashable, ask: Callable[[], T], asked: _Asked[T]) -> T:
        answer: T | None = None
        failure: BaseException | None = None
        try:
            answer = ask()
            self._away_until = None
            self._said.discard("away")
            self._known.put(key, answer)
            return answer
        except BaseException as error:
            failure = copy.copy(error)
            if isinstance(error, (UnknownSchema, ResolutionError, RulesError)):
                self._unknown.put(key, copy.copy(error), self.clock() + self._unknown_for)
            raise
        finally:
            with self._lock:
                del self._asked[key]
            asked.end(answer, failure)

    def _say(self, key: Hashable, message: str, *args: object) -> None:
        if key not in self._said:
            self._said.add(key)
            log.warning(message, *args)

    def _unlisted(self, what: str, schemas: Schemas) -> UnknownSchema:
        known = ", ".join(str(version.id) for version in schemas.versions)
        return UnknownSchema(
            what,
            where=f"subject {schemas.subject}, generated with ids {known}",
            hint="Set KGEN_REGISTRY_URL so that newer schemas are looked up, or run `kgen pull`.",
        )

    def __repr__(self) -> str:
        return f"SchemaStore({self.registry!r})"


def _not_registered(schemas: Schemas, registry: RegistryClient, error: UnknownSchema) -> UnknownSchema:
    return UnknownSchema(
        f"the schema is not registered under {schemas.subject} at {registry.url}",
        where=f"{schemas.subject} version {schemas.latest.version}",
        hint="Register it there first, or `kgen pull` from that registry.",
        status=error.status,
        error_code=error.error_code,
    )
