"""The flow that test_runtime.py runs in processes of its own; its shape comes from the environment."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.dataflow import Dataflow, Stream

import kgen_runtime as rt

SHAPE: dict[str, Any] = json.loads(os.environ.get("SHAPE", "{}"))
DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)

Text = rt.Message[str, str]


def text_topic(name: str) -> rt.Topic[str, str]:
    return rt.Topic(name, key=rt.StringSerde(), value=rt.StringSerde())


def counted(up: Stream[Text]) -> Stream[Text]:
    """How many messages of a key came in each window of ten seconds."""
    clock: Any = win.EventClock(event_time, timedelta(hours=1))
    windower = win.TumblingWindower(length=timedelta(seconds=10), align_to=DAY)
    keyed = op.map("by_key", up, lambda message: (message.key or "", message))
    counts = win.fold_window(
        "count", keyed, clock, windower, lambda: 0, lambda n, _: n + 1, lambda a, b: a + b
    )
    rt.route("late", rt.late("too_late", counts.late), policy=rt.Crash())
    return op.map("told", counts.down, lambda each: rt.Message(each[0], f"{each[1][0]}={each[1][1]}"))


def numbered(up: Stream[Text]) -> Stream[Text]:
    """The how manieth of its key each message is."""
    keyed = op.map("by_key", up, lambda message: (message.key or "", message))
    told = op.stateful_map(
        "number",
        keyed,
        lambda n, message: ((n or 0) + 1, message.with_value(f"{message.key}={(n or 0) + 1}")),
    )
    return op.map("told", told, lambda each: each[1])


def event_time(message: Text) -> datetime:
    return DAY + timedelta(milliseconds=message.timestamp or 0)


def build(shape: dict[str, Any], kafka: rt.Kafka) -> Dataflow:
    flow = Dataflow("flow")
    read = rt.source("read", flow, text_topic(shape["from"]), kafka, **shape.get("read", {}))
    up = read.oks
    for step in range(shape.get("steps", 0)):
        up = op.map(f"step{step}", up, lambda message: message)
    if shape.get("windows"):
        up = counted(up)
    if shape.get("numbers"):
        up = numbered(up)
    errs = rt.sink("write", up, text_topic(shape["to"]), kafka)
    rt.route("errs", read.errs, errs, policy=rt.DeadLetter(shape["to"] + ".dlq", kafka))
    return rt.check(flow)


if SHAPE:
    flow = build(SHAPE, rt.Kafka.from_env())
