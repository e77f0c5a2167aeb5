"""Bounds on what untrusted data and schemas may ask of the codec, the same in both engines."""

from __future__ import annotations

MAX_DEPTH = 128
"""How many records, arrays and maps may stand inside each other: both engines recurse. 128 KiB of stack do.

In plain Python each level takes some of the calls that `sys.getrecursionlimit()` allows, of which the caller
has used some: 3 to read, 4 to write, 7 to write where unions have to choose between records.
"""

MOST_DEPTH = 512
"""The largest limit of depth to choose. The native reader takes up to 300 bytes of stack for each level, and
a thread may have no more than 256 KiB. Plain Python has calls for some 300 levels: what is deeper is nested
too deeply for it."""

MOST_PROTO_DEPTH = 256
"""The same for Protobuf, where a message in a map takes up to 800 bytes."""

ITEMS = 65_536
ITEMS_PER_BYTE = 12
"""What one message may be made into: `ITEMS` items, and so many more for each of its bytes.

An item is each record, each of its fields (also one that has its default), each item of an array that took no
bytes, and each byte of a default that is created again for each record: of a list, a map, a record. In
Protobuf also each byte that is read or copied again where a message is merged into what there is. Data
takes one or two for a byte, and more where fields were added: a hundred thousand records of two bytes, with
ten new lists that are empty by default, take 11. So a payload takes up to some 600 times its size in memory
where records become slotted dataclasses, up to some 1,200 times where they become dicts.
"""

CELLS = 1 << 20
CELLS_PER_BYTE = 64
"""How many places of columns one message may fill without a byte of its own for each: the fields of a record
that is null, the branches of a union that are not there, defaults. A place takes some 8 bytes.
"""

DECIMAL_BYTES = 4096
"""How long the number of a big-decimal may be: Python makes decimals of long numbers in quadratic time."""

NUMBER_DIGITS = 4096
"""How many digits a number of a JSON message may have: Python makes long numbers in quadratic time. It is
less than what Python itself turns into text and back by default (`sys.get_int_max_str_digits`)."""

DEFAULT_BYTES = 16 << 20
"""How many bytes the defaults of a schema may make: records in them repeat the defaults of their fields."""

NAME_LENGTH = 1_000
"""How long a full name may be: every name in a namespace repeats it."""

RESOLUTION_WORK = 1_000_000
"""How many types, fields, aliases and symbols may be held against each other to resolve two schemas.

Records of one name are held against each other in pairs. What a schema as large as the parser takes needs,
read by itself, is less.
"""
