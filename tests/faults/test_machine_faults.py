"""The machine fails the flow: its disk is full, its clock is set back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import clock
from tests.faults.harness import NewFlow, feed
from tests.faults.shape import Shape
from tests.kafka.fixtures import AnyBroker, NewTopic
from tests.kafka.processes import wait_for

pytestmark = pytest.mark.kafka

TOTAL = 20_000
HOUR = 3600


@pytest.fixture
def shape(new_topic: NewTopic, delivery: str) -> Shape:
    source, sink = new_topic("in", 4), new_topic("out", 2)
    return Shape(source=source, sink=sink, stop="never", batch_size=20, delivery=delivery)


def test_the_recovery_store_cannot_grow(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """A limit on file sizes, which needs no privileges; SQLite sees a failed write, as on a full disk."""
    flow = new_flow(kafka, shape, snapshot=0.001)
    feed(flow, range(TOTAL))
    run = flow.start(file_limit=200_000)
    assert run.wait() != 0
    assert "recovery" in run.text().lower(), run.tail()
    flow.finish()
    flow.assert_delivered(range(TOTAL))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"only root may mount a small disk: {mount.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_the_disk_under_the_recovery_store_is_full(
    kafka: AnyBroker, shape: Shape, new_flow: NewFlow, small_disk: Path
) -> None:
    flow = new_flow(kafka, shape, snapshot=0.001)
    flow.recovery = small_disk / "recovery"
    feed(flow, range(TOTAL))
    run = flow.start()
    assert run.wait() != 0
    assert "recovery" in run.text().lower(), run.tail()
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    flow.finish()
    flow.assert_delivered(range(TOTAL))


@pytest.fixture
def wall(tmp_path: Path) -> clock.Clock:
    if reason := clock.missing():
        pytest.skip(reason)
    return clock.Clock(tmp_path)


def test_the_clock_is_set_back_between_runs(
    kafka: AnyBroker, shape: Shape, new_flow: NewFlow, wall: clock.Clock
) -> None:
    flow = new_flow(kafka, shape, env=wall.env)
    feed(flow, range(TOTAL // 2))
    run = flow.start()
    flow.reached(TOTAL // 4, run)
    run.kill()
    wall.shift(-24 * HOUR)
    feed(flow, range(TOTAL // 2, TOTAL))
    flow.finish()
    flow.assert_delivered(range(TOTAL))


def test_the_clock_is_set_back_while_the_flow_runs(
    kafka: AnyBroker, shape: Shape, new_flow: NewFlow, wall: clock.Clock
) -> None:
    """Bytewax wakes idle sources at a time of that clock, so a flow that was idle would sleep for the hour.

    It has to notice: to go on, or to leave with 75, which asks its supervisor for a restart.
    """
    flow = new_flow(kafka, shape, env=wall.env)
    feed(flow, range(TOTAL // 2))
    run = flow.start()
    flow.reached(TOTAL // 2, run)
    wall.shift(-HOUR)
    feed(flow, range(TOTAL // 2, TOTAL))
    wait_for(lambda: run.process.poll() is not None or flow.count() >= TOTAL, "the flow to notice")
    run.terminate()
    assert run.wait() in (0, 75), run.tail()
    flow.finish()
    flow.assert_delivered(range(TOTAL))
