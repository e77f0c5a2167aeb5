"""The reader in plain Python, if no C compiler was: nodes, results and errors as in `_reader.pyx`."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from ...errors import DecodeError
from .. import reasons
from ..branches import of_branch
from ..decimals import EXACT, TooLongError, bound, number_size
from ..error_texts import refusal_text
from ..field_paths import Part, field_path
from ..limits import DECIMAL_BYTES, ITEMS, ITEMS_PER_BYTE, MAX_DEPTH
from ..ranges import BeyondError, decimal_outside, limits, number_outside
from ..uuids import uuid_of_text
from ..values import Duration, LocalTimestampNanos, TimestampNanos
from .payload_reader import PayloadReader

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_DURATION = struct.Struct("<III")
_EPOCH = dt.datetime(1970, 1, 1)
_UTC_EPOCH = _EPOCH.replace(tzinfo=dt.timezone.utc)
_EPOCH_DAY = _EPOCH.toordinal()
_DAY = 86_400_000_000


class DamagedError(Exception):
    """The bytes at `at` are wrong; `parts` is the field path, innermost first."""

    def __init__(self, what: str, at: int, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.at = at
        self.hint = hint
        self.parts: list[Part] = []


class Cursor:
    """Where reading stands in the data, and what it may still spend."""

    __slots__ = ("at", "data", "depth", "end", "items")

    def __init__(self, data: bytes, at: int, depth: int) -> None:
        self.data = data
        self.at = at
        self.end = len(data)
        self.depth = depth
        self.items = ITEMS + ITEMS_PER_BYTE * (self.end - at)

    def long(self) -> int:
        """A zigzag varint of up to 64 bits."""
        data, at, shift, n = self.data, self.at, 0, 0
        if at < self.end and data[at] < 0x80:  # one byte: most lengths, counts and branches
            self.at = at + 1
            return (data[at] >> 1) ^ -(data[at] & 1)
        while True:
            if at >= self.end:
                raise DamagedError(reasons.ENDS, self.at)
            byte = data[at]
            if shift == 63 and byte > 1:
                raise DamagedError(reasons.OVERLONG, self.at)
            at += 1
            n |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        self.at = at
        return (n >> 1) ^ -(n & 1)

    def narrow(self) -> int:
        """A zigzag varint of up to 32 bits."""
        start = self.at
        n = self.long()
        if not -0x8000_0000 <= n <= 0x7FFF_FFFF:
            raise DamagedError(reasons.NOT_INT, start)
        return n

    def take(self, size: int) -> bytes:
        """So many bytes."""
        at = self.at
        if size > self.end - at:
            raise DamagedError(reasons.ENDS, at)
        self.at = at + size
        return self.data[at : at + size]

    def size(self) -> int:
        """A length that what is left can hold."""
        start = self.at
        size = self.long()
        if 0 <= size <= self.end - self.at:
            return size
        raise DamagedError(reasons.NEGATIVE if size < 0 else reasons.ENDS, start)

    def block(self) -> tuple[int, int]:
        """The head of a block: its count, and its size in bytes or -1 where that is not written."""
        start = self.at
        count = self.long()
        if count >= 0:
            return count, -1
        if count == -1 << 63:
            raise DamagedError(reasons.BAD_BLOCK, start)
        return -count, self.size()

    def enter(self) -> None:
        """Go one record, array or map deeper."""
        if self.depth <= 0:
            raise DamagedError(reasons.TOO_DEEP, self.at)
        self.depth -= 1

    def spend(self, start: int) -> None:
        """Count a value, from `start`, if it took no bytes."""
        if self.at == start:
            self.charge(1)

    def charge(self, cost: int) -> None:
        """Take `cost` from the items that the message may still make."""
        if self.items < cost:
            raise DamagedError(reasons.TOO_EMPTY, self.at)
        self.items -= cost


class Node:
    """Reads one kind of value. `skip` moves past it and makes nothing of it."""

    def read(self, c: Cursor) -> Any:
        """The value at the cursor."""
        raise NotImplementedError

    def skip(self, c: Cursor) -> None:
        """Move past the value at the cursor."""
        raise NotImplementedError


class NeverNode(Node):
    """A branch that the reader's schema cannot read."""

    def __init__(self, why: str) -> None:
        self.why = why

    def read(self, c: Cursor) -> Any:
        """Refuse."""
        raise DamagedError(self.why, c.at)

    def skip(self, c: Cursor) -> None:
        """Refuse."""
        raise DamagedError(self.why, c.at)


class NullNode(Node):
    """Null: no bytes."""

    def read(self, c: Cursor) -> Any:
        """None."""
        return

    def skip(self, c: Cursor) -> None:
        """Nothing to skip."""


class BooleanNode(Node):
    """One byte."""

    def read(self, c: Cursor) -> Any:
        """True or False."""
        start = c.at
        byte = c.take(1)[0]
        if byte > 1:
            raise DamagedError(reasons.NOT_BOOLEAN, start)
        return byte == 1

    def skip(self, c: Cursor) -> None:
        """Move on one byte."""
        c.take(1)


class NumberNode(Node):
    """What stands as a varint, made by `make`; `narrow` where it was written as an int. What `make` has no
    value for is up to `outside`.
    """

    def __init__(
        self, narrow: bool, make: Callable[[int], Any], outside: Callable[[int], Any] | None = None
    ) -> None:
        self.narrow = narrow
        self.make = make
        self.outside = outside or make

    def read(self, c: Cursor) -> Any:
        """The number, as what it stands for."""
        start = c.at
        number = c.narrow() if self.narrow else c.long()
        try:
            return self.make(number)
        except (OverflowError, ValueError):
            pass
        try:
            return self.outside(number)
        except BeyondError as error:
            raise DamagedError(error.what, start, error.hint) from None

    def skip(self, c: Cursor) -> None:
        """Move past the number."""
        c.narrow() if self.narrow else c.long()


class LongNode(NumberNode):
    """An int or a long."""

    def __init__(self, narrow: bool) -> None:
        super().__init__(narrow, int)

    def read(self, c: Cursor) -> Any:
        """The number."""
        return c.narrow() if self.narrow else c.long()


class RealNode(Node):
    """A float or a double."""

    def __init__(self, form: struct.Struct) -> None:
        self.form = form

    def read(self, c: Cursor) -> Any:
        """The number."""
        return self.form.unpack(c.take(self.form.size))[0]

    def skip(self, c: Cursor) -> None:
        """Move past the number."""
        c.take(self.form.size)


class BlobNode(Node):
    """A run of bytes, made by `make`: `size` of them, or with the length before them where that is -1.

    `why` it may not be, and `empty` if there are none.
    """

    def __init__(self, size: int, make: Callable[[bytes], Any], why: str, empty: str = "") -> None:
        self.size = size
        self.make = make
        self.why = why
        self.empty = empty or why

    def read(self, c: Cursor) -> Any:
        """The bytes, as what they stand for."""
        start = c.at
        size = c.long() if self.size < 0 else self.size
        at = c.at
        if size < 0 or size > c.end - at:
            raise DamagedError(reasons.NEGATIVE if size < 0 else reasons.ENDS, start)
        c.at = at + size
        try:
            return self.make(c.data[at : at + size])
        except BeyondError as error:
            raise DamagedError(error.what, start, error.hint) from None
        except TooLongError as error:
            raise DamagedError(error.why, start) from None
        except (ValueError, ArithmeticError, DamagedError):
            raise DamagedError(self.why if size else self.empty, start) from None

    def skip(self, c: Cursor) -> None:
        """Move past the bytes."""
        c.take(c.size() if self.size < 0 else self.size)


class BranchNode(Node):
    """A value that remembers the branch of the reader's union."""

    def __init__(self, node: Node, branch: str) -> None:
        self.node = node
        self.branch = branch

    def read(self, c: Cursor) -> Any:
        """The value, of that branch."""
        return of_branch(self.node.read(c), self.branch)

    def skip(self, c: Cursor) -> None:
        """Move past the value."""
        self.node.skip(c)


class EnumNode(Node):
    """`values` by the writer's index; `reasons` says for those that are None why the reader has none."""

    def __init__(self, values: tuple[Any, ...], why: tuple[str, ...]) -> None:
        self.values = values
        self.why = why

    def read(self, c: Cursor) -> Any:
        """The symbol."""
        start = c.at
        number = c.narrow()
        if not 0 <= number < len(self.values):
            raise DamagedError(reasons.NO_SYMBOL, start)
        value = self.values[number]
        if value is None:
            raise DamagedError(self.why[number], start)
        return value

    def skip(self, c: Cursor) -> None:
        """Move past the symbol's number."""
        c.narrow()


class ChoiceNode(Node):
    """A writer's union."""

    def __init__(self, branches: tuple[Node, ...]) -> None:
        self.branches = branches

    def _pick(self, c: Cursor) -> Node:
        start = c.at
        number = c.narrow()
        if not 0 <= number < len(self.branches):
            raise DamagedError(reasons.NO_BRANCH, start)
        return self.branches[number]

    def read(self, c: Cursor) -> Any:
        """The value of the branch that was written."""
        return self._pick(c).read(c)

    def skip(self, c: Cursor) -> None:
        """Move past the branch that was written."""
        self._pick(c).skip(c)


def _skip_blocks(c: Cursor, key: Node | None, item: Node) -> None:
    """Move past the blocks of an array or map, by their size in bytes where that is written."""
    c.enter()
    while True:
        count, size = c.block()
        if count == 0:
            break
        if size >= 0:
            c.at += size
            continue
        for _ in range(count):
            start = c.at
            if key is not None:
                key.skip(c)
            item.skip(c)
            c.spend(start)
    c.depth += 1


class ListNode(Node):
    """An array."""

    def __init__(self, items: Node) -> None:
        self.items = items

    def read(self, c: Cursor) -> Any:
        """The items, in a new list."""
        out: list[Any] = []
        c.enter()
        while True:
            count, _ = c.block()
            if count == 0:
                break
            self._items(c, count, out)
        c.depth += 1
        return out

    def _items(self, c: Cursor, count: int, out: list[Any]) -> None:
        read = self.items.read
        for _ in range(count):
            start = c.at
            try:
                out.append(read(c))
            except DamagedError as error:
                error.parts.append(len(out))
                raise
            if c.at == start:
                c.spend(start)

    def skip(self, c: Cursor) -> None:
        """Move past the items."""
        _skip_blocks(c, None, self.items)


class MapNode(Node):
    """A map."""

    def __init__(self, values: Node) -> None:
        self.values = values
        self.key = BlobNode(-1, bytes.decode, reasons.NOT_UTF8)

    def read(self, c: Cursor) -> Any:
        """The items, in a new dict."""
        out: dict[str, Any] = {}
        c.enter()
        while True:
            count, _ = c.block()
            if count == 0:
                break
            for _ in range(count):
                key = self.key.read(c)
                try:
                    out[key] = self.values.read(c)
                except DamagedError as error:
                    error.parts.append((key,))
                    raise
        c.depth += 1
        return out

    def skip(self, c: Cursor) -> None:
        """Move past the items."""
        _skip_blocks(c, self.key, self.values)


class DefaultNode:
    """The value of a field that the writer lacks: read from `data` each time, or held if immutable."""

    def __init__(self, data: bytes, node: Node) -> None:
        self.data = data
        self.node = node
        self.held = False
        self.value: Any = None

    def probe(self) -> Any:
        """Read the value once. Raises `DecodeError`."""
        return NodeReader(self.node, MAX_DEPTH, True).decode(self.data)

    def hold(self, value: Any) -> None:
        """Give this value from now on."""
        self.value = value
        self.held = True

    def make(self, c: Cursor) -> Any:
        """The value. What is wrong with it is reported where the record stands."""
        if self.held:
            return self.value
        c.charge(len(self.data))
        inner = Cursor(self.data, 0, c.depth)
        inner.items = c.items
        try:
            value = self.node.read(inner)
        except DamagedError as error:
            error.at = c.at
            raise
        c.items = inner.items
        return value


class RecordNode(Node):
    """The fields of a record as they were written, for a class (or dict) that takes them by keyword.

    `cost`: what one record is charged, besides the defaults that are made for it.
    """

    def __init__(self, cls: Callable[..., Any] | None, names: tuple[str, ...]) -> None:
        self.cls = cls or dict
        self.names = names

    def fill(
        self, steps: tuple[tuple[str, Node, int], ...], defaults: tuple[tuple[str, DefaultNode, int], ...]
    ) -> None:
        """`steps`: (name, node, target or -1) as written; `defaults`: (name, node, target)."""
        self.steps = [
            (name, node, None if target < 0 else self.names[target]) for name, node, target in steps
        ]
        self.defaults = [(name, node, self.names[target]) for name, node, target in defaults]
        self.cost = 1 + len(steps) + len(defaults)

    def read(self, c: Cursor) -> Any:
        """An object of the class."""
        c.enter()
        c.charge(self.cost)
        out = self._values(c)
        value = out if self.cls is dict else self._call(c, out)
        c.depth += 1
        return value

    def _values(self, c: Cursor) -> dict[str, Any]:
        out: dict[str, Any] = dict.fromkeys(self.names)
        for name, node, target in self.steps:
            try:
                if target is None:
                    node.skip(c)
                else:
                    out[target] = node.read(c)
            except DamagedError as error:
                error.parts.append(name)
                raise
        for name, default, target in self.defaults:
            try:
                out[target] = default.make(c)
            except DamagedError as error:
                error.parts.append(name)
                raise
        return out

    def _call(self, c: Cursor, values: dict[str, Any]) -> Any:
        try:
            return self.cls(**values)
        except MemoryError:
            raise
        except Exception as error:
            if error.__traceback__:  # this frame holds on to the payload
                error.__traceback__ = error.__traceback__.tb_next
            raise DamagedError(refusal_text(error), c.at) from error

    def skip(self, c: Cursor) -> None:
        """Move past the fields."""
        c.enter()
        c.charge(self.cost)
        for name, node, _ in self.steps:
            try:
                node.skip(c)
            except DamagedError as error:
                error.parts.append(name)
                raise
        c.depth += 1


SlotRecordNode = CallRecordNode = DictRecordNode = RecordNode


def _date(days: int) -> dt.date:
    return dt.date.fromordinal(days + _EPOCH_DAY)


def _time(micros: int) -> Callable[[int], dt.time]:
    def make(number: int) -> dt.time:
        if not 0 <= number < _DAY // micros:
            raise ValueError
        seconds, rest = divmod(number * micros, 1_000_000)
        return dt.time(seconds // 3600, seconds // 60 % 60, seconds % 60, rest)

    return make


def _timestamp(epoch: dt.datetime, micros: int) -> Callable[[int], dt.datetime]:
    return lambda number: epoch + dt.timedelta(microseconds=number * micros)


def _of_nanos(epoch: dt.datetime) -> Callable[[int], dt.datetime]:
    return lambda number: epoch + dt.timedelta(microseconds=number // 1000)


def _nanos(cls: type[int], unit: int) -> Callable[[int], int]:
    def make(number: int) -> int:
        nanos = number * unit
        if not -1 << 63 <= nanos < 1 << 63:
            raise ValueError
        return cls(nanos)

    return make


def single_of_int(number: int) -> float:
    """The nearest float of 32 bits. By way of the nearest double it would be rounded twice."""
    spare = max(abs(number).bit_length() - 53, 0)
    whole = abs(number) >> spare
    if whole << spare != abs(number):
        whole |= 1  # so that it is not a tie
    rounded = float(_FLOAT.unpack(_FLOAT.pack(whole << spare))[0])
    return -rounded if number < 0 else rounded


def _whole(data: bytes, most: int, why: str) -> int:
    """A number of at most so many bytes, besides those that only repeat its sign.

    `why` it may not be longer.
    """
    if not data:
        raise ValueError
    padding = min(len(data) - len(data.lstrip(b"\0" if data[0] < 0x80 else b"\xff")), len(data) - 1)
    if len(data) - padding > most:
        raise TooLongError(why)
    return int.from_bytes(data, "big", signed=True)


def _decimal(precision: int, scale: int, keeps: bool) -> Callable[[bytes], Any]:
    limit = bound(precision)
    most = number_size(limit)
    outside = decimal_outside(precision, scale, keeps)

    def make(data: bytes) -> Any:
        try:
            number = _whole(data, most, "")
        except TooLongError:
            return outside(data)
        return Decimal(number).scaleb(-scale, EXACT) if -limit < number < limit else outside(data)

    return make


def _big_decimal(data: bytes) -> Decimal:
    inner = Cursor(data, 0, 0)
    whole = Decimal(_whole(inner.take(inner.size()), DECIMAL_BYTES, reasons.LONG_DECIMAL))
    scale = inner.narrow()
    if inner.at != inner.end:
        raise ValueError
    return whole.scaleb(-scale, EXACT)


_NUMBERS: dict[str, Callable[[int], Any]] = {
    "integer-as-float": single_of_int,
    "integer-as-double": float,
    "date": _date,
    "time-millis": _time(1000),
    "time-micros": _time(1),
    "timestamp-millis": _timestamp(_UTC_EPOCH, 1000),
    "timestamp-micros": _timestamp(_UTC_EPOCH, 1),
    "timestamp-nanos": TimestampNanos,
    "timestamp-millis-as-nanos": _nanos(TimestampNanos, 1_000_000),
    "timestamp-micros-as-nanos": _nanos(TimestampNanos, 1000),
    "timestamp-nanos-as-datetime": _of_nanos(_UTC_EPOCH),
    "local-timestamp-millis": _timestamp(_EPOCH, 1000),
    "local-timestamp-micros": _timestamp(_EPOCH, 1),
    "local-timestamp-nanos": LocalTimestampNanos,
    "local-timestamp-millis-as-nanos": _nanos(LocalTimestampNanos, 1_000_000),
    "local-timestamp-micros-as-nanos": _nanos(LocalTimestampNanos, 1000),
    "local-timestamp-nanos-as-datetime": _of_nanos(_EPOCH),
}


def scalar(kind: str, narrow: bool, size: int, precision: int, scale: int, keeps: bool = False) -> Node:
    """The node for a primitive or logical type; `narrow`: written as an int; `size` of a fixed or -1;
    `keeps`: what Python has no value for is read as an `OutOfRange`.
    """
    if kind in ("int", "long"):
        return LongNode(narrow)
    if kind in _NUMBERS:
        return NumberNode(narrow, _NUMBERS[kind], _outside(kind, keeps))
    if kind in ("null", "boolean"):
        return NullNode() if kind == "null" else BooleanNode()
    if kind in ("float", "double"):
        return RealNode(_FLOAT if kind == "float" else _DOUBLE)
    return _blob(kind, size, precision, scale, keeps)


def _outside(kind: str, keeps: bool) -> Callable[[int], Any] | None:
    return number_outside(kind, keeps) if limits(kind) or kind.endswith("-as-nanos") else None


def _blob(kind: str, size: int, precision: int, scale: int, keeps: bool) -> Node:
    if kind == "string":
        return BlobNode(-1, bytes.decode, reasons.NOT_UTF8)
    if kind == "uuid":
        return BlobNode(size, uuid_of_text if size < 0 else lambda data: UUID(bytes=data), reasons.BAD_UUID)
    if kind == "decimal":
        return BlobNode(size, _decimal(precision, scale, keeps), reasons.EMPTY_DECIMAL)
    if kind == "big-decimal":
        return BlobNode(size, _big_decimal, reasons.BAD_DECIMAL, reasons.EMPTY_DECIMAL)
    if kind == "duration":
        return BlobNode(size, lambda data: Duration(*_DURATION.unpack(data)), reasons.ENDS)
    return BlobNode(size, bytes, reasons.ENDS)


def _attempt(root: Node, c: Cursor, whole: bool) -> tuple[Any, DecodeError | None]:
    """A value, or None and an error: made outside of the handler, so that it holds on to no payload."""
    try:
        value = root.read(c)
    except DamagedError as error:
        what, at, path, cause = error.what, error.at, field_path(error.parts), error.__cause__
        hint = error.hint
    except RecursionError:
        what, at, path, cause, hint = reasons.TOO_DEEP, c.at, "", None, None
    else:
        if c.at == c.end or not whole:
            return value, None
        what = f"{c.end - c.at} bytes are left over after the value"
        at, path, cause, hint = c.at, "", None, None
    refused = DecodeError(what, position=at, path=path, hint=hint)
    refused.__cause__ = cause
    return None, refused


class NodeReader(PayloadReader):
    """Decodes with a tree of nodes. Its methods are those of `codec.Reader`."""

    def __init__(self, root: Node, max_depth: int, whole: bool) -> None:
        self._root = root
        self._max_depth = max_depth
        self._whole = whole

    def read(self, payload: bytes, offset: int) -> tuple[Any, DecodeError | None]:
        """See the base."""
        return _attempt(self._root, Cursor(payload, offset, self._max_depth), self._whole)
