"""The flow is killed at random moments, all its processes at once, and started again until it is done."""

from __future__ import annotations

import os

import pytest

from tests.faults.harness import NewFlow, kill_rounds
from tests.faults.shape import Shape
from tests.kafka.broker import KafkaBroker
from tests.kafka.fixtures import NewTopic

pytestmark = pytest.mark.kafka

TOTAL = 20_000
ROUNDS = int(os.environ.get("KGEN_FAULT_ROUNDS", "3"))
SEED = int(os.environ.get("KGEN_FAULT_SEED", "1"))


@pytest.mark.parametrize("steps", [2, 40], ids=["shallow", "deep"])
@pytest.mark.parametrize("processes", [1, 2], ids=["one", "two"])
def test_nothing_is_lost_when_the_flow_is_killed(
    kafka: KafkaBroker, new_topic: NewTopic, new_flow: NewFlow, processes: int, steps: int
) -> None:
    shape = Shape(source=new_topic("in", 4), sink=new_topic("out", 2), steps=steps)
    flow = new_flow(kafka, shape, processes=processes)
    sent = kill_rounds(flow, ROUNDS, TOTAL, SEED)
    assert flow.account(sent).lost == []


def test_nothing_is_lost_under_bytewaxs_own_runner(
    kafka: KafkaBroker, new_topic: NewTopic, new_flow: NewFlow
) -> None:
    shape = Shape(source=new_topic("in", 4), sink=new_topic("out", 2), steps=40)
    flow = new_flow(kafka, shape, workers=2, runner="bytewax")
    sent = kill_rounds(flow, ROUNDS, TOTAL, SEED)
    assert flow.account(sent).lost == []
