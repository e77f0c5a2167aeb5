"""Dataflow from the topic `visits` to `keyed`. Yours to edit: `kgen pull` merges
schema changes into it.

Run:
    python -m kgen_runtime.run streams.flows.from_uuid:flow --recovery .recovery/from_uuid
"""

from __future__ import annotations

from uuid import UUID

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import keyed, visits


def handle(value: visits.Value) -> keyed.Keyed | None:
    """Your logic, one value at a time: what to write of it. None leaves the message
    out; what it raises goes to `errs` with the message.
    """
    return None


def rekey(message: rt.Message[UUID, keyed.Keyed]) -> rt.Message[keyed.Key, keyed.Keyed]:
    """The key to write a message with, which is of another type than the one it was
    read with. None: without a key.
    """
    return message.with_key(None)


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("from_uuid")
    read = rt.source("visits", flow, visits.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    keyed_ = rt.map("rekey", handled.oks, rekey)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        keyed_.errs,
        policy=rt.DeadLetter("visits.dlq", kafka),
    )
    unsent = rt.sink("out", keyed_.oks, keyed.topic, kafka)
    rt.route("out_errs", unsent, policy=rt.DeadLetter("visits.dlq", kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
