"""Dataflow from the topic `orders` to `invoices`. Yours to edit: `kgen pull` merges
schema changes into it.

Run:
    python -m kgen_runtime.run streams.flows.orders_to_invoices:flow --recovery .recovery/orders_to_invoices
"""

from __future__ import annotations

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import invoices, orders


def handle(order: orders.Order) -> invoices.Invoice | None:
    """Your logic, one order at a time: what to write of it. None leaves the message
    out; what it raises goes to `errs` with the message.
    """
    return None


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("orders_to_invoices")
    read = rt.source("orders", flow, orders.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("orders.dlq", kafka))
    unsent = rt.sink("out", handled.oks, invoices.topic, kafka)
    rt.route("out_errs", unsent, policy=rt.DeadLetter("orders.dlq", kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
