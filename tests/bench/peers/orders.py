"""The messages of the contests, from and to the dicts that users of other frameworks have, and made up.
Imports the standard library alone.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from typing import Any

from tests.bench.model_classes import ORDER as SCHEMA
from tests.bench.model_classes import Order, Place, Status, order

__all__ = ["CLASSES", "SCHEMA", "TEXT", "Order", "from_dict", "made_order", "raised", "to_dict"]

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
    return from_dict({**order(rng), "count": count})


CLASSES = {"Order": Order, "Status": Status, "Place": Place}
"""What kgen's codec makes of the schema's names."""
