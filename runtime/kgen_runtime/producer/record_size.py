"""How large a message is: for librdkafka, whose limit (`message.max.bytes`) is on a message, and for the
broker, whose limit (`max.message.bytes`) is on a batch of one or more.
"""

from __future__ import annotations

from typing import Final

from .._librdkafka import MESSAGE_OVERHEAD
from .outgoing import Outgoing

_BATCH_HEADER: Final = 61
_USUAL_BATCH: Final = 1_000_000
_MARGIN: Final = 512


def client_size(out: Outgoing) -> int:
    """The bytes that librdkafka compares with `message.max.bytes`: rd_kafka_msg_max_wire_size in its
    rdkafka_msg.h. At least `record_size` less 61.
    """
    size = MESSAGE_OVERHEAD + _length(out.key) + _length(out.value)
    return size + _headers(out) if out.headers else size


def record_size(out: Outgoing) -> int:
    """The bytes of a batch with this message alone, before compression (Kafka's message format 2)."""
    size = (
        3 + _field(out.key) + _field(out.value) + _varint(len(out.headers or ()))
    )  # attributes and two deltas of zero
    size += _headers(out)
    return _BATCH_HEADER + _varint(size) + size


def batch_limit(limit: int) -> int:
    """A `batch.size` that the broker does not refuse."""
    return max(min(_USUAL_BATCH, limit - _MARGIN), 1)


def _headers(out: Outgoing) -> int:
    return sum(_field(name) + _field(value) for name, value in out.headers or ())


def _field(data: bytes | str | None) -> int:
    length = _length(data)
    return _varint(length) + length  # None has a length of -1, in one byte as well


def _length(data: bytes | str | None) -> int:
    if not data:
        return 0
    return len(data.encode() if isinstance(data, str) else data)


def _varint(number: int) -> int:
    """The bytes of a signed number: seven bits in each, one bit for the sign."""
    return max((number.bit_length() + 7) // 7, 1)
