"""Bounds on what untrusted data and schemas may ask of the codec, the same in both engines."""

from __future__ import annotations

MAX_DEPTH = 128
"""How many records, arrays and maps may stand inside each other: both engines recurse. 64 KiB of stack do."""

MOST_DEPTH = 512
"""The largest limit of depth to choose. The native reader takes up to 300 bytes of stack for each level, and
a thread may have no more than 256 KiB."""

EMPTY_ITEMS = 65_536
"""How many values that take no bytes (nulls in an array, records of nulls) one message may hold.

Such a record counts with its fields, and with what its defaults are made of.
"""

DECIMAL_BYTES = 4096
"""How long the number of a big-decimal may be: Python makes decimals of long numbers in quadratic time."""

DEFAULT_BYTES = 16 << 20
"""How many bytes the defaults of a schema may make: records in them repeat the defaults of their fields."""

NAME_LENGTH = 1_000
"""How long a full name may be: every name in a namespace repeats it."""

RESOLUTION_WORK = 1_000_000
"""How many types, fields, aliases and symbols may be held against each other to resolve two schemas.

Records of one name are held against each other in pairs. What a schema as large as the parser takes needs,
read by itself, is less.
"""
