"""Dataflow for the topic `payments`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run bank.flows.payments:flow --recovery .recovery/payments
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import payments


def handle(payment: payments.Payment) -> payments.Payment:
    """Your logic, one payment at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return payment


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("payments")
    read = rt.source("payments", flow, payments.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("payments.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("payments.out", key=payments.key, value=payments.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("payments.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
