"""Dataflow for the topic `shipments`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run shop.flows.shipments:flow --recovery .recovery/shipments
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import shipments


def handle(shipment: shipments.Shipment) -> shipments.Shipment:
    """Your logic, one shipment at a time. None leaves the message out; what it
    raises goes to `errs` with the message.
    """
    return shipment


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("shipments")
    read = rt.source("shipments", flow, shipments.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("shipments.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("shipments.out", key=shipments.key, value=shipments.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("shipments.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
