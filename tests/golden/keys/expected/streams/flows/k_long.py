"""Dataflow for the topic `k_long`. Yours to edit: `kgen pull` merges schema changes
into it.

Run:
    python -m kgen_runtime.run streams.flows.k_long:flow --recovery .recovery/k_long
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import k_long


def handle(value: k_long.Value) -> k_long.Value:
    """Your logic, one value at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return value


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("k_long")
    read = rt.source("k_long", flow, k_long.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("k_long.dlq", kafka))
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("k_long.out", key=k_long.key, value=k_long.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("k_long.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
