"""Dataflow for the topic `db.shop.orders`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run streams.flows.db_shop_orders:flow --recovery .recovery/db_shop_orders
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import db_shop_orders


def handle(envelope: db_shop_orders.Envelope) -> db_shop_orders.Envelope:
    """Your logic, one envelope at a time. None leaves the message out; what it
    raises goes to `errs` with the message.
    """
    return envelope


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("db_shop_orders")
    read = rt.source("db_shop_orders", flow, db_shop_orders.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("db.shop.orders.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic(
    #     "db.shop.orders.out",
    #     key=db_shop_orders.key,
    #     value=db_shop_orders.value,
    # )
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("db.shop.orders.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
