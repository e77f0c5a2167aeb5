"""The processes of a flow are hurt one by one: a worker's, the runner's; two runners, one recovery folder."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.faults.harness import NewFlow, Run, feed, kill_rounds
from tests.faults.shape import Shape
from tests.kafka.fixtures import AnyBroker, NewTopic
from tests.kafka.processes import wait_for

pytestmark = pytest.mark.kafka

TOTAL = 20_000


@pytest.fixture
def shape(new_topic: NewTopic, delivery: str) -> Shape:
    return Shape(source=new_topic("in", 4), sink=new_topic("out", 2), stop="never", delivery=delivery)


def _group(run: Run) -> set[int]:
    """The living processes of this run."""
    stats = (stat for path in Path("/proc").glob("[0-9]*/stat") if (stat := _stat(path)))
    return {pid for pid, state, group in stats if group == run.process.pid and state != "Z"}


def _stat(path: Path) -> tuple[int, str, int] | None:
    try:
        text = path.read_text()
    except OSError:
        return None
    state, _, group = text.rpartition(")")[2].split()[:3]
    return int(path.parent.name), state, int(group)


def _workers(run: Run) -> list[int]:
    """The processes below the runner, which is the first of its group."""
    return sorted(_group(run) - {run.process.pid})


def test_one_of_two_processes_is_killed(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """A Bytewax cluster does not live on without one of its processes: all of it leaves, with an error."""

    def kill_one(run: Run) -> None:
        os.kill(_workers(run)[-1], signal.SIGKILL)
        assert run.wait() != 0
        wait_for(lambda: not _group(run), "the other processes to leave", explain=run.tail)

    flow = new_flow(kafka, shape, processes=2)
    sent = kill_rounds(flow, 2, TOTAL, 1, kill_one)
    flow.assert_delivered(sent)


def test_only_the_runner_is_killed(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """Its workers leave too, or the next run would meet them."""

    def kill_runner(run: Run) -> None:
        run.process.kill()
        run.process.wait()
        wait_for(lambda: not _group(run), "the workers to leave", explain=run.tail)

    flow = new_flow(kafka, shape, processes=2)
    sent = kill_rounds(flow, 2, TOTAL, 2, kill_runner)
    flow.assert_delivered(sent)


def test_a_second_runner_on_the_same_folder_is_refused(
    kafka: AnyBroker, shape: Shape, new_flow: NewFlow
) -> None:
    flow = new_flow(kafka, shape)
    feed(flow, range(1000))
    first = flow.start()
    flow.reached(1, first)
    second = flow.start()
    wait_for(lambda: second.process.poll() is not None, "the second runner to leave", explain=first.tail)
    assert second.wait() != 0
    assert str(flow.recovery) in second.text(), second.tail()
    assert first.process.poll() is None
    first.terminate()
    assert first.wait() == 0, first.tail()


def test_workers_come_and_go(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """1 -> 3 -> 2 workers, each time killed in the midst: offsets follow their partitions."""
    flow = new_flow(kafka, shape)
    lot = TOTAL // 4
    for number, workers in enumerate((1, 3, 2)):
        flow.workers = workers
        feed(flow, range(number * lot, (number + 1) * lot))
        goal = flow.count() + lot // 2
        run = flow.start()
        flow.reached(goal, run)
        run.kill()
    feed(flow, range(3 * lot, TOTAL))
    flow.finish()
    flow.assert_delivered(range(TOTAL))


def test_a_zombie_does_no_harm(kafka: AnyBroker, shape: Shape, new_flow: NewFlow) -> None:
    """A run is frozen, another machine takes over with a copy of the folder, then the first one wakes up.

    With transactions it is fenced: what it had open was aborted, and it leaves with an error.
    """
    flow = new_flow(kafka, shape)
    feed(flow, range(TOTAL))
    zombie = flow.start()
    flow.reached(TOTAL // 4, zombie)
    os.killpg(zombie.process.pid, signal.SIGSTOP)
    heir = new_flow(kafka, shape)
    shutil.copytree(flow.recovery, heir.recovery)
    heir.finish()
    os.killpg(zombie.process.pid, signal.SIGCONT)
    if shape.delivery == "exactly-once":
        assert zombie.wait() != 0, zombie.tail()
    heir.assert_delivered(range(TOTAL))
