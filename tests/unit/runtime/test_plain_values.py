"""`rt.to_dict` and `rt.to_json`: one JSON form of a value, which is read back."""

from __future__ import annotations

import enum
import json
import math
import threading
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kgen_runtime as rt
from kgen_runtime.codec import make_reader
from kgen_runtime.codec.avro.json_encoding import dumps
from kgen_runtime.codec.avro.json_input import AvroJsonWriter


class Colour(enum.Enum):
    RED = "RED"
    BLUE = "BLUE"


@dataclass(slots=True, kw_only=True)
class Card:
    number: str


@dataclass(slots=True, kw_only=True)
class Cash:
    amount: Decimal


@dataclass(slots=True, kw_only=True)
class Sale:
    id: int
    class_: str = field(metadata={"avro": "class"})
    at: datetime
    day: date
    total: Decimal
    raw: bytes
    colour: Colour
    paid: Card | Cash | None
    note: str | None
    weights: list[float]
    counts: dict[str, int]
    either: int
    parent: Sale | None = None


SCHEMA = {
    "type": "record",
    "name": "shop.Sale",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "class", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}},
        {"name": "raw", "type": "bytes"},
        {"name": "colour", "type": {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}},
        {
            "name": "paid",
            "type": [
                "null",
                {"type": "record", "name": "Card", "fields": [{"name": "number", "type": "string"}]},
                {
                    "type": "record",
                    "name": "Cash",
                    "fields": [
                        {
                            "name": "amount",
                            "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3},
                        }
                    ],
                },
            ],
        },
        {"name": "note", "type": ["null", "string"]},
        {"name": "weights", "type": {"type": "array", "items": "double"}},
        {"name": "counts", "type": {"type": "map", "values": "int"}},
        {"name": "either", "type": ["int", "long"]},
        {"name": "parent", "type": ["null", "shop.Sale"], "default": None},
    ],
}
CLASSES = {"shop.Sale": Sale, "shop.Card": Card, "shop.Cash": Cash, "shop.Colour": Colour}
SERDE: rt.Serde[Sale] = rt.AvroSerde(
    rt.Schemas("sales-value", (rt.WriterSchema(1, 1, json.dumps(SCHEMA)),)), CLASSES
)


def sale(**changes: Any) -> Sale:
    usual: dict[str, Any] = {
        "id": 1,
        "class_": "a",
        "at": datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=timezone.utc),
        "day": date(1970, 1, 11),
        "total": Decimal("12.50"),
        "raw": b"\x00a\xff",
        "colour": Colour.BLUE,
        "paid": Cash(amount=Decimal("0.125")),
        "note": "x",
        "weights": [1.5],
        "counts": {"a": 1},
        "either": rt.of_branch(3, "long"),
    }
    return Sale(**{**usual, **changes})


def test_a_record_is_a_dict_by_the_names_of_its_schema() -> None:
    assert rt.to_dict(sale()) == {
        "id": 1,
        "class": "a",
        "at": 1772366400250,
        "day": 10,
        "total": Decimal("12.50"),
        "raw": "\x00a\xff",
        "colour": "BLUE",
        "paid": {"shop.Cash": {"amount": Decimal("0.125")}},
        "note": {"string": "x"},
        "weights": [1.5],
        "counts": {"a": 1},
        "either": {"long": 3},
        "parent": None,
    }


def test_the_text_is_that_of_the_dict() -> None:
    value = sale(paid=None, parent=sale(weights=[], counts={}))
    text = rt.to_json(value)
    assert text == dumps(rt.to_dict(value))
    assert "\n" not in text
    assert '"total": 12.50' in text
    lines = rt.to_json(value, indent=2)
    assert json.loads(lines, parse_float=Decimal) == json.loads(text, parse_float=Decimal)
    assert lines.splitlines()[:2] == ["{", '  "id": 1,']
    assert '      "weights": [],' in lines.splitlines()


@given(
    st.builds(
        sale,
        id=st.integers(-(2**63), 2**63 - 1),
        class_=st.text(),
        total=st.decimals(-1000, 1000, places=2),
        raw=st.binary(),
        note=st.none() | st.text(),
        paid=st.none() | st.builds(Card, number=st.text()),
        weights=st.lists(st.floats(allow_nan=False)),
        either=st.sampled_from([5, rt.of_branch(5, "long")]),
        parent=st.none() | st.builds(sale),
    )
)
def test_what_is_written_is_read_back(value: Sale) -> None:
    schema = SERDE.schemas.latest.parse()  # type: ignore[attr-defined]
    back = AvroJsonWriter(schema).encode(json.loads(rt.to_json(value), parse_float=Decimal))
    found = make_reader(schema, schema, CLASSES).decode(back)
    assert found == value
    assert rt.to_dict(found) == rt.to_dict(value)  # branches as well


def test_parts_of_a_value_are_values() -> None:
    assert rt.to_dict(Cash(amount=Decimal("1.5"))) == {"amount": Decimal("1.500")}
    assert rt.to_json(Colour.RED) == '"RED"'
    assert rt.to_json([Card(number="1"), None]) == '[{"number": "1"}, null]'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é", '"\\u00e9"'),
        (True, "true"),
        (rt.of_branch(3, "long"), "3"),
        (0.5, "0.5"),
        (math.inf, '"Infinity"'),
        (None, "null"),
        (b"\xff", '"\\u00ff"'),
        (Decimal("1.50"), "1.50"),
        ({"a": [b"b"]}, '{"a": ["b"]}'),
    ],
)
def test_plain_values_are_as_they_are(value: Any, text: str) -> None:
    assert rt.to_json(value) == text


def test_with_a_serde_the_value_is_a_whole_one() -> None:
    schema = json.dumps([SCHEMA, {"type": "record", "name": "shop.Other", "fields": []}])
    schemas = rt.Schemas("u-value", (rt.WriterSchema(1, 1, schema),))
    serde: rt.Serde[Any] = rt.AvroSerde(schemas, CLASSES)
    assert set(rt.to_dict(sale(), serde=serde)) == {"shop.Sale"}
    millis = '{"type": "long", "logicalType": "timestamp-millis"}'
    times: rt.Serde[Any] = rt.AvroSerde(rt.Schemas("t-value", (rt.WriterSchema(1, 2, millis),)), {})
    assert rt.to_json(datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc), serde=times) == "1000"


@dataclass(slots=True, kw_only=True)
class Spot:
    x: float
    label: str | rt.Absent | None = rt.ABSENT


@dataclass(slots=True, kw_only=True)
class Walk:
    began: datetime
    spots: list[Spot]


JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "began": {"type": "string", "format": "date-time"},
        "spots": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"x": {"type": "number"}, "label": {"type": ["string", "null"]}},
                "required": ["x"],
            },
        },
    },
    "required": ["began", "spots"],
}


def test_of_json_schema_it_is_the_message() -> None:
    schemas = rt.Schemas("w-value", (rt.WriterSchema(1, 1, json.dumps(JSON_SCHEMA), type="JSON"),))
    serde: rt.Serde[Walk] = rt.JsonSerde(
        schemas, {"#": Walk, "#/properties/spots/items": Spot}, framing="none"
    )
    value = Walk(
        began=datetime(2026, 3, 1, tzinfo=timezone.utc), spots=[Spot(x=1.5), Spot(x=2.0, label=None)]
    )
    message = serde.encoder(rt.SchemaStore(None), "value").encode(value)
    assert rt.to_dict(value) == json.loads(message or b"", parse_float=Decimal)
    assert rt.to_dict(value)["spots"] == [{"x": Decimal("1.5")}, {"x": Decimal("2.0"), "label": None}]
    assert rt.to_dict(value.spots[0]) == {"x": Decimal("1.5")}
    assert rt.to_dict(value, serde=serde) == rt.to_dict(value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (object(), "builtins.object is not a generated class"),
        (datetime.now(timezone.utc), "serde=orders.value"),
        (rt.Message("k", "v"), "rt.to_json(message.value)"),
        ({1: 2}, "builtins.dict is not a generated class"),
        (sale(id="1"), "field id"),
        (sale(total=Decimal("0.001")), "field total"),
    ],
)
def test_what_has_no_form_says_why(value: Any, says: str) -> None:
    with pytest.raises(rt.EncodeError) as raised:
        rt.to_json(value)
    assert says in str(raised.value)


def test_to_dict_takes_records_alone() -> None:
    with pytest.raises(rt.EncodeError, match="'text' is not a record"):
        rt.to_dict("text")
    with pytest.raises(rt.FlowError, match="invalid indent=-1"):
        rt.to_json(sale(), indent=-1)
    with pytest.raises(rt.EncodeError, match="has no schema"):
        rt.to_json("text", serde=rt.StringSerde())


def test_threads_convert_at_once() -> None:
    expected, found = rt.to_json(sale()), []
    threads = [
        threading.Thread(target=lambda: found.extend(rt.to_json(sale()) for _ in range(50))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 200
