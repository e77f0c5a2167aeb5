"""Where reading stands in a Protobuf message, for the readers in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .. import reasons
from ..limits import ITEMS, ITEMS_PER_BYTE
from ..protobuf import proto_reasons
from .reader import DamagedError

VARINT, FIXED64, DELIMITED, GROUP, GROUP_END, FIXED32 = range(6)
"""Wire types."""

_NUMBER_64: Final = (1 << 64) - 1
_MOST_TAG: Final = (1 << 32) - 1


class ProtoCursor:
    """The message that is read ends at `end`: that is moved for each message in it, and back after it.

    `stop`: where the last message or group ended, without the tag at a group's end.
    """

    __slots__ = ("at", "data", "depth", "end", "items", "stop")

    def __init__(self, data: bytes, at: int, depth: int) -> None:
        self.data = data
        self.at = at
        self.end = len(data)
        self.depth = depth
        self.items = ITEMS + ITEMS_PER_BYTE * (self.end - at)
        self.stop = at

    def varint(self) -> int:
        """A number of 64 bits, without a sign: of the 70 that 10 bytes hold the low ones."""
        data, at, shift, number = self.data, self.at, 0, 0
        while True:
            if at >= self.end:
                raise DamagedError(reasons.ENDS, self.at)
            byte = data[at]
            if shift == 63 and byte > 0x7F:
                raise DamagedError(reasons.OVERLONG, self.at)
            at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                self.at = at
                return number & _NUMBER_64
            shift += 7

    def take(self, size: int) -> bytes:
        """So many bytes."""
        at = self.at
        if size > self.end - at:
            raise DamagedError(reasons.ENDS, at)
        self.at = at + size
        return self.data[at : at + size]

    def size(self) -> int:
        """A length that the rest of the message can hold."""
        start = self.at
        size = self.varint()
        if self.at - start > 5:
            raise DamagedError(proto_reasons.LONG_SIZE, start)
        if size > self.end - self.at:
            raise DamagedError(reasons.ENDS, start)
        return size

    def fields(self, group: int) -> Iterator[tuple[int, int, int]]:
        """Number and wire type of each field, and where its tag begins, to the end of the message, or after
        the end of the group of that number if it is not 0. The caller has read the field when it asks for the
        next one.
        """
        while True:
            start = self.at
            if start >= self.end:
                if group:
                    raise DamagedError(proto_reasons.NO_GROUP_END, start)
                self.stop = start
                return
            tag = self.varint()
            number, wire = tag >> 3, tag & 7
            if tag > _MOST_TAG or self.at - start > 5 or not number or wire > FIXED32:
                raise DamagedError(proto_reasons.BAD_TAG, start)
            if wire == GROUP_END:
                if number != group:
                    raise DamagedError(proto_reasons.STRAY_GROUP_END, start)
                self.stop = start
                return
            yield number, wire, start

    def skip(self, number: int, wire: int) -> None:
        """Move past the value of a field."""
        if wire == VARINT:
            self.varint()
        elif wire == FIXED64:
            self.take(8)
        elif wire == FIXED32:
            self.take(4)
        elif wire == DELIMITED:
            size = self.size()
            self.at += size
        else:
            self.enter()
            for inner, kind, _ in self.fields(number):
                self.skip(inner, kind)
            self.depth += 1

    def enter(self) -> None:
        """Go one message deeper."""
        if self.depth <= 0:
            raise DamagedError(reasons.TOO_DEEP, self.at)
        self.depth -= 1

    def charge(self, cost: int) -> None:
        """Take `cost` from the items that the message may still make."""
        if self.items < cost:
            raise DamagedError(reasons.TOO_EMPTY, self.at)
        self.items -= cost
