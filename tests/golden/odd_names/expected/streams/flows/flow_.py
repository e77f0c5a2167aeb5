"""Dataflow for the topic `flow`. Yours to edit: `kgen pull` merges schema changes
into it.

Run:
    python -m kgen_runtime.run streams.flows.flow_:flow --recovery .recovery/flow_
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import flow_


def handle(value: flow_.Value) -> flow_.Value:
    """Your logic, one value at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return value


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("flow_")
    read = rt.source("flow_", flow, flow_.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("flow.dlq", kafka))
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("flow.out", key=flow_.key, value=flow_.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("flow.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
