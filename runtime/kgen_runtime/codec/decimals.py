"""Decimals as the whole numbers that Avro writes, and as doubles."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

from .limits import DECIMAL_BYTES

# Exact: no rounding, and no limit of the exponent that an Avro scale could pass.
EXACT = decimal.Context(
    prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[decimal.InvalidOperation]
)
_DIGITS = DECIMAL_BYTES * 2  # more than any decimal that could be read back
_BITS = _DIGITS * 4  # more than so many digits take: making a Decimal of a longer number takes quadratic time


def double(number: Decimal | float) -> float:
    """The nearest double. Raises `OverflowError` if a decimal or a whole number is beyond all of them: of
    such a decimal `float` makes an infinity, which is another value.
    """
    made = float(number)
    if math.isinf(made) and isinstance(number, Decimal) and number.is_finite():
        raise OverflowError("too large for a double")
    return made


class TooLongError(ValueError):
    """A decimal has too many digits. `why` lives as long as the module or the node that raises it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def unscaled(value: Decimal | int, precision: int, scale: int) -> int:
    """The whole number that stands for `value` at this scale. Raises ValueError where digits would go."""
    exact = _exact(value)
    if exact is None:
        raise ValueError(f"has more than {precision} digits at scale {scale}")
    if not exact.is_finite():
        raise ValueError("is not a finite number")
    if exact and exact.adjusted() + scale >= min(precision, _DIGITS):
        raise ValueError(f"has more than {precision} digits at scale {scale}")
    whole = exact.scaleb(scale, EXACT)
    number = int(whole)
    if number != whole:
        raise ValueError(f"has digits below scale {scale}")
    return number


def unscaled_big(value: Decimal | int) -> tuple[int, int]:
    """The whole number and the scale that stand for `value` as a big-decimal. Raises ValueError."""
    exact = _exact(value)
    if exact is None:
        raise ValueError("has too many digits or too large an exponent")
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError("is not a finite number")
    if len(exact.as_tuple().digits) > _DIGITS or not -(1 << 31) < -exponent < 1 << 31:
        raise ValueError("has too many digits or too large an exponent")
    return int(exact.scaleb(-exponent, EXACT)), -exponent


def _exact(value: Decimal | int) -> Decimal | None:
    """The value as a plain Decimal; None where it is far too long. Methods of a subclass are not asked."""
    if isinstance(value, int) and int.bit_length(value) > _BITS:
        return None
    return value if type(value) is Decimal else Decimal(value)


def number_bytes(number: int) -> bytes:
    """The shortest big-endian two's complement form of a whole number."""
    return number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True)


def bound(precision: int) -> int:
    """The first whole number that has more digits than `precision` allows."""
    limit: int = 10**precision
    return limit


def number_size(limit: int) -> int:
    """How many bytes the whole numbers between -`limit` and `limit` need."""
    return len(number_bytes(limit - 1))
