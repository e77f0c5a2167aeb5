"""Every stateful operator of Bytewax, in every mode, with state of an earlier schema: real runs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.state.projects import module, project, record

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.codec import make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.serde.framing import id_prefix

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "GONE"], "default": "NEW"}
V1 = record("shop.Order", ("id", "string"), ("status", STATUS), ("price", "int"))
V2 = record(
    "shop.Purchase",
    ("number", "string", ..., ["id"]),
    ("status", {**STATUS, "symbols": ["NEW", "PAID"]}),
    ("price", "double"),
    ("tax", "int", 7),
    aliases=["shop.Order"],
)
KEPT = "Purchase(number='{}', status=<Status.NEW: 'NEW'>, price=1.0, tax=7)"

HEAD = """
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import kgen_runtime as rt
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource
from shopstate._generated import orders

OUT = []
EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
CLOCK = win.EventClock(lambda m: EPOCH + timedelta(seconds=m.offset), DAY)
TUMBLING = win.TumblingWindower(align_to=EPOCH, length=2 * DAY)
SLIDING = win.SlidingWindower(align_to=EPOCH, length=2 * DAY, offset=DAY)
SESSION = win.SessionWindower(gap=DAY)


@dataclass(frozen=True, slots=True)
class Kept:
    what: Any


class Logic(op.StatefulBatchLogic):
    def __init__(self, kept=None):
        self.kept = kept or []

    def on_batch(self, batch):
        self.kept = [*self.kept, *map(Kept, batch)]
        return [repr(self.kept)], False

    def snapshot(self):
        return tuple(self.kept)


def ordered(message):
    return message.offset


def keep(state, message):
    return [*(state or ()), Kept(message)], repr(state)


def both(one, two):
    return min(one, two, key=ordered)


def build(kafka, cut=0):
    flow = Dataflow("flow")
    read = rt.source("in", flow, orders.topic, kafka)
    rt.route("errs", read.errs, policy=rt.Crash())
    until = op.input("until", flow, TestingSource(cut * [0] + [TestingSource.ABORT()] if cut else []))
    messages = op.merge("with", read.oks, op.filter("none", until, lambda item: False))
    up = op.key_on("key", messages, lambda m: m.key.decode())
    early = op.filter_value("early", up, lambda m: m.offset < 100)
    late = op.filter_value("late", up, lambda m: m.offset >= 100)
    found = make(up, early, late)
    if isinstance(found, rt.Split):
        rt.route("s_errs", found.errs, policy=rt.Crash())
        found = found.oks
    if isinstance(found, rt.windowing.WindowSplit):
        rt.route("w_errs", found.errs, policy=rt.Crash())
    if isinstance(found, (win.WindowOut, rt.windowing.WindowSplit)):
        rt.route("too_late", rt.late("late_in", found.late), policy=rt.Crash())
        found = found.down
    op.inspect("show", found, lambda step, item: OUT.append(repr(item)))
    return flow
"""

WINDOWS = {
    "collect": 'win.collect_window("w", up, CLOCK, {by})',
    "collect into a set": 'win.collect_window("w", op.map_value("id", up, Id), Id.clock, {by}, into=set)',
    "fold": 'win.fold_window("w", up, CLOCK, {by}, list, lambda held, m: [*held, Kept(m)], list.__add__)',
    "reduce": 'win.reduce_window("w", up, CLOCK, {by}, both)',
    "min": 'win.min_window("w", up, CLOCK, {by}, ordered)',
    "join last": 'win.join_window("w", CLOCK, {by}, early, late)',
    "join product": 'win.join_window("w", CLOCK, {by}, early, late, insert_mode="product")',
    "join running": 'win.join_window("w", CLOCK, {by}, early, late, emit_mode="running")',
}
ID = """
class Id:
    clock = win.EventClock(lambda each: EPOCH + timedelta(seconds=each.message.offset), DAY)
    def __init__(self, message):
        self.message = message
    def __repr__(self):
        return repr(self.message)
"""
STEPS = {
    "stateful_batch": 'op.stateful_batch("s", up, Logic)',
    "collect": 'op.collect("s", up, DAY, 3)',
    "reduce_final": 'op.reduce_final("s", up, lambda one, two: one)',
    "fold_final": 'op.fold_final("s", up, tuple, lambda held, m: (*held, m))',
    "min_final": 'op.min_final("s", up, ordered)',
    **{
        f"join {insert} {emit}": f'op.join("s", early, late, insert_mode="{insert}", emit_mode="{emit}")'
        for insert in ("first", "last", "product")
        for emit in ("complete", "final", "running")
    },
    **{
        f"{by.lower()} {name}": text.format(by=by)
        for name, text in WINDOWS.items()
        for by in ("TUMBLING", "SLIDING", "SESSION")
    },
    "rt.stateful_map": 'rt.stateful_map("s", up, keep)',
    **{
        f"rt.windowing {by.lower()} {name}": text.format(by=by).replace("win.", "rt.windowing.", 1)
        for name, text in WINDOWS.items()
        for by in ("TUMBLING", "SESSION")
    },
}


def raw(version: int, schema: Any, offset: int, value: dict[str, Any]) -> rt.RawMessage:
    data = make_writer(parse(json.dumps(schema))).encode(value, id_prefix(version))
    return rt.RawMessage(key=b"k", value=data, topic="orders", partition=0, offset=offset, timestamp=1)


BEFORE = [raw(1, V1, n, {"id": str(n), "status": "GONE", "price": 1}) for n in range(2)]
AFTER = raw(2, V2, 100, {"number": "x", "status": "PAID", "price": 2.0, "tax": 1})


def run(folder: Path, versions: list[Any], text: str, messages: list[rt.RawMessage], cut: int = 0) -> str:
    flow = f"{HEAD}{ID}\n\ndef make(up, early, late):\n    return {text}\n"
    with project(folder / "project", {"orders-value": versions}, flows=flow):
        import flows  # type: ignore[import-not-found]

        kafka = testing.Memory({module("orders").topic: messages})
        recovery = rt.Recovery(folder / "store", partitions=1)
        testing.run(flows.build(kafka, cut), recovery=recovery, epoch_interval=timedelta(0))
        return "\n".join(flows.OUT)


@pytest.mark.parametrize("step", STEPS)
def test_what_every_operator_keeps_is_read_by_the_new_schema(tmp_path: Path, step: str) -> None:
    (tmp_path / "project").mkdir()
    run(tmp_path, [V1], STEPS[step], BEFORE, cut=20)
    said = run(tmp_path, [V1, V2], STEPS[step], [*BEFORE, AFTER])
    assert any(KEPT.format(n) in said for n in range(2)), said
    assert "Order(" not in said
