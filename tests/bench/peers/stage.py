"""The broker, the registry and the topics of the contests, and the running of a contestant."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from kgen.dev import up
from kgen_runtime.codec import make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.serde.framing import id_prefix
from tests.bench.peers.contestants_list import Contestant, surroundings
from tests.bench.peers.job import GROUP_SETTINGS, Job, Notes, Task
from tests.bench.peers.orders import CLASSES, TEXT, made_order
from tests.kafka import jars
from tests.kafka.broker import KafkaCluster
from tests.kafka.clients import Record, create_topic, send

PARTITIONS, DISTINCT, KEYS = 2, 10_000, 1_000
RETENTION: dict[str, Any] = {"retention.ms": "-1"}
"""Quix Streams wants to find it; the broker of `kgen dev` tells of settings that a topic was made with."""
PATIENCE = 90.0
"""Seconds for a run."""


@dataclass(frozen=True)
class Ran:
    """A run of a contestant. Times are nanoseconds of the machine's monotonic clock."""

    notes: Notes
    spawned: int
    ended: int
    """When it had the last message or, of the task `produce`, when the last one was on the broker."""

    @property
    def start(self) -> float:
        """Seconds from the start of the process to its first message."""
        return (self.notes.first - self.spawned) / 1e9

    @property
    def rate(self) -> float:
        """Messages a second after the first batch. Raises `RunFailed` if that was all."""
        if self.ended == self.notes.first:
            raise RunFailed("all came in one batch")
        return (self.notes.count - self.notes.first_count) / ((self.ended - self.notes.first) / 1e9)


class RunFailed(Exception):
    """A contestant ended without its notes, or took too long; with the last line that it wrote."""


class Stage:
    """A broker, by its name and its address, and a registry. `folder` is its own."""

    def __init__(self, folder: Path, broker: str, brokers: str, registry: str) -> None:
        self.broker = broker
        self._folder = folder
        self._brokers, self._registry = brokers, registry
        client = SchemaRegistryClient({"url": registry})
        self._id = client.register_schema("orders-value", Schema(TEXT, "AVRO"))
        self._count = itertools.count()

    def topic(self, total: int, partitions: int = PARTITIONS) -> str:
        """A new topic with so many orders."""
        topic = create_topic(self._brokers, f"orders-{next(self._count)}", partitions, **RETENTION)
        made = list(itertools.islice(orders(self._id), min(DISTINCT, total)))
        dealt = (made[n % len(made)] for n in range(total))
        records = (Record(value, key, n % partitions) for n, (key, value) in enumerate(dealt))
        send(self._brokers, topic, records)
        return topic

    @contextmanager
    def on_kafka(self) -> Iterator[Stage]:
        """The same with Apache Kafka; itself, with a line that says why, where that cannot be run.

        The broker of `kgen dev` is none to measure ages on: it looks for new messages each half of the time
        for which a client lets it wait, so ages are a share of that; and for each look it goes through all
        batches that a partition has, which at many small ones a second soon takes a core.
        """
        if reason := jars.missing():
            print(f"ages are measured on the broker of `kgen dev`: {reason}", file=sys.stderr)
            yield self
            return
        settings = {"group.min.session.timeout.ms": GROUP_SETTINGS["session.timeout.ms"]}
        folder = self._folder / "kafka"
        with KafkaCluster(folder / "nodes", settings=settings) as cluster:
            yield Stage(folder, f"Apache Kafka {jars.version()}", cluster.bootstrap, self._registry)

    def run(self, who: Contestant, task: Task, topic: str, total: int) -> Ran:
        """Let it have the first `total` messages of the topic. Raises `RunFailed`."""
        return self._run(who, task, topic, total, None)

    def run_at(self, who: Contestant, rate: int, total: int) -> Ran:
        """Let it have `total` messages as they are sent, so many a second. Raises `RunFailed`."""
        topic = create_topic(self._brokers, f"live-{next(self._count)}", PARTITIONS, **RETENTION)
        return self._run(who, "latency", topic, total, rate)

    def _run(self, who: Contestant, task: Task, topic: str, total: int, rate: int | None) -> Ran:
        number = next(self._count)
        folder = self._folder / f"run-{number}"
        (folder / "recovery").mkdir(parents=True)
        out, notes = f"out-{number}", folder / "notes.json"
        if task == "produce":
            subject = f"{out}-value"
            SchemaRegistryClient({"url": self._registry}).register_schema(subject, Schema(TEXT, "AVRO"))
            create_topic(self._brokers, out, PARTITIONS, **RETENTION)
        group = f"bench-{number}"
        job = Job(task, self._brokers, self._registry, topic, out, total, group, str(folder), str(notes))
        environment = {**surroundings(), **who.environment, **job.environment()}
        loader = [
            sys.executable,
            "-m",
            "tests.bench.peers.loader",
            self._brokers,
            topic,
            str(rate),
            str(total),
        ]
        with (folder / "log").open("wb") as log:
            spawned = time.monotonic_ns()
            programs = [
                subprocess.Popen(who.arguments(task, str(folder)), env=environment, stdout=log, stderr=log)
            ]
            if rate is not None:
                programs.append(subprocess.Popen([*loader, str(notes.with_suffix(".begun"))], stderr=log))
            try:
                self._await_end(programs[0], notes, folder / "log")
                found = Notes.read(notes)
                ended = self._written(out, total) if task == "produce" else found.last
            finally:
                for program in programs:
                    program.kill()
                    program.wait()
        return Ran(found, spawned, ended)

    def _await_end(self, program: subprocess.Popen[bytes], notes: Path, log: Path) -> None:
        until = time.monotonic() + PATIENCE
        while not notes.exists():
            if time.monotonic() > until or program.poll() not in (None, 0):
                said = log.read_text(errors="replace").strip().splitlines()
                why = "too slow" if program.poll() is None else f"exit {program.returncode}"
                raise RunFailed(f"{why}: {said[-1] if said else 'no output'}")
            if program.poll() == 0 and not notes.exists():
                raise RunFailed("ended early")
            time.sleep(0.005)

    def _written(self, topic: str, total: int) -> int:
        """When so many were in the topic that was written to. The broker's answer to a question for the end
        leaves out the last batch but for its first message, so what came after it is read.
        """
        client = Consumer({"bootstrap.servers": self._brokers, "group.id": topic, "fetch.wait.max.ms": 10})
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ends = [client.get_watermark_offsets(each, timeout=PATIENCE)[1] for each in places]
        client.assign([TopicPartition(topic, number, end) for number, end in enumerate(ends)])
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if sum(ends) >= total:
                return time.monotonic_ns()
            for message in client.consume(10_000, 0.005):
                if not message.error():
                    ends[message.partition() or 0] = (message.offset() or 0) + 1
        raise RunFailed(f"{topic} has not {total} messages")


def orders(schema: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and framed values, without end, the same each time."""
    rng, write, prefix = random.Random(1), make_writer(parse(TEXT), CLASSES), id_prefix(schema)
    for number in itertools.count():
        key = f"customer-{rng.randrange(KEYS)}"
        yield key.encode(), write.encode(made_order(rng, number), prefix)


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """The broker and the registry of `kgen dev`, gone afterwards."""
    with up() as dev:
        yield Stage(folder, "`kgen dev`", dev.brokers, dev.registry)
