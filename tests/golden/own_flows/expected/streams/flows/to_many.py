"""Dataflow from the topic `invoices` to `parcels`. Yours to edit: `kgen pull` merges
schema changes into it.

Run:
    python -m kgen_runtime.run streams.flows.to_many:flow --recovery .recovery/to_many
"""

from __future__ import annotations

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import invoices, parcels


def handle(invoice: invoices.Invoice) -> parcels.Parcel | None:
    """Your logic, one invoice at a time: what to write of it. None leaves the
    message out; what it raises goes to `errs` with the message.
    """
    return None


def rekey(
    message: rt.Message[str, parcels.Parcel],
) -> rt.Message[parcels.ParcelKey, parcels.Parcel]:
    """The key to write a message with, which is of another type than the one it was
    read with. None: without a key.
    """
    return message.with_key(None)


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("to_many")
    read = rt.source("invoices", flow, invoices.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    keyed = rt.map("rekey", handled.oks, rekey)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        keyed.errs,
        policy=rt.DeadLetter("invoices.dlq", kafka),
    )
    unsent = rt.sink("out", keyed.oks, parcels.topic, kafka)
    rt.route("out_errs", unsent, policy=rt.DeadLetter("invoices.dlq", kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
