"""Columns against pyarrow's own conversion of what fastavro wrote, and both engines against each other."""

from __future__ import annotations

import json
import math
import struct
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.faults.fuzz_columns import column_targets, fuzz_columns
from tests.unit.codec.schemas import Json, codec_context, schemas, stripped, values
from tests.unit.codec.test_differential import fast_write

from kgen_runtime.codec import make_appender, make_columns, make_reader
from kgen_runtime.codec.avro.column_layout import Layout, held, layout_of, of_fields
from kgen_runtime.codec.avro.json_encoding import dumps, to_json
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import (
    Array,
    Enum,
    Fixed,
    Map,
    Node,
    Primitive,
    Record,
    Ref,
    Schema,
    Union,
)
from kgen_runtime.errors import DecodeError, SchemaError

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from kgen_runtime.standalone.arrow_arrays import DURATION, arrow_array, arrow_type  # noqa: E402

QUICK = settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
ALL = 1 << 60


class Filled:
    """Columns of a schema with rows of payloads."""

    def __init__(
        self, writer: Json, reader: Json | None = None, *, engine: Any, fields: Any = None, **more: Any
    ) -> None:
        self.reader = of_fields(parse(json.dumps(writer if reader is None else reader)), fields)
        self.layout = layout_of(self.reader)
        self.columns = make_columns(self.layout, engine=engine)
        self.appender = make_appender(
            parse(json.dumps(writer)),
            self.reader,
            self.layout,
            self.columns,
            lambda schema, data: dumps(to_json(schema, data)),
            engine=engine,
            **more,
        )

    def append(self, *payloads: bytes | None) -> dict[int, DecodeError]:
        given = list(payloads)
        stopped, _, errors = self.appender.append(given, 0, len(given), 0, ALL)
        assert stopped == len(given)
        return errors

    def array(self) -> Any:
        made = arrow_array(self.layout, self.columns.take())
        made.validate(full=True)
        assert made.type == arrow_type(self.layout)
        return made


@st.composite
def batches(draw: Any) -> tuple[Json, list[Any]]:
    text = draw(schemas())
    schema = parse(json.dumps(text))
    return text, [draw(values(schema))[1] for _ in range(draw(st.integers(0, 4)))]


def judged(schema: Schema, node: Node, layout: Layout, plain: Any) -> Any:
    """What pyarrow is given for a value: numbers as they are on the wire."""
    if isinstance(node, Union):
        name, inner = plain
        branches = held(node)
        names = [
            each.type if isinstance(each, Primitive) else getattr(each, "name", type(each).__name__.lower())
            for each in branches
        ]
        if name == "null":
            return None
        place = names.index(name)
        if layout.shape != "union":
            return judged(schema, branches[place], layout, inner)
        made = dict.fromkeys(layout.names)
        made[layout.names[place]] = judged(schema, branches[place], layout.children[place], inner)
        return made
    if layout.shape == "json":
        return json.dumps(as_json(schema, node, plain))
    if isinstance(node, Array):
        return [judged(schema, node.items, layout.children[0], item) for item in plain]
    if isinstance(node, Map):
        return [(key, judged(schema, node.values, layout.children[0], item)) for key, item in plain.items()]
    named = schema.names[node.name] if isinstance(node, Ref) else None
    if isinstance(named, Record):
        parts = zip(named.fields, layout.children)
        return {field.name: judged(schema, field.type, child, plain[field.name]) for field, child in parts}
    if layout.shape == "uuid":
        return plain if isinstance(plain, bytes) else UUID(plain).bytes
    if layout.shape == "duration":
        return dict(zip(DURATION, struct.unpack("<III", plain)))
    if layout.shape in ("decimal", "decimal-text"):
        decimal = make_reader(Schema(node, schema.names)).decode(framed(node, named, plain))
        return decimal if layout.shape == "decimal" else str(decimal)
    return plain


def framed(node: Node, named: Any, plain: bytes) -> bytes:
    return plain if isinstance(named, Fixed) else fast_write("bytes", plain)


def as_json(schema: Schema, node: Node, plain: Any) -> Any:
    if isinstance(node, Union):
        name, inner = plain
        branch = next(
            (
                b
                for b in held(node)
                if name in (getattr(b, "type", ""), getattr(b, "name", ""), type(b).__name__.lower())
            ),
            None,
        )
        return None if branch is None else {name: as_json(schema, branch, inner)}
    if isinstance(node, Array):
        return [as_json(schema, node.items, item) for item in plain]
    if isinstance(node, Map):
        return {key: as_json(schema, node.values, item) for key, item in plain.items()}
    named = schema.names[node.name] if isinstance(node, Ref) else node
    if isinstance(named, Record):
        return {field.name: as_json(schema, field.type, plain[field.name]) for field in named.fields}
    logical = None if isinstance(named, Enum) else named.logical
    if logical is not None and logical.name in ("decimal", "big-decimal"):
        return float(make_reader(Schema(node, schema.names)).decode(framed(node, named, plain)))
    if isinstance(plain, float) and not math.isfinite(plain):
        return "NaN" if math.isnan(plain) else "Infinity" if plain > 0 else "-Infinity"
    return plain.decode("latin-1") if isinstance(plain, bytes) else plain


def plain_type(layout: Layout) -> Any:
    """The type without dictionaries, which pyarrow fills in another order."""
    children = [plain_type(child) for child in layout.children]
    if layout.shape == "enum":
        return pa.string()
    if layout.shape == "list":
        return pa.list_(children[0])
    if layout.shape == "map":
        return pa.map_(pa.string(), children[0])
    if layout.shape in ("record", "union"):
        return pa.struct(list(zip(layout.names, children)))
    return arrow_type(layout)


def shown(layout: Layout, array: Any) -> list[Any]:
    """The values of an array, of times and dates the numbers: Python has no value for some of them."""
    if layout.shape == "json":
        return [json.loads(text, parse_float=float) if text else None for text in array.to_pylist()]
    if layout.shape in ("list", "map"):
        parts = array.to_pylist() if not len(array) else None
        if parts is not None:
            return parts
        out: list[Any] = []
        for place in range(len(array)):
            item = array[place]
            if not item.is_valid:
                out.append(None)
            elif layout.shape == "list":
                out.append(shown(layout.children[0], item.values))
            else:
                keys = item.values.field(0).to_pylist()
                out.append(list(zip(keys, shown(layout.children[0], item.values.field(1)))))
        return out
    if layout.shape in ("record", "union"):
        columns = [shown(child, array.field(place)) for place, child in enumerate(layout.children)]
        return [
            tuple(column[row] for column in columns) if array[row].is_valid else None
            for row in range(len(array))
        ]
    if layout.shape == "date" or layout.shape == "time-millis":
        array = array.cast(pa.int32())
    elif "time" in layout.shape:
        array = array.cast(pa.int64())
    elif layout.shape == "enum" and pa.types.is_dictionary(array.type):
        array = array.cast(pa.string())
    return [repr(item) for item in array.to_pylist()]


@QUICK
@given(batches())
def test_columns_have_what_fastavro_wrote(case: tuple[Json, list[Any]]) -> None:
    text, plains = case
    schema = parse(json.dumps(text))
    payloads: list[bytes | None] = [fast_write(stripped(text), plain) for plain in plains]
    payloads.insert(1, None)
    expected = None
    for engine in ("native", "python"):
        filled = Filled(text, engine=engine)
        assert filled.append(*payloads) == {}
        root = filled.layout
        if expected is None:
            rows = [judged(schema, schema.root, root, plain) for plain in plains]
            rows.insert(1, None)
            expected = shown(root, pa.array(rows, plain_type(root)))
        assert shown(root, filled.array()) == expected


@st.composite
def damaged_batches(draw: Any) -> tuple[Json, list[bytes]]:
    text, plains = draw(batches())
    payloads = []
    for plain in plains:
        data = bytearray(fast_write(stripped(text), plain))
        for _ in range(draw(st.integers(0, 2))):
            at = draw(st.integers(0, len(data)))
            data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=10))
        payloads.append(bytes(data))
    return text, payloads


@QUICK
@given(damaged_batches())
def test_a_damaged_payload_leaves_no_part_of_a_row_and_both_engines_agree(
    case: tuple[Json, list[bytes]],
) -> None:
    text, payloads = case
    found = []
    for engine in ("native", "python"):
        filled = Filled(text, engine=engine)
        errors = filled.append(*payloads)
        array = filled.array()
        assert len(array) == len(payloads) - len(errors)
        clean = Filled(text, engine=engine)
        clean.append(*(payload for at, payload in enumerate(payloads) if at not in errors))
        assert shown(filled.layout, clean.array()) == shown(filled.layout, array)
        reasons = {at: (error.what, error.position, error.path) for at, error in errors.items()}
        found.append((reasons, shown(filled.layout, array)))
    assert found[0] == found[1]


def record(*fields: tuple[str, Any], name: str = "R") -> Json:
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields]}


def logical(base: str, name: str, **more: Any) -> Json:
    return {"type": base, "logicalType": name, **more}


def test_a_later_schema_reads_what_an_earlier_one_wrote(engine: Any) -> None:
    from tests.faults.fuzz_codec import _EARLIER, _LATER, _samples

    filled = Filled(_EARLIER, _LATER, engine=engine)
    payloads = _samples(_EARLIER)
    read = make_reader(parse(json.dumps(_EARLIER)), parse(json.dumps(_LATER)), engine=engine)
    assert filled.append(*payloads) == {}
    for row, payload in zip(filled.array().to_pylist(), payloads):
        value = read.decode(payload)
        assert (row["n"], row["f"], row["new"], row["mark"], row["text"]) == tuple(
            value[name] for name in ("n", "f", "new", "mark", "text")
        )
        assert row["extra"] == {"a": None, "list": [1, 2], "mark": "A"}
        assert row["parts"] == value["parts"]
        if isinstance(value["part"], dict):
            assert row["part"] == {"double": None, "Part": value["part"]}
        elif value["part"] is not None:
            assert row["part"] == {"double": value["part"], "Part": None}


@pytest.mark.parametrize(
    ("written", "wanted", "number", "is_now"),
    [
        ("timestamp-millis", "timestamp-nanos", 1_700_000_000_123, 1_700_000_000_123_000_000),
        ("timestamp-micros", "timestamp-millis", -1, -1),
        ("timestamp-nanos", "timestamp-micros", -1001, -2),
        ("local-timestamp-millis", "local-timestamp-micros", 5, 5000),
    ],
)
def test_times_of_another_unit(engine: Any, written: str, wanted: str, number: int, is_now: int) -> None:
    filled = Filled(
        record(("at", logical("long", written))), record(("at", logical("long", wanted))), engine=engine
    )
    assert filled.append(fast_write("long", number)) == {}
    assert filled.array().field(0).cast(pa.int64()).to_pylist() == [is_now]


def test_a_timestamp_that_does_not_fit_its_new_unit(engine: Any) -> None:
    pair = (
        record(("at", logical("long", "timestamp-millis"))),
        record(("at", logical("long", "timestamp-micros"))),
    )
    filled = Filled(*pair, engine=engine)
    errors = filled.append(fast_write("long", 1 << 60), fast_write("long", (1 << 63) // 1000))
    assert list(errors) == [0]
    assert str(errors[0]).startswith(
        f"the timestamp {1 << 60} (milliseconds since 1970-01-01) does not fit 64 bits of microseconds"
    )
    assert errors[0].path == "at"


def test_the_year_10000_fits_and_24_hours_do_not(engine: Any) -> None:
    filled = Filled(
        record(("d", logical("int", "date")), ("t", logical("int", "time-millis"))), engine=engine
    )
    errors = filled.append(
        fast_write("int", 2_932_897) + fast_write("int", 86_399_999),
        fast_write("int", 0) + fast_write("int", 86_400_000),
    )
    assert {at: error.path for at, error in errors.items()} == {1: "t"}
    assert filled.array().field(0).cast(pa.int32()).to_pylist() == [2_932_897]


@pytest.mark.parametrize(("precision", "digits"), [(1, 1), (18, 18), (38, 38), (39, 39), (76, 76)])
def test_decimals_to_the_last_digit(engine: Any, precision: int, digits: int) -> None:
    filled = Filled(record(("d", logical("bytes", "decimal", precision=precision, scale=1))), engine=engine)
    most = 10**digits - 1
    numbers = [most, -most, 0, -1, most + 1, -most - 1]
    payloads = [fast_write("bytes", n.to_bytes(40, "big", signed=True)) for n in numbers]
    errors = filled.append(*payloads)
    assert list(errors) == [4, 5]
    assert f"has more digits than the {precision} of its schema" in errors[4].what
    wanted = [Decimal(n).scaleb(-1, codec_context()) for n in numbers[:4]]
    assert filled.array().field(0).to_pylist() == wanted


def test_a_record_that_holds_itself_is_text_where_it_stands_inside(engine: Any) -> None:
    tree = record(
        ("n", "long"),
        ("kids", {"type": "array", "items": "Tree"}),
        ("of", ["null", "string", "Tree"]),
        name="Tree",
    )
    leaf = fast_write("long", 7) + b"\x00\x00"
    filled = Filled(tree, engine=engine)
    assert filled.append(fast_write("long", 1) + b"\x02" + leaf + b"\x00\x04" + leaf) == {}
    [row] = filled.array().to_pylist()
    text = '{"n": 7, "kids": [], "of": null}'
    assert row == {"n": 1, "kids": [text], "of": {"string": None, "Tree": text}}
    filled = Filled(tree, engine=engine, fields=["of", "n"])
    filled.append(fast_write("long", 1) + b"\x00\x00")
    assert filled.array().to_pylist() == [{"of": None, "n": 1}]


def test_nothing_is_made_of_fields_that_are_not_chosen(engine: Any) -> None:
    pair = (
        record(("bad", "string"), ("n", "int"), ("gone", ["null", "long"])),
        record(("bad", "int"), ("n", "long"), ("x", "int")),
    )
    filled = Filled(*pair, engine=engine, fields=["n"])  # `bad` cannot be read, `x` has no default
    assert filled.append(b"\x02a\x08\x02\x02") == {}
    assert filled.array().to_pylist() == [{"n": 4}]


def test_a_null_of_many_columns_costs_its_message(engine: Any) -> None:
    wide = record(*((f"f{n}", "long") for n in range(1000)), name="Wide")
    filled = Filled({"type": "array", "items": ["null", wide]}, engine=engine)
    count = 1200
    errors = filled.append(
        fast_write("long", count) + b"\x00" * count + b"\x00", fast_write("long", 10) + b"\x00" * 11
    )
    assert {at: error.what for at, error in errors.items()} == {0: "too many items for so few bytes"}
    assert len(filled.array()) == 1


def test_a_batch_stops_when_it_is_full(engine: Any) -> None:
    filled = Filled(record(("s", "string")), engine=engine)
    payloads: list[bytes | None] = [fast_write("string", "x" * 100)] * 10
    stopped, used, _ = filled.appender.append(payloads, 0, 10, 0, 250)
    assert (stopped, filled.columns.length) == (3, 3)
    assert used >= 250
    assert filled.appender.append(payloads, stopped, 10, 0, 1 << 40)[0] == 10
    assert len(filled.array()) == 10
    assert filled.columns.length == 0


def test_a_schema_of_too_many_columns_is_refused() -> None:
    inner: Json = record(*((f"f{n}", "int") for n in range(30)), name="L0")
    for level in range(1, 5):
        inner = record(
            *((f"f{n}", inner if n == 0 else f"L{level - 1}") for n in range(30)), name=f"L{level}"
        )
    with pytest.raises(SchemaError, match="more than 20,000 columns"):
        layout_of(parse(json.dumps(inner)))


@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"abcdefgh\xff",
        b"\xf8\x88\x80\x80\x80",
    ],
)
def test_text_that_is_not_utf_8(engine: Any, data: bytes) -> None:
    filled = Filled("string", engine=engine)
    assert list(filled.append(fast_write("bytes", data))) == [0]


@pytest.mark.parametrize("target", column_targets(), ids=lambda target: target.name)
def test_damage_gives_the_same_rows_and_errors_in_both_engines(target: Any) -> None:
    assert 0 < fuzz_columns(target, 150, seed=3) < 150


@QUICK
@given(st.binary(max_size=12))
def test_utf_8_is_what_python_takes_for_it(data: bytes) -> None:
    found = [
        bool(Filled("string", engine=engine).append(fast_write("bytes", data)))
        for engine in ("native", "python")
    ]
    try:
        data.decode()
    except UnicodeDecodeError:
        assert found == [True, True]
    else:
        assert found == [False, False]
