"""Values of logical types for which Python has no type of its own."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

_EPOCH = dt.datetime(1970, 1, 1)
_UTC_EPOCH = _EPOCH.replace(tzinfo=dt.timezone.utc)
_Nanos = TypeVar("_Nanos", bound="_NanosBase")
_Raw = TypeVar("_Raw", int, bytes, str)


@dataclass(frozen=True, slots=True)
class Duration:
    """Avro's `duration`: months, days and milliseconds, each from 0 to 2^32-1, not convertible."""

    months: int = 0
    days: int = 0
    millis: int = 0

    def __eq__(self, other: object) -> bool:
        """Equal also where one of them is of a branch of its own."""
        if not isinstance(other, Duration):
            return NotImplemented
        return (self.months, self.days, self.millis) == (other.months, other.days, other.millis)


@dataclass(frozen=True, slots=True)
class OutOfRange(Generic[_Raw]):
    """What stood on the wire for a date, a time, a timestamp or a decimal that the field's Python type cannot
    hold: the year 10000, a database's `infinity`, 24:00:00, a decimal with more digits than its schema. Given
    with `out_of_range = "raw"` in kgen.toml, and written back byte for byte.

    `raw`: the number (days, milliseconds or microseconds, by the type), the bytes of a decimal's unscaled
    value (big-endian two's complement), the text of a JSON string, or the binary of a Protobuf message.
    `logical_type`: Avro's logical type, the format of a JSON string, or the full name of the message, as
    which alone it is written. `scale`: of Avro's decimal. It equals another with the same parts, and has no
    order.
    """

    raw: _Raw
    logical_type: str
    scale: int = 0

    def __eq__(self, other: object) -> bool:
        """Equal also where one of them is of a branch of its own."""
        if not isinstance(other, OutOfRange):
            return NotImplemented
        return (self.raw, self.logical_type, self.scale) == (other.raw, other.logical_type, other.scale)

    def __reduce__(self) -> Any:
        return type(self), (self.raw, self.logical_type, self.scale)


class _NanosBase(int):
    """Nanoseconds since the epoch: an int, because `datetime` stops at microseconds."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"

    @classmethod
    def _from(cls: type[_Nanos], since: dt.timedelta) -> _Nanos:
        return cls((since // dt.timedelta(microseconds=1)) * 1000)


class TimestampNanos(_NanosBase):
    """An instant, in nanoseconds since 1970-01-01T00:00:00 UTC."""

    __slots__ = ()

    def datetime(self) -> dt.datetime:
        """The instant as an aware UTC datetime, cut to microseconds (towards the past)."""
        return _UTC_EPOCH + dt.timedelta(microseconds=self // 1000)

    @classmethod
    def from_datetime(cls, moment: dt.datetime) -> TimestampNanos:
        """The instant of an aware datetime; one without a time zone is a ValueError."""
        if moment.utcoffset() is None:
            raise ValueError("an instant needs a datetime with a time zone")
        return cls._from(moment - _UTC_EPOCH)


class LocalTimestampNanos(_NanosBase):
    """A wall-clock time without a time zone, in nanoseconds since 1970-01-01T00:00:00."""

    __slots__ = ()

    def datetime(self) -> dt.datetime:
        """The wall-clock time as a naive datetime, cut to microseconds (towards the past)."""
        return _EPOCH + dt.timedelta(microseconds=self // 1000)

    @classmethod
    def from_datetime(cls, moment: dt.datetime) -> LocalTimestampNanos:
        """The wall-clock time of a naive datetime; one with a time zone is a ValueError."""
        if moment.utcoffset() is not None:
            raise ValueError("a local timestamp needs a datetime without a time zone")
        return cls._from(moment - _EPOCH)


class NanosDatetime(dt.datetime):
    """An instant of a `google.protobuf.Timestamp` in finer steps than a datetime has: one that remembers the
    nanoseconds after its last whole microsecond, so that it is written back as it came.

    `nanosecond`: from 1 to 999. It equals the datetime without them; what is computed from it is a plain
    instant again.
    """

    nanosecond: int = 0

    @classmethod
    def of(cls, moment: dt.datetime, nanosecond: int) -> NanosDatetime:
        """That datetime, which is aware, and so many nanoseconds."""
        made = cls.combine(moment.date(), moment.timetz())
        made.nanosecond = nanosecond
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.isoformat()!r}, nanosecond={self.nanosecond})"

    def __reduce_ex__(self, protocol: object) -> Any:
        plain = dt.datetime.combine(self.date(), self.timetz())
        return type(self).of, (plain, self.nanosecond)


class NanosTimedelta(dt.timedelta):
    """The same for a `google.protobuf.Duration`. `nanosecond`: from 1 to 999, added to the timedelta, which
    is rounded down.
    """

    nanosecond: int = 0

    @classmethod
    def of(cls, span: dt.timedelta, nanosecond: int) -> NanosTimedelta:
        """That timedelta, and so many nanoseconds."""
        made = cls(span.days, span.seconds, span.microseconds)
        made.nanosecond = nanosecond
        return made

    def __repr__(self) -> str:
        plain = dt.timedelta(self.days, self.seconds, self.microseconds)
        return f"{type(self).__name__}({str(plain)!r}, nanosecond={self.nanosecond})"

    def __reduce_ex__(self, protocol: object) -> Any:
        return type(self).of, (dt.timedelta(self.days, self.seconds, self.microseconds), self.nanosecond)


class OpenEnum(enum.IntEnum):
    """The base of Protobuf's enums that are open: a number without a name is a value too, as newer writers
    have it. Its `name` is the number as a text. It equals its number and every other of that number; it is
    not one object each time.
    """

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, int) or isinstance(value, bool) or not -(1 << 31) <= value < 1 << 31:
            return None
        made = int.__new__(cls, value)
        made._name_ = str(int(value))
        made._value_ = int(value)
        return made


@dataclass(frozen=True, slots=True)
class AnyMessage:
    """A `google.protobuf.Any`: the binary of a message of any type. `type_url`: its full name after the last
    slash, mostly `type.googleapis.com/<full name>`.
    """

    type_url: str = ""
    value: bytes = b""

    @property
    def message(self) -> str:
        """The full name of the message."""
        return self.type_url.rpartition("/")[2]


class Absent:
    """The type of `ABSENT`, which is its only object. It is false, and pickles and copies as itself."""

    __slots__ = ()

    def __new__(cls) -> Absent:
        """`ABSENT`, always."""
        return _the_absent

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "ABSENT"

    def __reduce__(self) -> Any:
        return "ABSENT"


_the_absent: Final[Absent] = object.__new__(Absent)
ABSENT: Final[Absent] = _the_absent
"""Stands for a JSON property that is not there, if it could be there as null: None stands for the null."""
