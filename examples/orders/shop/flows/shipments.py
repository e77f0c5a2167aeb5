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

DEAD_LETTERS = "shipments.dlq"
DELIVERIES = rt.Topic("deliveries", key=shipments.key, value=shipments.value)


def delivered(message: rt.Message[str, shipments.Shipment]) -> bool:
    """Whether to go on with it: what is still on its way ends here."""
    shipment = message.value
    return shipment is not None and shipment.status is shipments.ShipmentStatus.delivered


def handle(shipment: shipments.Shipment) -> shipments.Shipment:
    """One delivery. What it raises goes to `errs` with the message."""
    if shipment.signed_by is None:
        raise ValueError(f"shipment {shipment.shipment_id} was delivered and not signed for")
    return shipment


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("shipments")
    read = rt.source("shipments", flow, shipments.topic, kafka)
    kept = op.filter("delivered", read.oks, delivered)
    handled = rt.map_value("handle", kept, handle)
    unsent = rt.sink("deliveries", handled.oks, DELIVERIES, kafka)
    rt.route("errs", read.errs, handled.errs, unsent, policy=rt.DeadLetter(DEAD_LETTERS, kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
