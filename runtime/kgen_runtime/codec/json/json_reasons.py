"""Why a JSON message does not decode, in the words of both engines.

Two kinds, which matter where a union tries its branches one after the other. *Faults* are of the message,
whatever its schema: no branch could read it, so the search ends. They are the first group here, and the
engines add `reasons.ENDS`, `reasons.TOO_DEEP` and `reasons.TOO_EMPTY` to them. *Misfits* are of a value that
is not of the type wanted: the next branch is tried.
"""

from __future__ import annotations

from ..limits import NUMBER_DIGITS
from .json_pointers import shown_name

NOT_UTF8 = "the message is not valid UTF-8"
EXPECTED_VALUE = "expected a JSON value"
EXPECTED_NAME = "expected a property's name in quotes"
EXPECTED_COLON = "expected ':'"
EXPECTED_NEXT_PROPERTY = "expected ',' or '}'"
EXPECTED_NEXT_ITEM = "expected ',' or ']'"
EXPECTED_DIGIT = "expected a digit"
NOT_FINITE = "NaN and Infinity are not JSON"
CONTROL = "a string holds a control character that is not escaped"
BAD_ESCAPE = "a string holds an escape that JSON does not have"
LONE_SURROGATE = "a string holds a lone surrogate"
LONG_NUMBER = f"a number has more than {NUMBER_DIGITS:,} digits"

LONG_INTEGER = f"an integer has more than {NUMBER_DIGITS:,} digits"
LONG_DECIMAL = f"a decimal has more than {NUMBER_DIGITS:,} digits before or after its point"
BIG_FLOAT = "a number is beyond the range of a float"
BAD_DATE = "a string is not a date of the form 2024-02-29"
BAD_TIME = "a string is not a time of the form 12:30:05.5, with or without an offset"
BAD_DATE_TIME = "a string is not a date-time of the form 2024-02-29T12:30:05.5Z"
NO_OFFSET = "a date-time has no offset: it is not an instant"
NO_SUCH_DAY = "a string is not a date: there is no such day"
NO_SUCH_TIME = "a string is not a time: there is no such time of day"
NO_SUCH_MOMENT = "a string is not a date-time: there is no such moment"
BAD_DURATION = "a string is not a duration of the form P1Y2M3DT4H5M6.5S"
LONG_DURATION = "a duration has more months, days or milliseconds than 32 bits hold"
BAD_BASE64 = "a string is not base64"
BAD_DECIMAL = "a string is not a decimal number"
EMPTY_DECIMAL = "a decimal is empty: it has no bytes"
NO_SYMBOL = "the enum has no such symbol"
NO_CONSTANT = "the schema has no such value"
NO_FIT = "the value fits no branch of the union"
NO_VALUE = "the schema accepts no value here"
NO_MORE_ITEMS = "the array has more items than its schema"

NULL, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT = range(6)
KINDS = ("null", "a boolean", "a number", "a string", "an array", "an object")
"""What a value is by its first byte: `n`, `t` or `f`, `-` or a digit, `"`, `[`, `{`."""

INTEGER = "an integer"


def wrong_kind(wanted: str, kind: int) -> str:
    """Why a value does not fit. `wanted` is one of `KINDS`, or `INTEGER`; `kind` an index into `KINDS`."""
    return f"expected {wanted}, not {KINDS[kind]}"


NOT_WHOLE = f"expected {INTEGER}, not a number with a fraction"


def missing_property(name: str) -> str:
    """Why an object does not fit: it lacks a required property."""
    return f"the property {shown_name(name)!r} is missing"


def unknown_property(name: str) -> str:
    """Why an object does not fit a closed schema."""
    return f"the schema has no property {shown_name(name)!r}"


def repeated_property(name: str) -> str:
    """A fault of a message: a property is there twice."""
    return f"the property {shown_name(name)!r} is there twice"
