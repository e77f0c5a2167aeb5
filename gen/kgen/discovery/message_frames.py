"""How a key or a value is framed: what says which schema wrote it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from kgen_runtime.errors import FramingError
from kgen_runtime.messages import Headers
from kgen_runtime.serde import Role
from kgen_runtime.serde.framing import GUID_SIZE, HEADERS, ID_SIZE, split

Framing: TypeAlias = Literal["id", "GUID", "id in a header", "GUID in a header", "Glue", "none", "null"]
"""`id` is magic byte 0 and a schema id, `GUID` magic byte 1 and a GUID; either may stand in a header instead.
`Glue` is the framing of AWS Glue: 03, the compression, and the UUID of a version. `none`: no schema is named.
"""

_GLUE_SIZE: Final = 18
_COMPRESSIONS: Final = (0, 5)  # none, zlib


@dataclass(frozen=True)
class Frame:
    """The framing of a payload, and the schema that it names, if it does."""

    framing: Framing
    key: int | uuid.UUID | None = None


def frame_of(payload: bytes | None, headers: Headers, role: Role) -> Frame:
    """The frame of one payload. Raises nothing."""
    in_header = next((value for name, value in headers if name == HEADERS[role]), None)
    if payload is None:
        return Frame("null")
    if in_header is not None:
        return _in_header(in_header)
    if len(payload) >= _GLUE_SIZE and payload[0] == 3 and payload[1] in _COMPRESSIONS:
        return Frame("Glue", uuid.UUID(bytes=bytes(payload[2:_GLUE_SIZE])))
    try:
        key, _ = split(payload, (), role)
    except FramingError:
        return Frame("none")
    return Frame("id" if isinstance(key, int) else "GUID", key)


def _in_header(value: bytes) -> Frame:
    """Message indexes of Protobuf stand behind the name in a header, too."""
    size = GUID_SIZE if value[:1] == b"\x01" else ID_SIZE
    try:
        key, _ = split(value[:size], (), "value")
    except FramingError:
        return Frame("none")
    return Frame("id in a header" if isinstance(key, int) else "GUID in a header", key)
