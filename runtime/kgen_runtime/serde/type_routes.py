"""Which of several serdes reads a message: by the full name that its schema gives it, never by trial."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from ..codec import batch_functions
from ..codec.avro.schema.tree import Ref, Union, branch_name
from ..errors import FramingError, KgenError, ResolutionError, RulesError, UnexpectedTypeError, UnknownSchema
from ..messages import Headers
from .avro_serde import AvroSerde
from .base import Role
from .frames import by_schema
from .framing import SchemaKey, id_prefix, split_message
from .json_serde import JsonSerde
from .message_indexes import USUAL_SIZE, read_indexes
from .message_scopes import Indexes
from .protobuf_serde import ProtobufSerde, unexpected, unnamed
from .schema_store import SchemaStore, Written
from .schemas import Schemas, WriterSchema
from .writer_cache import UntilRecheck
from .writer_kinds import AVRO, MESSAGES, TITLE, WriterKind, title

S = TypeVar("S")

TypedSerde: TypeAlias = "AvroSerde[Any] | JsonSerde[Any] | ProtobufSerde[Any]"
Choice: TypeAlias = "int | KgenError"
"""The place of the serde, or why there is none."""

_MAX_ROUTES: Final = 1_000
_MAX_SETTLED: Final = 64  # which `by_prefix` takes
_BATCHES: Final = batch_functions()
_BY_PREFIX: Final = _BATCHES.by_prefix
_GROUPS: Final = _BATCHES.groups
_PICKED: Final = _BATCHES.picked
_SPREAD: Final = _BATCHES.spread
_LANGUAGES: Final[Mapping[str, str]] = {kind.language: kind.shown for kind in (AVRO, TITLE, MESSAGES)}


class Route(Protocol):
    """Where the messages of one schema go."""

    @property
    def id(self) -> int | None:
        """The schema's id, where it is known."""

    @property
    def only(self) -> Choice | None:
        """The choice for all of them; None if their payloads differ."""

    def choose(self, payload: bytes, offset: int, headers: Headers) -> Choice:
        """The choice for one whose value begins at `offset`; `headers`: those that name its schema."""

    def settled_size(self, start: bytes) -> int:
        """How many of these bytes, with which a value begins, give all without headers that begin with them
        the same choice; 0 if none do.
        """


class OneRoute:
    """All messages of a schema are of one type."""

    def __init__(self, choice: Choice, id_: int | None) -> None:
        self.only = choice
        self.id = id_

    def choose(self, payload: bytes, offset: int, headers: Headers) -> Choice:
        """See `Route`."""
        return self.only

    def settled_size(self, start: bytes) -> int:
        """See `Route`. Not asked for: there is but one choice."""
        return 0


class BranchRoute:
    """Messages of an Avro union: which branch is their first number."""

    only = None

    def __init__(self, branches: Sequence[Choice], id_: int | None) -> None:
        self._branches = branches
        self._first = branches[0]
        self.id = id_

    def choose(self, payload: bytes, offset: int, headers: Headers) -> Choice:
        """See `Route`. Those without a branch go to the first: its reader says what is wrong."""
        try:
            (branch,), _ = read_indexes(b"\x02" + payload[offset : offset + 5], 0)
            return self._branches[branch]
        except (FramingError, IndexError):
            return self._first

    def settled_size(self, start: bytes) -> int:
        """See `Route`."""
        return 1 if start and start[0] < 0x80 else 0


class MessageRoute:
    """Messages of a Protobuf file: which one the message indexes say."""

    only = None

    def __init__(self, choose: Callable[[Indexes], Choice], role: Role, id_: int | None) -> None:
        self._choose = choose
        self._role = role
        self._known: dict[Indexes, Choice] = {}
        self.id = id_

    def choose(self, payload: bytes, offset: int, headers: Headers) -> Choice:
        """See `Route`."""
        try:
            _, indexes, _ = split_message(payload, headers, self._role)
        except FramingError as error:
            return copy.copy(error)
        choice = self._known.get(indexes)
        if choice is None:
            if len(self._known) >= _MAX_ROUTES:
                self._known.clear()
            choice = self._known[indexes] = self._choose(indexes)
        return choice

    def settled_size(self, start: bytes) -> int:
        """See `Route`."""
        if start[:1] == b"\0":
            return 1
        return USUAL_SIZE if len(start) == USUAL_SIZE and start[0] == 2 and start[1] < 0x80 else 0


class TypeRoutes(UntilRecheck[Route]):
    """Finds the route of a schema by its id or GUID; each is remembered until the store's answer is old."""

    def __init__(self, serdes: Mapping[str, TypedSerde], store: SchemaStore, role: Role) -> None:
        super().__init__(store)
        self._serdes = list(serdes.values())
        self._role = role
        self._read_as = f"the {role} is read as {', '.join(serdes)}"
        self._names = {name: i for i, name in enumerate(serdes)}
        self._settled: dict[bytes, int] = {}  # none begins with another: an id has one route
        for i, serde in enumerate(self._serdes):
            for name in _other_names(serde):
                self._names.setdefault(name, i)

    def forget_old(self) -> None:
        """See the base."""
        super().forget_old()
        if not self.remembered:
            self._settled.clear()

    def split(
        self,
        payloads: Sequence[bytes | None],
        carried: Mapping[int, Headers],
        ids: list[int | None],
        errors: dict[int, KgenError],
    ) -> Iterator[tuple[int, bytes, list[int]]]:
        """The place of a serde, and the indices of payloads that it reads, none of which is None. With them
        the bytes that all of these begin with and which say that; none if that was found one by one.

        Of the others the error goes to `errors` and the schema's id to `ids`. `carried`: as in `by_schema`.
        Raises as `find`.
        """
        rest = payloads
        if self._settled and not carried:
            *found, left = _BY_PREFIX(payloads, list(self._settled))
            for (prefix, place), at in zip(self._settled.items(), found):
                if at:
                    yield place, prefix, at
            if not left:
                return
            others: list[bytes | None] = [None] * len(payloads)
            _SPREAD(_PICKED(payloads, left), left, others)
            rest = others
        for (key, offset), where in by_schema(rest, carried, self._role, errors, indexed=True):
            route = self.find(key)
            for choice, at in self._split(route, key, rest, carried, offset, where):
                if isinstance(choice, int):
                    yield choice, b"", at
                    continue
                errors.update(dict.fromkeys(at, choice))
                for i in at:
                    ids[i] = route.id

    def find(self, key: SchemaKey) -> Route:
        """The route of a schema. Raises `RegistryUnavailable`."""
        found = self.known(key)
        if found is not None:
            return found
        try:
            route = self._route(key)
        except (UnknownSchema, ResolutionError, RulesError) as error:
            # Not kept here: the store remembers, and forgets in time.
            return OneRoute(copy.copy(error), key if isinstance(key, int) else None)
        return self.keep(key, route)

    def _split(
        self,
        route: Route,
        key: SchemaKey,
        payloads: Sequence[bytes | None],
        carried: Mapping[int, Headers],
        offset: int,
        where: list[int],
    ) -> Iterable[tuple[Choice, list[int]]]:
        """The messages of a schema by where they go. None of them is None."""
        if route.only is not None:
            self._settle(key, b"", route.only)
            return [(route.only, where)]
        found: dict[Choice, list[int]] = {}

        def add(choice: Choice, at: list[int]) -> None:
            if choice in found:
                found[choice] += at
            else:
                found[choice] = at

        if carried:
            for i in where:
                add(route.choose(payloads[i] or b"", offset, carried.get(i, ())), [i])
            return found.items()
        some = _PICKED(payloads, where)
        for prefix, inside in _GROUPS(some, offset + USUAL_SIZE):
            at = _PICKED(where, inside)
            size = route.settled_size(prefix[offset:])
            if size:
                choice = route.choose(some[inside[0]] or b"", offset, ())
                self._settle(key, prefix[offset : offset + size], choice)
                add(choice, at)
            else:
                for i in at:
                    add(route.choose(payloads[i] or b"", offset, ()), [i])
        return found.items()

    def _settle(self, key: SchemaKey, start: bytes, choice: Choice) -> None:
        """Remember where all go that have this id and begin with `start`."""
        if isinstance(key, int) and isinstance(choice, int) and len(self._settled) < _MAX_SETTLED:
            self._settled[id_prefix(key) + start] = choice

    def _route(self, key: SchemaKey) -> Route:
        owner, version = self._owner(key)
        language = version.type if version is not None else self._store.schema_type(self._schemas(0), key)
        if owner is None:
            owner = next((i for i in range(len(self._serdes)) if self._language(i) == language), None)
        id_ = key if isinstance(key, int) else version.id if version is not None else None
        if owner is None:
            return OneRoute(
                UnexpectedTypeError(f"a message of {_LANGUAGES.get(language, language)}: {self._read_as}"),
                id_,
            )
        known = owner if version is not None else None
        if language == "JSON":
            return self._json_route(key, owner, known, id_)
        if language == "PROTOBUF":
            return self._message_route(key, owner, id_)
        return self._avro_route(key, owner, known)

    def _avro_route(self, key: SchemaKey, owner: int, known: int | None) -> Route:
        written = self._written(key, owner, AVRO)
        root = written.schema.root
        if isinstance(root, Union):
            choices = [self._named(branch_name(branch), known) for branch in root.branches]
            return BranchRoute(choices, written.id) if choices else OneRoute(owner, written.id)
        return OneRoute(self._named(branch_name(root), known), written.id)

    def _message_route(self, key: SchemaKey, owner: int, id_: int | None) -> Route:
        order = self._written(key, owner, MESSAGES).schema

        def choose(indexes: Indexes) -> Choice:
            for name in order.names(indexes):
                if self._is_message(name):
                    return self._names[name]
            for i, serde in enumerate(self._serdes):
                if isinstance(serde, ProtobufSerde) and serde.is_named(order, indexes, key):
                    return i
            return unnamed(order, indexes, self._read_as)

        return MessageRoute(choose, self._role, id_)

    def _json_route(self, key: SchemaKey, owner: int, known: int | None, id_: int | None) -> Route:
        if known is not None:
            return OneRoute(known, id_)
        written = self._written(key, owner, TITLE)
        named = written.schema or "a JSON Schema without a title"
        return OneRoute(self._named(named, None), written.id)

    def _written(self, key: SchemaKey, owner: int, kind: WriterKind[S]) -> Written[S]:
        written = self._store.written(self._schemas(owner), key, kind)
        self.note(written.until)
        return written

    def _named(self, name: str, known: int | None) -> Choice:
        """The serde of a full name; else the one whose subject has the schema under another name."""
        found = self._names.get(name, known)
        return unexpected(name, self._read_as) if found is None else found

    def _is_message(self, name: str) -> bool:
        return name in self._names and self._language(self._names[name]) == "PROTOBUF"

    def _owner(self, key: SchemaKey) -> tuple[int | None, WriterSchema | None]:
        """The serde among whose versions the schema is, and the version."""
        for i in range(len(self._serdes)):
            schemas = self._schemas(i)
            version = schemas.by_id(key) if isinstance(key, int) else schemas.by_guid(str(key))
            if version is not None and version.type == self._language(i):
                return i, version
        return None, None

    def _schemas(self, i: int) -> Schemas:
        return self._serdes[i].schemas

    def _language(self, i: int) -> str:
        return self._schemas(i).latest.type


def _other_names(serde: TypedSerde) -> Iterator[str]:
    """What the schema of a serde calls its types, now and formerly."""
    if isinstance(serde, AvroSerde):
        schema = serde.schemas.latest.parse()
        branches = schema.root.branches if isinstance(schema.root, Union) else (schema.root,)
        for branch in branches:
            yield branch_name(branch)
            if isinstance(branch, Ref):
                yield from schema.names[branch.name].aliases
    elif isinstance(serde, ProtobufSerde):
        yield serde.message
    elif named := title(serde.schemas.latest.text):
        yield named
