"""Scalars and formats of JSON messages: what is read, written and refused (docs/reference/json.md)."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import sys
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from tests.unit.codec.json.json_kit import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    enum_of,
    one,
    reads,
    text,
    writes,
)

from kgen_runtime.codec.json.schema.json_tree import JsonScalar, Nothing
from kgen_runtime.codec.limits import NUMBER_DIGITS
from kgen_runtime.codec.values import Duration
from kgen_runtime.errors import DecodeError, EncodeError

UTC = dt.timezone.utc


class Whole(enum.IntEnum):
    THREE = 3


class Foreign:
    """A scalar as those of numpy are: `kind` is of its dtype."""

    shape = ()

    def __init__(self, kind: str, value: float) -> None:
        self.kind = kind
        self.value = value

    @property
    def dtype(self) -> Any:
        return SimpleNamespace(kind=self.kind)

    def __bool__(self) -> bool:
        return bool(self.value)


class ForeignInt(Foreign):
    def __index__(self) -> int:
        return int(self.value)


class ForeignFloat(Foreign):
    def __float__(self) -> float:
        return float(self.value)


class OddFloat(float):
    def __repr__(self) -> str:
        return "odd"


LONG = "1" + "0" * (NUMBER_DIGITS - 1)
DATE_TIME, TIME = text("date-time"), text("time")
DECIMAL = JsonScalar("number", "decimal")
CONNECT_DECIMAL = text("decimal", 2)


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


READ: list[tuple[Any, str, Any]] = [
    (NULL, "null", None),
    (BOOLEAN, "true", True),
    (BOOLEAN, "false", False),
    (INTEGER, "0", 0),
    (INTEGER, "-0", 0),
    (INTEGER, "-12", -12),
    (INTEGER, "1.0", 1),
    (INTEGER, "1.50e1", 15),
    (INTEGER, "1E+3", 1000),
    (INTEGER, "1000e-3", 1),
    (INTEGER, "0.0e-9999999999", 0),
    (INTEGER, "9223372036854775807", 2**63 - 1),
    (INTEGER, "-9223372036854775808", -(2**63)),
    (INTEGER, "9223372036854775808", 2**63),
    (INTEGER, "123456789012345678901234567890", 123456789012345678901234567890),
    (INTEGER, LONG, 10 ** (NUMBER_DIGITS - 1)),
    (INTEGER, f"1e{NUMBER_DIGITS - 1}", 10 ** (NUMBER_DIGITS - 1)),
    (NUMBER, "1", 1.0),
    (NUMBER, "-0", -0.0),
    (NUMBER, "0.1", 0.1),
    (NUMBER, "1e308", 1e308),
    (NUMBER, "5e-324", 5e-324),
    (NUMBER, "1e-999", 0.0),
    (NUMBER, "123456789012345678", 123456789012345678.0),
    (NUMBER, "9007199254740993", 9007199254740992.0),
    (NUMBER, "0.1000000000000000055511151231257827021181583404541015625", 0.1),
    (NUMBER, "2.2250738585072011e-308", 2.2250738585072011e-308),
    (NUMBER, "1" * 400 + "e-399", float("1" * 400 + "e-399")),
    (JsonScalar("number", "float"), "0.1", 0.1),
    (STRING, '""', ""),
    (STRING, '"a b"', "a b"),
    (STRING, r'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'),
    (STRING, r'"\u0041\u00e9\u20AC"', "Aé€"),
    (STRING, r'"\ud83d\ude00\uD83D\uDE00"', "😀😀"),
    (STRING, r'"\u0000"', "\0"),
    (STRING, '"é€😀\x7f\u2028"', "é€😀\x7f\u2028"),
    (STRING, r'"é\n€"', "é\n€"),
    (text("date"), '"2024-02-29"', dt.date(2024, 2, 29)),
    (text("date"), r'"2024-0\u0032-29"', dt.date(2024, 2, 29)),
    (TIME, '"12:30:05"', dt.time(12, 30, 5)),
    (TIME, '"12:30:05.5"', dt.time(12, 30, 5, 500_000)),
    (TIME, '"12:30:05Z"', dt.time(12, 30, 5, tzinfo=UTC)),
    (TIME, '"12:30:05.1234567-01:30"', dt.time(12, 30, 5, 123456, dt.timezone(-dt.timedelta(minutes=90)))),
    (TIME, '"12:30:05-00:00"', dt.time(12, 30, 5, tzinfo=UTC)),
    (DATE_TIME, '"2024-02-29T12:30:05Z"', dt.datetime(2024, 2, 29, 12, 30, 5, tzinfo=UTC)),
    (DATE_TIME, '"2024-02-29t12:30:05z"', dt.datetime(2024, 2, 29, 12, 30, 5, tzinfo=UTC)),
    (DATE_TIME, '"2024-02-29 12:30:05.000001Z"', dt.datetime(2024, 2, 29, 12, 30, 5, 1, tzinfo=UTC)),
    (DATE_TIME, '"2024-02-29T23:30:05.25-01:00"', dt.datetime(2024, 3, 1, 0, 30, 5, 250_000, tzinfo=UTC)),
    (DATE_TIME, '"2024-01-01T00:00:00+23:59"', dt.datetime(2023, 12, 31, 0, 1, tzinfo=UTC)),
    (DATE_TIME, '"2024-01-01T00:00:00.9999999Z"', dt.datetime(2024, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)),
    (DATE_TIME, '"0001-01-01T00:00:00Z"', dt.datetime(1, 1, 1, tzinfo=UTC)),
    (DATE_TIME, '"9999-12-31T23:59:59.999999Z"', dt.datetime.max.replace(tzinfo=UTC)),
    (text("duration"), '"P1Y2M3DT4H5M6.5S"', Duration(14, 3, 14_706_500)),
    (text("duration"), '"P2W"', Duration(0, 14, 0)),
    (text("duration"), '"PT0.0019S"', Duration(0, 0, 1)),
    (text("uuid"), '"C0FFEE00-0000-4000-8000-000000000001"', UUID("c0ffee00-0000-4000-8000-000000000001")),
    (text("base64"), '""', b""),
    (text("base64"), '"AP8="', b"\0\xff"),
    (text("base64"), r'"AP\/\u002b"', b"\0\xff\xfe"),
    (DECIMAL, "1.10", Decimal("1.10")),
    (DECIMAL, "-1E-3", Decimal("-0.001")),
    (DECIMAL, "100", Decimal(100)),
    (DECIMAL, f"1e-{NUMBER_DIGITS}", Decimal(f"1e-{NUMBER_DIGITS}")),
    (text("decimal"), '"12345678901234567890.10"', Decimal("12345678901234567890.10")),
    (CONNECT_DECIMAL, '"/w=="', Decimal("-0.01")),
    (CONNECT_DECIMAL, '"AMg="', Decimal("2.00")),
    (CONNECT_DECIMAL, '"AAAAyA=="', Decimal("2.00")),
    (JsonScalar("integer", "date-days"), "19782", dt.date(2024, 2, 29)),
    (JsonScalar("integer", "date-days"), "-1.0", dt.date(1969, 12, 31)),
    (JsonScalar("integer", "time-millis"), "45005001", dt.time(12, 30, 5, 1000)),
    (JsonScalar("integer", "timestamp-millis"), "-1", dt.datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)),
    (one("a", 1, None, False, 0.5), '"a"', "a"),
    (one("a", 1, None, False, 0.5), "1.0", 1),
    (one("a", 1, None, False, 0.5), "5e-1", 0.5),
    (one("a", 1, None, False, 0.5), "null", None),
    (one("a", 1, None, False, 0.5), "false", False),
    (enum_of("E", "a", "é"), r'"\u00e9"', "é"),
    (ANYTHING, "null", None),
    (ANYTHING, "1", 1),
    (ANYTHING, "1.0", 1.0),
    (ANYTHING, "1e2", 100.0),
    (ANYTHING, "-0", 0),
    (ANYTHING, LONG, 10 ** (NUMBER_DIGITS - 1)),
    (ANYTHING, '{"a": [true, {"b": null}], "": "x"}', {"a": [True, {"b": None}], "": "x"}),
]


@pytest.mark.parametrize(("node", "message", "value"), READ, ids=[f"{r[0]} {r[1][:30]}" for r in READ])
def test_a_scalar_is_read(engine: Any, node: Any, message: str, value: Any) -> None:
    assert same(reads(engine, node)(message.encode()), value)


WRONG: list[tuple[Any, str, str]] = [
    (NULL, "false", "expected null, not a boolean"),
    (NULL, "{}", "expected null, not an object"),
    (BOOLEAN, "1", "expected a boolean, not a number"),
    (BOOLEAN, '"true"', "expected a boolean, not a string"),
    (INTEGER, "1.5", "expected an integer, not a number with a fraction"),
    (INTEGER, "1e-1", "expected an integer, not a number with a fraction"),
    (INTEGER, "1e-99999999999999999999999999", "expected an integer, not a number with a fraction"),
    (INTEGER, '"1"', "expected an integer, not a string"),
    (INTEGER, "true", "expected an integer, not a boolean"),
    (INTEGER, f"1e{NUMBER_DIGITS}", "an integer has more than 4,096 digits"),
    (INTEGER, "1e99999999999999999999999999", "an integer has more than 4,096 digits"),
    (INTEGER, LONG + "0", "a number has more than 4,096 digits"),
    (NUMBER, LONG + ".0", "a number has more than 4,096 digits"),
    (NUMBER, "null", "expected a number, not null"),
    (NUMBER, "1e999", "a number is beyond the range of a float"),
    (NUMBER, "-1e999", "a number is beyond the range of a float"),
    (ANYTHING, "1e999", "a number is beyond the range of a float"),
    (STRING, "[]", "expected a string, not an array"),
    (text("date"), '"2024-02-30"', "a string is not a date: there is no such day"),
    (text("date"), '"0000-01-01"', "the date 0000-01-01 is not within the years 1 to 9999"),
    (text("date"), '"20240229"', "a string is not a date of the form"),
    (text("date"), '"2024-02-29 "', "a string is not a date of the form"),
    (text("date"), '"２024-02-29"', "a string is not a date of the form"),
    (text("date"), "19782", "expected a string, not a number"),
    (TIME, '"24:00:00"', "the time 24:00:00 is the end of the day"),
    (TIME, '"23:59:60"', "the time 23:59:60 is a leap second"),
    (TIME, '"12:30"', "a string is not a time of the form"),
    (TIME, '"12:30:05+24:00"', "a string is not a time: there is no such time of day"),
    (TIME, '"12:30:05+01:60"', "a string is not a time: there is no such time of day"),
    (TIME, '"12:30:05."', "a string is not a time of the form"),
    (DATE_TIME, '"2024-02-29T12:30:05"', "a date-time has no offset"),
    (DATE_TIME, '"2024-02-29T12:30:60Z"', "a string is not a date-time: there is no such moment"),
    (DATE_TIME, '"2024-02-30T12:30:00Z"', "a string is not a date-time: there is no such moment"),
    (DATE_TIME, '"0001-01-01T00:00:00+00:01"', "the date-time 0001-01-01T00:00:00+00:01 is not within"),
    (DATE_TIME, '"9999-12-31T23:59:59-00:01"', "the date-time 9999-12-31T23:59:59-00:01 is not within"),
    (DATE_TIME, '"2024-02-29_12:30:05Z"', "a string is not a date-time of the form"),
    (DATE_TIME, '"2024-02-29T12:30Z"', "a string is not a date-time of the form"),
    (DATE_TIME, '"2024-02-29T12:30:05+0100"', "a string is not a date-time of the form"),
    (DATE_TIME, '"2024-02-29T12:30:05,5Z"', "a string is not a date-time of the form"),
    (DATE_TIME, '"2024-02-29"', "a string is not a date-time of the form"),
    (DATE_TIME, '""', "a string is not a date-time of the form"),
    (text("duration"), '"P"', "a string is not a duration of the form"),
    (text("duration"), '"PT"', "a string is not a duration of the form"),
    (text("duration"), '"P1DT"', "a string is not a duration of the form"),
    (text("duration"), '"-P1D"', "a string is not a duration of the form"),
    (text("duration"), '"P1.5D"', "a string is not a duration of the form"),
    (text("duration"), '"P4294967296D"', "a duration has more months, days or milliseconds"),
    (text("duration"), f'"P{LONG}0D"', "a duration has more months, days or milliseconds"),
    (text("uuid"), '"c0ffee"', "a string is not a UUID"),
    (text("uuid"), '"é0ffee00-0000-4000-8000-000000000001"', "a string is not a UUID"),
    (text("base64"), '"AP8"', "a string is not base64"),
    (text("base64"), '"A==="', "a string is not base64"),
    (text("base64"), '"AP-_"', "a string is not base64"),
    (text("base64"), '"AP 8"', "a string is not base64"),
    (text("decimal"), '"1,5"', "a string is not a decimal number"),
    (text("decimal"), '"NaN"', "a string is not a decimal number"),
    (text("decimal"), '" 1"', "a string is not a decimal number"),
    (DECIMAL, f"1e{NUMBER_DIGITS}", "a decimal has more than 4,096 digits before or after its point"),
    (DECIMAL, f"1e-{NUMBER_DIGITS + 1}", "a decimal has more than 4,096 digits before or after its point"),
    (text("decimal"), f'"{LONG}0"', "a decimal has more than 4,096 digits before or after its point"),
    (CONNECT_DECIMAL, '""', "a decimal is empty: it has no bytes"),
    (CONNECT_DECIMAL, '"' + "/w" * 4000 + '"', "a decimal has more than 4,096 digits"),
    (JsonScalar("integer", "date-days"), "1e9", "the date 1000000000 (days since 1970-01-01) is not within"),
    (
        JsonScalar("integer", "date-days"),
        "1e99",
        "the date of 329 bits (days since 1970-01-01) is not within",
    ),
    (JsonScalar("integer", "date-days"), "1.5", "expected an integer, not a number with a fraction"),
    (
        JsonScalar("integer", "time-millis"),
        "86400000",
        "the time 86400000 (milliseconds since midnight) is not within 00:00:00 to 23:59:59.999",
    ),
    (
        JsonScalar("integer", "time-millis"),
        "-1",
        "the time -1 (milliseconds since midnight) is not within 00:00:00 to 23:59:59.999",
    ),
    (
        JsonScalar("integer", "timestamp-millis"),
        "1e18",
        "the timestamp 1000000000000000000 (milliseconds since 1970-01-01) is not within the years 1 to 9999",
    ),
    (one("a", 1), "true", "the schema has no such value"),
    (one("a", 1), '"b"', "the schema has no such value"),
    (one("a", 1), "[1]", "the schema has no such value"),
    (one("a", 1), "1e999", "the schema has no such value"),
    (one(0), "false", "the schema has no such value"),
    (enum_of("E", "a", "b"), '"c"', "the enum has no such symbol"),
    (enum_of("E", "a", "b"), "1", "expected a string, not a number"),
    (Nothing(), "null", "the schema accepts no value here"),
]


@pytest.mark.parametrize(("node", "message", "why"), WRONG, ids=[f"{r[0]} {r[1][:30]}" for r in WRONG])
def test_a_scalar_of_another_type_is_refused_where_it_begins(
    engine: Any, node: Any, message: str, why: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        reads(engine, node)(b"12345 \n" + message.encode() + b" ", 5)
    assert caught.value.what.startswith(why)
    assert (caught.value.position, caught.value.path) == (7, "")


WRITTEN: list[tuple[Any, Any, str]] = [
    (NULL, None, "null"),
    (BOOLEAN, True, "true"),
    (BOOLEAN, Foreign("b", 0), "false"),
    (INTEGER, -(2**70), str(-(2**70))),
    (INTEGER, ForeignInt("i", 5), "5"),
    (INTEGER, Whole.THREE, "3"),
    (INTEGER, 10**NUMBER_DIGITS - 1, "9" * NUMBER_DIGITS),
    (NUMBER, 1.0, "1.0"),
    (NUMBER, -0.0, "-0.0"),
    (NUMBER, 1e16, "1e+16"),
    (NUMBER, 0.1, "0.1"),
    (NUMBER, 5, "5"),
    (NUMBER, ForeignFloat("f", 0.5), "0.5"),
    (NUMBER, OddFloat(1.5), "1.5"),
    (STRING, 'é€😀"\\/', '"é€😀\\"\\\\/"'),
    (STRING, "\0\b\f\n\r\t\x1f\x7f\u2028", '"\\u0000\\b\\f\\n\\r\\t\\u001f\x7f\u2028"'),
    (text("date"), dt.date(2024, 2, 29), '"2024-02-29"'),
    (text("date"), dt.date(1, 1, 1), '"0001-01-01"'),
    (TIME, dt.time(1, 2, 3), '"01:02:03"'),
    (TIME, dt.time(1, 2, 3, 5, UTC), '"01:02:03.000005Z"'),
    (TIME, dt.time(1, 2, 3, 0, dt.timezone(dt.timedelta(minutes=-90))), '"01:02:03-01:30"'),
    (DATE_TIME, dt.datetime(2024, 2, 29, 12, tzinfo=UTC), '"2024-02-29T12:00:00Z"'),
    (
        DATE_TIME,
        dt.datetime(1, 2, 3, 1, 0, 0, 7, dt.timezone(dt.timedelta(hours=1))),
        '"0001-02-03T00:00:00.000007Z"',
    ),
    (text("duration"), Duration(), '"PT0S"'),
    (text("duration"), Duration(14, 3, 1500), '"P14M3DT1.5S"'),
    (text("duration"), Duration(0, 0, 10), '"PT0.01S"'),
    (text("duration"), Duration(1), '"P1M"'),
    (text("uuid"), UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    (text("base64"), b"\0\xff\xfe", '"AP/+"'),
    (text("base64"), bytearray(b"a"), '"YQ=="'),
    (DECIMAL, Decimal("1.10"), "1.10"),
    (DECIMAL, Decimal("1E+3"), "1E+3"),
    (DECIMAL, 12, "12"),
    (text("decimal"), Decimal("-0.0000001"), '"-1E-7"'),
    (CONNECT_DECIMAL, Decimal("-0.01"), '"/w=="'),
    (CONNECT_DECIMAL, 2, '"AMg="'),
    (JsonScalar("integer", "date-days"), dt.date(1969, 12, 31), "-1"),
    (JsonScalar("integer", "time-millis"), dt.time(12, 30, 5, 1999), "45005001"),
    (JsonScalar("integer", "timestamp-millis"), dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), "-1"),
    (one("a", 1, None, 0.5), 1.0, "1"),
    (one("a", 1, None, 0.5), 0.5, "0.5"),
    (one("a", 1, None, 0.5), None, "null"),
    (enum_of("E", "a", "é"), "é", '"é"'),
    (ANYTHING, {"a": [True, None, 1, 1.5, "x", ()]}, '{"a":[true,null,1,1.5,"x",[]]}'),
]


@pytest.mark.parametrize(("node", "value", "message"), WRITTEN, ids=[f"{r[0]} {r[2][:30]}" for r in WRITTEN])
def test_a_scalar_is_written(engine: Any, node: Any, value: Any, message: str) -> None:
    assert writes(engine, node)(value, b"\0id") == b"\0id" + message.encode()


NAIVE = dt.datetime(2024, 1, 1)
UNFIT: list[tuple[Any, Any, str]] = [
    (NULL, 0, "expected None, not int"),
    (BOOLEAN, 1, "expected bool, not int"),
    (INTEGER, True, "expected int, not bool"),
    (INTEGER, 1.0, "expected int, not float"),
    (INTEGER, "1", "expected int, not str"),
    (INTEGER, 10**NUMBER_DIGITS, "the number has more than 4,096 digits"),
    (INTEGER, -(1 << 400_000), "the number has more than 4,096 digits"),
    (NUMBER, False, "expected float, not bool"),
    (NUMBER, math.nan, "NaN and Infinity are not JSON"),
    (NUMBER, -math.inf, "NaN and Infinity are not JSON"),
    (NUMBER, 10**309, "the number is beyond the range of a float"),
    (NUMBER, Decimal(1), "expected float, not Decimal"),
    (ANYTHING, [math.inf], "NaN and Infinity are not JSON"),
    (ANYTHING, Decimal(1), "expected what JSON has a type for, not Decimal"),
    (ANYTHING, {1: 2}, "the name of a property must be str, not int"),
    (STRING, b"x", "expected str, not bytes"),
    (STRING, "\ud800", "the string holds a lone surrogate"),
    (text("date"), NAIVE, "expected date, not datetime"),
    (text("date"), "2024-01-01", "expected date, not str"),
    (TIME, NAIVE, "expected time, not datetime"),
    (
        TIME,
        dt.time(1, tzinfo=dt.timezone(dt.timedelta(seconds=1))),
        "the time's offset is not of whole minutes",
    ),
    (DATE_TIME, NAIVE, "the datetime has no time zone"),
    (DATE_TIME, dt.date(2024, 1, 1), "expected a datetime with a time zone, not date"),
    (
        DATE_TIME,
        dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))),
        "the moment is outside the years 1 to 9999 in UTC",
    ),
    (text("duration"), dt.timedelta(1), "expected Duration, not timedelta"),
    (text("duration"), Duration(1 << 32), "the duration's parts do not fit 32 bits each"),
    (text("duration"), Duration(-1), "the duration's parts do not fit 32 bits each"),
    (text("uuid"), "00000000-0000-0000-0000-000000000001", "expected UUID, not str"),
    (text("base64"), "AP8=", "expected bytes, not str"),
    (DECIMAL, 1.5, "expected Decimal, not float"),
    (DECIMAL, True, "expected Decimal, not bool"),
    (DECIMAL, Decimal("NaN"), "the decimal is not a finite number"),
    (DECIMAL, Decimal("1E+1000000"), "the decimal has more than 4,096 digits before or after its point"),
    (text("decimal"), Decimal("1E-5000"), "the decimal has more than 4,096 digits before or after its point"),
    (CONNECT_DECIMAL, Decimal("0.001"), "the decimal has digits below scale 2"),
    (CONNECT_DECIMAL, Decimal("Infinity"), "the decimal is not a finite number"),
    (JsonScalar("integer", "time-millis"), dt.time(1, tzinfo=UTC), "the time has a time zone"),
    (JsonScalar("integer", "timestamp-millis"), NAIVE, "the datetime has no time zone"),
    (one("a", 1), True, "the schema has no such value: True"),
    (one("a", 1), [1], "the schema has no such value: [1]"),
    (enum_of("E", "a"), "b", "expected a symbol of E, not 'b'"),
    (Nothing(), None, "the schema accepts no value here"),
]


@pytest.mark.parametrize(("node", "value", "why"), UNFIT, ids=[f"{r[0]} {r[2][:40]}" for r in UNFIT])
def test_a_value_of_another_type_is_not_written(engine: Any, node: Any, value: Any, why: str) -> None:
    with pytest.raises(EncodeError) as caught:
        writes(engine, node)(value)
    assert caught.value.what.startswith(why)


@pytest.mark.parametrize(
    "node", [DECIMAL, text("decimal"), text("decimal", 300), CONNECT_DECIMAL, text("decimal", -3)]
)
@pytest.mark.parametrize("digits", [1, 17, 300, 4000, NUMBER_DIGITS - 1, NUMBER_DIGITS])
@pytest.mark.parametrize("exponent", [-NUMBER_DIGITS, -4001, -300, -2, 0, 3, 90, NUMBER_DIGITS - 1])
def test_a_decimal_is_read_as_it_was_written_or_not_written(
    engine: Any, node: Any, digits: int, exponent: int
) -> None:
    value = Decimal((1, (7,) * digits, exponent))
    try:
        data = writes(engine, node)(value)
    except EncodeError:
        data = b""
    small = digits + abs(exponent) < 4000 and getattr(node, "scale", None) is None
    assert bool(data) >= small
    assert not data or reads(engine, node)(data) == value


@pytest.mark.parametrize("number", [0.1, 1 / 3, 1e22, 1e23, 5e-324, sys.float_info.max, 123456.789e-200])
def test_floats_are_written_as_json_writes_them(engine: Any, number: float) -> None:
    assert writes(engine, NUMBER)(number) == json.dumps(number).encode()


def test_an_enum_has_members_of_its_class(engine: Any) -> None:
    color: Any = enum.Enum("color", {"RED": "r", "BLUE": "b"})
    other: Any = enum.Enum("other", {"RED": "r"})
    node = enum_of("Color", "r", "b")
    assert reads(engine, node, Color=color)(b'"b"') is color["BLUE"]
    write = writes(engine, node, Color=color)
    assert [write(value) for value in (color["RED"], "b")] == [b'"r"', b'"b"']
    for value in (other["RED"], "x", None):
        with pytest.raises(EncodeError, match="expected a symbol of color, not"):
            write(value)


def test_a_limit_of_digits_that_python_was_given_is_a_refusal(engine: Any) -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(1000)
    try:
        with pytest.raises(DecodeError, match="an integer has more than"):
            reads(engine, INTEGER)(b"1" * 1001)
        with pytest.raises(EncodeError, match="the number has more than"):
            writes(engine, INTEGER)(10**1001)
    finally:
        sys.set_int_max_str_digits(before)
