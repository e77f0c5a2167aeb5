"""Dataflow for the topic `a-topic-with-a-name-that-is-long`. Yours to edit: `kgen
pull` merges schema changes into it.

Run:
    python -m kgen_runtime.run streams.flows.a_topic_with_a_name_that_is_long:flow --recovery .recovery/a_topic_with_a_name_that_is_long
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import a_topic_with_a_name_that_is_long


def handle(
    long: a_topic_with_a_name_that_is_long.Long,
) -> a_topic_with_a_name_that_is_long.Long:
    """Your logic, one long at a time. None leaves the message out; what it raises
    goes to `errs` with the message.
    """
    return long


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("a_topic_with_a_name_that_is_long")
    read = rt.source(
        "a_topic_with_a_name_that_is_long",
        flow,
        a_topic_with_a_name_that_is_long.topic,
        kafka,
    )
    handled = rt.map_value("handle", read.oks, handle)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        policy=rt.DeadLetter("a-topic-with-a-name-that-is-long.dlq", kafka),
    )
    # To write the results, uncomment these lines and give `out` the name and types of its topic:
    # out = rt.Topic(
    #     "a-topic-with-a-name-that-is-long.out",
    #     key=a_topic_with_a_name_that_is_long.key,
    #     value=a_topic_with_a_name_that_is_long.value,
    # )
    # unsent = rt.sink("out", handled.oks, out, kafka)
    # rt.route(
    #     "out_errs",
    #     unsent,
    #     policy=rt.DeadLetter("a-topic-with-a-name-that-is-long.dlq", kafka),
    # )
    op.inspect("show", handled.oks)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
