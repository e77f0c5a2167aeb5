"""A flow that keeps what it reads in every way that Bytewax has."""

FLOW = '''
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import kgen_runtime as rt
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource
from kgen_runtime import testing

from shopstate._generated import orders

OUT = []
EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)
KEPT_AT = datetime(2026, 11, 29, 1, tzinfo=timezone.utc)
"""Just after the stores beside this file were written: a day later their windows would be closed."""


@dataclass
class Seen:
    """A class of the user that holds models."""

    last: Any = None
    by_id: dict = field(default_factory=dict)


def see(state, message):
    state = state or Seen()
    before = repr((state.last, state.by_id))
    state.last = message
    state.by_id[message.offset] = [message.value]
    return state, before


def flat(state, message):
    state = state or []
    state.append(message.value)
    return state, [repr(state)]


def build(kafka, cut=0):
    """`cut`: after how many items of the second source the run ends in the middle, with all that is kept."""
    flow = Dataflow("flow")
    read = rt.source("in", flow, orders.topic, kafka)
    rt.route("errs", read.errs, policy=rt.Crash())
    until = op.input("until", flow, TestingSource(cut * [0] + [TestingSource.ABORT()] if cut else []))
    messages = op.merge("with", read.oks, op.filter("none", until, lambda item: False))
    up = op.key_on("key", messages, lambda m: m.key.decode())
    values = op.map_value("values", up, lambda m: m.value)
    clock = win.EventClock(
        lambda m: EPOCH + timedelta(seconds=m.offset), timedelta(days=1), now_getter=lambda: KEPT_AT
    )
    tumbling = win.TumblingWindower(align_to=EPOCH, length=timedelta(days=2))
    show("map", op.stateful_map("keep", up, lambda last, m: (m.value, repr(last))))
    show("see", op.stateful_map("see", up, see))
    show("flat", op.stateful_flat_map("flat", up, flat))
    early = op.filter_value("early", up, lambda m: m.offset < 100)
    late = op.filter_value("late", up, lambda m: m.offset >= 100)
    show("join", op.join("join", early, late))
    show("collect", op.collect("collect", values, timedelta(days=1), 3))
    window = win.collect_window("window", up, clock, tumbling)
    joined = win.join_window("joined", clock, tumbling, up, insert_mode="product")
    show("window", window.down)
    show("joined", joined.down)
    late = [rt.late("late_window", window.late), rt.late("late_joined", joined.late)]
    rt.route("too_late", *late, policy=rt.Crash())
    return flow


def show(name, stream):
    def said(step, item):
        OUT.append((name, repr(item)))
        print(name, repr(item))

    op.inspect(f"show_{name}", stream, said)
'''
