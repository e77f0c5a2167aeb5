"""The writer in plain Python, if no C compiler was: nodes, results and errors as in `_writer.pyx`."""

from __future__ import annotations

import datetime as dt
import enum
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from ...errors import EncodeError
from ..branches import OfBranch
from ..decimals import number_bytes, unscaled, unscaled_big
from ..error_texts import refusal_text, shown
from ..field_paths import Part, field_path
from ..foreign import own_bool, own_number
from ..limits import MAX_DEPTH
from ..ranges import raw_decimal, raw_number, type_title
from ..values import Duration, LocalTimestampNanos, OutOfRange, TimestampNanos
from ..varint import zigzag

NOT, ROUNDED, ACCEPTED, EXACT = 0, 1, 2, 3
_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_DURATION = struct.Struct("<III")
_EPOCH = dt.datetime(1970, 1, 1)
_UTC_EPOCH = _EPOCH.replace(tzinfo=dt.timezone.utc)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = dt.timedelta(microseconds=1)
_FIRST_MICRO = (dt.datetime.min - _EPOCH) // _MICROSECOND
_LAST_MICRO = (dt.datetime.max - _EPOCH) // _MICROSECOND


class RefusedValueError(Exception):
    """Why a value was not written, and the parts of its field path, innermost first.

    `cause`: an error of the value's own code.
    """

    def __init__(self, why: str, cause: Exception | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.parts: list[Part] = []
        self.cause = cause


def place_refused(error: Exception, *parts: Part) -> None:
    """Add parts to the field path of a refusal; what a value's own code raised is made one, and raised."""
    if isinstance(error, RefusedValueError):
        error.parts += parts
    elif not isinstance(error, MemoryError):
        refused = RefusedValueError(refusal_text(error), error)
        refused.parts += parts
        raise refused from error


def _unwanted(wanted: str, value: Any) -> RefusedValueError:
    return RefusedValueError(f"expected {wanted}, not {type_title(value)}")


class Out:
    """What was written so far, and how much deeper it may go."""

    def __init__(self, prefix: bytes) -> None:
        self.data = bytearray(prefix)
        self.depth = MAX_DEPTH

    def enter(self) -> None:
        """Go one record, array or map deeper."""
        if self.depth <= 0:
            raise RefusedValueError(f"the value is nested more than {MAX_DEPTH} deep, or holds itself")
        self.depth -= 1


class Memo:
    """How well values suit nodes, as found while one union looks for a branch.

    Each pair is asked once, else unions inside unions would ask exponentially often, and values that hold
    themselves for ever.
    """

    def __init__(self) -> None:
        self.seen: dict[tuple[int, int], int] = {}
        self.depth = MAX_DEPTH


class WriterNode:
    """Writes one kind of value.

    `fit` says how well a value suits a branch of a union: EXACT, ACCEPTED, ROUNDED (a whole number that would
    lose digits) or NOT. `types` are the Python types whose values it may write.
    """

    types: tuple[type[Any], ...] = ()

    def write(self, out: Out, value: Any) -> None:
        """Add the value. Raises `RefusedValueError`."""
        raise NotImplementedError

    def fit(self, value: Any, memo: Memo) -> int:
        """How well the value suits."""
        raise NotImplementedError


class LeafNode(WriterNode):
    """What holds no other values: `grade` is its `fit`, `pack` makes the bytes of what fits.

    `why` says what is wrong with a value of the right type, and gives "" for others. `own` makes a value of
    Python's own of a scalar of another library. `raw` gives the bytes of an `OutOfRange` that is written as
    this, and None for any other value.
    """

    def __init__(
        self,
        types: tuple[type[Any], ...],
        wanted: str,
        grade: Callable[[Any], int],
        pack: Callable[[Any], bytes],
        why: Callable[[Any], str] = lambda value: "",
        own: Callable[[Any], Any] = lambda value: value,
        raw: Callable[[Any], bytes | None] | None = None,
    ) -> None:
        self.types = types if raw is None else (*types, OutOfRange)
        self.wanted = wanted
        self.grade = grade
        self.pack = pack
        self.why = why
        self.own = own
        self.raw = raw

    def write(self, out: Out, value: Any) -> None:
        """Add the value."""
        own = self.own(value)
        if self.grade(own) == NOT:
            data = self.raw(value) if self.raw else None
            if data is not None:
                out.data += data
                return
            why = self.why(own)
            raise RefusedValueError(why) if why else _unwanted(self.wanted, value)
        out.data += self.pack(own)

    def fit(self, value: Any, memo: Memo) -> int:
        """How well the value suits."""
        grade = self.grade(self.own(value))
        if grade == NOT and self.raw and self.raw(value) is not None:
            return EXACT
        return grade


class EnumWriterNode(WriterNode):
    """`members` are the class's in the order of the symbols; the symbols are accepted too."""

    def __init__(
        self, name: str, symbols: tuple[str, ...], cls: type[Any] | None, members: tuple[Any, ...]
    ) -> None:
        self.name = name
        self.cls = cls
        self.types = (str,) if cls is None else (cls, str)
        self.symbols = {symbol: number for number, symbol in enumerate(symbols)}
        self.places = {id(member): number for number, member in enumerate(members)}

    def _place(self, value: Any) -> int:
        if self.cls is not None and type(value) is self.cls:
            return self.places.get(id(value), -1)
        if not isinstance(value, str) or (self.cls is not None and isinstance(value, enum.Enum)):
            return -1  # not even where another class has the same symbols
        return self.symbols.get(value, -1)

    def write(self, out: Out, value: Any) -> None:
        """Add the symbol's number."""
        place = self._place(value)
        if place < 0:
            raise RefusedValueError(f"expected a symbol of {self.name}, not {repr(value)[:200]}")
        out.data += zigzag(place)

    def fit(self, value: Any, memo: Memo) -> int:
        """How well the value suits."""
        if self._place(value) < 0:
            return NOT
        return EXACT if self.cls is None or type(value) is self.cls else ACCEPTED


class ContainerNode(WriterNode):
    """What holds other values: `weigh` is its `fit`, asked once for a value."""

    def fit(self, value: Any, memo: Memo) -> int:
        """How well the value suits."""
        key = (id(self), id(value))
        if key in memo.seen:
            return memo.seen[key]
        if memo.depth <= 0:
            return NOT
        memo.seen[key] = NOT
        memo.depth -= 1
        found = memo.seen[key] = self.weigh(value, memo)
        memo.depth += 1
        return found

    def weigh(self, value: Any, memo: Memo) -> int:
        """How well the value suits, by what it holds."""
        raise NotImplementedError


class ListWriterNode(ContainerNode):
    """An array."""

    types = (list, tuple)

    def __init__(self, items: WriterNode) -> None:
        self.items = items

    def write(self, out: Out, value: Any) -> None:
        """Add the items, in one block."""
        if not isinstance(value, list | tuple):
            raise _unwanted("list", value)
        out.enter()
        items = _items(value)
        if items:
            out.data += zigzag(len(items))
        for number, item in enumerate(items):
            try:
                self.items.write(out, item)
            except Exception as error:
                place_refused(error, number)
                raise
        out.data += b"\0"
        out.depth += 1

    def weigh(self, value: Any, memo: Memo) -> int:
        """How well the value suits."""
        if not isinstance(value, list | tuple):
            return NOT
        own = EXACT if type(value) is list else ACCEPTED
        return min([own, *(self.items.fit(item, memo) for item in _items(value))])


class MapWriterNode(ContainerNode):
    """A map."""

    types = (dict,)

    def __init__(self, values: WriterNode) -> None:
        self.keys = scalar("string", -1, 0, 0)
        self.values = values

    def write(self, out: Out, value: Any) -> None:
        """Add the items, in one block."""
        if not isinstance(value, dict):
            raise _unwanted("dict", value)
        out.enter()
        items = _entries(value)
        if items:
            out.data += zigzag(len(items))
        for key, item in items.items():
            try:
                self.keys.write(out, key)
                self.values.write(out, item)
            except Exception as error:
                place_refused(error, (shown(key),))
                raise
        out.data += b"\0"
        out.depth += 1

    def weigh(self, value: Any, memo: Memo) -> int:
        """How well the value suits."""
        if not isinstance(value, dict):
            return NOT
        best = EXACT if type(value) is dict else ACCEPTED
        for key, item in _entries(value).items():
            best = min(best, self.keys.fit(key, memo), self.values.fit(item, memo))
            if best == NOT:
                break
        return best


class RecordWriterNode(ContainerNode):
    """A record: an object of `cls` by its attributes, or a dict by the names of the fields."""

    def __init__(self, name: str, cls: type[Any] | None, attributes: tuple[str, ...], plain: bool) -> None:
        self.name = name
        self.cls = cls
        self.types = (dict,) if cls is None else (cls, dict)
        self.attributes = attributes

    def fill(
        self, names: tuple[str, ...], nodes: tuple[WriterNode, ...], defaults: tuple[bytes | None, ...]
    ) -> None:
        """`defaults`: the Avro binary of each field's default, or None."""
        self.fields = tuple(zip(names, self.attributes or names, nodes, defaults))
        self.names = frozenset(names)

    def write(self, out: Out, value: Any) -> None:
        """Add the fields."""
        out.enter()
        if self.cls is not None and isinstance(value, self.cls):
            self._object(out, value)
        elif isinstance(value, dict):
            self._dict(out, _entries(value))
        else:
            raise _unwanted("dict" if self.cls is None else self.cls.__qualname__, value)
        out.depth += 1

    def _object(self, out: Out, value: Any) -> None:
        for name, attribute, node, _ in self.fields:
            try:
                node.write(out, _attribute(value, attribute))
            except Exception as error:
                place_refused(error, name)
                raise

    def _dict(self, out: Out, value: dict[str, Any]) -> None:
        unknown = [key for key in value if key not in self.names]
        if unknown:
            raise RefusedValueError(f"{self.name} has no field {shown(unknown[0])}")
        for name, _, node, default in self.fields:
            try:
                self._entry(out, value, name, node, default)
            except Exception as error:
                place_refused(error, name)
                raise

    def _entry(
        self, out: Out, value: dict[str, Any], name: str, node: WriterNode, default: bytes | None
    ) -> None:
        if name in value:
            node.write(out, value[name])
        elif default is None:
            raise RefusedValueError("the field is missing")
        else:
            out.data += default

    def fit(self, value: Any, memo: Memo) -> int:
        """How well the value suits."""
        if self.cls is not None and isinstance(value, self.cls):
            return EXACT if type(value) is self.cls else ACCEPTED
        return super().fit(value, memo)

    def weigh(self, value: Any, memo: Memo) -> int:
        """How well a dict suits."""
        if not isinstance(value, dict):
            return NOT
        items = _entries(value)
        if any(key not in self.names for key in items):
            return NOT
        best = EXACT if self.cls is None and type(value) is dict else ACCEPTED
        return min([best, *(self._fit(items, memo, *field) for field in self.fields)])

    def named(self, value: Any) -> bool:
        """Whether a dict has this record's fields, whatever they hold."""
        if not isinstance(value, dict):
            return False
        items = _entries(value)
        needed = (name for name, _, _, default in self.fields if default is None)
        return all(key in self.names for key in items) and all(name in items for name in needed)

    def _fit(
        self,
        value: dict[str, Any],
        memo: Memo,
        name: str,
        attribute: str,
        node: WriterNode,
        default: bytes | None,
    ) -> int:
        if name in value:
            return node.fit(value[name], memo)
        return NOT if default is None else ACCEPTED


class UnionNode(WriterNode):
    """A union. A type that only one branch takes leads straight to it.

    Else it is the one that the value was read from, or the first of those that suit the value best; of
    classes that accept it, that of its nearest base class. `names` are the names of the branches.
    """

    def __init__(
        self, branches: tuple[WriterNode, ...], title: str, names: tuple[str, ...], ambiguous: frozenset[str]
    ) -> None:
        self.branches = branches
        self.title = title
        self.places = {name: number for number, name in enumerate(names)}
        takers: dict[type[Any], list[int]] = {}
        for number, branch in enumerate(branches):
            for taken in branch.types:
                takers.setdefault(taken, []).append(number)
        self.by_type = {taken: numbers[0] for taken, numbers in takers.items() if len(numbers) == 1}

    def _best(self, value: Any, memo: Memo) -> tuple[int, int]:
        """How well the best branch suits, and its number."""
        best, place = NOT, -1
        for number, branch in enumerate(self.branches):
            fit = branch.fit(value, memo)
            nearer = fit == best == ACCEPTED and _nearer(value, branch, self.branches[place])
            if fit > best or nearer:
                best, place = fit, number
            if fit == EXACT:
                break
        return best, place

    def write(self, out: Out, value: Any) -> None:
        """Add the branch's number, and the value."""
        place = self.by_type.get(type(value), -1)
        if place < 0 and isinstance(value, OfBranch):
            place = self._came_from(value)
        if place < 0:
            place = self._best(value, Memo())[1]
        if place < 0:
            place = self._nearest(value)
        if place < 0:
            raise _unwanted(f"one of {self.title}", value)
        out.data += zigzag(place)
        self.branches[place].write(out, value)

    def _came_from(self, value: OfBranch) -> int:
        """The branch that the value was read from, if that takes it."""
        place = self.places.get(value.branch, -1)
        return place if place >= 0 and self.branches[place].fit(value, Memo()) != NOT else -1

    def _nearest(self, value: Any) -> int:
        """The record with the fields of a dict that no branch accepts: writing it reports what is wrong."""
        fitting = (
            n
            for n, node in enumerate(self.branches)
            if isinstance(node, RecordWriterNode) and node.named(value)
        )
        return next(fitting, -1)

    def fit(self, value: Any, memo: Memo) -> int:
        """How well the value suits."""
        return self._best(value, memo)[0]


def _nearer(value: Any, one: WriterNode, other: WriterNode) -> bool:
    """Whether the value's class has the class of `one` above it, and that of `other` above that."""
    if not isinstance(one, RecordWriterNode) or not isinstance(other, RecordWriterNode):
        return False
    if one.cls is None or other.cls is None or not isinstance(value, one.cls):
        return False
    return one.cls is not other.cls and issubclass(one.cls, other.cls)


# Methods of subclasses of builtin types are not asked: as in the native engine, what the value holds counts.


def _items(value: list[Any] | tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value))


def _entries(value: dict[Any, Any]) -> dict[Any, Any]:
    return dict.copy(value) if type(value) is dict else dict(dict.items(value))


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except AttributeError:
        raise RefusedValueError("the field is not set") from None


def _real_number(value: float) -> float:
    return float.__float__(value) if isinstance(value, float) else float(int.__int__(value))


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _exact_for(*types: type[Any]) -> Callable[[Any], int]:
    """EXACT for values of the first type itself, ACCEPTED for its subclasses and the other types."""
    return lambda value: EXACT if type(value) is types[0] else ACCEPTED if isinstance(value, types) else NOT


def _integer(bits: int) -> LeafNode:
    def grade(value: Any) -> int:
        if not _number(value) or not -(1 << bits - 1) <= int.__int__(value) < 1 << bits - 1:
            return NOT
        # Nanoseconds are numbers too, but suit their own type better.
        return ACCEPTED if isinstance(value, TimestampNanos | LocalTimestampNanos) else EXACT

    def why(value: Any) -> str:
        return f"the number does not fit {bits} bits" if _number(value) else ""

    return LeafNode((int,), "int", grade, lambda value: zigzag(int.__int__(value)), why, own_number)


def _real(form: struct.Struct, wanted: str) -> LeafNode:
    def grade(value: Any) -> int:
        if not isinstance(value, float) and not _number(value):
            return NOT
        try:
            number = _real_number(value)
            back = form.unpack(form.pack(number))[0]
        except (OverflowError, struct.error):
            return NOT
        if isinstance(value, float):
            return EXACT if back == number or math.isnan(number) else ACCEPTED
        return ACCEPTED if int(back) == int.__int__(value) else ROUNDED

    def pack(value: Any) -> bytes:
        return form.pack(_real_number(value))

    return LeafNode((float, int), wanted, grade, pack, own=own_number)


def _bytes(size: int) -> LeafNode:
    types = (bytes, bytearray, memoryview)

    def grade(value: Any) -> int:
        if not isinstance(value, types) or (size >= 0 and memoryview(value).nbytes != size):
            return NOT
        return EXACT if isinstance(value, bytes) else ACCEPTED

    def pack(value: Any) -> bytes:
        data = memoryview(value).tobytes()
        return data if size >= 0 else zigzag(len(data)) + data

    def why(value: Any) -> str:
        return f"expected {size} bytes, not {memoryview(value).nbytes}" if isinstance(value, types) else ""

    return LeafNode(types, "bytes", grade, pack, why)


def _string() -> LeafNode:
    def pack(value: Any) -> bytes:
        try:
            data = str.encode(value)
        except UnicodeEncodeError:
            raise RefusedValueError("the string holds a lone surrogate") from None
        return zigzag(len(data)) + data

    return LeafNode((str,), "str", _exact_for(str), pack)


def _raw_number(logical_type: str, bits: int) -> Callable[[Any], bytes | None]:
    def raw(value: Any) -> bytes | None:
        number = raw_number(value, logical_type, bits)
        return None if number is None else zigzag(number)

    return raw


def _date() -> LeafNode:
    def grade(value: Any) -> int:
        return EXACT if isinstance(value, dt.date) and not isinstance(value, dt.datetime) else NOT

    def pack(value: Any) -> bytes:
        return zigzag(dt.date.toordinal(value) - _EPOCH_DAY)

    return LeafNode((dt.date,), "date", grade, pack, raw=_raw_number("date", 32))


def _time(unit: int, raw: Callable[[Any], bytes | None]) -> LeafNode:
    def micros(value: dt.time) -> int:
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond

    def grade(value: Any) -> int:
        if not isinstance(value, dt.time) or value.tzinfo is not None:
            return NOT
        return ACCEPTED if micros(value) % unit else EXACT

    def pack(value: Any) -> bytes:
        return zigzag(micros(value) // unit)

    return LeafNode((dt.time,), "a time without a time zone", grade, pack, raw=raw)


def _micros(value: Any, utc: bool) -> int | None:
    """Microseconds since the epoch, where `value` is a datetime of the right kind."""
    if not isinstance(value, dt.datetime):
        return None
    if not utc:
        return _since(value, _EPOCH) if value.tzinfo is None else None
    return None if dt.datetime.utcoffset(value) is None else _since(value, _UTC_EPOCH)


def _since(value: dt.datetime, epoch: dt.datetime) -> int:
    return dt.datetime.__sub__(value, epoch) // _MICROSECOND


def _wanted(utc: bool) -> str:
    return "a datetime with a time zone" if utc else "a datetime without a time zone"


def _timestamp(logical_type: str, unit: int, utc: bool) -> LeafNode:
    def grade(value: Any) -> int:
        micros = _micros(value, utc)
        if micros is None or not _FIRST_MICRO <= micros <= _LAST_MICRO:
            return NOT
        return ACCEPTED if micros % unit else EXACT

    def why(value: Any) -> str:
        return "" if _micros(value, utc) is None else "the moment is outside the years 1 to 9999 in UTC"

    def pack(value: Any) -> bytes:
        return zigzag((_micros(value, utc) or 0) // unit)

    return LeafNode((dt.datetime,), _wanted(utc), grade, pack, why, raw=_raw_number(logical_type, 64))


def _nanos(cls: type[int], utc: bool) -> LeafNode:
    def number(value: Any) -> int | None:
        if _number(value):
            found: int | None = int.__int__(value)
        else:
            micros = _micros(value, utc)
            found = None if micros is None else micros * 1000
        return found if found is not None and -(1 << 63) <= found < 1 << 63 else None

    def grade(value: Any) -> int:
        return NOT if number(value) is None else EXACT if type(value) is cls else ACCEPTED

    wanted = f"{cls.__name__}, or {_wanted(utc)} that 64 bits of nanoseconds hold"
    types = (cls, int, dt.datetime)
    return LeafNode(types, wanted, grade, lambda value: zigzag(number(value) or 0), own=own_number)


def _uuid(text: bool) -> LeafNode:
    def pack(value: UUID) -> bytes:
        raw = value.int.to_bytes(16, "big")
        return zigzag(36) + str(UUID(bytes=raw)).encode() if text else raw

    return LeafNode((UUID,), "UUID", _exact_for(UUID), pack)


def _raw_decimal(size: int, precision: int, scale: int) -> Callable[[Any], bytes]:
    def raw(value: Any) -> bytes:
        number = unscaled(value, precision, scale)
        return number_bytes(number) if size < 0 else number.to_bytes(size, "big", signed=True)

    return raw


def _raw_big(value: Any) -> bytes:
    number, scale = unscaled_big(value)
    data = number_bytes(number)
    return zigzag(len(data)) + data + zigzag(scale)


def _decimal(
    size: int, raw: Callable[[Any], bytes], kept: Callable[[Any], bytes | None] | None = None
) -> LeafNode:
    def framed(data: bytes) -> bytes:
        return data if size >= 0 else zigzag(len(data)) + data

    def why(value: Any) -> str:
        if not isinstance(value, Decimal) and not _number(value):
            return ""
        try:
            raw(value)
        except (ValueError, OverflowError) as error:
            return f"the decimal {error}"
        return ""

    def grade(value: Any) -> int:
        if (not isinstance(value, Decimal) and not _number(value)) or why(value):
            return NOT
        return EXACT if isinstance(value, Decimal) else ACCEPTED

    def pack(value: Any) -> bytes:
        return framed(raw(value))

    def pack_kept(value: Any) -> bytes | None:
        data = kept(value) if kept else None
        return None if data is None else framed(data)

    return LeafNode((Decimal, int), "Decimal", grade, pack, why, own_number, pack_kept if kept else None)


def _plain_decimal(size: int, precision: int, scale: int) -> LeafNode:
    def kept(value: Any) -> bytes | None:
        return raw_decimal(value, size, scale)

    return _decimal(size, _raw_decimal(size, precision, scale), kept)


def _duration() -> LeafNode:
    def grade(value: Any) -> int:
        if not isinstance(value, Duration):
            return NOT
        parts = (value.months, value.days, value.millis)
        return EXACT if all(isinstance(part, int) and 0 <= part < 1 << 32 for part in parts) else NOT

    return LeafNode(
        (Duration,),
        "a Duration whose parts fit 32 bits each",
        grade,
        lambda value: _DURATION.pack(value.months, value.days, value.millis),
    )


_LEAVES: dict[str, Callable[[], LeafNode]] = {
    "null": lambda: LeafNode((type(None),), "None", _exact_for(type(None)), lambda value: b""),
    "boolean": lambda: LeafNode(
        (bool,), "bool", _exact_for(bool), lambda value: b"\1" if value else b"\0", own=own_bool
    ),
    "int": lambda: _integer(32),
    "long": lambda: _integer(64),
    "float": lambda: _real(_FLOAT, "a number that a float of 32 bits holds"),
    "double": lambda: _real(_DOUBLE, "a float or an int that a double holds"),
    "string": _string,
    "date": _date,
    "time-millis": lambda: _time(1000, _raw_number("time-millis", 32)),
    "time-micros": lambda: _time(1, _raw_number("time-micros", 64)),
    "timestamp-millis": lambda: _timestamp("timestamp-millis", 1000, True),
    "timestamp-micros": lambda: _timestamp("timestamp-micros", 1, True),
    "timestamp-nanos": lambda: _nanos(TimestampNanos, True),
    "local-timestamp-millis": lambda: _timestamp("local-timestamp-millis", 1000, False),
    "local-timestamp-micros": lambda: _timestamp("local-timestamp-micros", 1, False),
    "local-timestamp-nanos": lambda: _nanos(LocalTimestampNanos, False),
    "duration": _duration,
    "big-decimal": lambda: _decimal(-1, _raw_big),
}


def scalar(kind: str, size: int, precision: int, scale: int) -> LeafNode:
    """The node for a primitive or logical type; `size` of a fixed or -1."""
    if kind in _LEAVES:
        return _LEAVES[kind]()
    if kind == "uuid":
        return _uuid(size < 0)
    return _plain_decimal(size, precision, scale) if kind == "decimal" else _bytes(size)


class NodeWriter:
    """Encodes with a tree of nodes. Its methods are those of `codec.ValueWriter`."""

    def __init__(self, root: WriterNode) -> None:
        self._root = root

    def encode(self, value: Any, prefix: bytes = b"") -> bytes:
        """`prefix` and then the value in Avro binary. Raises `EncodeError`."""
        out = Out(prefix)
        try:
            self._write(out, value)
        except RefusedValueError as error:
            raise EncodeError(error.why, path=field_path(error.parts)) from error.cause
        return bytes(out.data)

    def pack(self, value: Any) -> bytes | None:
        """See `codec.ValueWriter.pack`."""
        return None

    def _write(self, out: Out, value: Any) -> None:
        try:
            self._root.write(out, value)
        except Exception as error:
            place_refused(error)
            raise
