"""The messages of a Protobuf file by its descriptor, in base64, which some clients register as its text."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import Final, TypeAlias

from ..errors import SchemaError
from .message_scopes import MAX_NESTED, MessageOrder, MessageScope, OrderBuilder, checked_name

_Field: TypeAlias = "tuple[int, int | bytes]"

# Of descriptor.proto: fields of FileDescriptorProto, DescriptorProto, FieldDescriptorProto, MessageOptions.
_FILE_PACKAGE, _FILE_MESSAGE, _FILE_EXTENSION = 2, 4, 7
_NAME, _FIELD, _NESTED, _EXTENSION, _OPTIONS = 1, 2, 3, 6, 7
_FIELD_TYPE, _FIELD_TYPE_NAME, _MAP_ENTRY = 5, 6, 7
_GROUP: Final = 10

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def described_order(text: str) -> MessageOrder:
    """The messages of a FileDescriptorProto. Raises `SchemaError` if it is not one."""
    order = OrderBuilder()
    try:
        file = list(_fields(b64decode("".join(text.split()), validate=True)))
        scope = MessageScope(checked_name(_text(file, _FILE_PACKAGE)))
        _add(order, scope, file, _FILE_MESSAGE, _groups(file, _FILE_EXTENSION))
    except (binascii.Error, ValueError, IndexError):
        raise SchemaError("neither a Protobuf file nor the descriptor of one") from None
    return order.made(scope.name)


def _add(
    order: OrderBuilder, scope: MessageScope, within: list[_Field], number: int, groups: frozenset[str]
) -> None:
    for message in map(list, map(_fields, _parts(within, number))):
        if any((_MAP_ENTRY, 1) in _fields(options) for options in _parts(message, _OPTIONS)):
            scope.take_entry()
            continue
        name = _text(message, _NAME)
        made = order.add(scope, name, is_written=name not in groups)
        if len(made.described) > MAX_NESTED:
            raise SchemaError(f"messages are nested more than {MAX_NESTED} levels deep")
        inside = _groups(message, _FIELD) | _groups(message, _EXTENSION)
        _add(order, made, message, _NESTED, inside)


def _groups(within: list[_Field], number: int) -> frozenset[str]:
    """The names of the messages that groups are."""
    fields = map(list, map(_fields, _parts(within, number)))
    groups = (each for each in fields if (_FIELD_TYPE, _GROUP) in each)
    return frozenset(_text(each, _FIELD_TYPE_NAME).rpartition(".")[2] for each in groups)


def _text(fields: list[_Field], number: int) -> str:
    return next(_parts(fields, number), b"").decode()


def _parts(fields: list[_Field], number: int) -> Iterator[bytes]:
    return (value for found, value in fields if found == number and isinstance(value, bytes))


def _fields(data: bytes) -> Iterator[_Field]:
    """Field numbers and values. Raises `IndexError` or `ValueError` if they do not end with the data."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            number, at = _varint(data, at)
            yield tag >> 3, number
            continue
        size = 8 if kind == _FIXED64 else 4
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind not in (_FIXED64, _FIXED32):
            raise ValueError("a group")
        if size > len(data) - at:
            raise IndexError
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for i in range(10):
        byte = data[at + i]
        number |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return number, at + i + 1
    raise ValueError("a varint of more than 10 bytes")
