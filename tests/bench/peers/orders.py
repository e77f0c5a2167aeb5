"""The messages of the contests: their class, their schema, the class from a dict as users write it, and the
one generator of data. Imports the standard library alone.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Status(Enum):
    """How far an order is."""

    NEW = "NEW"
    PAID = "PAID"
    SHIPPED = "SHIPPED"


@dataclass(slots=True, kw_only=True)
class Place:
    """Where it goes."""

    latitude: float
    longitude: float


@dataclass(slots=True, kw_only=True)
class Order:
    """A record of eight fields."""

    id: str
    created: dt.datetime
    amount: float
    discount: float | None
    status: Status
    tags: dict[str, str]
    place: Place
    count: int


SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "created", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "amount", "type": "double"},
        {"name": "discount", "type": ["null", "double"]},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "SHIPPED"]}},
        {"name": "tags", "type": {"type": "map", "values": "string"}},
        {
            "name": "place",
            "type": {
                "type": "record",
                "name": "Place",
                "fields": [{"name": "latitude", "type": "double"}, {"name": "longitude", "type": "double"}],
            },
        },
        {"name": "count", "type": "long"},
    ],
}
TEXT = json.dumps(SCHEMA)


def from_dict(given: dict[str, Any]) -> Order:
    """An order from what fastavro reads."""
    return Order(**{**given, "status": Status(given["status"]), "place": Place(**given["place"])})


def to_dict(order: Order) -> dict[str, Any]:
    """What fastavro writes."""
    return {**asdict(order), "status": order.status.value}


def raised(order: Order) -> Order:
    """The change of the task `produce`."""
    order.amount = order.amount * 1.1
    return order


def made_order(rng: random.Random, count: int) -> Order:
    """Made up."""
    return Order(
        id=f"order-{rng.randrange(10**8):08}",
        created=dt.datetime.fromtimestamp(
            rng.randrange(1_600_000_000_000, 1_800_000_000_000) / 1000, dt.timezone.utc
        ),
        amount=rng.uniform(0, 1000),
        discount=rng.choice([None, rng.uniform(0, 10)]),
        status=rng.choice(list(Status)),
        tags={"source": rng.choice(["web", "app", "shop"]), "region": rng.choice(["eu-west", "us-east"])},
        place=Place(latitude=rng.uniform(-90, 90), longitude=rng.uniform(-180, 180)),
        count=count,
    )


CLASSES = {"Order": Order, "Status": Status, "Place": Place}
"""What kgen's codec makes of the schema's names."""
