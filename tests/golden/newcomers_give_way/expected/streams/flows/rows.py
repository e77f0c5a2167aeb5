"""Dataflow for the topic `rows`. Yours to edit: `kgen pull` merges schema changes
into it.

Run: python -m kgen_runtime.run streams.flows.rows:flow --recovery .recovery/rows
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import rows


def handle(row: rows.Row) -> rows.Row:
    """Your logic, one row at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return row


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("rows")
    read = rt.source("rows", flow, rows.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("rows.dlq", kafka))
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("rows.out", key=rows.key, value=rows.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("rows.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
