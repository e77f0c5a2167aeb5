"""Dataflow from the topic `orders` to `shipments`. Yours to edit: `kgen pull` merges
schema changes into it.

Run:
    python -m kgen_runtime.run streams.flows.shipped:flow --recovery .recovery/shipped
"""

from __future__ import annotations

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import orders, shipments


def handle(value: orders.OrdersValue) -> shipments.ShipmentsValue | None:
    """Your logic, one value at a time: what to write of it. None leaves the message
    out; what it raises goes to `errs` with the message.
    """
    match value:
        case orders.OrderPlaced():
            return None
        case orders.OrderShipped():
            return None
        case orders.ReturnAsked():
            return None
        case orders.ReturnTaken():
            return None
        case _:
            rt.assert_never(value)


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("shipped")
    read = rt.source("orders", flow, orders.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("orders.dlq", kafka))
    unsent = rt.sink("out", handled.oks, shipments.topic, kafka)
    rt.route("out_errs", unsent, policy=rt.DeadLetter("orders.dlq", kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
