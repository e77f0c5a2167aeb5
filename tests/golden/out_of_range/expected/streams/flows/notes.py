"""Dataflow for the topic `notes`. Yours to edit: `kgen pull` merges schema changes
into it.

Run:
    python -m kgen_runtime.run streams.flows.notes:flow --recovery .recovery/notes
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import notes


def handle(note: notes.Note) -> notes.Note:
    """Your logic, one note at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return note


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("notes")
    read = rt.source("notes", flow, notes.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("notes.dlq", kafka))
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("notes.out", key=notes.key, value=notes.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("notes.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
