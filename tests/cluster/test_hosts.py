"""A Bytewax cluster of several hosts: one of them dies in the midst, and all are started again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

import kgen_runtime as rt
from tests.cluster import hosts as namespaces
from tests.cluster.hosts import BRIDGE, Hosts
from tests.faults.harness import Progress
from tests.faults.shape import Shape
from tests.kafka import broker as kafka_broker
from tests.kafka.broker import KafkaCluster
from tests.kafka.clients import account, create_topic, numbered, read_all, send
from tests.kafka.fixtures import require_kafka
from tests.kafka.processes import tail, wait_for

pytestmark = pytest.mark.cluster

LOT = 5_000
_PORT = 2101


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    if reason := namespaces.missing():
        pytest.skip(reason)
    with Hosts(3) as made:
        yield made


@pytest.fixture(scope="module")
def broker(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Apache Kafka where all hosts reach it."""
    require_kafka()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka_broker, "HOST", BRIDGE)
        with KafkaCluster(tmp_path_factory.mktemp("kafka")) as cluster:
            yield cluster.bootstrap


class ClusterRun:
    """One start of the flow, a process on each of the first `count` hosts."""

    def __init__(self, hosts: Hosts, count: int, root: Path, broker: str, shape: Shape) -> None:
        addresses = ";".join(f"{host.address}:{_PORT}" for host in hosts.all[:count])
        env = {"KGEN_BROKERS": broker, "RUST_BACKTRACE": "0", **shape.env()}
        self.logs = [root / f"host{number}.log" for number in range(count)]
        self.processes = []
        for number, log in enumerate(self.logs):
            command = [sys.executable, "-m", "kgen_runtime.run", "tests.faults.flow:flow"]
            command += ["--process-id", str(number), "--addresses", addresses]
            command += ["--recovery", str(root / "recovery"), "--epoch-interval", "0.05"]
            self.processes.append(hosts.all[number].spawn(command, log, env))

    def codes(self, seconds: float = 90) -> list[int]:
        """All have left by themselves."""
        what = "all hosts to leave"
        wait_for(lambda: None not in self._polled(), what, seconds=seconds, explain=self.tail)
        return [process.wait() for process in self.processes]

    def _polled(self) -> list[int | None]:
        return [process.poll() for process in self.processes]

    def running(self) -> bool:
        return self._polled() == [None] * len(self.processes)

    def tail(self) -> str:
        return "\n".join(f"--- {log.name} ---\n{tail(log)}" for log in self.logs)

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_a_host_dies_and_all_start_again(hosts: Hosts, broker: str, tmp_path: Path, delivery: str) -> None:
    """Then with a host more, of which one dies, and at last with two: nothing is lost."""
    topics = {name: create_topic(broker, f"{delivery}.{name}", 4) for name in ("in", "out")}
    shape = Shape(source=topics["in"], sink=topics["out"], stop="never", delivery=delivery)
    rt.Recovery(tmp_path / "recovery").prepare()
    with ExitStack() as stack:
        progress = Progress(broker, shape.sink)
        stack.callback(progress.close)
        for lot, count in enumerate((2, 3)):
            send(broker, shape.source, numbered(range(lot * LOT, (lot + 1) * LOT), 4))
            goal = progress.count() + LOT // 2
            run = ClusterRun(hosts, count, tmp_path, broker, shape)
            stack.callback(run.kill)

            def reached(goal: int = goal, run: ClusterRun = run) -> bool:
                return progress.count() >= goal or not run.running()

            wait_for(reached, "half of the messages", seconds=90, explain=run.tail)
            assert run.running(), run.tail()
            run.processes[0].kill()
            codes = run.codes()
            assert 0 not in codes, run.tail()
        last = ClusterRun(hosts, 2, tmp_path, broker, replace(shape, stop="end"))
        stack.callback(last.kill)
        assert last.codes() == [0, 0], last.tail()
    found = account(range(2 * LOT), read_all(broker, shape.sink))
    assert found.lost == []
    assert delivery == "at-least-once" or found.repeated == {}
