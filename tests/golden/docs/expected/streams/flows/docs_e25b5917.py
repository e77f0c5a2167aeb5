"""Dataflow for the topic `docs\"\"\" #`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run streams.flows.docs_e25b5917:flow --recovery .recovery/docs_e25b5917
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import docs_e25b5917


def handle(docs: docs_e25b5917.Docs) -> docs_e25b5917.Docs:
    """Your logic, one docs at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return docs


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("docs_e25b5917")
    read = rt.source("docs_e25b5917", flow, docs_e25b5917.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter('docs"""\n#.dlq', kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic('docs"""\n#.out', key=docs_e25b5917.key, value=docs_e25b5917.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter('docs"""\n#.dlq', kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
