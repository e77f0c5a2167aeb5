"""Texts of dates and times that are right, and that Python has no value for: other years than 1 to 9999, the
end of a day as 24:00:00, leap seconds.
"""

from __future__ import annotations

import re
from typing import Final

# Years of more than four digits, with a sign before them or not, are ISO 8601's "expanded" ones.
_DATE: Final = re.compile(r"([+-]?)([0-9]{4,12})-([0-9]{2})-([0-9]{2})")
_TIME: Final = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|([+-])([0-9]{2}):([0-9]{2}))?"
)
_DATE_TIME: Final = re.compile(r"([^Tt ]+)[Tt ]([^Tt ]+)")
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY_MINUTES: Final = 24 * 60
_MOST: Final = 100  # characters; digits of a fraction may be many more
_YEARS: Final = "is not within the years 1 to 9999"


def date(text: str) -> str | None:
    """Why Python has no value for the text of a date; None if it has one, or if the text is not a date."""
    year = _year(text)
    return None if year is None or 1 <= year <= 9999 else f"the date {text} {_YEARS}"


def _year(text: str) -> int | None:
    """The year of a date, also if Python has none for it; None if the text is not a date."""
    match = _DATE.fullmatch(text)
    if not match:
        return None
    sign, digits, month, day = match[1], match[2], int(match[3]), int(match[4])
    year = int(sign + digits)
    if (sign and 1 <= year <= 9999) or (len(digits) > 4 and digits[0] == "0" and not sign):
        return None  # a year of four digits has another form
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return year if 1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1] + leap else None


def time(text: str) -> str | None:
    """As `date`, for the text of a time of day, with or without an offset."""
    match = _TIME.fullmatch(text)
    if not match:
        return None
    hour, minute, second, offset = int(match[1]), int(match[2]), int(match[3]), _offset(match)
    if offset is None or minute > 59:
        return None
    shown = text[:_MOST]
    if hour == 24 and not minute and not second and not (match[4] or "").strip("0"):
        return f"the time {shown} is the end of the day, and Python's times end at 23:59:59.999999"
    # A leap second is the last one of a day in UTC; without an offset that may be any hour.
    last = minute == 59 if match[5] is None else (hour * 60 + minute - offset + 1) % _DAY_MINUTES == 0
    if hour <= 23 and second == 60 and last:
        return f"the time {shown} is a leap second, which Python has no value for"
    return None


def _offset(match: re.Match[str]) -> int | None:
    """Minutes; None if it is not an offset."""
    if not match[6]:
        return 0
    hours, minutes = int(match[7]), int(match[8])
    if hours > 23 or minutes > 59:
        return None
    return (-1 if match[6] == "-" else 1) * (hours * 60 + minutes)


def date_time(text: str) -> str | None:
    """As `date`, for the text of a date-time, which has an offset: Python has none either where the moment is
    not within the years 1 to 9999 in UTC.
    """
    parts = _DATE_TIME.fullmatch(text)
    clock = _TIME.fullmatch(parts[2]) if parts else None
    year = _year(parts[1]) if parts else None
    if not parts or not clock or year is None or clock[5] is None:
        return None
    why, offset, hour = time(parts[2]), _offset(clock), int(clock[1])
    if offset is None or (why is None and (hour > 23 or int(clock[2]) > 59 or int(clock[3]) > 59)):
        return None
    minutes = hour * 60 + int(clock[2]) - offset
    before = year == 1 and parts[1].endswith("01-01") and minutes < 0
    after = year == 9999 and parts[1].endswith("12-31") and minutes >= _DAY_MINUTES
    if not 1 <= year <= 9999 or before or after:
        return f"the date-time {text[:_MOST]} {_YEARS} in UTC"
    return why
