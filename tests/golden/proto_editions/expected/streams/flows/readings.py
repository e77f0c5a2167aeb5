"""Dataflow for the topic `readings`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run streams.flows.readings:flow --recovery .recovery/readings
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import readings


def handle(reading: readings.Reading) -> readings.Reading:
    """Your logic, one reading at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return reading


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("readings")
    read = rt.source("readings", flow, readings.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("readings.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("readings.out", key=readings.key, value=readings.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("readings.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
