"""A message in bytes, on its way to the producer."""

from __future__ import annotations

from typing import NamedTuple


class Outgoing(NamedTuple):
    """A message in bytes, in the order of `Producer.produce`. `chosen`: the message itself says where it
    goes.
    """

    topic: str
    value: bytes | None
    key: bytes | None
    partition: int  # -1: by the key
    timestamp: int  # ms since the epoch, 0: now
    headers: list[tuple[str, str | bytes | None]] | None
    chosen: bool
