"""The flow is killed at random moments, all its processes at once, and started again until it is done."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import replace

import pytest

from tests.faults.harness import Flow, NewFlow, Run, feed, framed, kill_rounds
from tests.faults.shape import Shape
from tests.kafka.clients import account, read_all, send
from tests.kafka.fixtures import AnyBroker, NewTopic

pytestmark = pytest.mark.kafka

TOTAL = 20_000
ROUNDS = int(os.environ.get("KGEN_FAULT_ROUNDS", "3"))
SEED = int(os.environ.get("KGEN_FAULT_SEED", "1"))


@pytest.mark.parametrize("steps", [2, 40], ids=["shallow", "deep"])
@pytest.mark.parametrize("processes", [1, 2], ids=["one", "two"])
def test_the_flow_is_killed(
    kafka: AnyBroker, new_topic: NewTopic, new_flow: NewFlow, delivery: str, processes: int, steps: int
) -> None:
    shape = Shape(source=new_topic("in", 4), sink=new_topic("out", 2), steps=steps, delivery=delivery)
    flow = new_flow(kafka, shape, processes=processes)
    sent = kill_rounds(flow, ROUNDS, TOTAL, SEED)
    flow.assert_delivered(sent)


def test_dead_letters_keep_the_same_promise(
    kafka: AnyBroker, new_topic: NewTopic, new_flow: NewFlow, delivery: str
) -> None:
    """Every fiftieth message cannot be decoded."""
    topics = {name: new_topic(name, 4) for name in ("in", "out", "dlq")}
    shape = Shape(
        source=topics["in"], sink=topics["out"], dead_letters=topics["dlq"], avro=True, delivery=delivery
    )
    flow = new_flow(kafka, shape)
    sent = kill_rounds(flow, ROUNDS, TOTAL, SEED, feed=_feed_some_poison)
    good = account([i for i in sent if i % 50], read_all(kafka.bootstrap, topics["out"]))
    poison = account([i for i in sent if i % 50 == 0], read_all(kafka.bootstrap, topics["dlq"]))
    assert (good.lost, poison.lost) == ([], [])
    assert delivery == "at-least-once" or (good.repeated, poison.repeated) == ({}, {})


def _feed_some_poison(flow: Flow, ids: range) -> None:
    records = framed(ids, 1)
    poisoned = (replace(r, value=b"poison") if int(r.key or b"") % 50 == 0 else r for r in records)
    send(flow.bootstrap, flow.shape.source, poisoned)


def test_bytewaxs_own_runner_is_killed(
    kafka: AnyBroker, new_topic: NewTopic, new_flow: NewFlow, delivery: str
) -> None:
    shape = Shape(source=new_topic("in", 4), sink=new_topic("out", 2), steps=40, delivery=delivery)
    flow = new_flow(kafka, shape, workers=2, runner="bytewax")
    sent = kill_rounds(flow, ROUNDS, TOTAL, SEED)
    flow.assert_delivered(sent)


@pytest.mark.parametrize(
    ("runner", "processes"), [("kgen", 1), ("kgen", 2), ("bytewax", 1)], ids=["one", "two", "bytewax"]
)
def test_latest_is_pinned_though_the_first_epoch_is_killed(
    kafka: AnyBroker, new_topic: NewTopic, new_flow: NewFlow, delivery: str, runner: str, processes: int
) -> None:
    """What came since the flow was there the first time is read, though it has never committed an epoch."""
    topics = {"source": new_topic("in", 4), "sink": new_topic("out", 2)}
    shape = Shape(**topics, start="latest", stop="never", delivery=delivery)  # type: ignore[arg-type]
    flow = new_flow(kafka, shape, runner=runner, processes=processes, snapshot=20)
    run = flow.start()
    fed = _feed_until_read(flow, run)
    run.kill()
    read = {int(m.key() or b"") for m in read_all(kafka.bootstrap, shape.sink, isolation="read_uncommitted")}
    feed(flow, range(fed, fed + 100))  # while it is down
    run = flow.start()
    time.sleep(2)
    run.kill()
    feed(flow, range(fed + 100, fed + 200))
    flow.finish()
    found = account(read | set(range(fed, fed + 200)), read_all(kafka.bootstrap, shape.sink))
    assert found.lost == []
    assert delivery == "at-least-once" or found.repeated == {}


def _feed_until_read(flow: Flow, run: Run) -> int:
    """Feed messages, in fours, until some are read; how many. The first ones come before the flow's start."""
    for number in itertools.count(0, 4):
        feed(flow, range(number, number + 4))
        if flow.count():
            return number + 4
        assert run.process.poll() is None, run.tail()
    raise AssertionError
