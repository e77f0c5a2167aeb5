"""What `Producer.produce` can be given, found before it is: it refuses the rest in ways that stop the flow,
or the process.
"""

from __future__ import annotations

import reprlib
import struct
from collections.abc import Iterable
from typing import Any, Final

from .._librdkafka import is_text
from ..errors import EncodeError
from ..flow.topic import Topic
from ..messages import Message
from ..serde.base import Serde
from ..serde.framing import HEADERS
from ..serde.primitive import BytesSerde
from .outgoing import Outgoing

_SCHEMA_HEADERS: Final = frozenset(HEADERS.values())

_NUMBERS: Final = struct.Struct("<iq")
"""Partition and timestamp, as librdkafka has them."""


def check_headers(headers: Iterable[tuple[Any, Any]]) -> None:
    """Raises `EncodeError` if names are not text, or values neither text nor bytes."""
    for name, value in headers:
        _check_text("a header's name", name)
        if not (value is None or isinstance(value, bytes)):
            _check_text(f"the value of the header {name!r}", value)


def check_message(out: Outgoing) -> None:
    """The same for all but the headers, which `check_headers` has seen."""
    parts: tuple[Any, ...] = out  # serdes and users may have put in anything
    topic, value, key, partition, timestamp, _, chosen = parts
    if not (value is None or isinstance(value, bytes)):
        _check_text("the value in bytes", value)
    if not (key is None or isinstance(key, bytes)):
        _check_text("the key in bytes", key)
    try:
        _NUMBERS.pack(partition, timestamp)
    except struct.error as error:
        raise EncodeError(f"partition {partition!r}, timestamp {timestamp!r}: {error}") from None
    if chosen:
        _check_text("target_topic", topic)
        if "\0" in topic:
            raise EncodeError(f"target_topic has a NUL: {topic!r}")


def _check_text(what: str, text: Any) -> None:
    if not isinstance(text, str):
        raise EncodeError(f"{what} is of type {type(text).__name__}: {reprlib.repr(text)}")
    if not is_text(text):
        raise EncodeError(f"{what} has a lone surrogate, which UTF-8 has not: {reprlib.repr(text)}")


def outgoing_headers(
    message: Message[Any, Any], topic: Topic[Any, Any], key: bytes | None, value: bytes | None
) -> list[tuple[str, str | bytes | None]]:
    """The message's headers; the one that names the schema of the key, or of the value, only where that half
    is written as it was read: another is written with another schema. Raises `EncodeError` for what is not a
    header.
    """
    kept = list(message.headers)
    if any(name in _SCHEMA_HEADERS for name, _ in kept):
        raw = message.raw()
        same = {
            HEADERS["key"]: _is_same(topic.key, None if raw is None else (raw.key, key)),
            HEADERS["value"]: _is_same(topic.value, None if raw is None else (raw.value, value)),
        }
        kept = [header for header in kept if same.get(header[0], True)]
    check_headers(kept)
    return [*kept]


def _is_same(serde: Serde[Any], halves: tuple[bytes | None, bytes | None] | None) -> bool:
    """Of a message made in the flow, bytes and their header are what the user says."""
    return isinstance(serde, BytesSerde) if halves is None else halves[0] == halves[1]
