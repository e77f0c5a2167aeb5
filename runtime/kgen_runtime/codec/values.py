"""Values of logical types for which Python has no type of its own."""

from __future__ import annotations

import datetime as dt
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
    value (big-endian two's complement), or the text of a JSON string. `logical_type`: Avro's logical type, or
    the format of a JSON string, as which alone it is written. `scale`: of a decimal. It equals another with
    the same parts, and has no order.
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
