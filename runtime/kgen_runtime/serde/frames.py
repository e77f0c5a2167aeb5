"""Batches of framed payloads by the schema that wrote them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from ..codec import batch_functions, payload_functions
from ..errors import FramingError, KgenError
from ..messages import Headers
from .base import Role
from .framing import ID_SIZE, SchemaKey, split, split_message
from .message_indexes import FIRST, USUAL_SIZE, read_indexes
from .message_scopes import Indexes

K = TypeVar("K")

_BATCHES: Final = batch_functions()
_COMMON_PREFIX: Final = payload_functions().common_prefix
_GROUPS: Final = _BATCHES.groups


def only_id(payloads: Sequence[bytes | None]) -> int | None:
    """The schema id, if one wrote all of `payloads`. The hot path: no loop in Python."""
    prefix = _COMMON_PREFIX(payloads, ID_SIZE)
    if prefix is None or prefix[0] != 0 or prefix[1] >= 128:  # no schema id, or a negative one
        return None
    return int.from_bytes(prefix[1:], "big")


def only_message(payloads: Sequence[bytes | None]) -> tuple[int, Indexes, int] | None:
    """As `only_id`, of Protobuf: the schema id and message indexes, and where the message begins."""
    prefix = _COMMON_PREFIX(payloads, ID_SIZE + 1)
    if prefix is None or prefix[0] != 0 or prefix[1] >= 128:
        return None
    id_ = int.from_bytes(prefix[1:ID_SIZE], "big")
    if prefix[ID_SIZE] == 0:
        return id_, FIRST, ID_SIZE + 1
    try:
        indexes, end = read_indexes(payloads[0] or b"", ID_SIZE)
    except FramingError:
        return None
    return None if _COMMON_PREFIX(payloads, end) is None else (id_, indexes, end)


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
    payloads: Sequence[bytes | None],
    carried: Mapping[int, Headers],
    role: Role,
    errors: dict[int, KgenError],
    *,
    indexed: bool = False,
) -> Iterable[tuple[tuple[SchemaKey, int], list[int]]]:
    """Indices by schema and offset; the error of a payload without a schema goes to `errors`.

    `carried` are the headers of those that have their schema in them (`tagged`), `indexed` as in `split`.
    """

    def of_payload(payload: bytes, headers: Headers) -> tuple[SchemaKey, int]:
        return split(payload, headers, role, indexed=indexed)

    # A schema id says it all for those that begin with it; the rest are looked at one by one.
    return _grouped(payloads, carried, errors, of_payload, ID_SIZE, lambda found: found[1] == ID_SIZE)


def by_message(
    payloads: Sequence[bytes | None], carried: Mapping[int, Headers], role: Role, errors: dict[int, KgenError]
) -> Iterable[tuple[tuple[SchemaKey, Indexes, int], list[int]]]:
    """As `by_schema`, of Protobuf: indices by schema, message indexes and offset."""

    def of_payload(payload: bytes, headers: Headers) -> tuple[SchemaKey, Indexes, int]:
        return split_message(payload, headers, role)

    size = ID_SIZE + USUAL_SIZE
    return _grouped(payloads, carried, errors, of_payload, size, lambda found: ID_SIZE < found[2] <= size)


def _grouped(
    payloads: Sequence[bytes | None],
    carried: Mapping[int, Headers],
    errors: dict[int, KgenError],
    of_payload: Callable[[bytes, Headers], K],
    size: int,
    is_of_all: Callable[[K], bool],
) -> Iterable[tuple[K, list[int]]]:
    """Indices by what `of_payload` gives. `is_of_all`: whether it is that of all payloads without headers
    that begin with the same `size` bytes.
    """
    found: dict[K, list[int]] = {}

    def one_by_one(where: Iterable[int]) -> None:
        for i in where:
            try:
                made = of_payload(payloads[i] or b"", carried.get(i, ()))
            except FramingError as error:
                errors[i] = copy.copy(error)
            else:
                found.setdefault(made, []).append(i)

    one_by_one(i for i in carried if payloads[i] is not None)
    bare = [None if i in carried else each for i, each in enumerate(payloads)] if carried else payloads
    for _, where in _GROUPS(bare, size):
        try:
            made = of_payload(payloads[where[0]] or b"", ())
        except FramingError:
            one_by_one(where)
            continue
        if not is_of_all(made):
            one_by_one(where)
        elif made in found:
            found[made] += where
        else:
            found[made] = where
    return found.items()
