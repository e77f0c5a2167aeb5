"""`PayloadFunctions` in plain Python, if no C compiler was."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any


def common_prefix(payloads: Sequence[bytes | None], size: int) -> bytes | None:
    """See `codec.PayloadFunctions.common_prefix`."""
    try:
        prefixes: list[bytes] = list(map(itemgetter(slice(size)), payloads))  # type: ignore[arg-type]  # a None raises
    except TypeError:
        return None
    if not prefixes or len(prefixes[0]) < size or prefixes.count(prefixes[0]) != len(prefixes):
        return None
    return prefixes[0]


def texts(payloads: Sequence[bytes | None]) -> list[str | None]:
    """See `codec.PayloadFunctions.texts`."""
    try:
        return list(map(bytes.decode, payloads))  # type: ignore[arg-type]  # a None raises
    except TypeError:
        return [None if payload is None else bytes.decode(payload) for payload in payloads]


def total_size(payloads: Sequence[bytes | None]) -> int:
    """See `codec.PayloadFunctions.total_size`."""
    try:
        return sum(map(len, payloads))  # type: ignore[arg-type]  # a None raises
    except TypeError:
        return sum(len(payload) for payload in payloads if payload is not None)


def sizes_by_id(
    ids: Sequence[int | None], payloads: Sequence[bytes | None], others: Sequence[bytes | None]
) -> list[list[Any]]:
    """See `codec.PayloadFunctions.sizes_by_id`."""
    if not len(ids) == len(payloads) == len(others):
        raise ValueError("as many ids as payloads")
    found: dict[int | None, list[Any]] = {}
    for id_, payload, other in zip(ids, payloads, others):
        one = found.setdefault(id_, [id_, 0, 0])
        one[1] += 1
        one[2] += len(payload or b"") + len(other or b"")
    return list(found.values())
