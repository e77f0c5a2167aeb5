"""Dates and times that are read in another unit than they were written in, on both engines."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.unit.codec.test_codec import UTC, logical, record, resolved, schema

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.values import LocalTimestampNanos, TimestampNanos
from kgen_runtime.errors import DecodeError, ResolutionError

MILLI, MICRO, NANO = 1000, 1_000_000, 1_000_000_000
BEFORE = dt.datetime(1969, 12, 31, 23, 59, 59, 999_000)
LATER = dt.datetime(2024, 5, 6, 7, 8, 9, 123_000)


def seconds(moment: dt.datetime, unit: int) -> int:
    return (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1) * unit // MICRO


@pytest.mark.parametrize("moment", [BEFORE, LATER])
@pytest.mark.parametrize("kind", ["timestamp", "local-timestamp"])
@pytest.mark.parametrize("written", ["millis", "micros", "nanos"])
@pytest.mark.parametrize("read", ["millis", "micros", "nanos"])
def test_timestamps_are_read_by_the_unit_they_were_written_in(
    engine: Any, moment: dt.datetime, kind: str, written: str, read: str
) -> None:
    units = {"millis": MILLI, "micros": MICRO, "nanos": NANO}
    writer, reader = logical("long", f"{kind}-{written}"), logical("long", f"{kind}-{read}")
    for wanted in (reader, ["null", reader]):
        data = bytes_of(seconds(moment, units[written]), engine)
        got = make_reader(schema(writer), schema(wanted), engine=engine).decode(data)
        if read == "nanos":
            cls = TimestampNanos if kind == "timestamp" else LocalTimestampNanos
            assert (got, type(got)) == (seconds(moment, NANO), cls)
        else:
            assert got == (moment.replace(tzinfo=UTC) if kind == "timestamp" else moment)


def bytes_of(number: int, engine: Any) -> bytes:
    return make_writer(schema("long"), engine=engine).encode(number)


def test_nanoseconds_are_cut_towards_the_past(engine: Any) -> None:
    pair = schema(logical("long", "timestamp-nanos")), schema(logical("long", "timestamp-micros"))
    decode = make_reader(*pair, engine=engine).decode
    first = dt.datetime(1970, 1, 1, tzinfo=UTC)
    assert decode(bytes_of(1999, engine)) == first + dt.timedelta(microseconds=1)
    assert decode(bytes_of(-1, engine)) == first - dt.timedelta(microseconds=1)
    for number in (2**63 - 1, -(2**63)):
        assert decode(bytes_of(number, engine)) == TimestampNanos(number).datetime()


@pytest.mark.parametrize(("unit", "factor"), [("millis", NANO // MILLI), ("micros", NANO // MICRO)])
def test_what_64_bits_of_nanoseconds_do_not_hold_is_an_error(engine: Any, unit: str, factor: int) -> None:
    pair = schema(logical("long", f"timestamp-{unit}")), schema(logical("long", "timestamp-nanos"))
    decode = make_reader(*pair, engine=engine).decode
    most = (2**63 - 1) // factor
    assert decode(bytes_of(most, engine)) == most * factor
    assert decode(bytes_of(-most, engine)) == -most * factor
    for number in (most + 1, -most - 1):
        with pytest.raises(DecodeError, match="does not fit 64 bits of nanoseconds"):
            decode(bytes_of(number, engine))


def test_a_time_of_day_is_promoted_with_its_unit(engine: Any) -> None:
    through = resolved(logical("int", "time-millis"), logical("long", "time-micros"), engine)
    assert through(dt.time(1, 2, 3, 4000)) == dt.time(1, 2, 3, 4000)


def test_a_side_without_a_logical_type_leaves_the_meaning_to_the_reader(engine: Any) -> None:
    assert resolved("long", logical("long", "timestamp-micros"), engine)(1) == dt.datetime(
        1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC
    )
    through = resolved(logical("long", "timestamp-millis"), "long", engine)
    assert through(dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1000


def test_kinds_that_differ_are_refused_with_the_path(engine: Any) -> None:
    pair = (record(("at", logical(*kind))) for kind in (("int", "date"), ("int", "time-millis")))
    with pytest.raises(ResolutionError, match="a date cannot be read as a time-millis") as caught:
        make_reader(*map(schema, pair), engine=engine)
    assert caught.value.where == "at"


def test_skipped_times_are_not_looked_at(engine: Any) -> None:
    writer = record(("at", logical("long", "timestamp-millis")), ("n", "int"))
    assert make_reader(schema(writer), schema(record(("n", "int"))), engine=engine).decode(b"\x01\x04") == {
        "n": 2
    }
