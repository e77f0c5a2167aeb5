"""Dates and times in JSON that Python has no value for: refused by name, or kept and written back as is."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgen_runtime import OutOfRange
from kgen_runtime.codec import make_json_reader, make_json_writer
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.errors import DecodeError, EncodeError

ENGINES = pytest.mark.parametrize("engine", ["native", "python"])  # no fixture: hypothesis makes many runs


def reads(engine: Any, schema: Any, choice: Any = "raw") -> Callable[[bytes], Any]:
    return make_json_reader(parse_json_schema(json.dumps(schema)), out_of_range=choice, engine=engine).decode


def writes(engine: Any, schema: Any) -> Callable[[Any], bytes]:
    return make_json_writer(parse_json_schema(json.dumps(schema)), engine=engine).encode


def of(format_: str) -> dict[str, str]:
    return {"type": "string", "format": format_}


def connect(name: str) -> dict[str, str]:
    kind = "int64" if name == "Timestamp" else "int32"
    title = f"org.apache.kafka.connect.data.{name}"
    return {"type": "integer", "connect.type": kind, "title": title}


BEYOND = [
    ("date", "10000-01-01", "is not within the years 1 to 9999"),
    ("date", "+10000-02-29", "is not within the years 1 to 9999"),
    ("date", "+292278994-08-17", "is not within the years 1 to 9999"),
    ("date", "-0001-12-31", "is not within the years 1 to 9999"),
    ("date", "0000-02-29", "is not within the years 1 to 9999"),
    ("time", "24:00:00", "is the end of the day"),
    ("time", "24:00:00.000Z", "is the end of the day"),
    ("time", "23:59:60", "is a leap second"),
    ("time", "23:59:60.25Z", "is a leap second"),
    ("time", "15:59:60-08:00", "is a leap second"),
    ("time", "05:29:60+05:30", "is a leap second"),
    ("date-time", "10000-01-01T00:00:00Z", "is not within the years 1 to 9999 in UTC"),
    ("date-time", "0000-01-01T00:00:00Z", "is not within the years 1 to 9999 in UTC"),
    ("date-time", "9999-12-31T24:00:00Z", "is not within the years 1 to 9999 in UTC"),
    ("date-time", "9999-12-31T23:00:00-02:00", "is not within the years 1 to 9999 in UTC"),
    ("date-time", "0001-01-01t00:30:00+01:00", "is not within the years 1 to 9999 in UTC"),
    ("date-time", "1990-12-31T23:59:60Z", "is a leap second"),
    ("date-time", "1990-12-31 15:59:60-08:00", "is a leap second"),
    ("date-time", "2024-02-29T24:00:00+01:00", "is the end of the day"),
]


@pytest.mark.parametrize(("format_", "text", "why"), BEYOND)
def test_a_text_is_refused_by_name_or_kept_as_it_is(engine: Any, format_: str, text: str, why: str) -> None:
    payload = json.dumps(text).encode()
    with pytest.raises(DecodeError) as caught:
        reads(engine, of(format_), "error")(payload)
    assert caught.value.what.startswith(f"the {format_ if 'year' in why else 'time'} ")
    assert why in caught.value.what
    assert 'out_of_range = "raw"' in (caught.value.hint or "")
    value = reads(engine, of(format_))(payload)
    assert value == OutOfRange(text, format_)
    assert writes(engine, of(format_))(value) == payload


WRONG = [
    ("date", "2023-02-29"),
    ("date", "10000-02-30"),
    ("date", "2100-02-29"),
    ("date", "+2024-02-29"),
    ("date", "02024-02-29"),
    ("date", "infinity"),
    ("date", "9" * 13 + "-01-01"),
    ("time", "24:00:01"),
    ("time", "24:00:00.1"),
    ("time", "25:00:00"),
    ("time", "12:30:60"),
    ("time", "12:59:60Z"),
    ("time", "23:60:00"),
    ("time", "24:00:00+24:00"),
    ("date-time", "10000-01-01T25:00:00Z"),
    ("date-time", "10000-01-01T00:00:61Z"),
    ("date-time", "10000-01-01T00:60:00Z"),
    ("date-time", "10000-01-01T00:00:00"),
    ("date-time", "10000-13-01T00:00:00Z"),
    ("date-time", "2024-02-29T12:30:60Z"),
    ("date-time", "infinity"),
]


@pytest.mark.parametrize(("format_", "text"), WRONG)
def test_what_is_wrong_stays_an_error(engine: Any, format_: str, text: str) -> None:
    with pytest.raises(DecodeError, match=r"a string is not a|a date-time has no offset") as caught:
        reads(engine, of(format_))(json.dumps(text).encode())
    assert caught.value.hint is None
    with pytest.raises(EncodeError, match="not an OutOfRange of"):
        writes(engine, of(format_))(OutOfRange(text, format_))


@ENGINES
@settings(deadline=None)
@given(
    year=st.integers(-20_000, 20_000),
    month=st.integers(1, 12),
    day=st.integers(1, 31),
    hour=st.integers(0, 24),
    offset=st.integers(-23, 23),
)
def test_a_date_time_of_any_year_is_a_value_kept_or_wrong(
    engine: Any, year: int, month: int, day: int, hour: int, offset: int
) -> None:
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    text = f"{sign}{abs(year):04}-{month:02}-{day:02}T{hour:02}:00:00{offset:+03}:00"
    payload = json.dumps(text).encode()
    # A year of the same calendar that Python has, to ask it whether there is such a day.
    try:
        dt.date(year % 400 + 2000, month, day)
    except ValueError:
        with pytest.raises(DecodeError):
            reads(engine, of("date-time"))(payload)
        return
    value = reads(engine, of("date-time"))(payload)
    try:
        local = dt.datetime(year, month, day, hour, tzinfo=dt.timezone(dt.timedelta(hours=offset)))
        assert value == local.astimezone(dt.timezone.utc)
    except (ValueError, OverflowError):
        assert value == OutOfRange(text, "date-time")
        assert writes(engine, of("date-time"))(value) == payload


@pytest.mark.parametrize(
    ("name", "number", "logical_type"),
    [
        ("Date", 2_932_897, "date"),
        ("Date", 10**99, "date"),
        ("Time", 86_400_000, "time-millis"),
        ("Timestamp", 2**63 - 1, "timestamp-millis"),
    ],
)
def test_a_number_of_connects_is_kept(engine: Any, name: str, number: int, logical_type: str) -> None:
    payload = str(number).encode()
    value = reads(engine, connect(name))(payload)
    assert value == OutOfRange(number, logical_type)
    assert writes(engine, connect(name))(value) == payload
    with pytest.raises(DecodeError, match="is not within"):
        reads(engine, connect(name), "error")(payload)
    with pytest.raises(EncodeError, match="not an OutOfRange of date-time"):
        writes(engine, connect(name))(OutOfRange("1990-12-31T23:59:60Z", "date-time"))
    wrong: Any = OutOfRange(str(number), logical_type)
    with pytest.raises(EncodeError, match=f"not an OutOfRange of {logical_type}"):
        writes(engine, connect(name))(wrong)


def test_it_is_kept_wherever_it_stands(engine: Any) -> None:
    schema = {
        "type": "object",
        "properties": {
            "days": {"type": "array", "items": of("date")},
            "by": {"type": "object", "additionalProperties": of("time")},
            "at": {"anyOf": [{"type": "null"}, of("date-time")]},
            "either": {"anyOf": [of("date"), of("date-time"), {"type": "integer"}]},
        },
    }
    payload = (
        b'{"days":["2024-02-29","10000-01-01"],"by":{"a":"24:00:00"},"at":"1990-12-31T23:59:60Z",'
        b'"either":"10000-01-01T00:00:00Z"}'
    )
    value = reads(engine, schema)(payload)
    assert value == {
        "days": [dt.date(2024, 2, 29), OutOfRange("10000-01-01", "date")],
        "by": {"a": OutOfRange("24:00:00", "time")},
        "at": OutOfRange("1990-12-31T23:59:60Z", "date-time"),
        "either": OutOfRange("10000-01-01T00:00:00Z", "date-time"),
    }
    assert writes(engine, schema)(value) == payload
    with pytest.raises(DecodeError) as caught:
        reads(engine, schema, "error")(payload)
    assert (caught.value.path, caught.value.position) == ("/days/1", payload.index(b'"10000'))


def test_a_branch_that_takes_the_text_hides_the_error_of_another(engine: Any) -> None:
    union = {"anyOf": [of("date"), {"type": "string"}]}
    assert reads(engine, union, "error")(b'"10000-01-01"') == "10000-01-01"
    assert reads(engine, union)(b'"10000-01-01"') == OutOfRange("10000-01-01", "date")
