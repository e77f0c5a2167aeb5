"""Values of sample messages that fit together, within a topic and between topics, by the names of fields.

`customer_id`, `customerId`, and `id` in a record `Customer` name one thing: its values are the same few in
every topic, so that messages can be joined. The topic that is of the thing itself (`customers`, or one whose
record is `Customer`) has each once. A key is the identifier that is in the value. Times grow from message to
message.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from kgen_runtime.codec.values import LocalTimestampNanos, TimestampNanos

_THINGS: Final = 20
"""Of each kind, in topics that refer to it."""
_BEGIN: Final = datetime(2026, 1, 15, 12, tzinfo=timezone.utc)
_STEP: Final = timedelta(minutes=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_IDENTIFIER: Final = re.compile(r"^(?:(?P<thing>\w+)_)?(?:id|key|uuid|guid)$")
_OF_A_THING: Final = re.compile(r"_(?:key|value|record|event|envelope)$")
_TIME: Final = re.compile(r"(?:^|_)(?:at|ts|time|timestamp|time_ms|ts_ms|timestamp_ms)$")

_IDS: Final[dict[str, Callable[[str, int], Any]]] = {
    "string": lambda thing, number: f"{thing}-{number}",
    "int": lambda thing, number: 1_000 + number,
    "long": lambda thing, number: 1_000 + number,
    "integer": lambda thing, number: 1_000 + number,
    "uuid": lambda thing, number: uuid.uuid5(uuid.NAMESPACE_OID, f"{thing}/{number}"),
}
_TIMES: Final[dict[str, Callable[[datetime], Any]]] = {
    "timestamp-millis": lambda at: at,
    "timestamp-micros": lambda at: at,
    "date-time": lambda at: at,
    "timestamp-nanos": lambda at: TimestampNanos(_micros(at) * 1_000),
    "local-timestamp-millis": lambda at: at.replace(tzinfo=None),
    "local-timestamp-micros": lambda at: at.replace(tzinfo=None),
    "local-timestamp-nanos": lambda at: LocalTimestampNanos(_micros(at) * 1_000),
    "date": lambda at: at.date(),
    "date-days": lambda at: at.date(),
    "long": lambda at: _micros(at) // 1_000,  # where its name says that it is a time
    "integer": lambda at: _micros(at) // 1_000,
}
_NAMED_TIMES: Final = ("long", "integer")


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


class RelatedValues:
    """The choices for one message, the `number`th of its topic: first those of the value, then the key's. It
    is a `SampleChoice`.
    """

    def __init__(self, topic: str, number: int) -> None:
        self._own = {_singular(_snake(topic))}
        self._topic = topic
        self._number = number
        self._rng = random.Random(f"{topic}/{number}")  # noqa: S311 - made-up data
        self._root: str | None = None
        self._things: dict[str, int] = {}
        self._times: dict[str, datetime] = {}

    def __call__(self, kind: str, owner: str, name: str) -> Any:
        """A value for a field, or None if it is not one of those."""
        if self._root is None and owner:
            self._root = owner
            self._own.add(_singular(_OF_A_THING.sub("", _snake(owner))))
        if not owner:
            return self._key(kind)
        thing = _thing(owner, name)
        if thing is not None and kind in _IDS:
            return _IDS[kind](thing, self._which(thing))
        if kind in _TIMES and (kind not in _NAMED_TIMES or _TIME.search(_snake(name))):
            return _TIMES[kind](self._time(name))
        return None

    def _which(self, thing: str) -> int:
        """One thing is the same in all of a message."""
        if thing not in self._things:
            chosen = self._number if thing in self._own else self._rng.randrange(_THINGS)
            self._things[thing] = chosen
        return self._things[thing]

    def _key(self, kind: str) -> Any:
        """Of a key that is a single value: what the topic is of, else the first identifier in the value."""
        if kind not in _IDS:
            return None
        own = [thing for thing in self._things if thing in self._own]
        found = [*own, *self._things, *sorted(self._own)]
        return _IDS[kind](found[0], self._which(found[0]))

    def _time(self, name: str) -> datetime:
        """Each field of a message a little later than the one before, all before the next message."""
        if name not in self._times:
            later = timedelta(seconds=8 * (len(self._times) % 7), milliseconds=self._rng.randrange(8_000))
            self._times[name] = _BEGIN + self._number * _STEP + later
        return self._times[name]


def _thing(owner: str, name: str) -> str | None:
    """What a field identifies: `customer` for `customer_id`; None if it identifies nothing."""
    found = _IDENTIFIER.match(_snake(name))
    if found is None:
        return None
    return _singular(found["thing"] or _OF_A_THING.sub("", _snake(owner)))


def _snake(name: str) -> str:
    short = name.rpartition(".")[2] or name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^0-9A-Za-z]+", "_", short).strip("_").lower()


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    if name.endswith(("sses", "xes", "ches", "shes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us", "is")) else name
