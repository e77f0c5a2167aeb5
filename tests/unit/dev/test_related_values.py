"""Sample messages of several topics fit together."""

from __future__ import annotations

import json
import random
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from kgen.dev.related_values import RelatedValues
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.json.json_samples import sample_json
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema

TIME = {"type": "long", "logicalType": "timestamp-millis"}


def record(title: str, /, **fields: Any) -> str:
    listed = [{"name": name, "type": kind} for name, kind in fields.items()]
    return json.dumps({"type": "record", "name": title, "namespace": "shop", "fields": listed})


def made(topic: str, schema: str, number: int, key: str | None = None) -> tuple[Any, Any]:
    choice, rng = RelatedValues(topic, number), random.Random(f"{topic}{number}")
    value = sample(parse(schema), rng, choice=choice)
    return value, None if key is None else sample(parse(key), rng, choice=choice)


def every(topic: str, schema: str, key: str | None = None) -> list[tuple[Any, Any]]:
    return [made(topic, schema, number, key) for number in range(60)]


CUSTOMER = record("Customer", id="string", name="string")
ORDER = record("Order", order_id="string", customerId="string", note="string", placed=TIME, paid_at=TIME)


def test_messages_can_be_joined() -> None:
    customers = [value["id"] for value, _ in every("customers", CUSTOMER)]
    orders = [value for value, _ in every("orders", ORDER)]
    assert len(set(customers)) == 60, "each once in the topic that is of it"
    assert {order["customerId"] for order in orders} <= set(customers)
    assert 5 < len({order["customerId"] for order in orders}) <= 20
    assert len({order["order_id"] for order in orders}) == 60


@pytest.mark.parametrize("kind", ["int", "long", {"type": "string", "logicalType": "uuid"}])
def test_identifiers_of_each_type(kind: Any) -> None:
    customers = {
        value["customer_id"] for value, _ in every("customers", record("Customer", customer_id=kind))
    }
    orders = {value["customer_id"] for value, _ in every("orders", record("Order", customer_id=kind))}
    assert orders <= customers


def test_a_key_is_the_identifier_in_the_value() -> None:
    for value, key in every("orders", ORDER, '"string"'):
        assert key == value["order_id"]
    click = record("Click", page="string", user_id="string")
    for value, key in every("clicks", click, '"string"'):
        assert key == value["user_id"]
    for value, key in every("orders", ORDER, record("OrderKey", order_id="string")):
        assert key == {"order_id": value["order_id"]}
    for value, key in every("orders", record("Order", id="string"), record("OrderKey", id="string")):
        assert key == value


def test_a_key_without_an_identifier_in_the_value() -> None:
    keys = [key for _, key in every("readings", record("Reading", degrees="double"), '"string"')]
    assert len(set(keys)) == 60
    (_, key) = made("readings", record("Reading", degrees="double"), 0, '"boolean"')
    assert isinstance(key, bool)


def test_times_grow() -> None:
    values = [value for value, _ in every("orders", ORDER)]
    for before, after in pairwise(values):
        for field in ("placed", "paid_at"):
            assert isinstance(before[field], datetime)
            assert before[field] < after[field]
        assert before["placed"] < before["paid_at"] < after["placed"]


def test_numbers_that_are_times_by_name() -> None:
    value, _ = made("orders", record("Order", created_at="long", ts_ms="long", beats="long"), 3)
    assert 1_700_000_000_000 < value["created_at"] < value["ts_ms"] < 1_800_000_000_000
    assert value["beats"] < 1_000_000


def test_the_same_in_json() -> None:
    schema = parse_json_schema(
        json.dumps(
            {
                "title": "Shipment",
                "type": "object",
                "required": ["id", "orderId", "sentAt", "to"],
                "properties": {
                    "id": {"type": "string"},
                    "orderId": {"type": "string"},
                    "sentAt": {"type": "string", "format": "date-time"},
                    "to": {"$ref": "#/definitions/Customer"},
                },
                "definitions": {
                    "Customer": {
                        "type": "object",
                        "required": ["id"],
                        "properties": {"id": {"type": "string"}},
                    }
                },
            }
        )
    )
    for number in range(20):
        choice = RelatedValues("shipments", number)
        value = sample_json(schema, random.Random(number), choice=choice)
        assert value["id"] == f"shipment-{number}"
        assert value["orderId"].startswith("order-")
        assert value["to"]["id"].startswith("customer-")


def test_the_same_message_every_time() -> None:
    assert every("orders", ORDER, '"string"') == every("orders", ORDER, '"string"')
