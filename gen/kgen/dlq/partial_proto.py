"""The fields of a Protobuf payload up to the one that is wrong."""

from __future__ import annotations

from typing import Any

from kgen_runtime.codec import make_proto_reader
from kgen_runtime.codec.protobuf.proto_json import ProtoJson
from kgen_runtime.codec.protobuf.schema.proto_tree import ProtoSchema
from kgen_runtime.errors import DecodeError, KgenError
from kgen_runtime.reporting.printable import bounded

from .partial_decode import MOST_FIELDS, MOST_TEXT, DecodedField, PartialDecode, value_text


def decode_proto(schema: ProtoSchema, root: str, payload: bytes, at: int) -> PartialDecode:
    """What can be read of `payload` from byte `at`, a message of the full name `root`: of one that is damaged
    the fields of the message itself that are whole before the byte at fault. Raises nothing.
    """
    found = PartialDecode()
    try:
        reader = make_proto_reader(schema, root, out_of_range="raw")
        try:
            value = reader.decode(payload, at)
        except DecodeError as error:
            found.what, found.path, found.position = error.what, error.path, error.position
            value = reader.decode(payload[: _whole(payload, at, error.position)], at)
        found.more = not _add(ProtoJson(schema, root).of_value(value), "", found.fields)
    except (KgenError, RecursionError) as error:
        found.what = found.what or str(error)[:MOST_TEXT]
    return found


def _whole(payload: bytes, at: int, end: int) -> int:
    """Where the last field ends that is whole before byte `end`."""
    last = at
    while at < end:
        tag, at = _varint(payload, at)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(payload, at)
        elif kind == 2:
            size, at = _varint(payload, at)
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            break
        if at <= end:
            last = at
    return last


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    number = 0
    for i, byte in enumerate(payload[at : at + 10]):
        number |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return number, at + i + 1
    return 0, len(payload) + 1  # no end: nothing is whole from here on


def _add(value: Any, path: str, fields: list[DecodedField]) -> bool:
    """Whether there is room for all values without parts."""
    if isinstance(value, dict) and value:
        return all(_add(item, f"{path}.{name}" if path else name, fields) for name, item in value.items())
    if isinstance(value, list) and value:
        return all(_add(item, f"{path}[{i}]", fields) for i, item in enumerate(value))
    if len(fields) >= MOST_FIELDS:
        return False
    fields.append(DecodedField(bounded(path or "/", MOST_TEXT), value_text(value), -1, -1))
    return True
