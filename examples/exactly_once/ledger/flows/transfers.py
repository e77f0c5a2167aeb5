"""Dataflow for the topic `transfers`. Yours to edit: `kgen pull` merges schema changes
into it.

Run:
    python -m kgen_runtime.run ledger.flows.transfers:flow --recovery .recovery/transfers
"""

from __future__ import annotations

import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import bookings, transfers


def book(transfer: transfers.Transfer) -> bookings.Booking:
    """One transfer, with the fee of half a percent."""
    return bookings.Booking(
        transfer_id=transfer.transfer_id,
        account_id=transfer.account_id,
        cents=transfer.cents,
        fee_cents=max(1, transfer.cents // 200),
    )


def build(kafka: rt.Kafka) -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("transfers")
    read = rt.source("transfers", flow, transfers.topic, kafka)
    booked = rt.map_value("book", read.oks, book)
    # A booking and the place of its transfer are one transaction: after a crash both are there, or neither.
    unsent = rt.sink("bookings", booked.oks, bookings.topic, kafka, delivery="exactly-once")
    rt.route("errs", read.errs, booked.errs, unsent, policy=rt.DeadLetter("transfers.dlq", kafka))
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
