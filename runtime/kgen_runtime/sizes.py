"""How large a message is for the broker, whose limit (`max.message.bytes`) is on a batch of one or more."""

from __future__ import annotations

from typing import Final

from .counter import Outgoing

_BATCH_HEADER: Final = 61
_USUAL_BATCH: Final = 1_000_000
_MARGIN: Final = 512


def record_size(out: Outgoing) -> int:
    """The bytes of a batch with this message alone, before compression (Kafka's message format 2)."""
    headers = [(name.encode(), value) for name, value in out.headers or ()]
    size = (
        3 + _field(out.key) + _field(out.value) + _varint(len(headers))
    )  # attributes and two deltas of zero
    size += sum(_field(name) + _field(value) for name, value in headers)
    return _BATCH_HEADER + _varint(size) + size


def batch_limit(limit: int) -> int:
    """A `batch.size` that the broker does not refuse."""
    return max(min(_USUAL_BATCH, limit - _MARGIN), 1)


def _field(data: bytes | str | None) -> int:
    if data is None:
        return 1  # a length of -1
    length = len(data.encode() if isinstance(data, str) else data)
    return _varint(length) + length


def _varint(number: int) -> int:
    """The bytes of a signed number: seven bits in each, one bit for the sign."""
    return max((number.bit_length() + 7) // 7, 1)
