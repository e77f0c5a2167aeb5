"""Dataflow for the topic `made-up`. Yours to edit: `kgen pull` merges schema changes
into it.

Run:
    python -m kgen_runtime.run streams.flows.made_up:flow --recovery .recovery/made_up
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import made_up


def handle(body: made_up.Body) -> made_up.Body:
    """Your logic, one body at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return body


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("made_up")
    read = rt.source("made_up", flow, made_up.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("made-up.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("made-up.out", key=made_up.key, value=made_up.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("made-up.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
