"""The numbers of Avro's dates and times as ISO 8601 has them, nanoseconds too."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

_DIGITS: Final = {"millis": 3, "micros": 6, "nanos": 9}
"""Of the fraction of a second."""
_EPOCH: Final = datetime(1970, 1, 1)
_DAY: Final = 86_400


def moment_text(logical: str, number: int) -> str:
    """`2026-01-31`, `12:30:00.250`, `2026-01-31T12:30:00.250Z`, without `Z` if the time is local; empty for
    another logical type, and for a number that is not a time of a day or of the years 1 to 9999.
    """
    if logical == "date":
        try:
            return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
        except OverflowError:
            return ""
    kind, _, unit = logical.rpartition("-")
    digits = _DIGITS.get(unit)
    if digits is None or kind not in ("time", "timestamp", "local-timestamp"):
        return ""
    seconds, fraction = divmod(number, 10**digits)
    if kind == "time" and not 0 <= seconds < _DAY:
        return ""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return ""
    text = moment.time().isoformat() if kind == "time" else moment.isoformat()
    return f"{text}.{fraction:0{digits}}" + ("Z" if kind == "timestamp" else "")
