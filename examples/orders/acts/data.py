"""What other teams write into the topic `orders`: made-up orders, and messages that nobody can use."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from kgen.dev.registered_schema import Registered
from kgen_runtime.codec import make_writer
from kgen_runtime.serde.framing import id_prefix

START = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
STATUSES = ("PLACED", "PAID", "PAID", "PAID", "CANCELLED")
CITIES = (("Malmö", "SE"), ("Göteborg", "SE"), ("København", "DK"), ("Berlin", "DE"), ("Wrocław", "PL"))


@dataclass(frozen=True)
class Writer:
    """Makes messages as they stand on the broker: key, value."""

    key: Callable[[str], bytes]
    value: Callable[[dict[str, Any]], bytes]
    schema: Registered  # of the value
    version: int = 1

    @classmethod
    def of(cls, registered: list[Registered]) -> Writer:
        """With the schemas `orders-key` and `orders-value` of a registry."""
        schema = _of_orders(registered)
        key = next(r for r in registered if r.schema.subject == "orders-key")
        return cls(_writer(key), _writer(schema), schema)

    def moved_on(self, registered: list[Registered]) -> Writer:
        """Those who write with the next version of `orders-value`."""
        schema = _of_orders(registered)
        return replace(self, value=_writer(schema), schema=schema, version=self.version + 1)

    def order(self, number: int) -> tuple[bytes, bytes]:
        """Order `number`: the same one every time."""
        order = _order(number) if self.version == 1 else _order_v2(number)
        return self.key(order["customer_id"]), self.value(order)

    def messages(self, orders: int) -> list[tuple[bytes, bytes]]:
        """So many orders, and the poison strewn among them."""
        mixed = [self.order(number) for number in range(orders)]
        for place, bad in enumerate(self.poison().values(), 1):
            mixed.insert(place * orders // 10, bad)
        return mixed

    def poison(self) -> dict[str, tuple[bytes, bytes]]:
        """One message of every kind that cannot be used."""
        key, good = self.order(0)
        no_lines = self.value({**_order(0), "status": "PAID", "lines": []})
        return {
            "empty": (key, b""),
            "short": (key, good[:3]),
            "not framed": (key, b'{"order_id": "O-json"}'),
            "unknown schema": (key, id_prefix(987_654) + good[5:]),
            "truncated": (key, good[:-4]),
            "trailing bytes": (key, good + b"\x00\x00"),
            "bad key": (b"\x00\x00", good),
            "no lines": (key, no_lines),
        }


def _of_orders(registered: list[Registered]) -> Registered:
    return next(r for r in registered if r.schema.subject == "orders-value")


def _writer(registered: Registered) -> Callable[[Any], bytes]:
    writer = make_writer(registered.parse())
    return lambda value: writer.encode(value, id_prefix(registered.id))


def _order(number: int) -> dict[str, Any]:
    rng = random.Random(number)
    city, country = rng.choice(CITIES)
    return {
        "order_id": f"O-{number:06}",
        "customer_id": f"C-{rng.randrange(1_000):04}",
        "placed_at": START + timedelta(seconds=number),
        "status": rng.choice(STATUSES),
        "lines": [_line(rng) for _ in range(rng.randint(1, 4))],
        "ship_to": {"street": f"Storgatan {rng.randint(1, 99)}", "city": city, "country": country},
        "coupon": rng.choice((None, None, "SPRING")),
    }


def _order_v2(number: int) -> dict[str, Any]:
    order = _order(number)
    voucher, status = order.pop("coupon"), order["status"]
    if status == "PAID" and number % 4 == 1:
        status = "SHIPPED"
    return {**order, "status": status, "voucher": voucher, "gift": number % 3 == 0}


def _line(rng: random.Random) -> dict[str, Any]:
    price = Decimal(rng.randrange(100, 50_000)).scaleb(-2)
    return {"sku": f"SKU-{rng.randrange(500):03}", "quantity": rng.randint(1, 3), "price": price}
