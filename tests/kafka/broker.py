"""Apache Kafka as a child process: one node or a small cluster, KRaft, on loopback, there to be hurt."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from confluent_kafka.admin import AdminClient

from tests.kafka import jars
from tests.kafka.processes import free_port, spawn, tail, wait_for

HOST = "127.0.0.1"
CLUSTER_ID = "kgenkgenkgenkgenkgenkg"
LOG4J = Path(__file__).with_name("log4j2.properties")

# Small and quick to start: C1 compiler only, one collector thread.
JVM = (
    "-Xms64m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    f"-Dlog4j2.configurationFile={LOG4J}",
)

SETTINGS: Mapping[str, object] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAIN",
    "listener.security.protocol.map": "PLAIN:PLAINTEXT,PROXY:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    # One-node defaults of the internal topics; few partitions, or the first start makes 100 log folders.
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    # A killed broker is noticed in 3 s instead of 9; a restarted one does not wait for its former self.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "controlled.shutdown.enable": "false",
    # Threads cost memory and a node here serves one test.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 1,
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
}


class KafkaBroker:
    """One node, controller and broker in one process. `restart()` keeps ports and data.

    It listens twice: clients that bootstrap from `bootstrap` talk to it directly; those that bootstrap from
    `proxied` are told, by the broker's own metadata, to come through a proxy at that port (see proxy.py),
    which forwards to `behind`.
    """

    def __init__(self, root: Path, settings: Mapping[str, object] | None = None, node: int = 1) -> None:
        self.root, self.node, self.settings = root, node, dict(settings or {})
        self.port, self.behind, self.controller, self.proxied_port = (free_port() for _ in range(4))
        self.log = root / "broker.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.voters: Sequence[KafkaBroker] = (self,)

    @property
    def bootstrap(self) -> str:
        """Where clients reach the broker directly."""
        return f"{HOST}:{self.port}"

    @property
    def proxied(self) -> str:
        """Where clients reach the broker through a proxy, once one listens there."""
        return f"{HOST}:{self.proxied_port}"

    def start(self) -> None:
        """Start the process, formatting its storage the first time. Does not wait: see `ready()`."""
        if not (self.root / "data" / "meta.properties").exists():
            self._format()
        self.process = spawn(self._java("kafka.Kafka", str(self._properties())), self.log)

    def ready(self, brokers: int = 1, seconds: float = 180) -> None:
        """Wait until the broker answers, and knows of `brokers` live ones."""

        def asked() -> bool:
            self._check_alive()
            client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            return len(client.list_topics(timeout=2).brokers) >= brokers

        wait_for(asked, f"Kafka node {self.node} at {self.bootstrap}", seconds=seconds, explain=self.tail)

    def restart(self) -> None:
        """Start again on the same ports and data, and wait until it answers."""
        self.stop()
        self.start()
        self.ready()

    def stop(self) -> None:
        """SIGTERM, SIGKILL if that takes more than 20 s. Nothing if it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, now."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def cont(self) -> None:
        """SIGCONT, after `pause`."""
        self._signal(signal.SIGCONT)

    def tail(self) -> str:
        """The end of the broker's log, for failure messages."""
        return f"--- log of Kafka node {self.node} ---\n{tail(self.log)}"

    def _signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def _end(self, number: int) -> None:
        if self.process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _check_alive(self) -> None:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"Kafka node {self.node} left with {self.process.returncode}\n{self.tail()}")

    def _format(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        arguments = ("format", "-t", CLUSTER_ID, "-c", str(self._properties()))
        command = self._java("kafka.tools.StorageTool", *arguments)
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if run.returncode:
            raise RuntimeError(f"Kafka's storage could not be formatted:\n{run.stdout}\n{run.stderr}")

    def _java(self, main: str, *arguments: str) -> list[str]:
        return ["java", *JVM, "-cp", f"{jars.fetch()}/*", main, *arguments]

    def _properties(self) -> Path:
        nodes = len(self.voters)
        properties = {
            **SETTINGS,
            "node.id": self.node,
            "controller.quorum.voters": ",".join(f"{b.node}@{HOST}:{b.controller}" for b in self.voters),
            "listeners": f"PLAIN://{self.bootstrap},PROXY://{HOST}:{self.behind},CONTROLLER://{HOST}:{self.controller}",
            "advertised.listeners": f"PLAIN://{self.bootstrap},PROXY://{self.proxied}",
            "log.dirs": self.root / "data",
            "offsets.topic.replication.factor": nodes,
            "transaction.state.log.replication.factor": nodes,
            "transaction.state.log.min.isr": (nodes + 1) // 2,
            "min.insync.replicas": (nodes + 1) // 2,
            **self.settings,
        }
        path = self.root / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        return path


class KafkaCluster:
    """Some brokers that know each other; replication over all of them. One node is a cluster of one."""

    def __init__(self, root: Path, nodes: int = 1, settings: Mapping[str, object] | None = None) -> None:
        self.brokers = [KafkaBroker(root / f"node{n}", settings, n) for n in range(1, nodes + 1)]
        for broker in self.brokers:
            broker.voters = self.brokers

    @property
    def bootstrap(self) -> str:
        """All brokers, as `bootstrap.servers` has them."""
        return ",".join(b.bootstrap for b in self.brokers)

    def __enter__(self) -> KafkaCluster:
        try:
            for broker in self.brokers:
                broker.start()
            for broker in self.brokers:
                broker.ready(len(self.brokers))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop every broker; the data is going away with its folder, so it need not be put in order."""
        for broker in self.brokers:
            broker.kill()
