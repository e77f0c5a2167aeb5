"""Dataflow for the topic `payments`. Yours to edit: `kgen pull` merges schema
changes into it.

Run:
    python -m kgen_runtime.run bank.flows.payments:flow --recovery .recovery/payments
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, SessionWindower

from .._generated import frauds, logins, payments

CLOSE = timedelta(minutes=10)  # nobody gets from one country into another in less
WAIT = timedelta(minutes=5)  # for messages that are on their way

Login: TypeAlias = rt.Message[str, logins.Login]
Payment: TypeAlias = rt.Message[str, payments.Payment]
Pair: TypeAlias = "tuple[str, tuple[int, tuple[Login | None, Payment | None]]]"


def account(message: Login | Payment) -> str:
    """Both topics are keyed by account."""
    return message.key_or_reject()


def happened_at(message: Login | Payment) -> datetime:
    """Event time, of either topic."""
    return message.value_or_reject().at


def fraud(item: Pair) -> rt.Message[str, frauds.Fraud] | None:
    """A payment and a login of one account, close in time: a fraud if they are of two countries."""
    _, (_, (login, payment)) = item
    if login is None or login.value is None or payment is None or payment.value is None:
        return None
    paid, came = payment.value, login.value
    if paid.country == came.country or abs(paid.at - came.at) > CLOSE:
        return None
    return payment.with_value(
        frauds.Fraud(
            payment_id=paid.payment_id,
            account_id=paid.account_id,
            amount=paid.amount,
            paid_at=paid.at,
            country=paid.country,
            login_at=came.at,
            login_country=came.country,
        )
    )


def build(kafka: rt.Kafka, stop: rt.Stop = "never") -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("payments")
    together = rt.TimestampOrder(lead=WAIT / 2)  # one object for both: neither topic runs ahead
    paid = rt.source("payments", flow, payments.topic, kafka, stop=stop, align=together)
    came = rt.source("logins", flow, logins.topic, kafka, stop=stop, align=together)
    payments_of = rt.key_on("payments_of", paid.oks, account)
    logins_of = rt.key_on("logins_of", came.oks, account)
    # What is closer than the gap is in one session: so no pair falls between two windows.
    pairs = rt.windowing.join_window(
        "pairs",
        EventClock(happened_at, WAIT),
        SessionWindower(CLOSE),
        logins_of.oks,
        payments_of.oks,
        insert_mode="product",
        emit_mode="final",
    )
    found = rt.filter_map("fraud", pairs.down, fraud)
    unsent = rt.sink("frauds", found.oks, frauds.topic, kafka)
    late = rt.late("late", pairs.late)
    failed = op.merge("failed", paid.errs, came.errs, payments_of.errs, logins_of.errs, pairs.errs)
    rt.route("errs", failed, late, found.errs, unsent, policy=rt.DeadLetter("payments.dlq", kafka))
    return rt.check(flow)


def backfill() -> Dataflow:
    """The same for what is in the topics now; it ends there, and closes every window."""
    return build(rt.Kafka.from_env(), stop="end")


flow = build(rt.Kafka.from_env())
