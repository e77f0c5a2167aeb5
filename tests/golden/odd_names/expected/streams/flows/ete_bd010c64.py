"""Dataflow for the topic `été`. Yours to edit: `kgen pull` merges schema changes
into it.

Run:
    python -m kgen_runtime.run streams.flows.ete_bd010c64:flow --recovery .recovery/ete_bd010c64
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import ete_bd010c64


def handle(value: ete_bd010c64.Value) -> ete_bd010c64.Value:
    """Your logic, one value at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return value


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("ete_bd010c64")
    read = rt.source("ete_bd010c64", flow, ete_bd010c64.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("été.dlq", kafka))
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("été.out", key=ete_bd010c64.key, value=ete_bd010c64.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("été.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
