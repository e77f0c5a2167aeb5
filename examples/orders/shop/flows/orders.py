"""Dataflow for the topic `orders`. Yours to edit: `kgen pull` merges schema changes
into it.

Run: python -m kgen_runtime.run shop.flows.orders:flow --recovery .recovery/orders
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import enriched_orders, orders

DEAD_LETTERS = "orders.dlq"


class Account(NamedTuple):
    """What a customer has ordered so far. Kept in the recovery store."""

    orders: int = 0
    total: Decimal = Decimal()


def wanted(message: rt.Message[str, orders.Order]) -> bool:
    """Whether to go on with it: cancelled orders and tombstones end here."""
    order = message.value
    return order is not None and order.status is not orders.Status.CANCELLED


def total(order: orders.Order) -> Decimal:
    """What the order costs."""
    return sum((line.quantity * line.price for line in order.lines), Decimal())


def handle(order: orders.Order) -> enriched_orders.EnrichedOrder:
    """One order, enriched. What it raises goes to `errs` with the message."""
    if not order.lines:
        raise ValueError(f"order {order.order_id} has no lines")
    return enriched_orders.EnrichedOrder(
        order_id=order.order_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        ship_to=order.ship_to,
        coupon=order.coupon,
        pieces=sum(line.quantity for line in order.lines),
        total=total(order),
    )


def customer(message: rt.Message[str, enriched_orders.EnrichedOrder]) -> str:
    """Orders are keyed by customer."""
    return message.key_or_reject()


def count(
    account: Account | None, message: rt.Message[str, enriched_orders.EnrichedOrder]
) -> tuple[Account, rt.Message[str, enriched_orders.EnrichedOrder]]:
    """Add an order to its customer's account, and write into it how that stands now."""
    before, order = account or Account(), message.value
    if order is None:
        return before, message
    now = Account(before.orders + 1, before.total + order.total)
    counted = replace(order, customer_orders=now.orders, customer_total=now.total)
    return now, message.with_value(counted)


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("orders")
    read = rt.source("orders", flow, orders.topic, kafka)
    kept = op.filter("wanted", read.oks, wanted)
    handled = rt.map_value("handle", kept, handle)
    by_customer = rt.key_on("by_customer", handled.oks, customer)
    counted = op.stateful_map("count", by_customer.oks, count)
    out = op.key_rm("out", counted)
    unsent = rt.sink("enriched", out, enriched_orders.topic, kafka)
    failed = [read.errs, handled.errs, by_customer.errs, unsent]
    rt.route("errs", *failed, policy=rt.DeadLetter(DEAD_LETTERS, kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
