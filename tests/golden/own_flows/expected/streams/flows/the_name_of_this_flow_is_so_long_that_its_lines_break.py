"""Dataflow from the topic `parcels` to `a-topic-with-a-name-that-is-long`. Yours to
edit: `kgen pull` merges schema changes into it.

Run:
    python -m kgen_runtime.run streams.flows.the_name_of_this_flow_is_so_long_that_its_lines_break:flow --recovery .recovery/the_name_of_this_flow_is_so_long_that_its_lines_break
"""

from __future__ import annotations

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import a_topic_with_a_name_that_is_long, parcels


def handle(parcel: parcels.Parcel) -> a_topic_with_a_name_that_is_long.Long | None:
    """Your logic, one parcel at a time: what to write of it. None leaves the message
    out; what it raises goes to `errs` with the message.
    """
    return None


def rekey(
    message: rt.Message[parcels.ParcelKey, a_topic_with_a_name_that_is_long.Long],
) -> rt.Message[bytes, a_topic_with_a_name_that_is_long.Long]:
    """The key to write a message with, which is of another type than the one it was
    read with. None: without a key.
    """
    return message.with_key(None)


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("the_name_of_this_flow_is_so_long_that_its_lines_break")
    read = rt.source("parcels", flow, parcels.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    keyed = rt.map("rekey", handled.oks, rekey)
    rt.route(
        "errs",
        read.errs,
        handled.errs,
        keyed.errs,
        policy=rt.DeadLetter("parcels.dlq", kafka),
    )
    unsent = rt.sink("out", keyed.oks, a_topic_with_a_name_that_is_long.topic, kafka)
    rt.route("out_errs", unsent, policy=rt.DeadLetter("parcels.dlq", kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
