"""Dataflow for the topic `tree`. Yours to edit: `kgen pull` merges schema changes
into it.

Run: python -m kgen_runtime.run streams.flows.tree:flow --recovery .recovery/tree
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import tree


def handle(node: tree.Node) -> tree.Node:
    """Your logic, one node at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return node


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("tree")
    read = rt.source("tree", flow, tree.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("tree.dlq", kafka))
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic("tree.out", key=tree.key, value=tree.value)
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route("out_errs", unsent, policy=rt.DeadLetter("tree.dlq", kafka))
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
