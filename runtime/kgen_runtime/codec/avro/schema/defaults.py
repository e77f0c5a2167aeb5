"""JSON defaults of a schema as Avro binary: what validates them, and what readers make fresh values from.

A union's value in a default is of its first branch: Avro 1.12 takes one of any branch, but readers of
versions before it fail on that. A record's default may leave out fields that have defaults of their own.
Work is bounded: a schema is untrusted, and nested defaults can multiply without end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from ...limits import DEFAULT_BYTES
from ...python.reader import Cursor, DamagedError, scalar
from ...varint import zigzag
from .tree import NO_DEFAULT, Array, Enum, Fixed, Logical, Map, Named, Node, Primitive, Record, Ref, Union

MAX_DEPTH = 64
MAX_STEPS = 1_000_000
_FLOAT_WORDS = ("NaN", "Infinity", "-Infinity")


class BadDefaultError(ValueError):
    """The default does not fit its type."""


class EndlessError(BadDefaultError):
    """The default never ends: a record in it takes its own default for a field that holds the same record."""


class FirstBranchError(BadDefaultError):
    """A union's value is not of its first branch."""


class TooMuchError(BadDefaultError):
    """The defaults of this schema are more work than they may be."""


class DefaultEncoder:
    """Writes JSON defaults as Avro binary.

    The work of one encoder is bounded by `MAX_STEPS`, and by `DEFAULT_BYTES`: of the strings, and of what is
    made for each type around it.
    """

    def __init__(self, names: Mapping[str, Named]) -> None:
        self._names = names
        self._steps = 0
        self._bytes = 0
        self._symbols: dict[str, dict[str, int]] = {}

    @property
    def work(self) -> tuple[int, int]:
        """The steps and bytes taken so far."""
        return self._steps, self._bytes

    def encode(self, node: Node, value: Any, depth: int = 0) -> bytes:
        """`value` as Avro binary of `node`. Raises `BadDefaultError`."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooMuchError("takes too many steps, with the defaults before it")
        if depth > MAX_DEPTH:
            raise EndlessError(f"is nested more than {MAX_DEPTH} deep")
        if isinstance(value, str):
            self._spend(len(value))
        data = self._encode(node, value, depth)
        self._spend(len(data))
        return data

    def _spend(self, size: int) -> None:
        self._bytes += size
        if self._bytes > DEFAULT_BYTES:
            raise TooMuchError("makes too many bytes, with the defaults before it")

    def _encode(self, node: Node, value: Any, depth: int) -> bytes:
        if isinstance(node, Primitive):
            return _of_logical(node.logical, _PRIMITIVES[node.type](value), -1, node.type == "int")
        if isinstance(node, Union):
            return self._union(node, value, depth)
        if isinstance(node, Array):
            return self._array(node, value, depth)
        if isinstance(node, Map):
            return self._map(node, value, depth)
        return self._named(node, value, depth)

    def _union(self, node: Union, value: Any, depth: int) -> bytes:
        if not node.branches:
            raise BadDefaultError("fits no branch of the union")
        try:
            return zigzag(0) + self.encode(node.branches[0], value, depth + 1)
        except (EndlessError, TooMuchError, FirstBranchError):
            raise
        except BadDefaultError as error:
            raise FirstBranchError(f"does not fit the union's first branch: it {error}") from None

    def _array(self, node: Array, value: Any, depth: int) -> bytes:
        if not isinstance(value, list):
            raise BadDefaultError("must be a list")
        items = b"".join(self.encode(node.items, item, depth + 1) for item in value)
        return zigzag(len(value)) + items + b"\0" if value else b"\0"

    def _map(self, node: Map, value: Any, depth: int) -> bytes:
        if not isinstance(value, dict):
            raise BadDefaultError("must be an object")
        items = b"".join(
            _string(key) + self.encode(node.values, item, depth + 1) for key, item in value.items()
        )
        return zigzag(len(value)) + items + b"\0" if value else b"\0"

    def _named(self, ref: Ref, value: Any, depth: int) -> bytes:
        named = self._names[ref.name]
        if isinstance(named, Record):
            return self._record(named, value, depth)
        if isinstance(named, Enum):
            return self._enum(named, value)
        return _of_logical(named.logical, _fixed(named, value), named.size)

    def _enum(self, enum: Enum, value: Any) -> bytes:
        if enum.name not in self._symbols:
            self._symbols[enum.name] = {symbol: number for number, symbol in enumerate(enum.symbols)}
        number = self._symbols[enum.name].get(value) if isinstance(value, str) else None
        if number is None:
            raise BadDefaultError(f"must be a symbol of {enum.name}")
        return zigzag(number)

    def _record(self, record: Record, value: Any, depth: int) -> bytes:
        if not isinstance(value, dict):
            raise BadDefaultError("must be an object")
        parts = []
        for field in record.fields:
            item = value.get(field.name, field.default)
            if item is NO_DEFAULT:
                raise BadDefaultError(f"lacks the field {field.name}")
            parts.append(self.encode(field.type, item, depth + 1))
        return b"".join(parts)


def _of_logical(logical: Logical | None, data: bytes, size: int, narrow: bool = False) -> bytes:
    """The data, if the logical type has a value for it: an empty UUID has none. The year 10000 has one, also
    where Python has not.
    """
    if logical is not None:
        node = scalar(logical.name, narrow, size, logical.precision, logical.scale, keeps=True)
        try:
            node.read(Cursor(data, 0, 0))
        except DamagedError as error:
            raise BadDefaultError(f"is not a {logical.name}: {error.what}") from None
    return data


def _null(value: Any) -> bytes:
    if value is not None:
        raise BadDefaultError("must be null")
    return b""


def _boolean(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise BadDefaultError("must be true or false")
    return b"\1" if value else b"\0"


def _integer(bits: int) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        if type(value) is not int or not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise BadDefaultError(f"must be an integer of {bits} bits")
        return zigzag(value)

    return encode


def _real(form: str) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        if isinstance(value, bool) or not (isinstance(value, int | float) or value in _FLOAT_WORDS):
            raise BadDefaultError("must be a number")
        try:
            return struct.pack(form, float(value))
        except OverflowError:
            raise BadDefaultError("is too large a number") from None

    return encode


def _bytes(value: Any) -> bytes:
    raw = _latin(value)
    return zigzag(len(raw)) + raw


def _latin(value: Any) -> bytes:
    if not isinstance(value, str):
        raise BadDefaultError("must be a string of the code points 0 to 255")
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise BadDefaultError("must be a string of the code points 0 to 255") from None


def _string(value: Any) -> bytes:
    if not isinstance(value, str):
        raise BadDefaultError("must be a string")
    raw = value.encode()
    return zigzag(len(raw)) + raw


def _fixed(fixed: Fixed, value: Any) -> bytes:
    if isinstance(value, str) and len(value) != fixed.size:
        raise BadDefaultError(f"must be a string of {fixed.size} code points")
    return _latin(value)


_PRIMITIVES: dict[str, Callable[[Any], bytes]] = {
    "null": _null,
    "boolean": _boolean,
    "int": _integer(32),
    "long": _integer(64),
    "float": _real("<f"),
    "double": _real("<d"),
    "bytes": _bytes,
    "string": _string,
}
