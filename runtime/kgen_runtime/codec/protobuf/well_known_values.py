"""What the messages of `WELL_KNOWN` are in Python, from the values of their fields and back, for both
engines.

What Python has no value for is a `BeyondError`: reading, it is an error or an `OutOfRange`; in values that
are to be written a ValueError says what is wrong.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

from ..decimals import EXACT, number_bytes, unscaled_big
from ..limits import DECIMAL_BYTES, NUMBER_DIGITS
from ..ranges import BeyondError
from ..values import NanosDatetime, NanosTimedelta

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_NANOS: Final = 1_000_000_000
FIRST_SECOND: Final = -62_135_596_800
END_SECOND: Final = 253_402_300_800
"""The first second of a `Timestamp`, that of the year 1, and the first one after the year 9999."""
MOST_SECONDS: Final = 315_576_000_000
"""Of a `Duration`, either way: 10,000 years."""


def timestamp_value(seconds: int, nanos: int) -> dt.datetime:
    """The instant: aware, in UTC; a `NanosDatetime` if it is not a whole number of microseconds."""
    if not (FIRST_SECOND <= seconds < END_SECOND and 0 <= nanos < _NANOS):
        raise BeyondError(f"the timestamp of {seconds} s and {nanos} ns is not within the years 1 to 9999")
    moment = _EPOCH + dt.timedelta(seconds // 86_400, seconds % 86_400, nanos // 1_000)
    return NanosDatetime.of(moment, nanos % 1_000) if nanos % 1_000 else moment


def timestamp_parts(value: dt.datetime) -> tuple[int, int]:
    """Seconds and nanoseconds of an aware datetime."""
    if dt.datetime.utcoffset(value) is None:
        raise ValueError("expected a datetime with a time zone, not one without")
    micros = dt.datetime.__sub__(value, _EPOCH) // _MICROSECOND
    seconds, rest = divmod(micros, 1_000_000)
    if not FIRST_SECOND <= seconds < END_SECOND:
        raise ValueError("the moment is outside the years 1 to 9999 in UTC")
    return seconds, rest * 1_000 + (value.nanosecond if isinstance(value, NanosDatetime) else 0)


def duration_value(seconds: int, nanos: int) -> dt.timedelta:
    """The span of time; a `NanosTimedelta` if it is not a whole number of microseconds."""
    fits = -MOST_SECONDS <= seconds <= MOST_SECONDS and -_NANOS < nanos < _NANOS
    if not fits or seconds * nanos < 0:
        raise BeyondError(
            f"the duration of {seconds} s and {nanos} ns is not within 10,000 years, or of two signs"
        )
    total = seconds * _NANOS + nanos
    span = dt.timedelta(0, total // _NANOS, total % _NANOS // 1_000)
    return NanosTimedelta.of(span, total % 1_000) if total % 1_000 else span


def duration_parts(value: dt.timedelta) -> tuple[int, int]:
    """Seconds and nanoseconds of a timedelta, of one sign."""
    micros = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    total = micros * 1_000 + (value.nanosecond if isinstance(value, NanosTimedelta) else 0)
    seconds, nanos = divmod(abs(total), _NANOS)
    if seconds > MOST_SECONDS:
        raise ValueError("the timedelta is longer than the 10,000 years of a Duration")
    return (seconds, nanos) if total >= 0 else (-seconds, -nanos)


def date_value(year: int, month: int, day: int) -> dt.date:
    """The date, if it is a whole one: year, month or day may be 0 on the wire."""
    try:
        return dt.date(year, month, day)
    except (ValueError, OverflowError):
        raise BeyondError(
            f"the date of year {year}, month {month} and day {day} is not one of Python's"
        ) from None


def decimal_value(data: bytes, precision: int, scale: int) -> Decimal:
    """The number of big-endian two's complement, times 10 to the power of `-scale`."""
    if not data or len(data) > DECIMAL_BYTES or abs(scale) > NUMBER_DIGITS:
        raise BeyondError(
            f"the decimal of {len(data):,} bytes and scale {scale} is empty, or has more than "
            f"{DECIMAL_BYTES:,} bytes or {NUMBER_DIGITS:,} places"
        )
    made = Decimal(int.from_bytes(data, "big", signed=True))
    if precision and len(made.as_tuple().digits) > precision:
        raise BeyondError(
            f"the decimal of {len(data):,} bytes has more digits than its precision {precision}"
        )
    return made.scaleb(-scale, EXACT)


def decimal_parts(value: Decimal | int) -> tuple[bytes, int, int]:
    """Bytes, precision (how many digits it has) and scale."""
    try:
        number, scale = unscaled_big(value)
    except ValueError as error:
        raise ValueError(f"the decimal {error}") from None
    data = number_bytes(number)
    if len(data) > DECIMAL_BYTES or abs(scale) > NUMBER_DIGITS:
        raise ValueError(
            f"the decimal has more than {DECIMAL_BYTES:,} bytes or a scale beyond {NUMBER_DIGITS:,}"
        )
    return data, len(Decimal(number).as_tuple().digits), scale
