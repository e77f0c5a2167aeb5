"""Dataflow from the topic `parcels` to `visits`. Yours to edit: `kgen pull` merges
schema changes into it.

Run:
    python -m kgen_runtime.run streams.flows.to_uuid:flow --recovery .recovery/to_uuid
"""

from __future__ import annotations

from uuid import UUID

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import parcels, visits


def handle(parcel: parcels.Parcel) -> visits.Value | None:
    """Your logic, one parcel at a time: what to write of it. None leaves the message
    out; what it raises goes to `errs` with the message.
    """
    return None


def rekey(
    message: rt.Message[parcels.ParcelKey, visits.Value],
) -> rt.Message[UUID, visits.Value]:
    """The key to write a message with, which is of another type than the one it was
    read with. None: without a key.
    """
    return message.with_key(None)


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("to_uuid")
    read = rt.source("parcels", flow, parcels.topic, kafka)
    handled: rt.Split[rt.Message[parcels.ParcelKey, visits.Value]] = rt.map_value(
        "handle",
        read.oks,
        handle,
    )
    keyed = rt.map("rekey", handled.oks, rekey)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        keyed.errs,
        policy=rt.DeadLetter("parcels.dlq", kafka),
    )
    unsent = rt.sink("out", keyed.oks, visits.topic, kafka)
    rt.route("out_errs", unsent, policy=rt.DeadLetter("parcels.dlq", kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
