"""How the fields of a message stand in it, and in the object or dict that is made of it: both engines'
words.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

IMPLICIT: Final = 0
"""Absent is the type's zero, which is not written."""
EXPLICIT: Final = 1
"""Absent is None."""
REQUIRED: Final = 2
"""Absent is an error."""
REPEATED: Final = 3
"""A list. Read packed and unpacked, written unpacked."""
PACKED: Final = 4
"""A list. Read packed and unpacked, written packed."""
MAP: Final = 5
"""A dict."""
NULLABLE: Final = 6
"""A `google.protobuf.Value`: None is its null, absent is `ABSENT`. In a `holder` None is its null too, and no
holder is None as for other members."""


class FieldShape(NamedTuple):
    """A field of a message, for nodes of readers and writers alike."""

    number: int
    name: str
    """As in the .proto file, for field paths; in dicts the key."""
    slot: int
    """Which of the node's `attributes` holds it: that of its oneof, for a member of one. In dicts each field
    has its own."""
    node: Any
    shape: int
    group: bool
    """Delimited by a tag at its end (wire types 3 and 4) and not by a length."""
    holder: type[Any] | None
    """The class that holds a member of a oneof, in its one attribute `value`; None for other fields, and in
    dicts."""
    oneof: int
    """Members of one oneof have one number, from 0 on; -1 for other fields."""
