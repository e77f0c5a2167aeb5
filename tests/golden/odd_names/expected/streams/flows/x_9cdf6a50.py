"""Dataflow for the topic `../../x`. Yours to edit: `kgen pull` merges schema changes
into it.

Run:
    python -m kgen_runtime.run streams.flows.x_9cdf6a50:flow --recovery .recovery/x_9cdf6a50
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import x_9cdf6a50


def handle(value: x_9cdf6a50.Value) -> x_9cdf6a50.Value:
    """Your logic, one value at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return value


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("x_9cdf6a50")
    read = rt.source("x_9cdf6a50", flow, x_9cdf6a50.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("../../x.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("../../x.out", key=x_9cdf6a50.key, value=x_9cdf6a50.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("../../x.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
