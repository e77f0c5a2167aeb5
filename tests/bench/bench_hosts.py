"""What a second host brings a flow whose steps take most of the time.

Hosts are network namespaces of this machine, so they share its cores: it needs two that are free for the
ratio by the clock. The other one is by processor time: what one host took over the most that one of two took,
which is what two hosts with cores of their own would come to. Needs Linux, root and Java.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

from tests.bench import busy
from tests.bench.busy import Span
from tests.bench.flows import name
from tests.bench.harness import Result
from tests.cluster import hosts as namespaces
from tests.cluster.hosts import BRIDGE, Host, Hosts
from tests.kafka import broker as kafka_broker
from tests.kafka import jars
from tests.kafka.broker import KafkaCluster
from tests.kafka.clients import Record, create_topic, send
from tests.kafka.processes import tail

VALUE = b"x" * 100
MESSAGES, PARTITIONS, ROUNDS = 20_000, 8, 7
PORT = 2101
LONG = 600.0


def run() -> Iterator[Result]:
    """Both ratios."""
    if reason := namespaces.missing() or jars.missing():
        print(f"hosts: not measured: {reason}", file=sys.stderr)
        return
    with ExitStack() as stack:
        hosts = stack.enter_context(Hosts(2)).all
        stack.enter_context(mock.patch.object(kafka_broker, "HOST", BRIDGE))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "kafka").mkdir()
        broker = stack.enter_context(KafkaCluster(folder / "kafka")).bootstrap
        topic = create_topic(broker, name(), PARTITIONS)
        send(broker, topic, (Record(VALUE, b"%d" % n, n % PARTITIONS) for n in range(MESSAGES)))
        env = {"KGEN_BROKERS": broker, busy.TOPIC: topic}
        load = os.getloadavg()[0]
        rounds = [(once(hosts[:1], env, folder), once(hosts, env, folder)) for _ in range(ROUNDS)]
    print(f"  load {load:.1f} before, {os.getloadavg()[0]:.1f} after", file=sys.stderr)
    for what, goal, column in (("clock", None, 0), ("processor", 1.7, 1)):
        one, two = (statistics.median(row[which][column] for row in rounds) for which in (0, 1))
        task = f"a flow of CPU-bound steps, by {what}"
        yield Result(task, "2 hosts", f"1 host ({one:.2f} s)", round(one / two, 2), goal)


def once(hosts: Sequence[Host], env: Mapping[str, str], folder: Path) -> tuple[float, float]:
    """Seconds from the first message that a host takes to the last that one has done, and the most of the
    processor that one took meanwhile.
    """
    addresses = ";".join(f"{host.address}:{PORT}" for host in hosts)
    with tempfile.TemporaryDirectory(dir=folder) as notes:
        command = [sys.executable, "-m", "kgen_runtime.run", "tests.bench.busy:flow"]
        processes = []
        for number, host in enumerate(hosts):
            place = ["--process-id", str(number), "--addresses", addresses]
            log = folder / f"{number}.log"
            processes.append(host.spawn([*command, *place], log, {**env, busy.FOLDER: notes}))
        for number, process in enumerate(processes):
            assert process.wait(LONG) == 0, tail(folder / f"{number}.log")
        spans: list[Span] = [span for path in Path(notes).iterdir() if (span := busy.read(path)) is not None]
    assert sum(span.count for span in spans) == MESSAGES
    seconds = max(span.last for span in spans) - min(span.first for span in spans)
    return seconds, max(span.cpu for span in spans)
