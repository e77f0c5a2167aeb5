"""Dataflow from the topic `keyed` to `names`. Yours to edit: `kgen pull` merges
schema changes into it.

Run:
    python -m kgen_runtime.run streams.flows.to_text:flow --recovery .recovery/to_text
"""

from __future__ import annotations

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import keyed, names


def handle(value: keyed.Keyed) -> str | None:
    """Your logic, one value at a time: what to write of it. None leaves the message
    out; what it raises goes to `errs` with the message.
    """
    return None


def rekey(message: rt.Message[keyed.Key, str]) -> rt.Message[str, str]:
    """The key to write a message with, which is of another type than the one it was
    read with. None: without a key.
    """
    return message.with_key(None)


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("to_text")
    read = rt.source("keyed", flow, keyed.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    keyed_ = rt.map("rekey", handled.oks, rekey)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        keyed_.errs,
        policy=rt.DeadLetter("keyed.dlq", kafka),
    )
    unsent = rt.sink("out", keyed_.oks, names.topic, kafka)
    rt.route("out_errs", unsent, policy=rt.DeadLetter("keyed.dlq", kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
