"""A Bytewax cluster of several hosts: one of them dies in the midst, and all are started again."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.block_volume import volume
from tests.cluster.cluster_run import ClusterRun
from tests.cluster.hosts import Hosts
from tests.faults.harness import Progress
from tests.faults.shape import Shape
from tests.kafka.clients import account, create_topic, numbered, read_all, send

pytestmark = pytest.mark.cluster

LOT = 5_000


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_a_host_dies_and_all_start_again(hosts: Hosts, broker: str, tmp_path: Path, delivery: str) -> None:
    """Then with a host more, of which one dies, and at last with two: nothing is lost. The state is on a
    volume, which goes where process 0 goes: each time to another host.
    """
    topics = {name: create_topic(broker, f"{delivery}.{name}", 4) for name in ("in", "out")}
    shape = Shape(source=topics["in"], sink=topics["out"], stop="never", delivery=delivery)
    with ExitStack() as stack:
        progress = Progress(broker, shape.sink)
        stack.callback(progress.close)
        disk = stack.enter_context(volume(tmp_path, "recovery"))
        for lot, count in enumerate((2, 3)):
            send(broker, shape.source, numbered(range(lot * LOT, (lot + 1) * LOT), 4))
            goal = progress.count() + LOT // 2
            run = ClusterRun([*hosts.all[lot:count], *hosts.all[:lot]], tmp_path, broker, shape)
            stack.callback(run.kill)
            run.reach(goal, progress)
            run.processes[0].kill()
            codes = run.codes()
            assert 0 not in codes, run.tail()
            disk.move()
        last = ClusterRun(hosts.all[1:], tmp_path, broker, replace(shape, stop="end"))
        stack.callback(last.kill)
        assert last.codes() == [0, 0], last.tail()
    found = account(range(2 * LOT), read_all(broker, shape.sink))
    assert found.lost == []
    assert delivery == "at-least-once" or found.repeated == {}
