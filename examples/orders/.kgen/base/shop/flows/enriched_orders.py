"""Dataflow for the topic `enriched-orders`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run shop.flows.enriched_orders:flow --recovery .recovery/enriched_orders
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import enriched_orders


def handle(
    enriched_order: enriched_orders.EnrichedOrder,
) -> enriched_orders.EnrichedOrder:
    """Your logic, one enriched order at a time. None leaves the message out; what it
    raises goes to `errs` with the message.
    """
    return enriched_order


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("enriched_orders")
    read = rt.source("enriched_orders", flow, enriched_orders.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("enriched-orders.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic(
    #     "enriched-orders.out",
    #     key=enriched_orders.key,
    #     value=enriched_orders.value,
    # )
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("enriched-orders.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
