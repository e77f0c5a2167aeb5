"""Numbers that Python has no date, time or decimal for: refused by name, or kept and written back as is.

What stood on the wire is judged by fastavro with the schema below the logical type.
"""

from __future__ import annotations

import copy
import datetime as dt
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgen_runtime import OutOfRange, of_branch
from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import ConfigError, DecodeError, EncodeError

EPOCH = dt.datetime(1970, 1, 1)
INFINITY = 2**63 - 1
"""What Debezium writes for PostgreSQL's `infinity`."""
YEAR_10000 = 2_932_897
ENGINES = pytest.mark.parametrize("engine", ["native", "python"])  # no fixture: hypothesis makes many runs


def logical(logical_type: str, below: str, **more: Any) -> dict[str, Any]:
    return {"type": below, "logicalType": logical_type, **more}


DECIMAL = logical("decimal", "bytes", precision=5, scale=2)
FIXED_DECIMAL = logical("decimal", "fixed", name="Price", size=8, precision=5, scale=2)
NUMBERS = [
    logical("date", "int"),
    logical("time-millis", "int"),
    logical("time-micros", "long"),
    logical("timestamp-millis", "long"),
    logical("timestamp-micros", "long"),
    logical("local-timestamp-millis", "long"),
    logical("local-timestamp-micros", "long"),
]


def below(schema: Any) -> Any:
    """The schema without its logical types."""
    if isinstance(schema, dict):
        return {key: below(value) for key, value in schema.items() if key != "logicalType"}
    return [below(each) for each in schema] if isinstance(schema, list) else schema


def wire(schema: Any, value: Any) -> bytes:
    """What fastavro writes."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(below(schema)), value)
    return out.getvalue()


def on_wire(schema: Any, data: bytes) -> Any:
    """What fastavro reads."""
    return fastavro.schemaless_reader(io.BytesIO(data), fastavro.parse_schema(below(schema)), None)


def reads(engine: Any, schema: Any, choice: Any = "raw", classes: Any = None) -> Callable[[bytes], Any]:
    made = make_reader(parse(json.dumps(schema)), None, classes, out_of_range=choice, engine=engine)
    return made.decode


def writes(engine: Any, schema: Any, classes: Any = None) -> Callable[[Any], bytes]:
    return make_writer(parse(json.dumps(schema)), classes, engine=engine).encode


def in_range(name: str, number: int) -> bool:
    """Whether Python has a value for it, as its own arithmetic has it."""
    unit = "days" if name == "date" else "milliseconds" if name.endswith("millis") else "microseconds"
    try:
        since = dt.timedelta(**{unit: number})
        moment = EPOCH + since
    except OverflowError:
        return False
    return not name.startswith("time-") or moment.date() == EPOCH.date()


@ENGINES
@pytest.mark.parametrize("schema", NUMBERS, ids=lambda it: it["logicalType"])
@settings(deadline=None)
@given(data=st.data())
def test_every_number_is_a_value_or_kept_and_written_back_as_it_came(
    engine: Any, schema: dict[str, Any], data: st.DataObject
) -> None:
    bits = 31 if schema["type"] == "int" else 63
    days = (YEAR_10000, -719_162)
    near = [0, 86_400_000, 86_400_000_000, *days]
    near += [day * unit for day in days for unit in (86_400_000, 86_400_000_000)]
    some = [n for n in near if -(2**bits) <= n < 2**bits]
    number = data.draw(
        st.integers(-(2**bits), 2**bits - 1)
        | st.builds(lambda edge, by: edge + by, st.sampled_from(some), st.integers(-2, 2))
    )
    payload = wire(schema, number)
    value = reads(engine, schema)(payload)
    assert writes(engine, schema)(value) == payload
    assert isinstance(value, OutOfRange) is not in_range(schema["logicalType"], number)
    if isinstance(value, OutOfRange):
        assert value == OutOfRange(number, schema["logicalType"])
        with pytest.raises(DecodeError) as caught:
            reads(engine, schema, "error")(payload)
        assert (str(number) in caught.value.what, caught.value.position) == (True, 0)
        assert 'out_of_range = "raw"' in (caught.value.hint or "")
    else:
        assert reads(engine, schema, "error")(payload) == value


@ENGINES
@pytest.mark.parametrize("schema", [DECIMAL, FIXED_DECIMAL], ids=["bytes", "fixed"])
@settings(deadline=None)
@given(number=st.integers(-(2**63), 2**63 - 1) | st.integers(-100_001, 100_001), padding=st.integers(0, 9))
def test_a_decimal_over_its_precision_keeps_its_bytes(
    engine: Any, schema: dict[str, Any], number: int, padding: int
) -> None:
    size = 8 if schema["type"] == "fixed" else (number.bit_length() // 8 + 1 + padding)
    raw = number.to_bytes(size, "big", signed=True)
    payload = wire(schema, raw)
    value = reads(engine, schema)(payload)
    if abs(number) < 100_000:
        assert value == Decimal(number).scaleb(-2)
        return
    assert value == OutOfRange(raw, "decimal", 2)
    assert writes(engine, schema)(value) == payload
    with pytest.raises(DecodeError, match="more digits than the 5 of its schema") as caught:
        reads(engine, schema, "error")(payload)
    assert str(Decimal(number).scaleb(-2)) in caught.value.what
    assert 'out_of_range = "raw"' in (caught.value.hint or "")


def test_a_long_decimal_is_not_turned_into_text(engine: Any) -> None:
    payload = wire(DECIMAL, b"\x7f" * 100_000)
    with pytest.raises(DecodeError, match="a decimal of 100,000 bytes has more digits than the 5"):
        reads(engine, DECIMAL, "error")(payload)
    assert writes(engine, DECIMAL)(reads(engine, DECIMAL)(payload)) == payload


def test_what_is_wrong_in_another_way_stays_an_error(engine: Any) -> None:
    for schema, payload, why in (
        (DECIMAL, b"\x00", "empty"),
        (logical("uuid", "string"), b"\x02x", "not a UUID"),
        (logical("date", "int"), b"\xff\xff\xff\xff\x7f", "32 bits"),
    ):
        with pytest.raises(DecodeError, match=why) as caught:
            reads(engine, schema)(payload)
        assert caught.value.hint is None


@dataclass(slots=True, kw_only=True)
class Row:
    """As a connector has it: a table's columns after a change."""

    id: int
    born: dt.date | OutOfRange[int] | None
    seen: list[dt.datetime | OutOfRange[int]]
    prices: dict[str, Decimal | OutOfRange[bytes]]
    closes: dt.time | OutOfRange[int]


ROW = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "born", "type": ["null", logical("date", "int")]},
        {"name": "seen", "type": {"type": "array", "items": logical("timestamp-micros", "long")}},
        {"name": "prices", "type": {"type": "map", "values": DECIMAL}},
        {"name": "closes", "type": logical("time-millis", "int")},
    ],
}
WIRE_ROW = {
    "id": 7,
    "born": YEAR_10000,
    "seen": [0, INFINITY, -INFINITY - 1],
    "prices": {"high": b"\x01\x86\xa0", "low": b"\x01"},
    "closes": 86_400_000,
}


def test_a_record_keeps_what_is_out_of_range_wherever_it_stands(engine: Any) -> None:
    payload = wire(ROW, WIRE_ROW)
    row = reads(engine, ROW, classes={"Row": Row})(payload)
    assert row == Row(
        id=7,
        born=OutOfRange(YEAR_10000, "date"),
        seen=[
            dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc),
            OutOfRange(INFINITY, "timestamp-micros"),
            OutOfRange(-INFINITY - 1, "timestamp-micros"),
        ],
        prices={"high": OutOfRange(b"\x01\x86\xa0", "decimal", 2), "low": Decimal("0.01")},
        closes=OutOfRange(86_400_000, "time-millis"),
    )
    assert writes(engine, ROW, {"Row": Row})(row) == payload
    assert on_wire(ROW, payload) == WIRE_ROW


def test_the_error_names_the_field(engine: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        reads(engine, ROW, "error", {"Row": Row})(wire(ROW, {**WIRE_ROW, "born": None}))
    assert caught.value.path == "seen[1]"
    assert caught.value.what == (
        f"the timestamp {INFINITY} (microseconds since 1970-01-01) is not within the years 1 to 9999"
    )


def test_decoding_many_gives_the_error_of_each(engine: Any) -> None:
    schema = logical("time-millis", "int")
    reader = make_reader(parse(json.dumps(schema)), engine=engine)
    decoded = reader.decode_many([wire(schema, n) for n in (0, 86_400_000, -1)])
    assert decoded.values == [dt.time(0), None, None]
    assert {at: error.what for at, error in decoded.errors.items()} == {
        1: "the time 86400000 (milliseconds since midnight) is not within 00:00:00 to 23:59:59.999",
        2: "the time -1 (milliseconds since midnight) is not within 00:00:00 to 23:59:59.999",
    }


def test_pack_takes_what_reads_back_the_same(engine: Any) -> None:
    payload = wire(ROW, WIRE_ROW)
    pack = make_writer(parse(json.dumps(ROW)), {"Row": Row}, engine=engine).pack
    row = reads(engine, ROW, classes={"Row": Row})(payload)
    assert pack(row) == (payload if engine == "native" else None)
    row.born = OutOfRange(0, "date")  # which reads back as a date
    assert pack(row) is None


def test_a_union_writes_the_branch_that_it_came_from(engine: Any) -> None:
    other = {**FIXED_DECIMAL, "name": "Total"}
    union = [logical("time-millis", "int"), logical("time-micros", "long"), DECIMAL, FIXED_DECIMAL, other]
    big = 2**40
    for data in (
        b"\x00" + wire(logical("time-millis", "int"), -1),
        b"\x02" + wire(logical("time-micros", "long"), -1),
        b"\x04" + wire(DECIMAL, b"\x00" + big.to_bytes(8, "big")),
        b"\x06" + big.to_bytes(8, "big"),
        b"\x08" + big.to_bytes(8, "big"),
    ):
        value = reads(engine, union)(data)
        assert isinstance(value, OutOfRange)
        for same in (value, copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
            assert same == value
            assert writes(engine, union)(same) == data


def test_another_logical_type_refuses_it(engine: Any) -> None:
    value: OutOfRange[Any]
    for schema, value, why in (
        (logical("date", "int"), OutOfRange(1, "timestamp-millis"), "expected date, not an OutOfRange of"),
        (logical("timestamp-micros", "long"), OutOfRange(1, "timestamp-millis"), "OutOfRange of timestamp-m"),
        (logical("timestamp-nanos", "long"), OutOfRange(1, "timestamp-nanos"), "expected TimestampNanos"),
        (logical("date", "int"), OutOfRange(2**31, "date"), "expected date"),
        (logical("date", "int"), OutOfRange("1", "date"), "expected date"),
        (DECIMAL, OutOfRange(b"\x01", "decimal", 3), "OutOfRange of decimal of scale 3"),
        (DECIMAL, OutOfRange(b"", "decimal", 2), "expected Decimal"),
        (FIXED_DECIMAL, OutOfRange(b"\x01" * 9, "decimal", 2), "expected Decimal"),
        (logical("big-decimal", "bytes"), OutOfRange(b"\x01", "decimal", 0), "expected Decimal"),
        ("long", OutOfRange(1, "date"), "expected int, not an OutOfRange of date"),
    ):
        with pytest.raises(EncodeError, match=why):
            writes(engine, schema)(value)


def test_a_fixed_takes_the_number_of_other_bytes(engine: Any) -> None:
    assert writes(engine, FIXED_DECIMAL)(OutOfRange(b"\xff\x00", "decimal", 2)) == b"\xff" * 7 + b"\x00"


def test_a_unit_read_as_another_keeps_the_writers(engine: Any) -> None:
    millis, micros = logical("timestamp-millis", "long"), logical("timestamp-micros", "long")
    pair = parse(json.dumps(millis)), parse(json.dumps(micros))
    reader = make_reader(*pair, out_of_range="raw", engine=engine)
    assert reader.decode(wire(millis, INFINITY)) == OutOfRange(INFINITY, "timestamp-millis")


def test_nanoseconds_have_no_raw_form(engine: Any) -> None:
    millis, nanos = logical("timestamp-millis", "long"), logical("timestamp-nanos", "long")
    pair = parse(json.dumps(millis)), parse(json.dumps(nanos))
    reader = make_reader(*pair, out_of_range="raw", engine=engine)
    with pytest.raises(DecodeError, match="does not fit 64 bits of nanoseconds") as caught:
        reader.decode(wire(millis, INFINITY))
    assert caught.value.hint is None


def test_a_default_may_be_out_of_range(engine: Any) -> None:
    fields = [
        {"name": "a", "type": logical("date", "int"), "default": YEAR_10000},
        {"name": "b", "type": {"type": "array", "items": DECIMAL}, "default": ["\x7f\x7f\x7f"]},
    ]
    reader = {"type": "record", "name": "R", "fields": fields}
    schemas = parse('{"type": "record", "name": "R", "fields": []}'), parse(json.dumps(reader))
    with pytest.raises(DecodeError, match="the date 2932897") as caught:
        make_reader(*schemas, engine=engine).decode(b"")
    assert (caught.value.path, 'out_of_range = "raw"' in (caught.value.hint or "")) == ("a", True)
    made = make_reader(*schemas, out_of_range="raw", engine=engine).decode(b"")
    assert made == {"a": OutOfRange(YEAR_10000, "date"), "b": [OutOfRange(b"\x7f\x7f\x7f", "decimal", 2)]}
    assert writes(engine, reader)({}) == writes(engine, reader)(made)


def test_a_default_out_of_range_fails_only_what_needs_it(engine: Any) -> None:
    def record(*fields: Any) -> Any:
        return {"type": "record", "name": "R", "fields": list(fields)}

    field = {"name": "a", "type": logical("date", "int"), "default": YEAR_10000}
    pair = parse(json.dumps(["null", record()])), parse(json.dumps(["null", record(field)]))
    reader = make_reader(*pair, engine=engine)
    assert reader.decode(b"\0") is None
    with pytest.raises(DecodeError, match="the date 2932897"):
        reader.decode(b"\2")


def test_another_choice_is_refused() -> None:
    choice: Any = "none"
    with pytest.raises(ConfigError, match="invalid out_of_range='none'"):
        make_reader(parse('"int"'), out_of_range=choice)


def test_the_wrapper_is_a_value() -> None:
    one = OutOfRange(YEAR_10000, "date")
    assert one == OutOfRange(YEAR_10000, "date")
    assert one != OutOfRange(YEAR_10000, "time-millis")
    assert one != OutOfRange(YEAR_10000 + 1, "date")
    assert one != YEAR_10000
    assert OutOfRange(b"\x01", "decimal", 1) != OutOfRange(b"\x01", "decimal", 2)
    assert len({one, OutOfRange(YEAR_10000, "date"), OutOfRange(1, "date")}) == 2
    assert repr(one) == "OutOfRange(raw=2932897, logical_type='date', scale=0)"
    assert not hasattr(one, "__dict__")
    changed: Any = one
    with pytest.raises(AttributeError):
        changed.raw = 1
    with pytest.raises(TypeError):
        sorted([changed, changed])
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(one, protocol)) == one
    assert (copy.copy(one), copy.deepcopy(one)) == (one, one)
    branch = of_branch(one, "int")
    assert (branch, hash(branch)) == (one, hash(one))
