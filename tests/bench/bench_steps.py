"""Steps with `errs` against Bytewax's own on the same messages, and what failures cost.

The processor time of a flow in memory, which waits for nothing: upstream batches of a thousand as `rt.source`
gives them, and a sink that takes nothing. Bytewax's steps stop the flow where the function raises; kgen's
send the message to `errs`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.testing import TestingSink, TestingSource

import kgen_runtime as rt
from kgen_runtime import testing
from tests.bench.harness import Result, contest

COUNT, KEYS, BATCH, ROUNDS = 100_000, 100, 1000, 11

Build = Callable[[Stream[Any]], None]


def run() -> Iterator[Result]:
    """All contests of this bench."""
    messages = [
        rt.Message(f"{n % KEYS}", n, "t", 0, n, origin=(b"k", b"v", (), None), value_schema_id=1)
        for n in range(COUNT)
    ]
    yield from contest(
        "map, with errs",
        ("rt.map", flow(messages, kgens(rt.map, add_one))),
        {"op.map": (flow(messages, stocks(op.map, add_one)), 0.87)},
        rounds=ROUNDS,
        clock=time.process_time,
    )
    yield from contest(
        "map, 1% fail",
        ("rt.map", flow(messages, kgens(rt.map, poisoned))),
        {"rt.map, 0% fail": (flow(messages, kgens(rt.map, add_one)), 0.77)},
        rounds=ROUNDS,
        clock=time.process_time,
    )
    keyed = [(message.key, message) for message in messages]
    for name, function in (("an int", numbers), ("a dataclass", totals), ("a list that grows", lists)):
        yield from contest(
            f"stateful_map, {name}",
            ("rt.stateful_map", flow(keyed, kgens(rt.stateful_map, function))),
            {"op.stateful_map": (flow(keyed, stocks(op.stateful_map, function)), None)},
            rounds=5,
            clock=time.process_time,
        )


def flow(items: list[Any], build: Build) -> Callable[[], None]:
    def call() -> None:
        dataflow = Dataflow("flow")
        build(op.input("in", dataflow, TestingSource(items, BATCH)))
        testing.run(dataflow)

    return call


def kgens(step: Any, function: Any) -> Build:
    def build(up: Stream[Any]) -> None:
        made = step("step", up, function)
        end("oks", made.oks)
        end("errs", made.errs)

    return build


def stocks(step: Any, function: Any) -> Build:
    return lambda up: end("oks", step("step", up, function))


def end(name: str, up: Stream[Any]) -> None:
    op.output(f"{name}_out", op.flat_map_batch(name, up, lambda items: []), TestingSink([]))


def add_one(message: Any) -> Any:
    return message.with_value(message.value + 1)


def poisoned(message: Any) -> Any:
    if message.value % 100 == 0:
        raise ValueError("no such customer")
    return message.with_value(message.value + 1)


@dataclass
class Totals:
    """State that is changed in place."""

    count: int = 0
    total: int = 0


def numbers(state: int | None, message: Any) -> tuple[int, int]:
    made = (state or 0) + message.value
    return made, made


def totals(state: Totals | None, message: Any) -> tuple[Totals, int]:
    state = state or Totals()
    state.count += 1
    state.total += message.value
    return state, state.total


def lists(state: list[int] | None, message: Any) -> tuple[list[int], int]:
    state = [] if state is None else state
    state.append(message.value)
    return state, len(state)
