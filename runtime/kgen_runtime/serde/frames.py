"""Batches of framed payloads by the schema that wrote them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..codec import payload_functions
from ..errors import FramingError, KgenError
from ..messages import Headers
from .base import Role
from .framing import ID_SIZE, SchemaKey, split

_COMMON_PREFIX: Final = payload_functions().common_prefix


def only_id(payloads: Sequence[bytes | None]) -> int | None:
    """The schema id, if one wrote all of `payloads`. The hot path: no loop in Python."""
    prefix = _COMMON_PREFIX(payloads, ID_SIZE)
    if prefix is None or prefix[0] != 0 or prefix[1] >= 128:  # no schema id, or a negative one
        return None
    return int.from_bytes(prefix[1:], "big")


def tagged(headers: Sequence[Headers] | None, name: str) -> dict[int, Headers]:
    """The headers that name the schema, by index; most carry other things."""
    found: dict[int, Headers] = {}
    if headers is None or not any(headers):
        return found
    for i, pairs in enumerate(headers):
        for pair in pairs:
            if pair[0] == name:
                found[i] = pairs
                break
    return found


def by_schema(
    payloads: Sequence[bytes | None], carried: Mapping[int, Headers], role: Role, errors: dict[int, KgenError]
) -> Iterable[tuple[tuple[SchemaKey, int], list[int]]]:
    """Indices by schema and offset; the error of a payload without a schema goes to `errors`.

    `carried` are the headers of those that have their schema in them (`tagged`).
    """
    groups: dict[tuple[SchemaKey, int], list[int]] = {}
    by_prefix: dict[bytes, list[int]] = {}  # spares most payloads the parsing of their prefix
    for i, payload in enumerate(payloads):
        if payload is None:
            continue
        headers = carried.get(i, ())
        where = None if headers else by_prefix.get(payload[:ID_SIZE])
        if where is None:
            try:
                found = split(payload, headers, role)
            except FramingError as error:
                errors[i] = copy.copy(error)
                continue
            where = groups.setdefault(found, [])
            if found[1] == ID_SIZE:
                by_prefix[payload[:ID_SIZE]] = where
        where.append(i)
    return groups.items()
