"""`BatchFunctions` in plain Python, if no C compiler was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def groups(payloads: Sequence[bytes | None], size: int) -> list[tuple[bytes, list[int]]]:
    """See `codec.BatchFunctions.groups`."""
    found: dict[bytes, list[int]] = {}
    for i, payload in enumerate(payloads):
        if payload is not None:
            found.setdefault(payload[:size], []).append(i)
    return list(found.items())


def by_prefix(payloads: Sequence[bytes | None], prefixes: list[bytes]) -> list[list[int]]:
    """See `codec.BatchFunctions.by_prefix`."""
    found: list[list[int]] = [[] for _ in prefixes]
    rest: list[int] = []
    for i, payload in enumerate(payloads):
        if payload is not None:
            places = (at for prefix, at in zip(prefixes, found) if payload.startswith(prefix))
            next(places, rest).append(i)
    return [*found, rest]


def picked(items: Sequence[T], where: list[int]) -> list[T]:
    """See `codec.BatchFunctions.picked`."""
    return [items[i] for i in where]


def spread(items: list[T], where: list[int], into: list[T]) -> None:
    """See `codec.BatchFunctions.spread`."""
    for i, item in zip(where, items, strict=True):
        into[i] = item
