"""Protobuf's well-known messages for the writer in plain Python."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from ..error_texts import shown
from ..foreign import own_bool, own_number
from ..protobuf.schema.proto_tree import (
    ANY,
    DATE,
    DECIMAL,
    DURATION,
    LIST_VALUE,
    STRUCT,
    TIMESTAMP,
    VALUE,
    WRAPPERS,
)
from ..protobuf.well_known_values import decimal_parts, duration_parts, timestamp_parts
from ..values import AnyMessage, OutOfRange
from .proto_cursor import DELIMITED, FIXED64, VARINT
from .proto_output import ProtoOut, ProtoWriterNode, proto_scalar_writer, unwanted_value
from .writer import RefusedValueError, place_refused

FIELDS: Final[Mapping[str, Mapping[int, tuple[str, str]]]] = {
    TIMESTAMP: {1: ("seconds", "int64"), 2: ("nanos", "int32")},
    DURATION: {1: ("seconds", "int64"), 2: ("nanos", "int32")},
    ANY: {1: ("type_url", "string"), 2: ("value", "bytes")},
    DATE: {1: ("year", "int32"), 2: ("month", "int32"), 3: ("day", "int32")},
    DECIMAL: {1: ("value", "bytes"), 2: ("precision", "uint32"), 3: ("scale", "int32")},
    **{name: {1: ("value", kind)} for name, kind in WRAPPERS.items()},
}
"""Number, name and kind of the fields of those that hold scalars."""


class ProtoBodyWriterNode(ProtoWriterNode):
    """What is a message on the wire."""

    wire = DELIMITED

    def write(self, out: ProtoOut, value: Any) -> None:
        """Add the message after its length."""
        start = len(out.data)
        self.body(out, value)
        out.close(start)

    @abstractmethod
    def body(self, out: ProtoOut, value: Any) -> None:
        """Add the message's fields."""


class ProtoLeafMessageWriterNode(ProtoBodyWriterNode):
    """A message of scalars; `parts` gives them, or raises `RefusedValueError`. An `OutOfRange` of this
    message is written as it came.
    """

    def __init__(self, name: str, parts: Callable[[Any], tuple[Any, ...]]) -> None:
        self.name = name
        self.parts = parts
        self.nodes = [(number, proto_scalar_writer(kind, True)) for number, (_, kind) in FIELDS[name].items()]

    def body(self, out: ProtoOut, value: Any) -> None:
        """Add the fields that are not zero."""
        out.enter()
        if isinstance(value, OutOfRange) and value.logical_type == self.name and isinstance(value.raw, bytes):
            out.data += value.raw
        else:
            for (number, node), part in zip(self.nodes, self.parts(value)):
                write_implicit(out, number, node, part)
        out.depth += 1


def write_implicit(out: ProtoOut, number: int, node: ProtoWriterNode, value: Any) -> None:
    """Add a field, unless it is zero."""
    inner = ProtoOut(b"")
    node.write(inner, value)
    if not node.is_zero(inner.data):
        out.tag(number, node.wire)
        out.data += inner.data


class ProtoStructWriterNode(ProtoBodyWriterNode):
    """A `Struct`, of a dict; in order of key."""

    def __init__(self) -> None:
        self.keys = proto_scalar_writer("string", True)

    def body(self, out: ProtoOut, value: Any) -> None:
        """Add the entries."""
        if not isinstance(value, dict):
            raise unwanted_value("dict", value)
        out.enter()
        for key, item in sorted(packed_keys(self.keys, value).items()):
            out.tag(1, DELIMITED)
            start = len(out.data)
            out.tag(1, DELIMITED)
            out.varint(len(key))
            out.data += key
            out.tag(2, DELIMITED)
            try:
                _VALUE.write(out, item[1])
            except Exception as error:
                place_refused(error, (shown(item[0]),))
                raise
            out.close(start)
        out.depth += 1


def packed_keys(node: Any, value: dict[Any, Any]) -> dict[bytes, tuple[Any, Any]]:
    """Key and value of each item by the bytes of its key."""
    items = dict.copy(value) if type(value) is dict else dict(dict.items(value))
    out: dict[bytes, tuple[Any, Any]] = {}
    for key, item in items.items():
        try:
            out[node.pack(key)] = key, item
        except Exception as error:
            place_refused(error, (shown(key),))
            raise
    return out


class ProtoValueWriterNode(ProtoBodyWriterNode):
    """A `Value`: None, a bool, a number that a double holds, a str, a dict, or a list."""

    def __init__(self) -> None:
        self.number = proto_scalar_writer("double", True)
        self.text = proto_scalar_writer("string", True)

    def body(self, out: ProtoOut, value: Any) -> None:
        """Add the one field."""
        own = own_bool(own_number(value))
        if own is None or isinstance(own, bool):
            out.tag(1 if own is None else 4, VARINT)
            out.data.append(own is True)
        elif isinstance(own, float | int):
            if isinstance(own, int) and not _is_exact(own):
                raise RefusedValueError("the number has more digits than the double of a Value holds")
            out.tag(2, FIXED64)
            self.number.write(out, own)
        elif isinstance(own, str):
            out.tag(3, DELIMITED)
            self.text.write(out, own)
        elif isinstance(own, dict):
            out.tag(5, DELIMITED)
            _STRUCT.write(out, own)
        elif isinstance(own, list | tuple):
            out.tag(6, DELIMITED)
            _LIST.write(out, own)
        else:
            raise unwanted_value("what JSON has a type for", value)


def _is_exact(number: int) -> bool:
    try:
        return int(float(number)) == number
    except OverflowError:
        return False


class ProtoListValueWriterNode(ProtoBodyWriterNode):
    """A `ListValue`, of a list."""

    def body(self, out: ProtoOut, value: Any) -> None:
        """Add the items."""
        if not isinstance(value, list | tuple):
            raise unwanted_value("list", value)
        out.enter()
        for number, item in enumerate(tuple(value)):
            out.tag(1, DELIMITED)
            try:
                _VALUE.write(out, item)
            except Exception as error:
                place_refused(error, number)
                raise
        out.depth += 1


def _checked(cls: type[Any], wanted: str, parts: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], Any]:
    def checked(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, cls):
            raise unwanted_value(wanted, value)
        try:
            return parts(value)
        except ValueError as error:
            raise RefusedValueError(str(error)) from None

    return checked


def _date(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise unwanted_value("date", value)
    return value.year, value.month, value.day


def _decimal(value: Any) -> tuple[Any, ...]:
    own = own_number(value)
    if not isinstance(own, Decimal | int) or isinstance(own, bool):
        raise unwanted_value("Decimal", value)
    try:
        return decimal_parts(own)
    except ValueError as error:
        raise RefusedValueError(str(error)) from None


_VALUE: Final = ProtoValueWriterNode()
_STRUCT: Final = ProtoStructWriterNode()
_LIST: Final = ProtoListValueWriterNode()
_JSON: Final[Mapping[str, ProtoBodyWriterNode]] = {VALUE: _VALUE, STRUCT: _STRUCT, LIST_VALUE: _LIST}
_PARTS: Final[Mapping[str, Callable[[Any], tuple[Any, ...]]]] = {
    TIMESTAMP: _checked(dt.datetime, "a datetime with a time zone", timestamp_parts),
    DURATION: _checked(dt.timedelta, "timedelta", duration_parts),
    ANY: _checked(AnyMessage, "AnyMessage", lambda value: (value.type_url, value.value)),
    DATE: _date,
    DECIMAL: _decimal,
    **dict.fromkeys(WRAPPERS, lambda value: (value,)),
}


def proto_well_known_writer(name: str) -> ProtoBodyWriterNode:
    """See `proto_build`."""
    return _JSON[name] if name in _JSON else ProtoLeafMessageWriterNode(name, _PARTS[name])
