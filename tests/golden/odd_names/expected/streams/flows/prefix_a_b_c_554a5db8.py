"""Dataflow for the topic `prefix/a b/c`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run streams.flows.prefix_a_b_c_554a5db8:flow --recovery .recovery/prefix_a_b_c_554a5db8
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import prefix_a_b_c_554a5db8


def handle(slash: prefix_a_b_c_554a5db8.Slash) -> prefix_a_b_c_554a5db8.Slash:
    """Your logic, one slash at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return slash


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("prefix_a_b_c_554a5db8")
    read = rt.source("prefix_a_b_c_554a5db8", flow, prefix_a_b_c_554a5db8.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("prefix/a b/c.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic(
    #     "prefix/a b/c.out",
    #     key=prefix_a_b_c_554a5db8.key,
    #     value=prefix_a_b_c_554a5db8.value,
    # )
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("prefix/a b/c.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
