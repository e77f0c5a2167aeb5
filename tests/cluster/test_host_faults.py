"""Hosts of a cluster that are cut off, frozen, late, unknown by name, or have another time."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.cluster_run import ClusterRun
from tests.cluster.hosts import Hosts
from tests.faults import clock
from tests.faults.harness import Progress
from tests.faults.shape import Shape
from tests.kafka.clients import account, create_topic, numbered, read_all, send

pytestmark = pytest.mark.cluster

LOT = 4_000
_ALL = os.environ.get("KGEN_CLUSTER_FAULTS") == "all"
_BOTH = ["at-least-once", "exactly-once"]
FAILED = 2


class Fault:
    """Two topics with messages in the first, and how far the second has come."""

    def __init__(self, broker: str, delivery: str, name: str, stack: ExitStack) -> None:
        topics = [create_topic(broker, f"{name}.{delivery}.{end}", 4) for end in ("in", "out")]
        self._broker, self._stack = broker, stack
        self.shape = Shape(source=topics[0], sink=topics[1], stop="never", delivery=delivery)
        self.sent = 0
        self.progress = Progress(broker, topics[1])
        stack.callback(self.progress.close)

    def feed(self) -> int:
        """A lot more. Returns how many will have come out once half of a lot has, from now on."""
        goal = self.progress.count() + LOT // 2  # before it is sent: a flow that runs takes it meanwhile
        send(self._broker, self.shape.source, numbered(range(self.sent, self.sent + LOT), 4))
        self.sent += LOT
        return goal

    def keep(self, run: ClusterRun) -> ClusterRun:
        self._stack.callback(run.kill)
        return run

    @property
    def to_the_end(self) -> Shape:
        return replace(self.shape, stop="end")

    def assert_delivered(self) -> None:
        found = account(range(self.sent), read_all(self._broker, self.shape.sink))
        assert found.lost == [], found
        assert self.shape.delivery == "at-least-once" or found.repeated == {}, found


@pytest.fixture
def stack(hosts: Hosts) -> Iterator[ExitStack]:
    with ExitStack() as made:
        for host in hosts.all:
            made.callback(host.heal)
        yield made


@pytest.mark.parametrize("delivery", _BOTH if _ALL else _BOTH[1:])
def test_a_host_is_cut_off(
    hosts: Hosts, broker: str, tmp_path: Path, delivery: str, stack: ExitStack
) -> None:
    """Of two processes neither is process 0, in one direction; then one from everything. All leave, also
    those that are cut off, and go on when they are started again.
    """
    fault = Fault(broker, delivery, "cut-off", stack)
    three = fault.keep(ClusterRun(hosts.all, tmp_path, broker, fault.shape))
    three.reach(fault.feed(), fault.progress)
    hosts.all[1].drop_to(hosts.all[2])
    assert three.codes() == [FAILED] * 3, three.tail()
    for number in range(3):
        said = re.search("^error: (.*)", three.text(number), re.MULTILINE)
        whom = {1, 2} - {number} if number else {1, 2}
        assert said, three.tail()
        assert all(f"process {each} at {hosts.all[each].address}:2101 " in said[1] for each in whom), (
            three.tail()
        )
    hosts.all[1].heal()

    two = fault.keep(ClusterRun(hosts.all[:2], tmp_path, broker, fault.shape))
    two.reach(fault.feed(), fault.progress)
    hosts.all[1].cut_off()
    assert two.codes() == [FAILED] * 2, two.tail()
    for number in (0, 1):
        assert f"error: process {1 - number} at {hosts.all[1 - number].address}:2101 " in two.text(number), (
            two.tail()
        )
    hosts.all[1].heal()

    last = fault.keep(ClusterRun(hosts.all[:2], tmp_path, broker, fault.to_the_end))
    assert last.codes() == [0, 0], last.tail()
    fault.assert_delivered()


@pytest.mark.parametrize("delivery", _BOTH)
def test_a_host_that_wakes_up_after_others_went_on_writes_nothing(
    hosts: Hosts, broker: str, tmp_path: Path, delivery: str, stack: ExitStack
) -> None:
    """It was frozen and cut off, and another host took its place. With at least once it may repeat."""
    fault = Fault(broker, delivery, "wakes-up", stack)
    first = fault.keep(ClusterRun(hosts.all[:2], tmp_path, broker, fault.shape))
    first.reach(fault.feed(), fault.progress)
    first.freeze(1)
    hosts.all[1].cut_off()
    assert first.codes(0) == [FAILED], first.tail()
    assert f"error: process 1 at {hosts.all[1].address}:2101 " in first.text(0)

    others = [hosts.all[0], hosts.all[2]]
    second = fault.keep(ClusterRun(others, tmp_path, broker, fault.to_the_end))
    assert second.codes() == [0, 0], second.tail()
    hosts.all[1].heal()
    first.thaw(1)
    assert first.codes(1) != [0], first.tail()
    fault.assert_delivered()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "recovery"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("delivery", _BOTH if _ALL else _BOTH[1:])
def test_the_disk_of_a_host_is_full(
    hosts: Hosts, broker: str, tmp_path: Path, delivery: str, stack: ExitStack, small_disk: Path
) -> None:
    """That of process 0: all leave, and say so. With room they go on. The others need none."""
    fault = Fault(broker, delivery, "full", stack)
    others = small_disk / "lost+found" / "of-process-1"
    others.mkdir(parents=True)
    (tmp_path / f"recovery-{hosts.all[1].namespace}").symlink_to(others)
    first = fault.keep(ClusterRun(hosts.all[:2], tmp_path, broker, fault.shape))
    first.reach(fault.feed(), fault.progress)
    rest = small_disk / "lost+found" / "rest"
    fault.feed()
    while first.running():
        fill(rest)
    assert first.codes() == [FAILED] * 2, first.tail()
    full = "the disk of the recovery folder is full"
    assert f"error: {full}" in first.text(0), first.tail()
    assert f"error: process 0 at {hosts.all[0].address}:2101 has failed: {full}" in first.text(1)

    fill(rest)
    second = fault.keep(ClusterRun(hosts.all[:2], tmp_path, broker, fault.to_the_end))
    assert second.codes(0) == [FAILED], second.tail()
    assert f"error: {full}" in second.text(0), second.tail()
    assert "panicked" not in second.text(0)
    rest.unlink()
    second.start(0)
    assert second.codes() == [0, 0], second.tail()
    fault.assert_delivered()


def fill(file: Path) -> None:
    """Its disk, whatever has become free of it."""
    with suppress(OSError), file.open("ab", buffering=0) as written:
        while written.write(b"x" * 4096):
            pass


@pytest.mark.skipif(clock.missing() is not None, reason=str(clock.missing()))
@pytest.mark.parametrize("delivery", _BOTH if _ALL else _BOTH[1:])
def test_a_host_is_late_unknown_an_hour_ahead_and_slow(
    hosts: Hosts, broker: str, tmp_path: Path, delivery: str, stack: ExitStack
) -> None:
    fault = Fault(broker, delivery, "late", stack)
    names = ["flow-0", "flow-1"]
    for host in hosts.all[:2]:
        stack.enter_context(host.names({"flow-0": hosts.all[0].address}))
    ahead = clock.Clock(tmp_path)
    ahead.shift(3_600)
    run = fault.keep(
        ClusterRun(
            hosts.all[:2], tmp_path, broker, fault.shape, addresses=names, late=[1], env={1: ahead.env}
        )
    )
    goal = fault.feed()
    run.until_logged(0, "waiting for process 1 at flow-1:2101 (its name is not known yet)")
    for host in hosts.all[:2]:
        host.know({"flow-0": hosts.all[0].address, "flow-1": hosts.all[1].address})
    run.until_logged(0, "waiting for process 1 at flow-1:2101 since")
    run.start(1)
    run.reach(goal, fault.progress)
    run.freeze(1)
    run.until_logged(0, "waiting for process 1 at flow-1:2101, which gives no sign")
    run.thaw(1)
    run.until_logged(0, "no longer waiting for process 1 at flow-1:2101, which gives no sign")
    run.reach(fault.feed(), fault.progress)
    for process in run.processes.values():
        process.terminate()
    assert run.codes() == [0, 0], run.tail()
    last = fault.keep(ClusterRun(hosts.all[:2], tmp_path, broker, fault.to_the_end))
    assert last.codes() == [0, 0], last.tail()
    fault.assert_delivered()
