"""Dataflow for the topic `kundenamn`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run streams.flows.kundenamn:flow --recovery .recovery/kundenamn
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import kundenamn


def handle(års_lønn_i2024: kundenamn.ÅrsLønnI2024) -> kundenamn.ÅrsLønnI2024:
    """Your logic, one års lønn i2024 at a time. None leaves the message out; what it
    raises goes to `errs` with the message.
    """
    return års_lønn_i2024


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("kundenamn")
    read = rt.source("kundenamn", flow, kundenamn.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("kundenamn.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("kundenamn.out", key=kundenamn.key, value=kundenamn.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("kundenamn.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
