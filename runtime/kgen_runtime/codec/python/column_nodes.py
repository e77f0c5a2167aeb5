"""Columns and the nodes that fill them in plain Python: buffers, rows and errors as in the native engine."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from typing import Any, Final

from ...errors import DecodeError
from .. import reasons
from ..decimals import bound
from ..field_paths import field_path
from ..limits import CELLS, CELLS_PER_BYTE
from ..ranges import BeyondError
from ..uuids import uuid_of_text
from .reader import Cursor, DamagedError, Node, single_of_int

_MOST_OFFSET: Final = 0x7FFF_FFFF


class ColumnCursor(Cursor):
    """A cursor that also counts the places that are filled without bytes of their own."""

    __slots__ = ("cells",)

    def __init__(self, data: bytes, at: int, depth: int) -> None:
        super().__init__(data, at, depth)
        self.cells = CELLS + CELLS_PER_BYTE * (self.end - at)

    def charge_cells(self, cost: int) -> None:
        """Take `cost` from the places that the message may still fill so."""
        if self.cells < cost:
            raise DamagedError(reasons.TOO_EMPTY, self.at)
        self.cells -= cost


class ColumnBase:
    """What all columns have: their length, and which of their values are null."""

    cells = 1
    children: tuple[ColumnBase, ...] = ()

    def __init__(self) -> None:
        self.valid = bytearray()

    @property
    def length(self) -> int:
        """How many values there are."""
        return len(self.valid)

    @property
    def nulls(self) -> int:
        """How many of them are null."""
        return self.valid.count(0)

    def filled(self) -> None:
        """There is one more value."""
        self.valid.append(1)

    def null(self) -> None:
        """There is one more null."""
        self.valid.append(0)

    def cut(self, length: int) -> None:
        """Take back all after the first `length`."""
        del self.valid[length:]

    def buffers(self) -> list[Any]:
        """The buffers after the validity bits, which new ones replace."""
        return []

    def take(self) -> tuple[int, int, list[Any], list[Any]]:
        """See `codec.ColumnBuffers.take`."""
        length, nulls = self.length, self.nulls
        valid = _bits(self.valid) if nulls else None
        taken = length, nulls, [valid, *self.buffers()], [child.take() for child in self.children]
        self.valid = bytearray()
        return taken


def _bits(flags: bytearray) -> bytes:
    """A bit for each flag, the lowest of a byte first."""
    if not flags:
        return b""
    number = int(flags[::-1].translate(_DIGITS), 2)
    return number.to_bytes((len(flags) + 7) // 8, "little")


_DIGITS: Final = bytes.maketrans(b"\0\1", b"01")


class NullColumn(ColumnBase):
    """Nothing but nulls."""

    def take(self) -> tuple[int, int, list[Any], list[Any]]:
        """See the base."""
        length = self.length
        self.valid = bytearray()
        return length, length, [None], []


class BooleanColumn(ColumnBase):
    """A bit each."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def add(self, on: bool) -> None:
        """One more value."""
        self.data.append(on)
        self.filled()

    def null(self) -> None:
        """There is one more null."""
        self.data.append(0)
        super().null()

    def cut(self, length: int) -> None:
        """Take back all after the first `length`."""
        super().cut(length)
        del self.data[length:]

    def buffers(self) -> list[Any]:
        """See the base."""
        data, self.data = self.data, bytearray()
        return [_bits(data)]


class WidthColumn(ColumnBase):
    """`width` bytes each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.data = bytearray()
        self.width = width
        self.cells = (width + 7) // 8

    def add(self, value: bytes) -> None:
        """One more value."""
        self.data += value
        self.filled()

    def null(self) -> None:
        """There is one more null."""
        self.data += bytes(self.width)
        super().null()

    def cut(self, length: int) -> None:
        """Take back all after the first `length`."""
        super().cut(length)
        del self.data[length * self.width :]

    def buffers(self) -> list[Any]:
        """See the base."""
        data, self.data = self.data, bytearray()
        return [data]


class OffsetColumn(ColumnBase):
    """What has a begin and an end each in something else."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = array("i", (0,))

    def null(self) -> None:
        """There is one more null."""
        self.offsets.append(self.offsets[-1])
        super().null()

    def cut(self, length: int) -> None:
        """Take back all after the first `length`."""
        super().cut(length)
        del self.offsets[length + 1 :]

    def take_offsets(self) -> Any:
        """The offsets, which new ones replace."""
        offsets, self.offsets = self.offsets, array("i", (0,))
        return offsets


class TextColumn(OffsetColumn):
    """Runs of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def add(self, c: Cursor, value: bytes) -> None:
        """One more value."""
        if len(value) > _MOST_OFFSET - len(self.data):
            raise DamagedError(reasons.FULL, c.at)
        self.data += value
        self.offsets.append(len(self.data))
        self.filled()

    def cut(self, length: int) -> None:
        """Take back all after the first `length`."""
        super().cut(length)
        del self.data[self.offsets[length] :]

    def buffers(self) -> list[Any]:
        """See the base."""
        data, self.data = self.data, bytearray()
        return [self.take_offsets(), data]


class ListColumn(OffsetColumn):
    """Lists, or the entries of maps: runs of the children's values, which are all of one length."""

    def __init__(self, *children: ColumnBase) -> None:
        super().__init__()
        self.children = children

    def close(self, c: Cursor) -> None:
        """All since the last one are the items of one more."""
        if self.children[0].length > _MOST_OFFSET:
            raise DamagedError(reasons.FULL, c.at)
        self.offsets.append(self.children[0].length)
        self.filled()

    def cut(self, length: int) -> None:
        """Take back all after the first `length`."""
        super().cut(length)
        for child in self.children:
            child.cut(self.offsets[length])

    def buffers(self) -> list[Any]:
        """See the base."""
        return [self.take_offsets()]


class StructColumn(ColumnBase):
    """A value of each child."""

    def __init__(self, *children: ColumnBase) -> None:
        super().__init__()
        self.children = children
        self.cells = 1 + sum(child.cells for child in children)

    def null(self) -> None:
        """There is one more null, and one of each child."""
        for child in self.children:
            child.null()
        super().null()

    def cut(self, length: int) -> None:
        """Take back all after the first `length`."""
        super().cut(length)
        for child in self.children:
            child.cut(length)


class ColumnNode:
    """Reads one kind of value into a column."""

    def put(self, c: ColumnCursor) -> None:
        """Put the value at the cursor there, and move on."""
        raise NotImplementedError


class NeverPut(ColumnNode):
    """What the reader's schema cannot read."""

    def __init__(self, why: str) -> None:
        self.why = why

    def put(self, c: ColumnCursor) -> None:
        """Refuse."""
        raise DamagedError(self.why, c.at)


class NullPut(ColumnNode):
    """A null in a column of any kind."""

    def __init__(self, column: ColumnBase) -> None:
        self.column = column

    def put(self, c: ColumnCursor) -> None:
        """A null."""
        c.charge_cells(self.column.cells)
        self.column.null()


class BooleanPut(ColumnNode):
    """One byte."""

    def __init__(self, column: BooleanColumn) -> None:
        self.column = column

    def put(self, c: ColumnCursor) -> None:
        """True or False."""
        start = c.at
        byte = c.take(1)[0]
        if byte > 1:
            raise DamagedError(reasons.NOT_BOOLEAN, start)
        self.column.add(byte == 1)


class IntegerPut(ColumnNode):
    """A varint as a whole number of four or eight bytes, `times` it and divided by `over` (towards the past).
    What is not from `low` to `high` is up to `outside`, which raises.
    """

    def __init__(
        self,
        column: WidthColumn,
        narrow: bool,
        low: int,
        high: int,
        times: int,
        over: int,
        outside: Callable[[int], None],
    ) -> None:
        self.column = column
        self.narrow = narrow
        self.low = low
        self.high = high
        self.times = times
        self.over = over
        self.outside = outside

    def put(self, c: ColumnCursor) -> None:
        """The number."""
        start = c.at
        number = c.narrow() if self.narrow else c.long()
        if not self.low <= number <= self.high:
            try:
                self.outside(number)
            except BeyondError as error:
                raise DamagedError(error.what, start, error.hint) from None
        number = number * self.times // self.over
        self.column.add(number.to_bytes(self.column.width, "little", signed=True))


class RealPut(ColumnNode):
    """A float or double from a varint (`size` 0), a float (4) or a double (8)."""

    def __init__(self, column: WidthColumn, narrow: bool, size: int) -> None:
        self.column = column
        self.narrow = narrow
        self.size = size

    def put(self, c: ColumnCursor) -> None:
        """The number."""
        wide = self.column.width == 8
        if self.size == 0:
            number = c.narrow() if self.narrow else c.long()
            value = float(number) if wide else single_of_int(number)
            self.column.add(struct.pack("<d" if wide else "<f", value))
        elif self.size == self.column.width:
            self.column.add(c.take(self.size))
        else:
            self.column.add(struct.pack("<d", *struct.unpack("<f", c.take(4))))


class FixedPut(ColumnNode):
    """A run of as many bytes as the column is wide."""

    def __init__(self, column: WidthColumn) -> None:
        self.column = column

    def put(self, c: ColumnCursor) -> None:
        """The bytes."""
        self.column.add(c.take(self.column.width))


class TextPut(ColumnNode):
    """Bytes or text: of `size` bytes, or with the length before them where that is -1."""

    def __init__(self, column: TextColumn, size: int, is_text: bool) -> None:
        self.column = column
        self.size = size
        self.is_text = is_text

    def take(self, c: ColumnCursor) -> bytes:
        """The bytes that were put."""
        start = c.at
        data = c.take(c.size() if self.size < 0 else self.size)
        if self.is_text:
            try:
                data.decode()
            except UnicodeDecodeError:
                raise DamagedError(reasons.NOT_UTF8, start) from None
        self.column.add(c, data)
        return data

    def put(self, c: ColumnCursor) -> None:
        """The bytes."""
        self.take(c)


class UuidPut(ColumnNode):
    """The 16 bytes of a UUID that stands as text."""

    def __init__(self, column: WidthColumn) -> None:
        self.column = column

    def put(self, c: ColumnCursor) -> None:
        """The UUID."""
        start = c.at
        text = c.take(c.size())
        try:
            value = uuid_of_text(text)
        except ValueError:
            raise DamagedError(reasons.BAD_UUID, start) from None
        self.column.add(value.bytes)


class DecimalPut(ColumnNode):
    """The digits of a decimal as a little-endian whole number. `outside` is given the bytes of one that has
    more digits than `precision`, and raises.
    """

    def __init__(
        self, column: WidthColumn, size: int, precision: int, outside: Callable[[bytes], None]
    ) -> None:
        self.column = column
        self.size = size
        self.limit = bound(precision)
        self.outside = outside

    def put(self, c: ColumnCursor) -> None:
        """The number."""
        start = c.at
        data = c.take(c.size() if self.size < 0 else self.size)
        if not data:
            raise DamagedError(reasons.EMPTY_DECIMAL, start)
        number = int.from_bytes(data, "big", signed=True)
        if not -self.limit < number < self.limit:
            try:
                self.outside(data)
            except BeyondError as error:
                raise DamagedError(error.what, start, error.hint) from None
        self.column.add(number.to_bytes(self.column.width, "little", signed=True))


class DurationPut(ColumnNode):
    """Months, days and milliseconds, a column each."""

    def __init__(self, column: StructColumn) -> None:
        self.column = column

    def put(self, c: ColumnCursor) -> None:
        """The parts."""
        data = c.take(12)
        for place, part in enumerate(self.column.children):
            assert isinstance(part, WidthColumn)
            part.add(data[4 * place : 4 * place + 4])
        self.column.filled()


class SlowPut(ColumnNode):
    """What is made into text by a function of its bytes, whose end `skip` finds."""

    def __init__(self, column: TextColumn, skip: Node, make: Callable[[bytes], bytes]) -> None:
        self.column = column
        self.skip = skip
        self.make = make

    def put(self, c: ColumnCursor) -> None:
        """The text."""
        start = c.at
        self.skip.skip(c)
        try:
            text = self.make(c.data[start : c.at])
        except DecodeError as error:
            what = f"{error.what} (in {error.path})" if error.path else error.what
            raise DamagedError(what, start + max(error.position, 0)) from None
        try:
            self.column.add(c, text)
        except DamagedError as error:
            error.at = start
            raise


class EnumPut(ColumnNode):
    """The place of a symbol in the reader's enum, by the writer's; -1 where the reader has none, and why."""

    def __init__(self, column: WidthColumn, places: tuple[int, ...], why: tuple[str, ...]) -> None:
        self.column = column
        self.places = places
        self.why = why

    def put(self, c: ColumnCursor) -> None:
        """The place."""
        start = c.at
        number = c.narrow()
        if not 0 <= number < len(self.places):
            raise DamagedError(reasons.NO_SYMBOL, start)
        if self.places[number] < 0:
            raise DamagedError(self.why[number], start)
        self.column.add(self.places[number].to_bytes(4, "little"))


class ChoicePut(ColumnNode):
    """A writer's union."""

    def __init__(self, branches: tuple[ColumnNode, ...]) -> None:
        self.branches = branches

    def put(self, c: ColumnCursor) -> None:
        """The value of the branch that was written."""
        start = c.at
        number = c.narrow()
        if not 0 <= number < len(self.branches):
            raise DamagedError(reasons.NO_BRANCH, start)
        self.branches[number].put(c)


class BranchPut(ColumnNode):
    """One branch of a reader's union that is a struct with a child for each: the others are null."""

    def __init__(self, node: ColumnNode, column: StructColumn, branch: int) -> None:
        self.node = node
        self.column = column
        self.branch = branch
        self.cost = column.cells - column.children[branch].cells

    def put(self, c: ColumnCursor) -> None:
        """The value, and nulls beside it."""
        self.node.put(c)
        c.charge_cells(self.cost)
        for place, child in enumerate(self.column.children):
            if place != self.branch:
                child.null()
        self.column.filled()


class ListPut(ColumnNode):
    """An array."""

    def __init__(self, column: ListColumn, items: ColumnNode) -> None:
        self.column = column
        self.items = items

    def put(self, c: ColumnCursor) -> None:
        """The items."""
        done = 0
        c.enter()
        while count := c.block()[0]:
            for _ in range(count):
                start = c.at
                try:
                    self.items.put(c)
                except DamagedError as error:
                    error.parts.append(done)
                    raise
                c.spend(start)
                done += 1
        c.depth += 1
        self.column.close(c)


class MapPut(ColumnNode):
    """A map."""

    def __init__(self, column: ListColumn, key: TextPut, values: ColumnNode) -> None:
        self.column = column
        self.key = key
        self.values = values

    def put(self, c: ColumnCursor) -> None:
        """The entries."""
        c.enter()
        while count := c.block()[0]:
            for _ in range(count):
                key = self.key.take(c)
                try:
                    self.values.put(c)
                except DamagedError as error:
                    error.parts.append((key.decode(),))
                    raise
        c.depth += 1
        self.column.close(c)


class DefaultPut:
    """What a field has that the writer lacks: read by `node` from `data`."""

    def __init__(self, data: bytes, node: ColumnNode) -> None:
        self.data = data
        self.node = node

    def put(self, c: ColumnCursor) -> None:
        """The value. What is wrong with it is reported where the record stands."""
        c.charge_cells(1 + len(self.data) // 8)
        inner = ColumnCursor(self.data, 0, c.depth)
        inner.items, inner.cells = c.items, c.cells
        try:
            self.node.put(inner)
        except DamagedError as error:
            error.at = c.at
            raise
        c.items, c.cells = inner.items, inner.cells


class RecordPut(ColumnNode):
    """The fields of a record as they were written: (name, node that fills a column or one that skips); then
    the defaults of those that the writer lacks: (name, DefaultPut).
    """

    def __init__(
        self,
        column: StructColumn,
        steps: tuple[tuple[str, ColumnNode | Node], ...],
        defaults: tuple[tuple[str, DefaultPut], ...],
    ) -> None:
        self.column = column
        self.steps: list[tuple[str, Callable[[ColumnCursor], None]]] = [
            (name, node.put if isinstance(node, ColumnNode) else node.skip) for name, node in steps
        ]
        self.steps += [(name, default.put) for name, default in defaults]
        self.cost = 1 + len(steps) + len(defaults)

    def put(self, c: ColumnCursor) -> None:
        """The fields."""
        c.enter()
        c.charge(self.cost)
        for name, step in self.steps:
            try:
                step(c)
            except DamagedError as error:
                error.parts.append(name)
                raise
        c.depth += 1
        self.column.filled()


class RowAppender:
    """Its methods are those of `codec.Appender`."""

    def __init__(
        self,
        root: ColumnNode,
        column: ColumnBase,
        max_depth: int,
        whole: bool,
        null_error: Callable[[], DecodeError] | None,
    ) -> None:
        self._root = root
        self._column = column
        self._max_depth = max_depth
        self._whole = whole
        self._null_error = null_error

    def append(
        self, payloads: list[bytes | None], begin: int, end: int, offset: int, room: int
    ) -> tuple[int, int, dict[int, DecodeError]]:
        """See `codec.Appender.append`."""
        errors: dict[int, DecodeError] = {}
        used = 0
        while begin < end and used < room:
            payload = payloads[begin]
            length = self._column.length
            if payload is None:
                self._column.null()
                used += 8 * self._column.cells
            else:
                cells, error = self._row(payload, offset, length)
                used += len(payload) + 8 * cells + 8
                if error is not None:
                    errors[begin] = error
            begin += 1
        return begin, used, errors

    def _row(self, payload: bytes, offset: int, length: int) -> tuple[int, DecodeError | None]:
        """How many places were filled that took no bytes, and the error of one that does not decode."""
        c = ColumnCursor(payload, min(offset, len(payload)), self._max_depth)
        free = c.cells
        error: DecodeError | None = None
        if offset > len(payload):
            error = DecodeError(reasons.ENDS, position=len(payload))
        else:
            try:
                self._root.put(c)
            except DamagedError as damage:
                error = DecodeError(
                    damage.what, position=damage.at, path=field_path(damage.parts), hint=damage.hint
                )
            except RecursionError:
                error = DecodeError(reasons.TOO_DEEP, position=c.at)
            except BaseException:
                self._column.cut(length)
                raise
        if error is None and c.at != c.end and self._whole:
            error = DecodeError(f"{c.end - c.at} bytes are left over after the value", position=c.at)
        if error is None and self._null_error is not None and not self._column.valid[-1]:
            error = self._null_error()
        if error is not None:
            self._column.cut(length)
        return free - c.cells, error
