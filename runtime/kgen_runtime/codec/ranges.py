"""Numbers on the wire that Python has no date, time or decimal for: kept as they are, or refused, in the
words of both engines.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args

from ..errors import ConfigError
from .decimals import EXACT, bound
from .values import OutOfRange

OutOfRangeChoice: TypeAlias = Literal["error", "raw"]
"""What a reader makes of a number that is out of Python's range: a `DecodeError`, or an `OutOfRange`."""

HINT: Final = 'Set out_of_range = "raw" under [models] in kgen.toml to read such values as rt.OutOfRange.'

_UNITS: Final = {"millis": "milliseconds", "micros": "microseconds", "nanos": "nanoseconds"}
_LAST_TIME: Final = {"millis": "23:59:59.999", "micros": "23:59:59.999999"}
_SHOWN_BYTES: Final = 40
_DAY_MICROS: Final = 86_400_000_000
_MICROS: Final = {"millis": 1_000, "micros": 1}

# The first number that Python has a value for, and the first one after them.
FIRST_DAY: Final = -719_162
END_DAY: Final = 2_932_897
FIRST_MICRO: Final = FIRST_DAY * _DAY_MICROS
END_MICRO: Final = END_DAY * _DAY_MICROS


class BeyondError(Exception):
    """A number is out of range: what it is and what the range is, and a hint if there is one."""

    def __init__(self, what: str, hint: str | None = HINT) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def keeps_raw(choice: OutOfRangeChoice) -> bool:
    """Whether it is `raw`. Raises `ConfigError` if it is not one of the two."""
    if choice not in get_args(OutOfRangeChoice):
        raise ConfigError(f"invalid out_of_range={choice!r}", hint="Use 'error' or 'raw'.")
    return choice == "raw"


def limits(logical_type: str) -> tuple[int, int] | None:
    """The first number of a date, time or timestamp that Python has a value for, and the first one after
    them; None for another logical type.
    """
    if logical_type == "date":
        return FIRST_DAY, END_DAY
    kind, _, unit = logical_type.rpartition("-")
    if unit not in _MICROS:
        return None
    micros = _MICROS[unit]
    return (0, _DAY_MICROS // micros) if kind == "time" else (FIRST_MICRO // micros, END_MICRO // micros)


def number_outside(kind: str, keeps: bool) -> Callable[[int], OutOfRange[int]]:
    """For a number that is out of range of what it is read as: a logical type, or one unit as another
    (`timestamp-millis-as-nanos`, for which nothing is kept). The function raises `BeyondError`.
    """

    def refuse(number: int) -> OutOfRange[int]:
        raise _beyond(kind, number)

    return (lambda number: OutOfRange(number, kind)) if keeps and limits(kind) else refuse


def _beyond(kind: str, number: int) -> BeyondError:
    before, _, wanted = kind.partition("-as-")
    if wanted:
        unit = _UNITS[before.rpartition("-")[2]]
        what = f"the timestamp {number} ({unit} since 1970-01-01) does not fit 64 bits of {_UNITS[wanted]}"
        return BeyondError(what, None)
    return BeyondError(beyond_number(kind, number))


def column_outside(kind: str) -> Callable[[int], None]:
    """The same for a number that a column has no place for: of a time that no day has, or of a timestamp
    (`timestamp-millis-as-nanos`) that does not fit its unit. The function raises `BeyondError`, with no hint.
    """

    def refuse(number: int) -> None:
        raise BeyondError(_beyond(kind, number).what, None)

    return refuse


def column_decimal_outside(precision: int, scale: int) -> Callable[[bytes], None]:
    """The same for the bytes of a decimal with more digits than its column has."""
    outside = decimal_outside(precision, scale, False)

    def refuse(data: bytes) -> None:
        try:
            outside(data)
        except BeyondError as error:
            raise BeyondError(error.what, None) from None

    return refuse


def beyond_number(kind: str, number: int) -> str:
    """Why a number is not a date, a time or a timestamp."""
    shown = number if abs(number) < 1 << 128 else f"of {number.bit_length():,} bits"
    if kind == "date":
        return f"the date {shown} (days since 1970-01-01) is not within the years 1 to 9999"
    family, _, unit = kind.rpartition("-")
    if family == "time":
        span = f"00:00:00 to {_LAST_TIME[unit]}"
        return f"the time {shown} ({_UNITS[unit]} since midnight) is not within {span}"
    return f"the timestamp {shown} ({_UNITS[unit]} since 1970-01-01) is not within the years 1 to 9999"


def decimal_outside(precision: int, scale: int, keeps: bool) -> Callable[[bytes], OutOfRange[bytes]]:
    """For the bytes of a decimal with more digits than its schema allows. The function raises
    `BeyondError`.
    """

    def refuse(data: bytes) -> OutOfRange[bytes]:
        if len(data) > _SHOWN_BYTES:
            shown = f"a decimal of {len(data):,} bytes"
        else:
            shown = f"the decimal {Decimal(int.from_bytes(data, 'big', signed=True)).scaleb(-scale, EXACT)}"
        raise BeyondError(f"{shown} has more digits than the {precision} of its schema")

    return (lambda data: OutOfRange(data, "decimal", scale)) if keeps else refuse


def raw_number(value: Any, logical_type: str, bits: int) -> int | None:
    """The number of an `OutOfRange` that is written as this logical type, in so many bits; None for any
    other value.
    """
    if not isinstance(value, OutOfRange) or value.logical_type != logical_type:
        return None
    number = value.raw
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    return int.__int__(number) if -(1 << bits - 1) <= number < 1 << bits - 1 else None


def raw_decimal(value: Any, size: int, scale: int) -> bytes | None:
    """The bytes of an `OutOfRange` that is written as a decimal of this scale: on a fixed of `size` bytes, or
    on bytes if that is -1. None for any other value.
    """
    if not isinstance(value, OutOfRange) or (value.logical_type, value.scale) != ("decimal", scale):
        return None
    data = value.raw
    if not isinstance(data, bytes) or not data:
        return None
    if size in (-1, len(data)):
        return bytes(memoryview(data))
    try:
        return int.from_bytes(data, "big", signed=True).to_bytes(size, "big", signed=True)
    except OverflowError:
        return None


def is_beyond(logical_type: str, number: int) -> bool:
    """Whether Python has no value for the number."""
    known = limits(logical_type)
    return known is not None and not known[0] <= number < known[1]


def is_beyond_decimal(data: bytes, precision: int) -> bool:
    """Whether a decimal has more digits than its schema allows."""
    limit = bound(precision)
    return not -limit < int.from_bytes(data, "big", signed=True) < limit


def type_title(value: Any) -> str:
    """The type of a value in messages: of an `OutOfRange` also the one that it is of."""
    if not isinstance(value, OutOfRange):
        return type(value).__name__
    scale = f" of scale {value.scale}" if value.logical_type == "decimal" else ""
    return f"an OutOfRange of {str(value.logical_type)[:100]}{scale}"
