"""The order of eight fields that several benches read and write: its classes, its schema, the one generator
of data. Imports the standard library alone, as the programs of other frameworks use it too.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from enum import Enum
from typing import Any


def record(name: str, *fields: tuple[str, Any]) -> dict[str, Any]:
    """A schema of Avro."""
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields]}


class Status(Enum):
    NEW = "NEW"
    PAID = "PAID"
    SHIPPED = "SHIPPED"


@dataclass(slots=True, kw_only=True)
class Place:
    latitude: float
    longitude: float


@dataclass(slots=True, kw_only=True)
class Order:
    id: str
    created: dt.datetime
    amount: float
    discount: float | None
    status: Status
    tags: dict[str, str]
    place: Place
    count: int


STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "SHIPPED"]}
PLACE = record("Place", ("latitude", "double"), ("longitude", "double"))
ORDER = record(
    "Order",
    ("id", "string"),
    ("created", {"type": "long", "logicalType": "timestamp-millis"}),
    ("amount", "double"),
    ("discount", ["null", "double"]),
    ("status", STATUS),
    ("tags", {"type": "map", "values": "string"}),
    ("place", PLACE),
    ("count", "long"),
)


def order(rng: random.Random) -> dict[str, Any]:
    """As fastavro writes and reads it."""
    return {
        "id": f"order-{rng.randrange(10**8):08}",
        "created": dt.datetime.fromtimestamp(
            rng.randrange(1_600_000_000_000, 1_800_000_000_000) / 1000, dt.timezone.utc
        ),
        "amount": rng.uniform(0, 1000),
        "discount": rng.choice([None, rng.uniform(0, 10)]),
        "status": rng.choice(STATUS["symbols"]),
        "tags": {"source": rng.choice(["web", "app", "shop"]), "region": rng.choice(["eu-west", "us-east"])},
        "place": {"latitude": rng.uniform(-90, 90), "longitude": rng.uniform(-180, 180)},
        "count": rng.randrange(1, 10_000),
    }
