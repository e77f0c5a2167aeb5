"""Dataflow for the topic `order-events`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run desk.flows.order_events:flow --recovery .recovery/order_events
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import order_events, order_status
from .._generated.order_status import OrderStatus, State

Event: TypeAlias = rt.Message[str, order_events.OrderEventsValue]


def handle(value: order_events.OrderEventsValue, status: OrderStatus | None) -> OrderStatus:
    """Where the order stands after an event. What it raises goes to `errs` with the message."""
    match value:
        case order_events.OrderPlaced(customer=customer, total=total):
            if status is not None:
                raise rt.Reject("an order that was placed before")
            return OrderStatus(customer=customer, state=State.OPEN, due=total)
        case order_events.OrderPaid(amount=amount):
            due = known(status).due - amount
            return replace(known(status), due=due, state=State.PAID if due <= 0 else State.OPEN)
        case order_events.OrderCancelled():
            return replace(known(status), state=State.CANCELLED, due=Decimal(0))
        case _:
            rt.assert_never(value)


def known(status: OrderStatus | None) -> OrderStatus:
    """The status of an order that was placed."""
    if status is None:
        raise rt.Reject("an event of an order that was not placed")
    return status


def fold(
    status: OrderStatus | None, event: Event
) -> tuple[OrderStatus | None, rt.Message[str, OrderStatus] | None]:
    """One event: the next status is kept and written. A tombstone has nothing to say."""
    if event.value is None:
        return status, None
    after = handle(event.value, status)
    return after, event.with_value(after)


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("order_events")
    read = rt.source("order_events", flow, order_events.topic, kafka)
    by_order = rt.key_on("by_order", read.oks, lambda event: event.key or "")
    folded = rt.stateful_map("fold", by_order.oks, fold)
    written = rt.map("status", folded.oks, lambda item: item[1])
    unsent = rt.sink("out", written.oks, order_status.topic, kafka)
    rt.route(
        "errs",
        read.errs,
        by_order.errs,
        folded.errs,
        written.errs,
        unsent,
        policy=rt.DeadLetter("order-events.dlq", kafka),
    )
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
