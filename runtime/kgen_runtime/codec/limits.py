"""Bounds on what untrusted data may ask of the codec, the same in both engines."""

from __future__ import annotations

MAX_DEPTH = 128
"""How many records, arrays and maps may stand inside each other; both engines recurse."""

EMPTY_ITEMS = 65_536
"""How many values that take no bytes (nulls in an array, records without fields) one message may hold."""

DECIMAL_BYTES = 4096
"""How long the number of a big-decimal may be: Python makes decimals of long numbers in quadratic time."""
