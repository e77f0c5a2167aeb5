"""Dataflow for the topic `clicks`. Yours to edit: `kgen pull` merges schema changes
into it.

Run: python -m kgen_runtime.run web.flows.clicks:flow --recovery .recovery/clicks
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, SessionWindower

from .._generated import clicks, sessions

PAUSE = timedelta(minutes=30)  # longer than this, and it is another session
WAIT = timedelta(minutes=5)  # for clicks that are on their way

Click: TypeAlias = rt.Message[str, clicks.Click]


def opened_at(message: Click) -> datetime:
    """Event time: when the page was opened, not when the message came."""
    if message.value is None:
        raise rt.Reject("a click without a value")
    return message.value.at


def session(item: tuple[str, tuple[int, list[Click]]]) -> rt.Message[str, sessions.Session]:
    """One session, from its clicks in the order of their times."""
    visitor, (_, messages) = item
    pages = [message.value for message in messages if message.value is not None]
    first, last = pages[0], pages[-1]
    return messages[-1].with_value(
        sessions.Session(
            visitor_id=visitor,
            began_at=first.at,
            ended_at=last.at,
            clicks=len(pages),
            landing_page=first.page,
            exit_page=last.page,
            orders=len({page.order_id for page in pages if page.order_id is not None}),
        )
    )


def build(kafka: rt.Kafka, stop: rt.Stop = "never") -> Dataflow:
    """The dataflow, on the given broker."""
    flow = Dataflow("clicks")
    read = rt.source("clicks", flow, clicks.topic, kafka, stop=stop)
    by_visitor = rt.key_on("by_visitor", read.oks, lambda message: message.key_or_reject())
    visits = rt.windowing.collect_window(
        "visits", by_visitor.oks, EventClock(opened_at, WAIT), SessionWindower(PAUSE)
    )
    made = rt.map("session", visits.down, session)
    unsent = rt.sink("sessions", made.oks, sessions.topic, kafka)
    late = rt.late("late", visits.late)
    failed = op.merge("failed", read.errs, by_visitor.errs, visits.errs, made.errs)
    rt.route("errs", failed, late, unsent, policy=rt.DeadLetter("clicks.dlq", kafka))
    return rt.check(flow)


def backfill() -> Dataflow:
    """The same for what is in the topic now; it ends there, and closes every session."""
    return build(rt.Kafka.from_env(), stop="end")


flow = build(rt.Kafka.from_env())
