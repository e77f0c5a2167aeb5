"""From Python values to the texts of formats, and of numbers, for both engines.

Each function takes a value of the right type, also of a subclass, and raises `UnfitTextError` if it has no
text of that format. The text may be read back: see `json_texts`.
"""

from __future__ import annotations

import base64
import datetime as dt
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Final
from uuid import UUID

from ..decimals import number_bytes, unscaled
from ..limits import NUMBER_DIGITS
from ..values import Duration
from .json_texts import UnfitTextError, decimal_of_number

_UTC_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_EPOCH_DAY: Final = dt.date(1970, 1, 1).toordinal()
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_MINUTE: Final = dt.timedelta(minutes=1)
_FIRST: Final = (dt.datetime.min.replace(tzinfo=dt.timezone.utc) - _UTC_EPOCH) // _MICROSECOND
_LAST: Final = (dt.datetime.max.replace(tzinfo=dt.timezone.utc) - _UTC_EPOCH) // _MICROSECOND
_LIMIT: Final = 10**NUMBER_DIGITS
_SHORT: Final = 300

LONG_INTEGER: Final = f"the number has more than {NUMBER_DIGITS:,} digits"
LONG_DECIMAL: Final = f"the decimal has more than {NUMBER_DIGITS:,} digits before or after its point"
BIG_NUMBER: Final = "the number is beyond the range of a float"
NOT_FINITE: Final = "NaN and Infinity are not JSON"
LONE_SURROGATE: Final = "the string holds a lone surrogate"
NO_ZONE: Final = "the datetime has no time zone: it is not an instant"
OUT_OF_RANGE: Final = "the moment is outside the years 1 to 9999 in UTC"
NO_OFFSET: Final = "the time's zone has no offset of its own"
ODD_OFFSET: Final = "the time's offset is not of whole minutes"
HAS_ZONE: Final = "the time has a time zone"
BAD_DURATION: Final = "the duration's parts do not fit 32 bits each"


def text_of_string(value: str) -> bytes:
    """A string in quotes, escaped where it has to be."""
    try:
        return encode_basestring(value).encode("utf-8")
    except UnicodeEncodeError:
        raise UnfitTextError(LONE_SURROGATE) from None


def text_of_integer(value: int) -> bytes:
    """The digits of a whole number; a bool is one too."""
    number = int.__int__(value)
    if number.bit_length() > _LIMIT.bit_length() or not -_LIMIT < number < _LIMIT:
        raise UnfitTextError(LONG_INTEGER)
    try:
        return b"%d" % number
    except ValueError:  # `sys.set_int_max_str_digits` allows fewer
        raise UnfitTextError(LONG_INTEGER) from None


def text_of_float(value: float) -> bytes:
    """The fewest digits that read back the same."""
    number = float.__float__(value)
    if number - number != 0:
        raise UnfitTextError(NOT_FINITE)
    return float.__repr__(number).encode("ascii")


def text_of_number(value: float) -> bytes:
    """A float, or the digits of a whole number that a float may hold."""
    if not isinstance(value, int):
        return text_of_float(value)
    try:
        float(int.__int__(value))
    except OverflowError:
        raise UnfitTextError(BIG_NUMBER) from None
    return text_of_integer(value)


def text_of_decimal(value: Decimal | int) -> bytes:
    """An exact decimal, with all of its zeros."""
    if isinstance(value, int):
        return text_of_integer(value)
    exact = Decimal(value)
    if not exact.is_finite():
        raise UnfitTextError("the decimal is not a finite number")
    text = str(exact)
    if len(text) > _SHORT or "E" in text:
        _refuse_long(text)
    return text.encode("ascii")


def _refuse_long(text: str) -> None:
    mantissa, _, _ = text.partition("E")
    if sum(map(str.isdigit, mantissa)) > NUMBER_DIGITS:
        raise UnfitTextError(LONG_DECIMAL)
    try:
        decimal_of_number(text)
    except UnfitTextError:
        raise UnfitTextError(LONG_DECIMAL) from None


def base64_of_decimal(value: Decimal | int, scale: int) -> bytes:
    """Connect's Decimal: base64 of the unscaled number, big-endian two's complement."""
    try:
        return base64.b64encode(number_bytes(unscaled(value, NUMBER_DIGITS, scale)))
    except ValueError as error:
        raise UnfitTextError(f"the decimal {error}") from None


def base64_of_bytes(value: bytes | bytearray | memoryview) -> bytes:
    """Base64 in the standard alphabet, padded."""
    return base64.b64encode(memoryview(value).tobytes())


def text_of_uuid(value: UUID) -> bytes:
    """The digits with hyphens, in lower case."""
    return str(UUID(int=value.int)).encode("ascii")


def text_of_date(value: dt.date) -> bytes:
    """RFC 3339's full-date."""
    return dt.date.fromordinal(dt.date.toordinal(value)).isoformat().encode("ascii")


def text_of_time(value: dt.time) -> bytes:
    """RFC 3339's full-time, or partial-time if it has no time zone."""
    text = _clock(value)
    if value.tzinfo is None:
        return text.encode("ascii")
    offset = dt.time.utcoffset(value)
    if offset is None:
        raise UnfitTextError(NO_OFFSET)
    minutes, rest = divmod(abs(offset), _MINUTE)
    if rest:
        raise UnfitTextError(ODD_OFFSET)
    sign = "-" if offset < dt.timedelta() else "+"
    return (text + (f"{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "Z")).encode("ascii")


def _clock(value: dt.time | dt.datetime) -> str:
    fraction = f".{value.microsecond:06}" if value.microsecond else ""
    return f"{value.hour:02}:{value.minute:02}:{value.second:02}{fraction}"


def text_of_datetime(value: dt.datetime) -> bytes:
    """RFC 3339's date-time, in UTC."""
    moment = _UTC_EPOCH + dt.timedelta(microseconds=_micros(value))
    return f"{moment.date().isoformat()}T{_clock(moment)}Z".encode("ascii")


def _micros(value: dt.datetime) -> int:
    """Microseconds since the epoch."""
    if dt.datetime.utcoffset(value) is None:
        raise UnfitTextError(NO_ZONE)
    micros = dt.datetime.__sub__(value, _UTC_EPOCH) // _MICROSECOND
    if not _FIRST <= micros <= _LAST:
        raise UnfitTextError(OUT_OF_RANGE)
    return micros


def text_of_duration(value: Duration) -> bytes:
    """ISO 8601's duration in months, days and seconds; a part that is zero is left out."""
    months, days, millis = value.months, value.days, value.millis
    if not all(isinstance(part, int) and 0 <= part < 1 << 32 for part in (months, days, millis)):
        raise UnfitTextError(BAD_DURATION)
    date = (f"{months}M" if months else "") + (f"{days}D" if days else "")
    seconds, rest = divmod(millis, 1000)
    fraction = f".{rest:03}".rstrip("0") if rest else ""
    time = f"T{seconds}{fraction}S" if millis or not date else ""
    return f"P{date}{time}".encode("ascii")


def days_of_date(value: dt.date) -> bytes:
    """Connect's Date: days since 1970-01-01."""
    return b"%d" % (dt.date.toordinal(value) - _EPOCH_DAY)


def millis_of_time(value: dt.time) -> bytes:
    """Connect's Time: milliseconds of the day; what is below one is cut."""
    if value.tzinfo is not None:
        raise UnfitTextError(HAS_ZONE)
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return b"%d" % (seconds * 1000 + value.microsecond // 1000)


def millis_of_datetime(value: dt.datetime) -> bytes:
    """Connect's Timestamp: milliseconds since 1970-01-01T00:00:00 UTC; what is below one is cut."""
    return b"%d" % (_micros(value) // 1000)


def text_of_constant(value: str | int | float | bool | None) -> bytes:
    """A scalar of a schema."""
    if value is None or isinstance(value, bool):
        return {None: b"null", True: b"true", False: b"false"}[value]
    return text_of_string(value) if isinstance(value, str) else text_of_number(value)
