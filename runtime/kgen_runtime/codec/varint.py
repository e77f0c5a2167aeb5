"""Whole numbers of any size in few bytes, as Avro writes them."""

from __future__ import annotations


def zigzag(number: int) -> bytes:
    """`number` (of 64 bits) as an Avro long."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
