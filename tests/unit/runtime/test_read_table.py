"""`rt.read_table` on topics in memory: its rows and columns, what it refuses, and how it goes on."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.codec import make_writer
from kgen_runtime.codec.avro.schema.parser import parse

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from kgen_runtime.standalone.table import RecordBatches  # noqa: E402

META = ["_key", "_partition", "_offset", "_timestamp", "_tombstone"]
FIRST = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "string"}, {"name": "n", "type": "int"}],
}
LATEST = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "n", "type": "long"},
        {
            "name": "to",
            "type": [
                "null",
                {"type": "record", "name": "To", "fields": [{"name": "city", "type": "string"}]},
            ],
            "default": None,
        },
    ],
}
SCHEMAS = rt.Schemas(
    "orders-value",
    (rt.WriterSchema(1, 1, json.dumps(FIRST)), rt.WriterSchema(2, 2, json.dumps(LATEST))),
)
ORDERS: rt.Topic[Any, Any] = rt.Topic("orders", key=rt.StringSerde(), value=rt.AvroSerde(SCHEMAS, {}))
AT = 1_700_000_000_000


def payload(value: Any, version: int = 2) -> bytes:
    text = json.dumps({1: FIRST, 2: LATEST}[version])
    return make_writer(parse(text)).encode(value, b"\0" + version.to_bytes(4, "big"))


def raw(value: bytes | None, key: bytes | None = b"k", partition: int = 0, **more: Any) -> rt.RawMessage:
    return rt.RawMessage(key=key, value=value, topic="orders", partition=partition, **more)


def order(number: int, city: str | None = None, **more: Any) -> rt.RawMessage:
    to = None if city is None else {"city": city}
    return raw(payload({"id": f"o{number}", "n": number, "to": to}), b"k%d" % number, **more)


def kafka(*messages: rt.RawMessage) -> testing.Memory:
    return testing.Memory({ORDERS: messages})


def test_a_row_is_a_message_and_a_column_a_field() -> None:
    old = raw(payload({"id": "old", "n": 7}, 1), None)
    table = rt.read_table(ORDERS, kafka(order(1, "Ulm", timestamp=AT), raw(None), old))
    table.validate(full=True)
    assert table.column_names == ["id", "n", "to", *META]
    assert table.schema.field("n").type == pa.int64()
    assert table.schema.field("_timestamp").type == pa.timestamp("ms", "UTC")
    assert [table.schema.field(name).type for name in ("_partition", "_offset")] == [pa.int32(), pa.int64()]
    first, tombstone, last = table.to_pylist()
    at = dt.datetime.fromtimestamp(AT / 1000, dt.timezone.utc)
    assert first == {
        "id": "o1",
        "n": 1,
        "to": {"city": "Ulm"},
        "_key": "k1",
        "_partition": 0,
        "_offset": 0,
    } | {
        "_timestamp": at,
        "_tombstone": False,
    }
    assert [tombstone[name] for name in ("id", "n", "to", "_key", "_offset", "_tombstone")] == [
        None,
        None,
        None,
        "k",
        1,
        True,
    ]
    assert [last[name] for name in ("id", "n", "to", "_key", "_tombstone")] == ["old", 7, None, None, False]


def test_chosen_columns_are_all_there_is_in_their_order() -> None:
    table = rt.read_table(ORDERS, kafka(order(1), order(2)), columns=["_offset", "n"])
    assert table.to_pydict() == {"_offset": [0, 1], "n": [1, 2]}
    assert rt.read_table(
        ORDERS, kafka(raw(b"\0\0\0\0\x02\x02a\x02\0", b"\xff")), columns=["n"]
    ).to_pydict() == {"n": [1]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": ["idd"]}, "columns= has 'idd', and there is no such column"),
        ({"columns": ["n", "n"]}, "columns= has 'n' twice"),
        ({"columns": "n"}, "is not a list of names"),
        ({"stop": None}, "stop=None would never end"),
        ({"limit": -1}, "invalid limit=-1"),
        ({"timeout": 30}, "invalid timeout=30"),
        ({"on_failure": 1}, "on_failure is 1, not a function"),
    ],
)
def test_wrong_arguments_name_the_users_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(rt.FlowError, match=r"test_read_table\.py") as caught:
        rt.read_table(ORDERS, kafka(), **arguments)
    assert message in caught.value.what


def test_a_table_waits_no_longer_than_the_timeout() -> None:
    with pytest.raises(rt.SourceError, match=r"stop=\{0: 9\} is not reached"):
        rt.read_table(ORDERS, kafka(order(1)), stop={0: 9}, timeout=dt.timedelta(milliseconds=1))


def test_fields_that_are_called_as_the_metadata_keep_their_names() -> None:
    text = json.dumps(
        {
            "type": "record",
            "name": "R",
            "fields": [{"name": "_key", "type": "int"}, {"name": "__key", "type": "int"}],
        }
    )
    serde = rt.AvroSerde(rt.Schemas("r-value", (rt.WriterSchema(1, 1, text),)), {})
    topic: rt.Topic[Any, Any] = rt.Topic("r", key=rt.StringSerde(), value=serde)
    message = rt.RawMessage(key=b"k", value=b"\0\0\0\0\x01\x02\x04", topic="r")
    table = rt.read_table(topic, testing.Memory({topic: [message]}))
    assert table.column_names[:3] == ["_key", "__key", "___key"]
    assert [table[name].to_pylist() for name in table.column_names[:3]] == [[1], [2], ["k"]]


BAD = payload({"id": "bad", "n": 1, "to": None})[:-1]


def test_a_message_that_cannot_be_read_is_raised_with_its_place() -> None:
    with pytest.raises(rt.DecodeError, match="the data ends too early") as caught:
        rt.read_table(ORDERS, kafka(order(1), raw(BAD)))
    assert "topic orders, partition 0, offset 1, value, byte 10, field to" in str(caught.value)


def test_failures_are_handed_over_and_have_no_row() -> None:
    failures: list[rt.Failure] = []
    messages = [
        raw(BAD),
        order(1),
        raw(b"no frame"),
        raw(payload({"id": "x", "n": 5, "to": None}), b"\xff"),
        raw(None, b"\xff"),
        order(2),
        raw(BAD, b"\xff"),
        raw(None),
        raw(b"\0\0\0\0\x09\x02"),
    ]
    table = rt.read_table(ORDERS, kafka(*messages), on_failure=failures.append)
    table.validate(full=True)
    assert table["_offset"].to_pylist() == [1, 5, 7]
    assert table["id"].to_pylist() == ["o1", "o2", None]
    assert table["_key"].to_pylist() == ["k1", "k2", "k"]
    assert table["_tombstone"].to_pylist() == [False, False, True]
    assert [(f.original.offset, f.part, f.stage.value) for f in failures] == [
        (0, "value", "decode"),
        (2, "value", "framing"),
        (3, "key", "decode"),
        (4, "key", "decode"),
        (6, "key", "decode"),
        (8, "value", "unknown-schema"),
    ]
    assert failures[0].value_schema_id == 2
    assert failures[0].original.value == BAD


def test_limit_counts_rows() -> None:
    failures: list[rt.Failure] = []
    messages = [raw(BAD), order(1), raw(BAD), order(2), order(3)]
    table = rt.read_table(ORDERS, kafka(*messages), limit=2, on_failure=failures.append)
    assert (table["id"].to_pylist(), len(failures)) == (["o1", "o2"], 2)
    assert rt.read_table(ORDERS, kafka(*messages), limit=0).num_rows == 0


def test_an_empty_topic_is_a_table_with_its_columns() -> None:
    table = rt.read_table(ORDERS, kafka())
    assert (table.num_rows, table.column_names) == (0, ["id", "n", "to", *META])


def test_partitions_and_bounds_are_those_of_read() -> None:
    messages = [order(n, partition=n % 3) for n in range(30)]
    table = rt.read_table(ORDERS, kafka(*messages), partitions=[1], start={1: 3}, stop={1: 6}, batch_size=2)
    assert table["n"].to_pylist() == [10, 13, 16]


@pytest.mark.parametrize(("rows", "size"), [(4, 1 << 40), (1000, 1), (7, 500)])
def test_batches_end_when_they_are_full(rows: int, size: int) -> None:
    messages = [order(n, None if n % 3 else "Ulm") if n % 5 else raw(BAD) for n in range(50)]
    with RecordBatches(ORDERS, kafka(*messages), rows=rows, size=size, on_failure=lambda _: None) as batches:
        found = list(batches)
    assert all(batch.schema == batches.schema for batch in found)
    assert max(batch.num_rows for batch in found) <= rows
    table = pa.Table.from_batches(found)
    assert table["n"].to_pylist() == [n for n in range(50) if n % 5]
    assert len(found) > 5


@pytest.mark.parametrize(
    ("serde", "payloads", "expected"),
    [
        (rt.StringSerde(), [b"a", None], ["a", None]),
        (rt.BytesSerde(), [b"\xff", None], [b"\xff", None]),
        (rt.IntSerde(), [b"\0\0\0\x07"], [7]),
        (rt.LongSerde(), [b"\0" * 7 + b"\x07"], [7]),
        (rt.DoubleSerde(), [b"\x3f\xf8" + b"\0" * 6], [1.5]),
    ],
)
def test_values_without_fields_are_one_column(
    serde: Any, payloads: list[bytes | None], expected: list[Any]
) -> None:
    topic: rt.Topic[Any, Any] = rt.Topic("plain", key=rt.NoneSerde(), value=serde)
    messages = [rt.RawMessage(key=None, value=each, topic="plain") for each in payloads]
    table = rt.read_table(topic, testing.Memory({topic: messages}), columns=["value", "_tombstone"])
    assert table["value"].to_pylist() == expected
    assert table["_tombstone"].to_pylist() == [each is None for each in payloads]


NULLS: list[tuple[Any, Any]] = [("tombstone", [False, True]), ("refuse", None)]


def test_an_encoded_null_is_what_the_serde_takes_it_for() -> None:
    text = json.dumps(["null", FIRST])
    schemas = rt.Schemas("n-value", (rt.WriterSchema(1, 1, text),))
    messages = [
        rt.RawMessage(key=None, value=b"\0\0\0\0\x01" + tail, topic="n") for tail in (b"\x02\x02a\x02", b"\0")
    ]
    for null, rows in NULLS:
        topic: rt.Topic[Any, Any] = rt.Topic(
            "n", key=rt.NoneSerde(), value=rt.AvroSerde(schemas, {}, null=null)
        )
        memory = testing.Memory({topic: messages})
        if rows is None:
            with pytest.raises(rt.DecodeError, match="an encoded null"):
                rt.read_table(topic, memory)
        else:
            table = rt.read_table(topic, memory)
            assert (table["id"].to_pylist(), table["_tombstone"].to_pylist()) == (["a", None], rows)


SHIPMENT = {
    "title": "Shipment",
    "type": "object",
    "required": ["id", "n"],
    "properties": {
        "id": {"type": "string"},
        "n": {"type": "integer"},
        "kg": {"type": ["number", "null"]},
        "kind": {"enum": ["air", "sea"]},
        "at": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "who": {"type": "string", "format": "uuid"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "sizes": {"type": "object", "additionalProperties": {"type": "integer"}},
        "to": {"$ref": "#/definitions/To"},
        "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "any": {},
        "next": {"$ref": "#"},
    },
    "definitions": {
        "To": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "additionalProperties": {"type": "integer"},
        }
    },
}
SHIPMENTS = rt.Schemas("shipments-value", (rt.WriterSchema(1, 3, json.dumps(SHIPMENT), type="JSON"),))


def shipments(*values: Any, **options: Any) -> tuple[rt.Topic[Any, Any], testing.Memory]:
    serde: rt.JsonSerde[Any] = rt.JsonSerde(SHIPMENTS, {}, **options)
    topic: rt.Topic[Any, Any] = rt.Topic("shipments", key=rt.StringSerde(), value=serde)
    payloads = [None if each is None else b"\0\0\0\0\x03" + json.dumps(each).encode() for each in values]
    messages = [rt.RawMessage(key=b"k", value=each, topic="shipments", partition=0) for each in payloads]
    return topic, testing.Memory({topic: messages})


def test_json_has_a_column_for_each_property() -> None:
    whole = {
        "id": "a", "n": 1, "kg": 2.5, "kind": "air", "at": "2026-01-02T03:04:05Z", "day": "2026-01-02",
        "who": "00000000-0000-0000-0000-000000000007", "tags": ["x", "y"], "sizes": {"l": 3},
        "to": {"city": "Köln", "floor": 4}, "either": 5, "any": {"deep": [1.5, None]},
        "next": {"id": "b", "n": 2},
    }  # fmt: skip
    table = rt.read_table(*shipments(whole, None, {"id": "c", "n": 3}))
    assert table.column_names == [*SHIPMENT["properties"], *META]
    first, gone, last = table.to_pylist()
    assert {name: first[name] for name in ("id", "n", "kg", "kind", "tags")} == {
        name: whole[name] for name in ("id", "n", "kg", "kind", "tags")
    }
    assert first["at"] == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
    assert first["day"] == dt.date(2026, 1, 2)
    assert first["who"] == b"\0" * 15 + b"\7"
    assert first["sizes"] == [("l", 3)]
    assert first["to"] == {"city": "Köln", "_others": '{"floor":4}'}
    texts = {name: json.loads(first[name]) for name in ("either", "any", "next")}
    assert texts == {name: whole[name] for name in texts}
    assert gone["_tombstone"]
    assert set(gone.values()) == {None, "k", 0, 1}
    assert (last["id"], last["kg"], last["to"]) == ("c", None, None)
    assert str(table.schema.field("to").type) == "struct<city: string, _others: string>"


def test_chosen_columns_of_json() -> None:
    topic, memory = shipments({"id": "a", "n": 1, "kg": 2})
    table = rt.read_table(topic, memory, columns=["kg", "id", "_offset"])
    assert table.to_pylist() == [{"kg": 2.0, "id": "a", "_offset": 0}]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"id": "a", "n": 1 << 70}, "64 bits"),
        ({"id": "\ud800", "n": 1}, "surrogate"),
        ({"id": "a", "n": 1, "sizes": {"\ud800": 1}}, "surrogate"),
        ({"id": "a"}, "n"),
    ],
)
def test_json_that_fits_no_column_is_a_failure_of_its_own(value: Any, message: str) -> None:
    topic, memory = shipments({"id": "x", "n": 0}, value, {"id": "y", "n": 2})
    failures: list[rt.Failure] = []
    table = rt.read_table(topic, memory, on_failure=failures.append)
    assert table["id"].to_pylist() == ["x", "y"]
    (failure,) = failures
    assert message in failure.message
    with pytest.raises(rt.DecodeError, match="partition 0, offset 1"):
        rt.read_table(topic, memory)


def test_models_of_pydantic_are_read_into_the_same_columns() -> None:
    pydantic = pytest.importorskip("pydantic", reason="pydantic is not installed")
    model = pydantic.create_model("Shipment", id=(str, ...), n=(int, pydantic.Field(ge=0)))
    topic, memory = shipments({"id": "a", "n": 1}, {"id": "b", "n": -1})
    serde: rt.PydanticSerde[Any] = rt.PydanticSerde(SHIPMENTS, model)
    failures: list[rt.Failure] = []
    table = rt.read_table(rt.Topic("shipments", topic.key, serde), memory, on_failure=failures.append)
    assert table["id"].to_pylist() == ["a"]
    assert [failure.stage.value for failure in failures] == ["decode"]
