"""Dataflow for the topic `shop.totals`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run streams.flows.shop_totals:flow --recovery .recovery/shop_totals
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import shop_totals


def handle(total: shop_totals.Total) -> shop_totals.Total:
    """Your logic, one total at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return total


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("shop_totals")
    read = rt.source("shop_totals", flow, shop_totals.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("shop.totals.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("shop.totals.out", key=shop_totals.key, value=shop_totals.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("shop.totals.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
