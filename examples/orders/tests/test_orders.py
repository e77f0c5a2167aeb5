"""Runs the flow of the topic `orders` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from kgen_runtime import Message, testing

from shop._generated import orders
from shop.flows.orders import Account, build, count, handle, total, wanted

ORDER = orders.Order(
    order_id="O-1",
    customer_id="C-1",
    placed_at=datetime(2026, 3, 2, 8, tzinfo=timezone.utc),
    status=orders.Status.PAID,
    lines=[
        orders.Line(sku="A", quantity=2, price=Decimal("9.95")),
        orders.Line(sku="B", quantity=1, price=Decimal("100.00")),
    ],
    ship_to=orders.Address(street="Storgatan 1", city="Malmö", country="SE"),
    coupon="SPRING",
)


def test_every_known_version_is_read() -> None:
    """What ends among the dead letters got there by the flow's own rules."""
    kafka = testing.Memory({orders.topic: testing.samples(orders.topic, n=100)})
    testing.run(build(kafka))
    stages = [dict(letter.headers)["__kgen.error.stage"] for letter in kafka.dead_letters]
    assert set(stages) <= {b"process"}
    assert kafka.produced["enriched-orders"]


def test_an_order_is_enriched() -> None:
    enriched = handle(ORDER)
    assert (enriched.pieces, enriched.total) == (3, Decimal("119.90"))
    assert total(ORDER) == enriched.total
    assert enriched.coupon == "SPRING"


def test_an_order_without_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="O-1 has no lines"):
        handle(replace(ORDER, lines=[]))


def test_cancelled_orders_and_tombstones_are_left_out() -> None:
    assert wanted(Message(value=ORDER))
    assert not wanted(Message(value=replace(ORDER, status=orders.Status.CANCELLED)))
    assert not wanted(Message(value=None))


def test_accounts_add_up() -> None:
    account: Account | None = None
    for number in (1, 2):
        account, message = count(account, Message(key="C-1", value=handle(ORDER)))
        assert message.value
        assert message.value.customer_orders == number
        assert message.value.customer_total == number * Decimal("119.90")
