"""The message indexes of Confluent's wire format: which message of a Protobuf file a payload is.

After the schema's id or GUID, in the payload or in the header: how many there are, then each, as zigzag
varints. `[0]`, the first message of the file, is the one byte 00.
"""

from __future__ import annotations

from typing import Final

from ..codec.varint import zigzag
from ..errors import FramingError
from .message_scopes import MAX_NESTED, Indexes

FIRST: Final[Indexes] = (0,)
USUAL_SIZE: Final = 2
"""Bytes that most indexes take, or fewer: of messages that are not nested."""

_MAX_BYTES: Final = 5  # of a varint: indexes have 32 bits
_MAX_INDEX: Final = (1 << 31) - 1
_OLD_FORMAT: Final = (
    "Clients of Confluent's for Python before 1.8, and use.deprecated.format, write them in another way."
)


def written_indexes(indexes: Indexes) -> bytes:
    """As bytes."""
    if indexes == FIRST:
        return b"\x00"
    return zigzag(len(indexes)) + b"".join(map(zigzag, indexes))


def read_indexes(data: bytes, offset: int) -> tuple[Indexes, int]:
    """The indexes that begin at `offset`, and where what follows them begins. Raises `FramingError`."""
    if data[offset : offset + 1] == b"\x00":
        return FIRST, offset + 1
    count, at = _varint(data, offset)
    if not 0 < count <= MAX_NESTED:
        hint = _OLD_FORMAT if count < 0 else None
        raise FramingError(f"{count} message indexes at byte {offset}: expected 1 to {MAX_NESTED}", hint=hint)
    indexes = []
    for _ in range(count):
        index, after = _varint(data, at)
        if index < 0:
            raise FramingError(f"message index {index} at byte {at} is negative", hint=_OLD_FORMAT)
        indexes.append(index)
        at = after
    return tuple(indexes), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for i, byte in enumerate(data[at : at + _MAX_BYTES]):
        number |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            if number >> 32:
                raise FramingError(f"the message index at byte {at} is larger than {_MAX_INDEX}")
            return (number >> 1) ^ -(number & 1), at + i + 1
    if len(data) - at >= _MAX_BYTES:
        raise FramingError(f"the message index at byte {at} has more than {_MAX_BYTES} bytes")
    raise FramingError(f"the message indexes end at byte {len(data)}, in the middle")
