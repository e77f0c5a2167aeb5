"""Dataflow from the topic `names` to `shop.totals`. Yours to edit: `kgen pull`
merges schema changes into it.

Run:
    python -m kgen_runtime.run streams.flows.from_text:flow --recovery .recovery/from_text
"""

from __future__ import annotations

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import names, shop_totals


def handle(value: str) -> shop_totals.Total | None:
    """Your logic, one value at a time: what to write of it. None leaves the message
    out; what it raises goes to `errs` with the message.
    """
    return None


def rekey(
    message: rt.Message[str, shop_totals.Total],
) -> rt.Message[bytes, shop_totals.Total]:
    """The key to write a message with, which is of another type than the one it was
    read with. None: without a key.
    """
    return message.with_key(None)


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("from_text")
    read = rt.source("names", flow, names.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    keyed = rt.map("rekey", handled.oks, rekey)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        keyed.errs,
        policy=rt.DeadLetter("names.dlq", kafka),
    )
    unsent = rt.sink("out", keyed.oks, shop_totals.topic, kafka)
    rt.route("out_errs", unsent, policy=rt.DeadLetter("names.dlq", kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
