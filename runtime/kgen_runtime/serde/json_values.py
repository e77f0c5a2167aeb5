"""What a payload of JSON holds, for a validator: its numbers as they are written.

With Decimals that is slow, both to parse and to validate; there are floats where they lose nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any, NoReturn

from ..codec import json_value_reader
from ..codec.json.number_forms import FLOAT_DIGITS, NumberForm, fraction_of
from ..errors import DecodeError


def form_for(documents: Iterable[Any]) -> NumberForm:
    """The numbers whose values are valid by these schemas if and only if the exact ones are.

    A number that is not whole, and a float near it that is not either, lie between the same whole numbers.
    So these floats serve where numbers are compared with integers alone, and calculated with by integers.
    Those of up to 15 digits serve where numbers are compared with ones of 15 digits, and nothing is
    calculated: no two of them are the same float. Keywords are looked for everywhere, also in data.
    """
    form = NumberForm.WHOLE
    left = list(documents)
    while left:
        it = left.pop()
        if isinstance(it, dict):
            if it.get("uniqueItems", False) is not False:  # items are compared with each other
                form = NumberForm.SHORT
            if not all(isinstance(it.get(name, 1), int) for name in ("multipleOf", "divisibleBy")):
                return NumberForm.EXACT
            left.extend(it.values())
        elif isinstance(it, list):
            left.extend(it)
        elif isinstance(it, Decimal):
            _, digits, exponent = it.as_tuple()
            if (
                len(digits) > FLOAT_DIGITS
                or not isinstance(exponent, int)
                or not -FLOAT_DIGITS <= exponent <= 0
            ):
                return NumberForm.EXACT
            form = NumberForm.SHORT
        elif isinstance(it, float):
            return NumberForm.EXACT
    return form


def value_reader(form: NumberForm) -> Callable[[bytes], Any]:
    """What gives the value of a payload that decodes. It raises `ValueError`, `RecursionError`."""
    loads = partial(_loads, _scanner(form))
    reader = json_value_reader(form)
    if reader is None:
        return loads

    def read(payload: bytes) -> Any:
        try:
            return reader(payload)
        except DecodeError:
            return loads(payload)  # what is refused in a property that is dropped: a name twice, for one

    return read


def _scanner(form: NumberForm) -> Callable[[str, int], tuple[Any, int]]:
    decoder: Any = json.JSONDecoder(
        parse_float=lambda text: fraction_of(text, form), parse_constant=_no_constant
    )
    scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once
    return scan


def _loads(scan: Callable[[str, int], tuple[Any, int]], payload: bytes) -> Any:
    """What comes after the value is not looked at, since the decoder did that."""
    text = payload.decode()
    if text[:1] not in ("{", "["):
        text = text.removeprefix("\ufeff").lstrip(" \t\r\n")
    return scan(text, 0)[0]


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON value")
