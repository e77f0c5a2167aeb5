"""`ArrivalFunctions` in plain Python, if no C compiler was."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from .payloads import total_size


def runs(messages: list[Any]) -> list[tuple[int, list[Any]]]:
    """See `codec.ArrivalFunctions.runs`."""
    if not messages:
        return []
    kind = type(messages[0])  # its methods are called by `map`: twice as fast as in a comprehension
    if len({*map(kind.partition, messages)}) == 1 and not any(map(kind.error, messages)):
        return [(messages[0].partition() or 0, messages)]
    return [(partition, list(run)) for partition, run in groupby(messages, _partition_of)]


def _partition_of(message: Any) -> int:
    return (message.partition() or 0) if message.error() is None else -1


def columns(messages: list[Any]) -> tuple[Any, ...]:
    """See `codec.ArrivalFunctions.columns`."""
    if not messages:
        return [], [], [], [], [], [], 0, []
    kind = type(messages[0])
    headers, bad = _headers(messages)
    keys, values = [*map(kind.key, messages)], [*map(kind.value, messages)]
    times = [time if type_ else None for type_, time in map(kind.timestamp, messages)]
    offsets = [*map(kind.offset, messages)]
    origins = [*zip(keys, values, headers, times)]
    messages.clear()
    size = total_size(keys) + total_size(values)
    return keys, values, headers, times, offsets, origins, size, bad


def _headers(messages: list[Any]) -> tuple[list[Any], list[int]]:
    headers: list[Any] = []
    bad: list[int] = []
    # Called by `map`, which sees the error at once. confluent-kafka gives a result along with it, and from a
    # call that CPython (3.11 and later) has specialised it comes up anywhere later.
    left = map(type(messages[0]).headers, messages)
    while len(headers) < len(messages):
        try:
            for found in left:
                headers.append(tuple(found) if found else ())
        except (UnicodeDecodeError, SystemError):
            bad.append(len(headers))
            headers.append(())
    return headers, bad
