"""Dataflow for the topic `transfers`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run ledger.flows.transfers:flow --recovery .recovery/transfers
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import transfers


def handle(transfer: transfers.Transfer) -> transfers.Transfer:
    """Your logic, one transfer at a time. None leaves the message out; what it
    raises goes to `errs` with the message.
    """
    return transfer


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("transfers")
    read = rt.source("transfers", flow, transfers.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("transfers.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("transfers.out", key=transfers.key, value=transfers.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("transfers.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
