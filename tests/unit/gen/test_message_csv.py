"""Messages as CSV and as tables: cells are what `cell_text` makes of each value."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.codec.schemas import FIXED_LOGICALS, LOGICALS, PRIMITIVES, schemas
from tests.unit.codec.schemas import values as values_of

from kgen.cli.message_csv import MessageCsv
from kgen.cli.message_table import MessageTable
from kgen.topic_data.message_views import MessageViews, ReadTotals
from kgen.topic_data.part_formats import AsWrittenFormat, PartFormat, PartTexts, Payloads, of_serde
from kgen.topic_data.record_fields import RecordColumns, cell_text, columns_of_schema
from kgen_runtime.codec import has_native, make_reader, make_writer
from kgen_runtime.codec.avro.avro_cells import AvroCells
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.consumer.columns import Columns, Unreadable
from kgen_runtime.errors import FramingError
from kgen_runtime.messages import Headers
from kgen_runtime.serde import AvroSerde, DecodedBatch, Schemas, SchemaStore, WriterSchema

native = pytest.mark.skipif(not has_native(), reason="the codec is not compiled")
EVERY = [*PRIMITIVES, *LOGICALS, *({"type": "fixed", "name": "F", **each} for each in FIXED_LOGICALS)]

TEXTS = st.text(st.sampled_from("=+-@\t\r\n\"', aé\ud800\x7f"), max_size=5)
ZONE = dt.timezone(dt.timedelta(hours=2))
PLAIN: list[st.SearchStrategy[Any]] = [
    TEXTS,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=4),
    st.datetimes(timezones=st.sampled_from([dt.timezone.utc, ZONE, None])),
    st.datetimes(timezones=st.just(dt.timezone.utc)),
    st.dates(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-9, max_value=9),
]
PARTS = [st.dictionaries(TEXTS, TEXTS, max_size=3), st.lists(st.one_of(PLAIN), max_size=3)]
COLUMN = st.one_of(*(st.lists(each, min_size=1, max_size=4) for each in (*PLAIN, *PARTS, st.one_of(PLAIN))))


class Known(SchemaStore):
    """A registry that knows some schemas."""

    def __init__(self, versions: tuple[WriterSchema, ...]) -> None:
        super().__init__(None)
        self._found = SchemaStore(None)
        self._versions = Schemas("t-value", versions)
        self.registry = cast(Any, object())

    def schema_type(self, schemas: Schemas, key: Any) -> Any:
        return "AVRO"

    def writer(self, schemas: Schemas, id: int) -> Any:
        return self._found.writer(self._versions, id)


class Given(PartFormat):
    """Values as they are."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = list(values)

    def texts(self, payloads: Payloads, headers: Sequence[Headers]) -> PartTexts:
        raise NotImplementedError

    def values(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        return self.records(payloads, headers)

    def records(self, payloads: Payloads, headers: Sequence[Headers]) -> DecodedBatch:
        found = [self._values[int(each or b"0")] for each in payloads]
        return DecodedBatch(found, [None] * len(found), {})


@dataclass
class Batches:
    """What is read of a topic."""

    of: list[Columns]

    def batches(self) -> Iterator[Columns]:
        return iter(self.of)


def columns(
    values: Sequence[bytes | None], *, key: bytes | None = b"0", timestamp: int | None = 0
) -> Columns:
    size = len(values)
    offsets: list[int | None] = [*range(size)]
    return Columns(
        [key] * size,
        [*values],
        [()] * size,
        [timestamp] * size,
        offsets,
        "t",
        0,
        [(None, None, (), 0)] * size,
    )


def cell(value: Any) -> str:
    if not isinstance(value, str):
        return cell_text(value)
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def written(keys: PartFormat, values: PartFormat, *batches: Columns) -> tuple[str, ReadTotals]:
    views = MessageViews(cast(Any, Batches([*batches])), keys, values)
    return "".join(MessageCsv(views).texts()), views.totals


@given(values=COLUMN)
def test_cells_are_those_of_each_value(values: list[Any]) -> None:
    every = [1, *values]
    rows = [columns([str(n).encode()], key=str(n).encode()) for n in range(len(every))]
    text, _ = written(Given(every), Given([{"a": [each]} for each in every]), columns([]), *rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    time = "1970-01-01T00:00:00.000Z"
    writer.writerow(["a", "_key", "_partition", "_offset", "_timestamp", "_tombstone", "_error", "_rest"])
    for each in every:
        writer.writerow([cell([each]), cell(each), "0", "0", time, "", "", ""])
    assert text == out.getvalue()


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "253402300800000"),
        (10**18, "1000000000000000000"),
        (None, ""),
    ],
)
def test_times_that_python_has_no_value_for_are_numbers(milliseconds: int | None, text: str) -> None:
    given = Given([Decimal("1.50")])
    found, _ = written(given, given, columns([b"0"], timestamp=milliseconds))
    [row] = csv.DictReader(io.StringIO(found))
    assert (row["_timestamp"], row["_key"], row["value"]) == (text, "1.50", "1.50")


@native
@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_the_native_engine_writes_what_records_have(data: st.DataObject) -> None:
    inner = data.draw(schemas())
    fields = [{"name": "s", "type": "string"}, {"name": "x", "type": inner}]
    schema = parse(json.dumps({"type": "record", "name": "Row", "fields": fields}))
    names = columns_of_schema(schema)
    assert names is not None
    value, _ = data.draw(values_of(schema))
    value["s"] = data.draw(st.one_of(st.text(), TEXTS)).encode(errors="replace").decode()
    payload = b"frame" + make_writer(schema).encode(value)
    cells, rest = RecordColumns(names).cells(make_reader(schema, out_of_range="raw").decode(payload, 5))
    texts = list(map(cell, cells))
    [found] = AvroCells(schema, names).texts([payload], 5)
    assert found is not None or "big-decimal" in json.dumps(inner)
    if found is not None:
        assert next(csv.reader(io.StringIO(found, newline=""))) == texts
        assert not rest
        out = io.StringIO()
        csv.writer(out).writerow(texts)
        assert f"{found}\r\n" == out.getvalue()
    [single] = AvroCells(schema, None).texts([payload], 5)
    plain = cell_text(make_reader(schema, out_of_range="raw").decode(payload, 5))
    assert single is None or next(csv.reader(io.StringIO(single, newline=""))) == [plain]


@native
@pytest.mark.parametrize("kind", [each for each in EVERY if "big-decimal" not in str(each)], ids=str)
def test_every_type_is_written_natively_or_left(kind: Any) -> None:
    """Numbers of times that Python has no value for, and what is cut short, are left to records."""
    fields = [{"name": "a", "type": kind}, {"name": "b", "type": ["null", "long"]}]
    schema = parse(json.dumps({"type": "record", "name": "Row", "fields": fields}))
    rng, reader, writer = random.Random(3), make_reader(schema, out_of_range="raw"), make_writer(schema)
    payloads = [writer.encode(sample(schema, rng)) for _ in range(20)]
    out = io.StringIO()
    for each in payloads:
        csv.writer(out).writerow(map(cell, RecordColumns(["a", "b"]).cells(reader.decode(each))[0]))
    assert AvroCells(schema, ["a", "b"]).texts(payloads) == out.getvalue().split("\r\n")[:-1]
    for payload in payloads:
        for size in range(len(payload)):
            [found] = AvroCells(schema, ["a", "b"]).texts([payload[:size]])
            assert found is None
    if isinstance(kind, dict) and kind["type"] in ("int", "long") and "nanos" not in kind["logicalType"]:
        beyond = (1 << 31) - 1 if kind["type"] == "int" else (1 << 63) - 1
        payload = make_writer(parse(json.dumps(kind["type"]))).encode(beyond) + b"\0"
        assert AvroCells(schema, ["a", "b"]).texts([payload]) == [None]


@native
def test_columns_that_a_schema_lacks_are_empty() -> None:
    def record(*names: str) -> Any:
        fields = [{"name": name, "type": "long"} for name in names]
        return parse(json.dumps({"type": "record", "name": "Row", "fields": fields}))

    payload = make_writer(record("b", "d")).encode({"b": 1, "d": 2})
    every = ["a", "b", "c", "d", "e.f", "e.g"]
    assert AvroCells(record("b", "d"), every).texts([payload]) == [",1,,2,,"]
    assert AvroCells(record("b", "d"), ["b", "d"]).texts([payload]) == ["1,2"]
    assert AvroCells(record("b", "d"), ["d", "b"]).texts([payload]) == [None]
    assert AvroCells(record("b", "d"), ["b"]).texts([payload]) == [None]
    assert AvroCells(record("b", "d"), ["b", "d"], engine="python").texts([payload]) == [None]


OLDER = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "name", "type": "string"},
        {
            "name": "place",
            "type": [
                "null",
                {"type": "record", "name": "Place", "fields": [{"name": "x", "type": "double"}]},
            ],
        },
    ],
}
NEWER = {
    **OLDER,
    "fields": [
        *OLDER["fields"],
        {"name": "tags", "type": {"type": "map", "values": "string"}, "default": {}},
    ],
}


def mixed(as_written: bool) -> MessageViews:
    """Messages of which some are as most, and others older, damaged, odd, or tombstones."""
    versions = tuple(WriterSchema(n, n, json.dumps(each)) for n, each in enumerate((OLDER, NEWER), 1))
    serde = AvroSerde[Any](Schemas("t-value", versions), {})
    store = SchemaStore(None)
    old, new = (make_writer(parse(json.dumps(each))).encode for each in (OLDER, NEWER))
    good = [
        b"\0\0\0\0\2" + new({"name": f"n{n}", "place": {"x": n / 3}, "tags": {"a": "é"}}) for n in range(3)
    ]
    odd = b"\0\0\0\0\2" + new({"name": "=1+\n", "place": None, "tags": {}})
    mixed = [
        good[0],
        None,
        good[1][:-1],
        b"\0\0\0\0\1" + old({"name": "o", "place": {"x": 1.0}}),
        odd,
        b"\xff",
    ]
    rows = columns([*mixed, odd])
    rows.keys[0], rows.keys[1] = None, b"-k"
    rows.unreadable[6] = Unreadable(FramingError("no"), (None, None, (), None))

    value: PartFormat = of_serde(serde, store, "value")
    if as_written:
        value = AsWrittenFormat(Known(versions), "value", "t")
    batches = Batches([columns(good), rows, columns(good), columns(good, key=b"\0long")])
    return MessageViews(cast(Any, batches), AsWrittenFormat(store, "key", "t"), value)


@pytest.mark.parametrize("as_written", [False, True])
def test_both_ways_write_the_same_lines(as_written: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> tuple[str, ReadTotals]:
        views = mixed(as_written)
        return "".join(MessageCsv(views).texts()), views.totals

    native, totals = found()
    monkeypatch.setattr(AvroCells, "texts", lambda self, payloads, offset=0: [None] * len(payloads))
    text, others = found()
    assert native == text
    assert (totals.read, totals.shown, totals.bad) == (others.read, others.shown, others.bad)
    assert others.bad == (5 if as_written else 6)
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [each["name"] for each in lines[3:8]] == ["n0", "", "", "o", "'=1+\n"]
    assert [each["_tombstone"] for each in lines[3:6]] == ["", "true", ""]
    assert (lines[4]["_key"], lines[3]["_key"]) == ("'-k", "")


@pytest.mark.parametrize("as_written", [False, True])
@pytest.mark.parametrize("width", [60, 70, 90, 200])
def test_both_ways_write_the_same_table(
    as_written: bool, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> tuple[list[str], int, bool]:
        views = mixed(as_written)
        table = MessageTable(width, views)
        return [line for rows in views.chosen() for line in table.lines(rows)], views.totals.bad, table.cut

    native = found()
    monkeypatch.setattr(AvroCells, "texts", lambda self, payloads, offset=0: [None] * len(payloads))
    assert native == found()
    assert any("n1" in line for line in native[0])
    assert all(len(line) <= width for line in native[0])
