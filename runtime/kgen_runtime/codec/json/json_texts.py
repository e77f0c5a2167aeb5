"""From the texts of formats, and of numbers, to their Python values, for both engines.

The native engine reads the common forms by itself, and comes here for the others. Each function raises
`UnfitTextError`: `BeyondRangeError` if the text is of the format, and Python has no value for it.
"""

from __future__ import annotations

import binascii
import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from ..decimals import EXACT
from ..limits import NUMBER_DIGITS
from ..ranges import HINT, beyond_number
from ..reasons import BAD_UUID
from ..uuids import uuid_of_text
from ..values import Duration, OutOfRange
from . import json_beyond
from . import json_reasons as reasons

_NUMBER: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?)([0-9]+))?")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME: Final = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))?"
)
_DURATION: Final = re.compile(
    r"P(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:[.,]([0-9]+))?S)?)?"
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_EPOCH_DAY: Final = dt.date(1970, 1, 1).toordinal()
_UTC_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_DAY_MILLIS: Final = 86_400_000
_LIMIT: Final = 10**NUMBER_DIGITS
_MOST_BYTES: Final = _LIMIT.bit_length() // 8 + 1
_MOST_EXPONENT: Final = 20  # digits of an exponent: what is longer is out of all bounds, whatever it is


RAW_TYPES: Final = {
    "date": "date",
    "time": "time",
    "date-time": "date-time",
    "date-days": "date",
    "time-millis": "time-millis",
    "timestamp-millis": "timestamp-millis",
}
"""The scalars (`json_build.scalar_kind`) that Python may have no value for, and the `logical_type` of an
`OutOfRange` of each.
"""


class UnfitTextError(ValueError):
    """A text does not stand for a value of its format: `why`, with a hint if there is one."""

    hint: str | None = None

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class BeyondRangeError(UnfitTextError):
    """A text of a date or time is right, and Python has no value for it: see `ranges`."""

    hint = HINT


def keeping(kind: str, make: Callable[[Any], Any], keeps: bool) -> Callable[[Any], Any]:
    """`make`, for a scalar of a kind; if `keeps`, with an `OutOfRange` for what Python has no value for."""
    if not keeps or kind not in RAW_TYPES:
        return make

    def made(raw: Any) -> Any:
        try:
            return make(raw)
        except BeyondRangeError:
            return OutOfRange(raw, RAW_TYPES[kind])

    return made


def integer_of_number(text: str) -> int:
    """The whole number of a JSON number that has at most `NUMBER_DIGITS` digits: `12`, `1.0`, `1e3`."""
    sign, whole, fraction, exponent = _parts(text)
    digits = (whole + fraction).lstrip("0")
    kept = digits.rstrip("0")
    if not kept:
        return 0
    exponent += len(digits) - len(kept) - len(fraction)
    if exponent < 0:
        raise UnfitTextError(reasons.NOT_WHOLE)
    if len(kept) + exponent > NUMBER_DIGITS:
        raise UnfitTextError(reasons.LONG_INTEGER)
    return _int(sign + kept + "0" * exponent)


def _parts(text: str) -> tuple[str, str, str, int]:
    """The sign, the digits before and after the point, and the exponent of a JSON number."""
    match = _NUMBER.fullmatch(text)
    if not match:
        raise UnfitTextError(reasons.BAD_DECIMAL)
    sign, whole, fraction, minus, exponent = match.groups(default="")
    exponent = exponent.lstrip("0")
    size = int(exponent[:_MOST_EXPONENT] or "0")
    return sign, whole, fraction, -size if minus == "-" else size


def _int(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # `sys.set_int_max_str_digits` allows fewer
        raise UnfitTextError(reasons.LONG_INTEGER) from None


def float_of_number(text: str) -> float:
    """The nearest float of a JSON number."""
    number = float(text)
    if number - number != 0:
        raise UnfitTextError(reasons.BIG_FLOAT)
    return number


def decimal_of_number(text: str) -> Decimal:
    """The exact value of a JSON number, also where it stands in a string: its zeros are kept."""
    _, whole, fraction, exponent = _parts(text)
    if (
        len(whole) + max(exponent, 0) > NUMBER_DIGITS
        or len(fraction) > NUMBER_DIGITS
        or len(fraction) - exponent > NUMBER_DIGITS
    ):
        raise UnfitTextError(reasons.LONG_DECIMAL)
    return EXACT.create_decimal(text)


def decimal_of_base64(text: str, scale: int) -> Decimal:
    """Connect's Decimal: base64 of the unscaled number, big-endian two's complement."""
    data = bytes_of_text(text)
    if not data:
        raise UnfitTextError(reasons.EMPTY_DECIMAL)
    padding = min(len(data) - len(data.lstrip(b"\0" if data[0] < 0x80 else b"\xff")), len(data) - 1)
    if len(data) - padding > _MOST_BYTES:
        raise UnfitTextError(reasons.LONG_DECIMAL)
    number = int.from_bytes(data, "big", signed=True)
    if not -_LIMIT < number < _LIMIT:
        raise UnfitTextError(reasons.LONG_DECIMAL)
    return Decimal(number).scaleb(-scale, EXACT)


def bytes_of_text(text: str) -> bytes:
    """Base64 in the standard alphabet, padded."""
    if len(text) % 4 or not _BASE64.fullmatch(text):
        raise UnfitTextError(reasons.BAD_BASE64)
    return binascii.a2b_base64(text)


def uuid_of_string(text: str) -> UUID:
    """A UUID, in RFC 4122's form, as a URN, in braces, or its digits alone."""
    try:
        return uuid_of_text(text.encode("ascii"))
    except ValueError:
        raise UnfitTextError(BAD_UUID) from None


def date_of_text(text: str) -> dt.date:
    """RFC 3339's full-date."""
    match = _DATE.fullmatch(text)
    try:
        if match:
            return dt.date(*map(int, match.groups()))
    except ValueError:
        pass
    _refuse_beyond(json_beyond.date(text))
    raise UnfitTextError(reasons.NO_SUCH_DAY if match else reasons.BAD_DATE)


def _refuse_beyond(why: str | None) -> None:
    if why is not None:
        raise BeyondRangeError(why)


def time_of_text(text: str) -> dt.time:
    """RFC 3339's full-time, or partial-time without an offset. Digits below a microsecond are cut."""
    match = _TIME.fullmatch(text)
    if not match:
        raise UnfitTextError(reasons.BAD_TIME)
    try:
        return _time(match)
    except ValueError:
        _refuse_beyond(json_beyond.time(text))
        raise UnfitTextError(reasons.NO_SUCH_TIME) from None


def _time(match: re.Match[str]) -> dt.time:
    hour, minute, second, fraction, utc, sign, offset_hours, offset_minutes = match.groups(default="")
    zone = dt.timezone.utc if utc else None
    if sign:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            raise ValueError
        offset = dt.timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
        zone = dt.timezone(-offset if sign == "-" else offset)
        zone = zone if offset else dt.timezone.utc
    return dt.time(int(hour), int(minute), int(second), int(fraction[:6].ljust(6, "0")), zone)


def datetime_of_text(text: str) -> dt.datetime:
    """RFC 3339's date-time, in UTC. Digits below a microsecond are cut."""
    day, clock = _DATE.match(text), _TIME.fullmatch(text, 11)
    if not day or not clock or text[10] not in "Tt ":
        _refuse_beyond(json_beyond.date_time(text))
        raise UnfitTextError(reasons.BAD_DATE_TIME)
    try:
        time = _time(clock)
        if time.tzinfo is None:
            raise UnfitTextError(reasons.NO_OFFSET)
        moment = dt.datetime.combine(dt.date(*map(int, day.groups())), time)
        return moment.astimezone(dt.timezone.utc)
    except UnfitTextError:
        raise
    except (ValueError, OverflowError):
        _refuse_beyond(json_beyond.date_time(text))
        raise UnfitTextError(reasons.NO_SUCH_MOMENT) from None


def duration_of_text(text: str) -> Duration:
    """ISO 8601's duration, in years, months, weeks, days, hours, minutes and seconds; `P2W` as well.

    Digits below a millisecond are cut.
    """
    match = _DURATION.fullmatch(text)
    if not match or len(text) < 3:
        raise UnfitTextError(reasons.BAD_DURATION)
    if len(text) > NUMBER_DIGITS:
        raise UnfitTextError(reasons.LONG_DURATION)
    *whole, fraction = match.groups(default="")
    years, months, weeks, days, hours, minutes, seconds = (_int(part or "0") for part in whole)
    millis = ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(fraction[:3].ljust(3, "0"))
    duration = Duration(years * 12 + months, weeks * 7 + days, millis)
    if max(duration.months, duration.days, duration.millis) >= 1 << 32:
        raise UnfitTextError(reasons.LONG_DURATION)
    return duration


def date_of_days(days: int) -> dt.date:
    """Connect's Date: days since 1970-01-01."""
    try:
        return dt.date.fromordinal(days + _EPOCH_DAY)
    except (ValueError, OverflowError):
        raise BeyondRangeError(beyond_number("date", days)) from None


def time_of_millis(millis: int) -> dt.time:
    """Connect's Time: milliseconds of the day."""
    if not 0 <= millis < _DAY_MILLIS:
        raise BeyondRangeError(beyond_number("time-millis", millis))
    seconds, rest = divmod(millis, 1000)
    return dt.time(seconds // 3600, seconds // 60 % 60, seconds % 60, rest * 1000)


def datetime_of_millis(millis: int) -> dt.datetime:
    """Connect's Timestamp: milliseconds since 1970-01-01T00:00:00 UTC."""
    try:
        return _UTC_EPOCH + millis * _MILLISECOND
    except OverflowError:
        raise BeyondRangeError(beyond_number("timestamp-millis", millis)) from None
