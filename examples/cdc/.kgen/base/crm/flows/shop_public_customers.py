"""Dataflow for the topic `shop.public.customers`. Yours to edit: `kgen pull` merges
schema changes into it.

Run:
    python -m kgen_runtime.run crm.flows.shop_public_customers:flow --recovery .recovery/shop_public_customers
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import shop_public_customers


def handle(envelope: shop_public_customers.Envelope) -> shop_public_customers.Envelope:
    """Your logic, one envelope at a time. None leaves the message out; what it
    raises goes to `errs` with the message.
    """
    return envelope


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("shop_public_customers")
    read = rt.source("shop_public_customers", flow, shop_public_customers.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("shop.public.customers.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic(
    #     "shop.public.customers.out",
    #     key=shop_public_customers.key,
    #     value=shop_public_customers.value,
    # )
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route(
    #     "out_errs",
    #     unsent,
    #     policy=rt.DeadLetter("shop.public.customers.dlq", kafka),
    # )
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
