"""Runs the flow of the topic `order-events` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from decimal import Decimal

from kgen_runtime import Message, testing

from desk._generated import order_events, order_status
from desk._generated.order_events import OrderCancelled, OrderPaid, OrderPlaced
from desk.flows.order_events import build

PLACED = OrderPlaced(customer="anna", total=Decimal("30.00"))


def run(*events: order_events.OrderEventsValue) -> tuple[list[tuple[str, Decimal]], list[bytes | None]]:
    """The states that came out, with what was due; and why others did not."""
    kafka = testing.Memory({order_events.topic: [Message("O-1", each) for each in events]})
    testing.run(build(kafka))
    out = [(each.state.value, each.due) for each in kafka.values(order_status.topic) if each is not None]
    return out, [dict(letter.headers)["__kgen.error.message"] for letter in kafka.dead_letters]


def test_every_known_version_is_read() -> None:
    """Of sample messages none fails to be read; whether they fit together is another matter."""
    kafka = testing.Memory({order_events.topic: testing.samples(order_events.topic, n=20)})
    testing.run(build(kafka))
    assert {dict(it.headers)["__kgen.error.stage"] for it in kafka.dead_letters} <= {b"process"}


def test_an_order_is_paid_in_parts() -> None:
    parts = [OrderPaid(amount=Decimal("10.00")), OrderPaid(amount=Decimal("20.00"))]
    found, _ = run(PLACED, *parts)
    assert found == [("OPEN", Decimal("30.00")), ("OPEN", Decimal("20.00")), ("PAID", Decimal("0.00"))]


def test_an_order_is_cancelled() -> None:
    found, _ = run(PLACED, OrderCancelled(reason="too late"))
    assert found[-1] == ("CANCELLED", Decimal(0))


def test_what_does_not_fit_goes_to_errs() -> None:
    found, letters = run(OrderCancelled(), PLACED, PLACED)
    assert [state for state, _ in found] == ["OPEN"]
    assert letters == [b"an event of an order that was not placed", b"an order that was placed before"]
