"""A zlib stream that is the same everywhere.

What `zlib.compress` writes differs between zlib, zlib-ng and their releases, and with it generated files
would. This writes one block with the fixed codes of RFC 1951; every zlib reads it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TypeAlias

_WINDOW = 32_768
_LONGEST = 258
_KEYS = (24, 10, 4)  # where so many bytes stood before is looked up, longest first

Bits: TypeAlias = "tuple[int, int]"
"""A value and how many bits it takes, the lowest one first."""


def compress(data: bytes) -> bytes:
    """`data` as `zlib.decompress` takes it."""
    checksum = zlib.adler32(data).to_bytes(4, "big")
    return b"\x78\x9c" + _packed(_block(data)) + checksum


def _packed(parts: Iterator[Bits]) -> bytes:
    out = bytearray()
    held = count = 0
    for value, bits in parts:
        held |= value << count
        count += bits
        if count >= 512:
            whole = count // 8
            out += (held & ((1 << whole * 8) - 1)).to_bytes(whole, "little")
            held >>= whole * 8
            count -= whole * 8
    return bytes(out + held.to_bytes((count + 7) // 8, "little"))


def _block(data: bytes) -> Iterator[Bits]:
    yield 0b011, 3  # the last block; fixed codes
    seen: list[dict[bytes, int]] = [{} for _ in _KEYS]
    at = 0
    while at < len(data):
        length, distance = _match(data, at, seen)
        if length:
            yield _LENGTHS[length]
            yield _distance(distance)
        else:
            length = 1
            yield _SYMBOLS[data[at]]
        for size, places in zip(_KEYS, seen):
            for place in range(at, at + length):
                places[data[place : place + size]] = place
        at += length
    yield _SYMBOLS[256]


def _match(data: bytes, at: int, seen: list[dict[bytes, int]]) -> tuple[int, int]:
    """How many bytes from `at` on stood before, and how far back; nothing: 0, 0."""
    for size, places in zip(_KEYS, seen):
        before = places.get(data[at : at + size], -1) if at + size <= len(data) else -1
        if before >= 0 and at - before <= _WINDOW:
            return _equal(data, before, at, size), at - before
    return 0, 0


def _equal(data: bytes, before: int, at: int, length: int) -> int:
    longest = min(_LONGEST, len(data) - at)
    step = 64
    while step:
        end = min(length + step, longest)
        if length < end and data[before + length : before + end] == data[at + length : at + end]:
            length = end
        else:
            step //= 2
    return length


def _reversed(code: int, bits: int) -> int:
    return int(f"{code:0{bits}b}"[::-1], 2)


def _symbol(symbol: int) -> Bits:
    if symbol < 144:
        return _reversed(0x30 + symbol, 8), 8
    if symbol < 256:
        return _reversed(0x190 + symbol - 144, 9), 9
    if symbol < 280:
        return _reversed(symbol - 256, 7), 7
    return _reversed(0xC0 + symbol - 280, 8), 8


def _length(length: int) -> Bits:
    if length == _LONGEST:
        return _symbol(285)
    extra = max((length - 3).bit_length() - 3, 0)
    code, bits = _symbol(257 + 4 * extra + ((length - 3) >> extra))
    return code | ((length - 3) & ((1 << extra) - 1)) << bits, bits + extra


def _distance(distance: int) -> Bits:
    extra = max((distance - 1).bit_length() - 2, 0)
    code = _reversed(2 * extra + ((distance - 1) >> extra), 5)
    return code | ((distance - 1) & ((1 << extra) - 1)) << 5, 5 + extra


_SYMBOLS = tuple(map(_symbol, range(286)))
_LENGTHS = tuple(_length(length) if length > 2 else (0, 0) for length in range(_LONGEST + 1))
