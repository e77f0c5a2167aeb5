"""What a payload of JSON holds, for a validator: its numbers as they are written.

With Decimals that is slow, both to parse and to validate; there are floats where they lose nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final, NoReturn

from ..codec import ENGINE, make_json_reader
from ..codec.json.schema.json_parser import parse_json_schema
from ..errors import DecodeError

_DIGITS: Final = 15
"""Different decimals of so many digits are different floats, in the same order."""
_LONG: Final = b"0" * (_DIGITS + 2)


def exact_value(payload: bytes) -> Any:
    """Of a payload that decodes: fractions are Decimals. Raises `ValueError`, `RecursionError`."""
    text = payload.decode()
    if text[:1] not in ("{", "["):
        text = text.removeprefix("\ufeff").lstrip(" \t\r\n")
    try:
        return _FAST(text, 0)[0]
    except InvalidOperation:
        return _EXACT(text, 0)[0]


def floats_serve(documents: Iterable[Any]) -> bool:
    """Whether values of `float_value` are valid by these schemas if and only if the exact ones are.

    So it is if numbers are compared with ones of 15 digits (or with integers), and nothing is calculated:
    then no two of them are the same float. Keywords are looked for everywhere, also in data.
    """
    left = list(documents)
    while left:
        it = left.pop()
        if isinstance(it, dict):
            if "multipleOf" in it or "divisibleBy" in it:
                return False
            left.extend(it.values())
        elif isinstance(it, list):
            left.extend(it)
        elif isinstance(it, Decimal):
            _, digits, exponent = it.as_tuple()
            if len(digits) > _DIGITS or not isinstance(exponent, int) or not -_DIGITS <= exponent <= 0:
                return False
        elif isinstance(it, float):
            return False
    return True


def float_value(payload: bytes) -> tuple[Any] | None:
    """The value of a payload that decodes, with floats; None if a number in it may need to be exact.

    Such is one with an exponent, or with more than 15 digits. Text that looks like one counts as well.
    """
    shape = payload.translate(_SHAPE)
    if shape.find(_LONG) >= 0 or _EXPONENT.search(shape):  # `in` takes several times as long
        return None
    try:
        return (_floats()(payload),)
    except (DecodeError, ValueError, StopIteration):
        return None  # what a reader of all refuses in a property that is dropped: a name twice, for one


# The payload's digits and points are "0", its exponents "e", signs "+", what ends a number ",".
_TOKENS: Final = b"0123456789.eE+-,]} \t\r\n"
_REST: Final = bytes(code for code in range(256) if code not in _TOKENS)
_SHAPE: Final = bytes.maketrans(_TOKENS + _REST, b"0" * 11 + b"ee++" + b"," * 7 + b"x" * len(_REST))
_EXPONENT: Final = re.compile(rb"0e\+?0+(?:,|$)")


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON value")


def _exact(text: str) -> Decimal:
    """A number with an exponent that Decimal does not take is as large, or as small, as it takes."""
    try:
        return Decimal(text)
    except InvalidOperation:
        sign, is_small = "-" * text.startswith("-"), "e-" in text.lower()
        return Decimal(f"{sign}1e{'-' * is_small}999999999999")


# What comes after the value is not looked at, since the decoder did that.
_DECODERS: Final[tuple[Any, Any]] = (
    json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant),
    json.JSONDecoder(parse_float=_exact, parse_constant=_no_constant),
)
_FAST: Final = _DECODERS[0].scan_once
_EXACT: Final = _DECODERS[1].scan_once


@cache
def _floats() -> Callable[[bytes], Any]:
    """Not made before it is used: every flow imports this module, and the first reader is logged."""
    return make_json_reader(parse_json_schema("true")).decode if ENGINE == "native" else json.loads
