"""The wire formats that say which schema wrote a message.

- `00` + schema id (4 bytes, big-endian) + payload
- `01` + schema GUID (16 bytes) + payload
- either prefix as the value of the header `__key_schema_id` / `__value_schema_id`, and the payload bare

Of Protobuf there are message indexes after either prefix (`message_indexes.py`).

Source: Confluent's documentation of the wire format, and confluent-kafka's `schema_registry/common/serde.py`.
"""

from __future__ import annotations

import uuid
from typing import TypeAlias

from ..errors import FramingError, KgenError
from ..messages import Headers
from .base import Role
from .message_indexes import read_indexes
from .message_scopes import Indexes

ID_SIZE = 5
GUID_SIZE = 17
HEADERS: dict[Role, str] = {"key": "__key_schema_id", "value": "__value_schema_id"}

SchemaKey: TypeAlias = "int | uuid.UUID"

_FORMATS = "the Confluent wire format begins with 00 and a schema id, or 01 and a schema GUID"


def id_prefix(id: int) -> bytes:  # noqa: A002 - `id` is what registries call it
    """The five bytes before a payload that `id` wrote."""
    return b"\x00" + id.to_bytes(4, "big")


def id_in(prefix: bytes) -> int:
    """The id in what `id_prefix` makes."""
    return int.from_bytes(prefix[1:ID_SIZE], "big")


def split(payload: bytes, headers: Headers, role: Role, *, indexed: bool = False) -> tuple[SchemaKey, int]:
    """Which schema wrote the message, and where in `payload` what follows its prefix begins.

    `indexed`: a header may go on after the prefix. Raises `FramingError`.
    """
    name = HEADERS[role]
    for header, value in headers:
        if header == name:
            return _of_header(name, value, indexed), 0
    key = _of_prefix(payload, role)
    return key, _prefix_size(key)


def split_message(payload: bytes, headers: Headers, role: Role) -> tuple[SchemaKey, Indexes, int]:
    """Which schema wrote the message, which message of it that is, and where in `payload` it begins.

    Raises `FramingError`.
    """
    key, offset = split(payload, headers, role, indexed=True)
    if offset:
        return key, *read_indexes(payload, offset)
    prefix = next(value for name, value in headers if name == HEADERS[role])
    assert prefix is not None  # `split` has read it
    indexes, end = read_indexes(prefix, _prefix_size(key))
    if end < len(prefix):
        raise FramingError(f"header {HEADERS[role]} goes on after the message indexes, at byte {end}")
    return key, indexes, 0


def hinted(error: KgenError, language: str, hint: str) -> KgenError:
    """An error of framing, with `hint` in place of its own if that takes the payload for bare `language`."""
    if error.hint is None or language not in error.hint:
        return error
    return FramingError(error.what, where=error.where, hint=hint)


def _prefix_size(key: SchemaKey) -> int:
    return ID_SIZE if isinstance(key, int) else GUID_SIZE


def _of_header(name: str, value: bytes | None, indexed: bool) -> SchemaKey:
    # confluent-kafka writes the same prefix into the header that would otherwise stand before the payload.
    size = len(value or b"")
    if value and value[0] == 0 and (size == ID_SIZE or (indexed and size > ID_SIZE)):
        return _id(value)
    if value and value[0] == 1 and (size == GUID_SIZE or (indexed and size > GUID_SIZE)):
        return uuid.UUID(bytes=bytes(value[1:GUID_SIZE]))
    shown = "null" if value is None else f"{len(value)} bytes ({_first(value)})" if value else "empty"
    raise FramingError(
        f"header {name} is {shown}, not a schema id or GUID", hint="Expected 00 + 4 bytes, or 01 + 16 bytes."
    )


def _of_prefix(payload: bytes, role: Role) -> SchemaKey:
    if not payload:
        raise FramingError(f"the {role} is empty (0 bytes): {_FORMATS}", hint=_empty_hint(role))
    if payload[0] > 1:
        raise FramingError(
            f"the {role} begins with {_first(payload)}: {_FORMATS}", hint=_guess(payload, role)
        )
    needed = GUID_SIZE if payload[0] else ID_SIZE
    if len(payload) < needed:
        raise FramingError(
            f"the {role} has {len(payload)} bytes ({_first(payload)}), its prefix alone takes {needed}"
        )
    return uuid.UUID(bytes=bytes(payload[1:GUID_SIZE])) if payload[0] else _id(payload)


def _id(prefix: bytes) -> int:
    id_ = int.from_bytes(prefix[1:ID_SIZE], "big", signed=True)
    if id_ < 0:
        raise FramingError(f"schema id {id_} in {_first(prefix)}: schema ids are not negative")
    return id_


def _first(payload: bytes) -> str:
    return bytes(payload[:8]).hex(" ") + (" …" if len(payload) > 8 else "")


def _empty_hint(role: Role) -> str:
    return (
        "A tombstone is a null value; an empty one is not."
        if role == "value"
        else "A missing key is null, not empty."
    )


def _guess(payload: bytes, role: Role) -> str:
    """What the bytes look like, for the reader of the error."""
    if payload[:1] in b'{["' and payload.rstrip()[-1:] in b'}]"':
        return "This looks like JSON text."
    if payload.startswith(b"Obj\x01"):
        return "This looks like an Avro container file."
    if payload.startswith(b"\xc3\x01"):
        return "This looks like Avro's single-object encoding."
    if _is_text(payload):
        return (
            f"This looks like text. If all {role}s of the topic are, "
            f'`{role} = "string"` under it in kgen.toml reads them as such.'
        )
    if _is_protobuf(payload):
        return "This may be Protobuf, or Avro without a schema id."
    return "This may be Avro without a schema id, or another producer's format."


def _is_text(payload: bytes) -> bool:
    # The cut may fall inside a character, hence ASCII only.
    return all(32 <= byte < 127 or byte in b"\t\r\n" for byte in payload[:64])


def _is_protobuf(payload: bytes) -> bool:
    # A message begins with a tag: a field number from 1 and one of four wire types.
    return payload[0] >> 3 > 0 and payload[0] & 7 in (0, 1, 2, 5)
