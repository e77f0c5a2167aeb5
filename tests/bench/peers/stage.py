"""The broker, the registry and the topics of the contests, and the running of a contestant."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient, OffsetSpec
from confluent_kafka import TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from kgen.dev import Dev, up
from kgen_runtime.codec import make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.serde.framing import id_prefix
from tests.bench.flows import broker
from tests.bench.peers.contestants_list import Contestant
from tests.bench.peers.job import Job, Notes, Task
from tests.bench.peers.orders import TEXT, Order, Place, Status
from tests.kafka.clients import Record, create_topic, send

PARTITIONS, DISTINCT, KEYS = 2, 10_000, 1_000
PATIENCE = 180.0
"""Seconds for a run."""


class Stage:
    """One for all contests."""

    def __init__(self, folder: Path, brokers: str, dev: Dev) -> None:
        self._folder = folder
        self._brokers = brokers
        self._registry = dev.registry
        client = SchemaRegistryClient({"url": dev.registry})
        self._id = client.register_schema("orders-value", Schema(TEXT, "AVRO"))
        self._count = itertools.count()
        self._full: str | None = None
        self._out = ""

    def fill(self, total: int) -> None:
        """The topic that programs read, once."""
        if self._full is None:
            self._full = create_topic(self._brokers, "orders", PARTITIONS)
            made = list(itertools.islice(self._orders(), DISTINCT))
            dealt = (made[n % DISTINCT] for n in range(total))
            send(self._brokers, self._full, (Record(value, key, n % PARTITIONS) for n, (key, value) in enumerate(dealt)))

    def _orders(self) -> Iterator[tuple[bytes, bytes]]:
        rng, write, prefix = random.Random(1), make_writer(parse(TEXT), CLASSES), id_prefix(self._id)
        for number in itertools.count():
            key = f"customer-{rng.randrange(KEYS)}"
            yield key.encode(), write.encode(made_order(rng, number), prefix)

    def run(
        self, who: Contestant, task: Task, total: int, rate: int | None = None
    ) -> tuple[Notes, int] | str:
        """What it noted, and when it was started; or what it said where it failed. `rate`: send so many a second to it."""
        number = next(self._count)
        folder = self._folder / f"run-{number}"
        folder.mkdir()
        (folder / "recovery").mkdir()
        topic = self._full or ""
        if rate is not None:
            topic = create_topic(self._brokers, f"live-{number}", PARTITIONS)
        self._out = create_topic(self._brokers, f"out-{number}", PARTITIONS)
        notes = folder / "notes.json"
        job = Job(
            task, self._brokers, self._registry, topic, self._out, total, f"bench-{number}", str(folder), str(notes)
        )
        command = [part.replace("{folder}", str(folder)) for part in who.command]
        environment = {**os.environ, "PYTHONPATH": ".", **who.environment, **job.environment()}
        with (folder / "log").open("wb") as log:
            spawned = time.monotonic_ns()
            program = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            loader = None
            if rate is not None:
                words = [sys.executable, "-m", "tests.bench.peers.loader", self._brokers, topic, str(rate), str(total)]
                loader = subprocess.Popen(words)
            try:
                if not self._ended(program, notes):
                    return (folder / "log").read_text(errors="replace")[-2000:] or "no end"
                if task == "produce":
                    self.written(total, spawned)
            finally:
                for each in (program, loader):
                    if each is not None:
                        each.kill()
                        each.wait()
        return Notes.read(notes), spawned

    def _ended(self, program: subprocess.Popen[bytes], notes: Path) -> bool:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if notes.exists():
                return True
            if program.poll() is not None:
                return notes.exists()
            time.sleep(0.02)
        return False

    def written(self, total: int, since: int) -> int:
        """When so many were in the topic that was written to; raises where that takes too long."""
        client = AdminClient({"bootstrap.servers": self._brokers})
        ends = {TopicPartition(self._out, number): OffsetSpec.latest() for number in range(PARTITIONS)}
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = sum(each.result().offset for each in client.list_offsets(ends).values())
            if found >= total:
                self.done = getattr(self, "done", 0) or time.monotonic_ns()
                return self.done
            time.sleep(0.01)
        raise TimeoutError(f"{self._out} has not {total} messages")


CLASSES = {"Order": Order, "Status": Status, "Place": Place}


def made_order(rng: random.Random, count: int) -> Order:
    """Made up."""
    import datetime as dt

    return Order(
        id=f"order-{rng.randrange(10**8):08}",
        created=dt.datetime.fromtimestamp(rng.randrange(1_600_000_000_000, 1_800_000_000_000) / 1000, dt.timezone.utc),
        amount=rng.uniform(0, 1000),
        discount=rng.choice([None, rng.uniform(0, 10)]),
        status=rng.choice(list(Status)),
        tags={"source": rng.choice(["web", "app", "shop"]), "region": rng.choice(["eu-west", "us-east"])},
        place=Place(latitude=rng.uniform(-90, 90), longitude=rng.uniform(-180, 180)),
        count=count,
    )


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A broker and a registry, gone afterwards."""
    with up() as dev, broker() as (bootstrap, _):
        yield Stage(folder, bootstrap, dev)
