"""What a validator is given for a number with a fraction or an exponent: a float if that loses nothing."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import IntEnum
from typing import Final

FLOAT_DIGITS: Final = 15
"""Different decimals of so many digits are different floats, in the same order."""


class NumberForm(IntEnum):
    """Which numbers with a fraction or an exponent are floats; the others are Decimals."""

    EXACT = 0
    """None."""
    SHORT = 1
    """Those of at most 15 digits, without an exponent."""
    WHOLE = 2
    """These, and others whose float is not a whole number: the number lies between the same two."""


def fraction_of(text: str, form: NumberForm) -> float | Decimal:
    """The number of a text of JSON that has a fraction or an exponent."""
    if form is not NumberForm.EXACT:
        is_short = len(text) <= FLOAT_DIGITS + 1 or len(text.replace(".", "").lstrip("-0")) <= FLOAT_DIGITS
        if is_short and "e" not in text and "E" not in text:
            return float(text)
        if form is NumberForm.WHOLE and not (number := float(text)).is_integer() and number - number == 0:
            return number
    return exact_number(text)


def exact_number(text: str) -> Decimal:
    """A number of JSON. With an exponent that Decimal does not take it is as large, or small, as it takes."""
    try:
        return Decimal(text)
    except InvalidOperation:
        sign, is_small = "-" * text.startswith("-"), "e-" in text.lower()
        return Decimal(f"{sign}1e{'-' * is_small}999999999999")
