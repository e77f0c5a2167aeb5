"""Dataflow for the topic `k_string`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run streams.flows.k_string:flow --recovery .recovery/k_string
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import k_string


def handle(value: k_string.Value) -> k_string.Value:
    """Your logic, one value at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return value


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("k_string")
    read = rt.source("k_string", flow, k_string.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("k_string.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("k_string.out", key=k_string.key, value=k_string.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("k_string.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
