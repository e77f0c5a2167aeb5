"""Which Kafka message an item of a flow is, or holds."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ..messages import Failure, Headers, Message, RawMessage
from .failures import original_of

_DEPTH: Final = 4
"""Levels of tuples that are looked into: a row of a join in a window has three."""


class ItemOrigin(NamedTuple):
    """The message of an item as it was read, and the ids of its schemas."""

    original: RawMessage
    key_schema_id: int | None = None
    value_schema_id: int | None = None


def origin_of(item: object) -> ItemOrigin:
    """The message that an item is or holds.

    Keyed streams and windows put messages into tuples: the first one there counts. Of an item without any,
    what can be said: its `repr`, and of a keyed one the key.
    """
    found = item if type(item) is Message else _message_in(item, _DEPTH)
    if isinstance(found, RawMessage):
        return ItemOrigin(found)
    if found is None:
        keyed = isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
        found = Message(item[0], item[1]) if keyed else Message(None, item)  # type: ignore[index]
    return ItemOrigin(original_of(found), found.key_schema_id, found.value_schema_id)


def headers_of(item: object) -> Headers:
    """The headers of the message that an item is, holds, or failed for; none of an item without one."""
    if isinstance(item, Failure):
        return item.original.headers
    found = item if type(item) is Message else _message_in(item, _DEPTH)
    return () if found is None else found.headers


def key_of(item: object) -> tuple[str, bytes] | None:
    """The topic of an item's message and its key in bytes: items of one such pair are kept in order. None if
    the message has no key.
    """
    found = item if isinstance(item, Message) else _message_in(item, _DEPTH)
    if isinstance(found, Message) and (origin := found.origin) is not None:
        key = origin[0]
        return None if key is None else (found.topic or "", key)
    original = origin_of(item).original
    return None if original.key is None else (original.topic, original.key)


def _message_in(item: object, depth: int) -> Message[Any, Any] | RawMessage | None:
    if isinstance(item, (Message, RawMessage)):
        return item
    if isinstance(item, tuple) and depth:
        for each in item:
            found = _message_in(each, depth - 1)
            if found is not None:
                return found
    return None
