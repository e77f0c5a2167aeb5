"""How long a cluster reads nothing when one of its processes dies, and what that time consists of.

Three hosts, which are network namespaces, on Apache Kafka, with messages that come all the time. A process is
killed, or its host cut off until all have left; each is started again as soon as it has left, as by a
supervisor that waits for nothing. Times are of the clock, from the fault on: of the process that was the
last to get there, but for the first message of any. Needs Linux, root and Java.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from tests.bench import failed_over
from tests.bench.flows import name
from tests.bench.harness import Result
from tests.cluster import hosts as namespaces
from tests.cluster.hosts import BRIDGE, Host, Hosts
from tests.kafka import broker as kafka_broker
from tests.kafka import jars
from tests.kafka.broker import KafkaCluster
from tests.kafka.clients import QUIET, create_topic
from tests.kafka.processes import wait_for

PROCESSES, PARTITIONS, RUNS = 3, 12, 5
PAUSE = 0.01
"""Seconds between two messages."""
EPOCH = 1
"""Seconds of an epoch."""
GOAL = 10.0
"""Seconds from the fault to the first message that is read again, of what is killed."""
STEPS = ("left", "imported", "ready", "met", "connected", "listed", "placed", "read", "out")
PORT = 2101
LONG = 120.0
FAULTS = ("process 1 killed", "process 0 killed", "host 1 cut off")


def run() -> Iterator[Result]:
    """A table for each delivery, and how far the first message is from its goal."""
    if reason := namespaces.missing() or jars.missing():
        print(f"failover: not measured: {reason}", file=sys.stderr)
        return
    with ExitStack() as stack:
        hosts = stack.enter_context(Hosts(PROCESSES)).all
        stack.enter_context(mock.patch.object(kafka_broker, "HOST", BRIDGE))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "kafka").mkdir()
        broker = stack.enter_context(KafkaCluster(folder / "kafka")).bootstrap
        for delivery in ("at-least-once", "exactly-once"):
            print(f"\n{delivery}, load {os.getloadavg()[0]:.1f}: seconds after the fault", file=sys.stderr)
            print(f"  {'':18}" + "".join(f"{step:>10}" for step in STEPS), file=sys.stderr)
            for fault in FAULTS:
                with _cluster(hosts, folder, broker, delivery) as cluster:
                    rows = [cluster.fail(fault) for _ in range(RUNS)]
                medians = {step: statistics.median(row[step] for row in rows) for step in STEPS}
                cells = "".join(f"{medians[step]:10.2f}" for step in STEPS)
                most = max(row["read"] for row in rows)
                print(f"  {fault:18}{cells}  read at most {most:.2f}", file=sys.stderr, flush=True)
                goal = 1 if "killed" in fault else None
                yield Result(
                    f"{fault}, {delivery}", "first message", f"{GOAL:g} s", round(GOAL / most, 2), goal
                )


@contextmanager
def _cluster(hosts: list[Host], folder: Path, broker: str, delivery: str) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(dir=folder) as own, ExitStack() as stack:
        cluster = Cluster(hosts, Path(own), broker, delivery, stack)
        cluster.start()
        yield cluster


class Cluster:
    """A flow on all hosts, fed without end."""

    def __init__(self, hosts: list[Host], folder: Path, broker: str, delivery: str, stack: ExitStack) -> None:
        self._hosts, self._folder = hosts, folder
        topics = [create_topic(broker, name(), PARTITIONS) for _ in range(2)]
        self._env = {
            "KGEN_BROKERS": broker,
            "RUST_BACKTRACE": "0",
            failed_over.SOURCE: topics[0],
            failed_over.SINK: topics[1],
            failed_over.DELIVERY: delivery,
        }
        self._starts = 0
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._written = Consumer(
            {
                "bootstrap.servers": broker,
                "group.id": "bench-failover",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
                **QUIET,
            }
        )
        stack.callback(self._written.close)
        self._written.assign([TopicPartition(topics[1], p, OFFSET_END) for p in range(PARTITIONS)])
        self._fed = threading.Event()
        feeder = threading.Thread(target=self._feed, args=(broker, topics[0]))
        stack.callback(feeder.join)
        stack.callback(self._fed.set)
        stack.callback(self._end)
        feeder.start()

    def start(self) -> None:
        """All, until they write."""
        self._starts += 1
        for number in range(PROCESSES):
            self._spawn(number)
        self._until_read()
        self._until_out(self._begun)

    def fail(self, fault: str) -> dict[str, float]:
        """Seconds from the fault to each of the steps."""
        time.sleep(3 * EPOCH)  # something is to be recovered
        self._starts += 1
        host = int(fault.split()[1])
        old = dict(self._processes)
        at = time.monotonic()
        if "killed" in fault:
            old[host].kill()
        else:
            self._hosts[host].cut_off()
        waits = set(old)
        while waits:
            for number in [number for number in waits if old[number].poll() is not None]:
                waits.remove(number)
                if "killed" in fault:
                    self._spawn(number)
            assert time.monotonic() < at + LONG, self._log()
            time.sleep(0.005)
        left = time.monotonic()
        if "killed" not in fault:
            self._hosts[host].heal()
            for number in old:
                self._spawn(number)
        self._until_read()
        found = {step: max(times) for step, times in self._notes().items()}
        found["read"] = min(self._notes()["read"])
        found |= {"left": left, "out": self._until_out(found["read"])}
        return {step: found[step] - at for step in STEPS}

    def _spawn(self, number: int) -> None:
        notes = self._folder / f"notes-{self._starts}-{number}"
        addresses = ";".join(f"{host.address}:{PORT}" for host in self._hosts)
        command = [sys.executable, "-m", "kgen_runtime.run", "tests.bench.failed_over:flow"]
        command += ["--process-id", str(number), "--addresses", addresses]
        command += ["--recovery", str(self._folder / f"recovery-{number}"), "--epoch-interval", str(EPOCH)]
        env = {**self._env, failed_over.NOTES: str(notes)}
        self._begun = time.monotonic()
        self._processes[number] = self._hosts[number].spawn(command, self._folder / "log", env)

    def _until_read(self) -> None:
        """Each of the processes has read a message."""

        def read() -> bool:
            assert all(process.poll() is None for process in self._processes.values()), self._log()
            return len(self._notes().get("read", ())) == PROCESSES

        wait_for(read, "messages", seconds=LONG, explain=self._log)

    def _notes(self) -> dict[str, list[float]]:
        """When the processes of this start were where."""
        found: dict[str, list[float]] = {}
        for path in self._folder.glob(f"notes-{self._starts}-*"):
            for line in path.read_text().splitlines():
                step, at = line.split()
                found.setdefault(step, []).append(float(at))
        return found

    def _until_out(self, since: float) -> float:
        """When a message was there for readers of what is committed that was handled since then."""
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline:
            message = self._written.poll(0.1)
            value = None if message is None or message.error() is not None else message.value()
            if value is not None and float(value) > since:
                return time.monotonic()
        raise AssertionError(self._log())

    def _feed(self, broker: str, topic: str) -> None:
        producer = Producer({"bootstrap.servers": broker, "linger.ms": 0, **QUIET})
        count = 0
        while not self._fed.wait(PAUSE):
            producer.produce(topic, b"x", partition=count % PARTITIONS)
            producer.poll(0)
            count += 1
        producer.flush(LONG)

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-8_000:]

    def _end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
