"""Runs a demo: a broker and a registry as long as it lasts, the example's project on them, an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import kgen.dev
import kgen_runtime as rt
from kgen.dev import Dev, RegistryServer, seed, topics
from kgen_runtime.errors import KgenError

from .apache import NotHere, apache_kafka
from .project import Project, Stuck
from .screen import say, title

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Stage:
    """Where a demo plays: `kafka` for messages, `project` for flows and commands of kgen."""

    dev: Dev
    project: Project
    kafka: rt.Kafka
    apache: bool = False
    """Whether the broker is Apache Kafka, which hides what a transaction that was aborted has written."""

    def produce(
        self,
        topic: rt.Topic[K, V],
        messages: Iterable[rt.Message[K, V]],
        at: Callable[[V], datetime] | None = None,
    ) -> None:
        """Write messages, in their order; `at` gives their timestamps, which are now otherwise."""
        with rt.Writer(topic, self.kafka) as writer:
            for message in messages:
                value = message.value
                stamp = None if at is None or value is None else int(at(value).timestamp() * 1_000)
                writer.send(value, message.key, timestamp=stamp)

    def read(self, topic: rt.Topic[K, V]) -> list[rt.Message[K, V]]:
        """All messages of a topic. Raises `KgenError` if one cannot be read."""
        return list(rt.read(topic, self.kafka))

    def count(self, topic: str, *, committed: bool = True) -> int:
        """How many messages a topic has, 0 if it is absent; without `committed` those of open and aborted
        transactions too.
        """
        if self.kafka.find_topic(topic) is None:
            return 0
        level = {"isolation.level": "read_committed" if committed else "read_uncommitted"}
        raw = rt.Topic(topic, key=rt.BytesSerde(), value=rt.BytesSerde())
        return sum(1 for _ in rt.read(raw, self.kafka.with_config(level)))


def run_demo(
    play: Callable[[Stage], bool],
    example: Path,
    partitions: Mapping[str, int],
    arguments: Sequence[str] | None = None,
    *,
    prefers_apache: bool = False,
) -> int:
    """Start a broker and a registry with the example's schemas, make the topics, pull, and play. Returns the
    exit code: 0 if `play` returns True, which means that its sums add up.

    The broker is that of `kgen dev`; with `prefers_apache` Apache Kafka, if it can be run here.
    """
    options = _options(example, prefers_apache, arguments)
    try:
        with ExitStack() as stack:
            title("a broker, a registry, kgen pull")
            dev, apache = _start(stack, prefers_apache and not options.local)
            good = play(_set_up(dev, apache, example, options.folder, partitions))
    except (Stuck, KgenError) as e:
        sys.stderr.write(f"\nThe demo failed: {e}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return 130
    say("It adds up." if good else "IT DOES NOT ADD UP.")
    return 0 if good else 1


def _options(example: Path, prefers_apache: bool, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"The demo of the example {example.name}.")
    folder = example.parents[1] / ".demo" / example.name
    parser.add_argument("--folder", type=Path, default=folder, metavar="DIR", help="where the project goes")
    parser.set_defaults(local=True)
    if prefers_apache:
        parser.add_argument("--local", action="store_true", help="on the broker of kgen dev in any case")
        parser.set_defaults(local=False)
    return parser.parse_args(arguments)


def _start(stack: ExitStack, on_apache: bool) -> tuple[Dev, bool]:
    """A broker and a registry, and whether the broker is Apache Kafka."""
    if on_apache:
        try:
            brokers = stack.enter_context(apache_kafka())
        except NotHere as e:
            say(f"{e}: the broker of kgen dev has to do")
        else:
            return Dev(brokers, stack.enter_context(RegistryServer(0)).url), True
    return stack.enter_context(kgen.dev.up()), False


def _set_up(dev: Dev, apache: bool, example: Path, folder: Path, partitions: Mapping[str, int]) -> Stage:
    schemas = seed.register(dev.registry, example / "registry")
    topics.create(dev.brokers, partitions)
    broker = "Apache Kafka" if apache else "kgen dev"
    say(f"{broker} at {dev.brokers}, {len(schemas)} schemas at {dev.registry}")
    project = Project(example, folder, dev)
    say(f"kgen pull: {project.pull().splitlines()[-1]}")
    return Stage(dev, project, rt.Kafka(dev.brokers, registry=dev.registry), apache)
