"""Dataflow for the topic `søknader`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run streams.flows.sknader_a8d8d8a5:flow --recovery .recovery/sknader_a8d8d8a5
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import sknader_a8d8d8a5


def handle(søknad: sknader_a8d8d8a5.Søknad) -> sknader_a8d8d8a5.Søknad:
    """Your logic, one søknad at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return søknad


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("sknader_a8d8d8a5")
    read = rt.source("sknader_a8d8d8a5", flow, sknader_a8d8d8a5.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("søknader.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic(
    #     "søknader.out",
    #     key=sknader_a8d8d8a5.key,
    #     value=sknader_a8d8d8a5.value,
    # )
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("søknader.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
