"""Dataflow for the topic `a.b_c`. Yours to edit: `kgen pull` merges schema changes
into it.

Run:
    python -m kgen_runtime.run streams.flows.a_b_c:flow --recovery .recovery/a_b_c
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import a_b_c


def handle(abc: a_b_c.ABC) -> a_b_c.ABC:
    """Your logic, one abc at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return abc


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("a_b_c")
    read = rt.source("a_b_c", flow, a_b_c.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("a.b_c.dlq", kafka))
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("a.b_c.out", key=a_b_c.key, value=a_b_c.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("a.b_c.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
