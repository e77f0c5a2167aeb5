"""What flows through a kgen dataflow: typed messages, and failures that still hold the original bytes."""

from __future__ import annotations

import copyreg
import enum
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from .errors import Reject

K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")
J = TypeVar("J")
F = TypeVar("F", bound=Callable[..., Any])

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]
Origin: TypeAlias = tuple[bytes | None, bytes | None, Headers, int | None]
"""Key, value, headers and timestamp as read: a plain tuple, because every message carries one."""


@dataclass(slots=True, kw_only=True, repr=False)
class RawMessage:
    """A Kafka message as it stood on the broker, byte for byte. `timestamp` is in ms since the epoch (UTC),
    None where the broker gave none.
    """

    key: bytes | None
    value: bytes | None
    topic: str
    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None
    headers: Headers = ()

    def __repr__(self) -> str:
        """What is set."""
        return _shown(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Values alone, as `Message`."""
        return (_restored_raw_message, _RAW(self)) if type(self) is RawMessage else _by_name(self)


def _shown(record: Any) -> str:
    """A repr of what is set; `value` always, for without it a message is a tombstone."""
    set_ = (
        f"{each.name}={value!r}"
        for each in fields(record)
        if each.repr and ((value := getattr(record, each.name)) != each.default or each.name == "value")
    )
    return f"{type(record).__qualname__}({', '.join(set_)})"


def _by_name(record: Any) -> tuple[Any, ...]:
    """For what a user derived, as pickle does it: with all that it adds, and without a call of its class."""
    names: list[str] = copyreg._slotnames(type(record))  # type: ignore[attr-defined]
    slots = {name: getattr(record, name) for name in names if hasattr(record, name)}
    return copyreg.__newobj__, (type(record),), (getattr(record, "__dict__", None), slots)  # type: ignore[attr-defined]


_RAW = attrgetter(*(member.name for member in fields(RawMessage)))


@dataclass(
    slots=True, repr=False
)  # not kw_only: passing positions makes one in half the time, and the source makes millions
class Message(Generic[K, V]):
    """A Kafka message with typed key and value. Treat it as immutable: Bytewax hands one object to every
    branch of a flow. With the native codec, garbage collection does not visit one that was read if by the
    types of its key and value it cannot be in a cycle: one that is put into itself is never freed.

    `value` is None for a tombstone. `topic`, `partition` and `offset` say where it was read (None where it
    was made in the flow); `timestamp` is in ms since the epoch, UTC. `target_topic`/`target_partition`,
    where set, make a sink send this one elsewhere. Give the fields after `value` by name.
    """

    key: K | None = None
    value: V | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None
    headers: Headers = ()
    key_schema_id: int | None = None
    value_schema_id: int | None = None
    target_topic: str | None = None
    target_partition: int | None = None
    origin: Origin | None = field(default=None, repr=False, compare=False)

    def with_value(self, value: W) -> Message[K, W]:
        """The same message (key, headers, provenance, original bytes) with another value.

        Raises `TypeError` for None, which would delete the key's row from a compacted topic: see `tombstone`.
        """
        if value is None:
            raise TypeError(
                "with_value(None) would write a tombstone: use message.tombstone() to write one, "
                "or leave the message out"
            )
        return self._made(self.key, value)

    def with_key(self, key: J | None) -> Message[J, V]:
        """The same message (value, headers, provenance, original bytes) with another key; None: without
        one.
        """
        return self._made(key, self.value)

    def tombstone(self) -> Message[K, W]:
        """The same message (key, headers, provenance, original bytes) without a value: written to a topic, it
        deletes what is there of its key. It fits into a stream of messages with any type of value.
        """
        return self._made(self.key, None)

    def key_or_reject(self) -> K:
        """The key. Raises `Reject` for a message without one: in a function given to a step, the message then
        goes to the step's `errs`.
        """
        if self.key is None:
            raise Reject("the message has no key")
        return self.key

    def value_or_reject(self) -> V:
        """The value. Raises `Reject` for a tombstone, as `key_or_reject`."""
        if self.value is None:
            raise Reject("the message is a tombstone")
        return self.value

    def _made(self, key: J | None, value: W | None) -> Message[J, W]:
        return Message(
            key,
            value,
            self.topic,
            self.partition,
            self.offset,
            self.timestamp,
            self.headers,
            self.key_schema_id,
            self.value_schema_id,
            self.target_topic,
            self.target_partition,
            self.origin,
        )

    def raw(self) -> RawMessage | None:
        """The message as it was read, byte for byte; None where it was made in the flow."""
        if self.origin is None:
            return None
        key, value, headers, timestamp = self.origin
        return RawMessage(
            key=key,
            value=value,
            topic=self.topic or "",
            partition=self.partition,
            offset=self.offset,
            timestamp=timestamp,
            headers=headers,
        )

    def __repr__(self) -> str:
        """What is set."""
        return _shown(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """What passes between workers is pickled message by message: values alone, without their names."""
        return (_restored_message, _MESSAGE(self)) if type(self) is Message else _by_name(self)


_MESSAGE = attrgetter(*(member.name for member in fields(Message)))


class Tombstone(enum.Enum):
    """The type of `TOMBSTONE`."""

    TOMBSTONE = "tombstone"

    if TYPE_CHECKING:

        def __sizeof__(self) -> str:  # type: ignore[override]  # so that mypy_signatures.py knows it from values
            """Not at run time."""


TOMBSTONE: Final = Tombstone.TOMBSTONE
"""What a function given to `map_value` returns to make the message a tombstone."""


class Stage(str, enum.Enum):
    """Where a message failed."""

    FRAMING = "framing"
    UNKNOWN_SCHEMA = "unknown-schema"
    UNEXPECTED_TYPE = "unexpected-type"
    DECODE = "decode"
    VALIDATE = "validate"
    PROCESS = "process"
    LATE = "late"
    SERIALIZE = "serialize"
    PRODUCE = "produce"
    OVERSIZE = "oversize"


@dataclass(slots=True, kw_only=True)
class Failure:
    """A message that failed: why, and the original byte for byte.

    `error_class` is the class of the error that was raised, `cause_class` that of the first in the chain of
    `raise ... from ...`: the same for an error that wraps no other, and for kgen's own. `step` is the full id
    of the step it failed in. `part` says which half failed ("key" or "value") where that is known,
    `schema_id` which schema that half was written with. `path` and `position` are the field and the byte in
    the payload (framing included) of what cannot be decoded. `place` is the line of the user's code that
    raised, or the one that made the step (`flows/orders.py:12`). `traceback` and `message` are bounded.
    `fingerprint` is stable over runs, to group by: of stage, error class, schema id and code place, not of
    the number of a line in its file. `first_seen` is the time (ms, UTC) of the first of `attempts` attempts;
    0 in a failure from a store of a kgen that did not note it.
    """

    stage: Stage
    transient: bool
    error_class: str
    message: str
    fingerprint: str
    original: RawMessage
    traceback: str = ""
    step: str = ""
    part: str | None = None
    schema_id: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    position: int | None = None
    key_schema_id: int | None = None
    value_schema_id: int | None = None
    place: str = ""
    cause_class: str = ""
    first_seen: int = 0
    attempts: int = 1

    def without_payload(self) -> Failure:
        """The same without the bytes of key, value and headers: to be kept while a flow runs."""
        return replace(self, original=replace(self.original, key=None, value=None, headers=()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Values alone, as `Message`."""
        if type(self) is not Failure:
            return _by_name(self)
        return _restored_failure, (self.stage.value, *_AFTER_STAGE(self))


_AFTER_STAGE = attrgetter(*(member.name for member in fields(Failure) if member.name != "stage"))


def _kept_as(name: str) -> Callable[[F], F]:
    """A function that pickles call as one of `kgen_runtime.state`: stores that are years old do."""

    def named(function: F) -> F:
        function.__module__, function.__qualname__ = "kgen_runtime.state", name
        return function

    return named


@_kept_as("message")
def _restored_message(*values: Any) -> Any:
    """A `Message`. Fields are only ever added, at the end: missing ones have their defaults, and those of a
    newer kgen are left out.
    """
    try:
        return Message(*values)
    except TypeError:
        return Message(*values[: len(Message.__slots__)])


@_kept_as("raw_message")
def _restored_raw_message(*values: Any) -> Any:
    """A `RawMessage`, as `message`."""
    return RawMessage(**dict(zip(RawMessage.__slots__, values)))


@_kept_as("failure")
def _restored_failure(*values: Any) -> Any:
    """A `Failure`, as `message`. A stage that this kgen does not know is `process`."""
    known = dict(zip(Failure.__slots__, values))
    stages = {stage.value: stage for stage in Stage}
    return Failure(**{**known, "stage": stages.get(known["stage"], Stage.PROCESS)})
