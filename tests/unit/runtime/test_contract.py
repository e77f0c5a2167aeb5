"""What recovery stores are keyed by. A change here loses the state of every flow that runs: do not make
one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Operator, Stream
from bytewax.operators import windowing as win
from bytewax.testing import TestingSource

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.consumer.kafka_source import KafkaSource
from kgen_runtime.producer import delivery
from kgen_runtime.routing.key_queues import RetryRule
from kgen_runtime.routing.policy import _End
from kgen_runtime.routing.retry_gate import RetryGate, RetryRoom


def step_ids(steps: list[Operator]) -> Iterator[str]:
    for step in steps:
        yield step.step_id
        yield from step_ids(step.substeps)  # type: ignore[arg-type]


def test_step_ids(orders: rt.Topic[str, str], out: rt.Topic[str, str]) -> None:
    kafka = testing.Memory()
    flow = Dataflow("flow")
    read = rt.source("read", flow, orders, kafka)
    handled = rt.map_value("handle", read.oks, str.upper)
    errs = rt.sink("out", handled.oks, out, kafka)
    policies = (rt.Log(), rt.Drop(), rt.Crash(), rt.DeadLetter("a", kafka), rt.DeadLetter("b", kafka))
    rt.route("errs", read.errs, handled.errs, errs, policy=policies)
    stateful = {
        "flow.read.kafka",
        "flow.out.deliver.gate",
        "flow.errs.log.end",
        "flow.errs.drop.end",
        "flow.errs.crash.end",
        "flow.errs.dead_letter.gate",
        "flow.errs.dead_letter_2.gate",
    }
    assert stateful <= set(step_ids(flow.substeps))


def test_step_ids_of_route_rest_are_those_of_route(
    orders: rt.Topic[str, str], out: rt.Topic[str, str]
) -> None:
    """One may take the place of the other in a flow that has a recovery folder."""

    def ids(*, rest: bool) -> list[str]:
        kafka = testing.Memory()
        flow = Dataflow("flow")
        read = rt.source("read", flow, orders, kafka)
        keyed = rt.key_on("key", read.oks, lambda message: message.key_or_reject())
        counted = rt.stateful_map("count", keyed.oks, lambda n, message: ((n or 0) + 1, message))
        unsent = rt.sink("out", op.key_rm("rm", counted.oks), out, kafka)
        policy = (rt.Log(), rt.DeadLetter("a", kafka))
        if rest:
            rt.route_rest("errs", flow, policy=policy)
        else:
            rt.route("errs", read.errs, keyed.errs, counted.errs, unsent, policy=policy)
        return list(step_ids(rt.check(flow).substeps))

    assert ids(rest=True) == ids(rest=False)


def test_step_ids_of_steps_with_state() -> None:
    flow = Dataflow("flow")
    up: Stream[Any] = op.input("in", flow, TestingSource([]))
    rt.stateful_map("one", up, lambda state, value: (state, value))
    rt.stateful_flat_map("many", up, lambda state, value: (state, [value]))
    assert {"flow.one.state", "flow.many.state"} <= set(step_ids(flow.substeps))


def test_step_ids_of_windows() -> None:
    flow = Dataflow("flow")
    up: Stream[Any] = op.input("in", flow, TestingSource([]))
    clock: win.EventClock[Any] = win.EventClock(lambda value: value, timedelta(0))
    windower = win.SessionWindower(gap=timedelta(1))
    rt.windowing.fold_window("fold", up, clock, windower, list, lambda s, v: s, lambda a, b: a)
    rt.windowing.reduce_window("reduce", up, clock, windower, lambda a, b: a)
    rt.windowing.collect_window("collect", up, clock, windower)
    rt.windowing.count_window("count", up, clock, windower, str)
    rt.windowing.max_window("max", up, clock, windower)
    rt.windowing.min_window("min", up, clock, windower)
    rt.windowing.join_window("join", clock, windower, up, up)
    names = ("fold", "reduce", "collect", "count", "max", "min")
    stateful = {f"flow.{name}.window.stateful_batch" for name in names}
    assert stateful | {"flow.join.join.window.stateful_batch"} <= set(step_ids(flow.substeps))


def test_step_ids_with_a_retry(orders: rt.Topic[str, str]) -> None:
    kafka = testing.Memory()
    flow = Dataflow("flow")
    read = rt.source("read", flow, orders, kafka)
    handled = rt.map_value("handle", read.oks, str.upper)
    mapped = rt.map("map", handled.oks, lambda message: message)
    policy = rt.Retry(then=rt.Breaker(0.1, then=rt.DeadLetter("a", kafka)))
    rt.route("errs", read.errs, handled.errs, mapped.errs, policy=policy)
    stateful = {"flow.handle.retry", "flow.map.retry", "flow.errs.dead_letter.gate"}
    assert stateful <= set(step_ids(flow.substeps))


def test_what_a_retry_keeps_in_recovery_stores() -> None:
    room = RetryRoom("s", RetryRule(3, 1.0, 1.0, 0.0, (TimeoutError,)))
    gate = RetryGate(room, lambda batch: lambda kept: None, ("007", [("item", 1, 5.0, 4000)]))
    assert gate.snapshot() == ("007", [("item", 1, 5.0, 4000)])


def test_partition_keys(orders: rt.Topic[str, str]) -> None:
    inputs = [rt.RawMessage(key=None, value=b"v", topic="orders", partition=p) for p in (0, 1)]
    source: Any = KafkaSource(
        "s", orders, testing.Memory({orders: inputs}), "earliest", "end", 10, "fail", "fail", None
    )
    assert source.list_parts() == ["orders/0", "orders/1"]
    part = source.build_part("s", "orders/1", None)
    assert part.snapshot() == 0  # an int: the next offset
    part.close()
    assert _End().list_parts() == ["end"]


def test_gates(out: rt.Topic[str, str]) -> None:
    flow = Dataflow("flow")
    up: Stream[Any] = op.input("in", flow, TestingSource([]))
    rt.sink("out", up, out, testing.Memory())
    assert delivery.GATES == 512
    step: Any = delivery.DeliveryStep(
        "s",
        delivery.DeliverySpec(testing.Memory(), lambda: lambda x: x, lambda x, e: None),  # type: ignore[attr-defined]
        flow,
    )
    keys = [key for key, _ in step.produce([])]
    assert sorted(keys) == [f"{i:03}" for i in range(512)]
