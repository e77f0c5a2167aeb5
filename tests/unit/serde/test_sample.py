"""Sample values: deterministic, finite, and what the writer takes."""

from __future__ import annotations

import enum
import json
import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.values import Duration, LocalTimestampNanos, TimestampNanos
from kgen_runtime.errors import SchemaError


def record(*fields, name="R"):
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields]}


def logical(type_, name, **more):
    return {"type": type_, "logicalType": name, **more}


def fixed(name, size, **more):
    return {"type": "fixed", "name": name, "size": size, **more}


EVERYTHING = parse(
    json.dumps(
        record(
            *(
                (name, name)
                for name in ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
            ),
            ("fixed", fixed("F", 3)),
            ("enum", {"type": "enum", "name": "E", "symbols": ["A", "B"]}),
            ("array", {"type": "array", "items": {"type": "map", "values": "F"}}),
            ("union", ["null", "string", "int", record(("x", ["null", "E"]), name="Inner")]),
            ("decimal", logical("bytes", "decimal", precision=12, scale=2)),
            ("small", logical("bytes", "decimal", precision=2, scale=2)),
            ("long_decimal", logical("bytes", "decimal", precision=40, scale=38)),
            ("fixed_decimal", fixed("D", 1, logicalType="decimal", precision=2)),
            ("uuid", logical("string", "uuid")),
            ("fixed_uuid", fixed("U", 16, logicalType="uuid")),
            ("date", logical("int", "date")),
            ("time_millis", logical("int", "time-millis")),
            ("time_micros", logical("long", "time-micros")),
            *(
                (n.replace("-", "_"), logical("long", n))
                for n in (f"{p}timestamp-{u}" for p in ("", "local-") for u in ("millis", "micros", "nanos"))
            ),
            ("duration", fixed("Dur", 12, logicalType="duration")),
        )
    )
)


def test_every_type():
    value = sample(EVERYTHING, random.Random(1))
    types = {name: type(v) for name, v in value.items() if name != "union"}
    assert types == {
        "null": type(None), "boolean": bool, "int": int, "long": int, "float": float, "double": float,
        "bytes": bytes, "string": str, "fixed": bytes, "enum": str, "array": list,
        "decimal": Decimal, "small": Decimal, "long_decimal": Decimal, "fixed_decimal": Decimal,
        "uuid": UUID, "fixed_uuid": UUID, "date": date, "time_millis": time, "time_micros": time,
        "timestamp_millis": datetime, "timestamp_micros": datetime, "timestamp_nanos": TimestampNanos,
        "local_timestamp_millis": datetime, "local_timestamp_micros": datetime,
        "local_timestamp_nanos": LocalTimestampNanos, "duration": Duration,
    }  # fmt: skip
    assert value["timestamp_millis"].tzinfo is timezone.utc
    assert value["local_timestamp_micros"].tzinfo is None
    assert value["string"].startswith("string-")


def test_the_same_for_the_same_seed():
    assert sample(EVERYTHING, random.Random(5)) == sample(EVERYTHING, random.Random(5))
    assert sample(EVERYTHING, random.Random(5)) != sample(EVERYTHING, random.Random(6))


@pytest.mark.parametrize("seed", range(20))
def test_survives_the_codec(seed):
    value = sample(EVERYTHING, random.Random(seed))
    payload = make_writer(EVERYTHING).encode(value)
    assert make_reader(EVERYTHING).decode(payload) == value


class E(enum.Enum):
    A = "A"
    B = "B"


@dataclass(kw_only=True)
class Node:
    class_: str = field(metadata={"avro": "class"})
    kind: E
    next: Node | None = None
    children: list[Node] = field(default_factory=list)


TREE = parse(
    json.dumps(
        record(
            ("class", "string"),
            ("kind", {"type": "enum", "name": "E", "symbols": ["A", "B"]}),
            ("next", ["null", "Node"]),
            ("children", {"type": "array", "items": "Node"}),
            name="Node",
        )
    )
)


@pytest.mark.parametrize("seed", range(20))
def test_classes_and_recursion(seed):
    classes = {"Node": Node, "E": E}
    value = sample(TREE, random.Random(seed), classes)
    assert isinstance(value, Node)
    assert isinstance(value.kind, E)
    assert make_reader(TREE, TREE, classes).decode(make_writer(TREE, classes).encode(value)) == value


def test_arrays_of_arrays_end():
    schema = '"int"'
    for _ in range(40):
        schema = f'{{"type": "array", "items": {schema}}}'
    assert isinstance(sample(parse(schema), random.Random(0)), list)


def test_a_record_that_must_hold_itself_has_no_value():
    with pytest.raises(SchemaError, match="no finite value"):
        sample(parse(json.dumps(record(("next", "R")))), random.Random(0))


def test_a_union_avoids_its_endless_branch():
    schema = parse(json.dumps(["string", record(("self", "R"))]))
    assert {type(sample(schema, random.Random(seed))) for seed in range(9)} == {str}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [('"string"', str), ('["null", "long"]', (int, type(None))), ('{"type":"map","values":"int"}', dict)],
)
def test_roots_of_every_kind(schema, kind):
    assert isinstance(sample(parse(schema), random.Random(3)), kind)


@pytest.mark.parametrize(
    "schema", [[], record(("a", [])), {"type": "enum", "name": "E", "symbols": []}], ids=json.dumps
)
def test_a_union_or_enum_of_nothing_has_no_value(schema):
    with pytest.raises(SchemaError, match="no finite value"):
        sample(parse(json.dumps(schema)), random.Random(1))
    around = parse(
        json.dumps(["null", {"type": "array", "items": schema}, {"type": "map", "values": schema}])
    )
    values = [sample(around, random.Random(seed)) for seed in range(20)]
    assert all(value in (None, [], {}) for value in values)
