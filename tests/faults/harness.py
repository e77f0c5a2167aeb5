"""Runs a flow in processes of its own, hurts it by its progress, and starts it again until it is done."""

from __future__ import annotations

import os
import random
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from bytewax.recovery import init_db_dir
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from tests.faults.shape import Shape
from tests.kafka.broker import KafkaCluster
from tests.kafka.clients import (
    QUIET,
    Account,
    Record,
    account,
    admin,
    leaders,
    numbered,
    partitions,
    read_all,
    send,
)
from tests.kafka.fixtures import AnyBroker
from tests.kafka.processes import spawn, tail, wait_for

ROOT = Path(__file__).parents[2]
_LOST = re.compile(
    r"^error: (the transaction failed|the transaction was not committed within"
    r"|\d+ message\(s\) did not arrive: .*: Local: Message timed out$)",
    re.MULTILINE,
)


class Left(AssertionError):
    """The flow left by itself, before what was waited for."""

    def __init__(self, code: int, run: Run) -> None:
        super().__init__(f"the flow left with {code}\n{run.tail()}")
        self.lost_transaction = code == 2 and _LOST.search(run.text()) is not None


class Run:
    """One start of the flow."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log

    def kill(self) -> None:
        """SIGKILL for all its processes at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def terminate(self) -> None:
        """SIGTERM for the runner, which is to leave cleanly."""
        self.process.terminate()

    def wait(self, seconds: float = 300) -> int:
        """Its exit code, when it leaves by itself. AssertionError, with its log, when it does not."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.abort()
            raise AssertionError(f"the flow still ran after {seconds:g} s\n{self.tail()}") from None

    def abort(self) -> None:
        """SIGABRT for all its processes: Python writes to the log where each thread was."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGABRT)
        self.process.wait(30)

    def text(self) -> str:
        """All it has printed."""
        return self.log.read_text(errors="replace")

    def tail(self) -> str:
        """The end of what it has printed, for failure messages."""
        return f"--- log of the flow ---\n{tail(self.log)}"


class Flow:
    """A flow and its recovery folder, over as many starts as it takes."""

    def __init__(
        self,
        broker: AnyBroker | KafkaCluster,
        shape: Shape,
        root: Path,
        *,
        processes: int = 1,
        workers: int = 1,
        snapshot: float = 0.05,
        env: Mapping[str, str] | None = None,
        brokers: str | None = None,
        runner: str = "kgen",
    ) -> None:
        self.bootstrap = broker.bootstrap  # the test's own way to the broker, whatever the flow's is
        self.shape, self.root, self.snapshot = shape, root, snapshot
        self.processes, self.workers, self.runner = processes, workers, runner
        self.recovery = root / "recovery"
        self.env = {"KGEN_BROKERS": brokers or broker.bootstrap, "RUST_BACKTRACE": "0", **(env or {})}
        self.runs: list[Run] = []
        self._progress = Progress(self.bootstrap, shape.sink)

    def start(
        self, *, file_limit: int | None = None, open_files: tuple[int, int] | None = None, **changes: Any
    ) -> Run:
        """Start it; `changes` go to the shape. No file of its processes may exceed `file_limit` bytes; of
        `open_files`, the soft and the hard limit, they may have so many at once.
        """
        shape = replace(self.shape, **changes)
        log = self.root / f"run{len(self.runs)}.log"
        command = self._command()
        if file_limit is not None:
            command = ["sh", "-c", 'ulimit -f "$0"; exec "$@"', str(file_limit // 512), *command]
        if open_files is not None:
            soft, hard = map(str, open_files)
            command = ["sh", "-c", 'ulimit -Sn "$0"; ulimit -Hn "$1"; shift; exec "$@"', soft, hard, *command]
        self.runs.append(Run(spawn(command, log, env={**self.env, **shape.env()}, cwd=ROOT), log))
        return self.runs[-1]

    def close(self) -> None:
        """Leave nothing running."""
        for run in self.runs:
            run.kill()
        self._progress.close()

    def finish(self, **changes: Any) -> Run:
        """Run it to the end of its topic; it has to leave with 0."""
        run = self.start(stop="end", **changes)
        code = run.wait()
        assert code == 0, f"the flow left with {code}\n{run.tail()}"
        return run

    def reached(self, count: int, run: Run, seconds: float = 300) -> None:
        """Wait until the sink's topic holds so many messages. Raises `Left`."""

        def there() -> bool:
            code = run.process.poll()
            if code is not None:
                raise Left(code, run)
            return self._progress.count() >= count

        _until(there, f"{count} messages in {self.shape.sink}", seconds, run)

    def leave(self, count: int, run: Run, before: Callable[[], object] = lambda: None) -> None:
        """Wait until the sink's topic holds so many messages, then stop the run. Raises `Left` where it does
        not leave cleanly.
        """
        self.reached(count, run)
        before()
        run.terminate()
        if (code := run.wait()) != 0:
            raise Left(code, run)

    def go_on(self, count: int, run: Run, before: Callable[[], object] = lambda: None) -> None:
        """As `leave`, of a run whose broker is hurt. At least once has to bear it. With exactly once
        librdkafka may lose the transaction: that may end this run, not the next one.
        """
        try:
            self.leave(count, run, before)
        except Left as left:
            if self.shape.delivery == "at-least-once" or not left.lost_transaction:
                raise
            self.leave(count, self.start(), before)

    def count(self) -> int:
        """How many messages came to the sink's topic, aborted and open transactions included."""
        return self._progress.count()

    def account(self, sent: range) -> Account:
        """What a `read_committed` reader of the sink's topic finds."""
        return account(sent, read_all(self.bootstrap, self.shape.sink))

    def assert_delivered(self, sent: range) -> None:
        """Nothing of it is lost; where the sink promises exactly once, nothing is repeated either."""
        found = self.account(sent)
        assert found.lost == [], found
        assert self.shape.delivery == "at-least-once" or found.repeated == {}, found

    def _command(self) -> list[str]:
        if self.runner == "bytewax":
            return self._bytewax()
        return [
            *(sys.executable, "-X", "faulthandler", "-m", "kgen_runtime.run", "tests.faults.flow:flow"),
            *("--recovery", str(self.recovery), "--snapshot-interval", str(self.snapshot)),
            *("--processes", str(self.processes), "--workers", str(self.workers)),
        ]

    def _bytewax(self) -> list[str]:
        if not self.recovery.exists():
            self.recovery.mkdir()
            init_db_dir(self.recovery, 1)
        seconds = str(max(1, round(self.snapshot)))
        options = ("-r", str(self.recovery), "-s", seconds, "-b", "0", "-w", str(self.workers))
        return [sys.executable, "-m", "bytewax.run", "tests.faults.flow:flow", *options]


NewFlow: TypeAlias = "Callable[..., Flow]"


class Progress:
    """How far a topic has come, cheap enough to ask a thousand times. It reads along: the ends that the
    in-memory broker tells are wrong, and those of Apache Kafka count the markers of transactions.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        # Uncommitted: a kill in the midst of a transaction has to be possible too.
        config = {
            "bootstrap.servers": bootstrap,
            "group.id": "tests-progress",
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",
            "fetch.wait.max.ms": 20,
        }
        self._consumer = Consumer({**config, **QUIET})
        self._count = 0
        places = partitions(self._consumer, topic)
        self._consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in places])

    def count(self) -> int:
        """How many messages have come."""
        while found := self._consumer.consume(10_000, 0):
            self._count += sum(message.error() is None for message in found)
        return self._count

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def feed(flow: Flow, ids: range) -> None:
    """Send these ids to the source's topic, dealt out to its partitions."""
    client = admin(flow.bootstrap)
    wait_for(lambda: leaders(client, flow.shape.source) > 0, f"{flow.shape.source} to be known")
    places = leaders(client, flow.shape.source)
    send(flow.bootstrap, flow.shape.source, numbered(ids, places))


def kill_rounds(
    flow: Flow,
    rounds: int,
    total: int,
    seed: int,
    kill: Callable[[Run], None] = Run.kill,
    feed: Callable[[Flow, range], None] = feed,
) -> range:
    """Feed the flow in lots and kill it in the midst of each, then let it finish. Returns the ids sent.

    The moment is random, but counted in messages that came out, so that it falls while there is work to do.
    """
    rng, lot = random.Random(seed), total // rounds
    for number in range(rounds):
        feed(flow, range(number * lot, (number + 1) * lot))
        goal = flow.count() + rng.randrange(1, lot * 3 // 4)
        run = flow.start(stop="never")
        flow.reached(goal, run)
        kill(run)
    flow.finish()
    return range(rounds * lot)


def framed(ids: Iterable[int], schema_id: int) -> Iterator[Record]:
    """As `numbered`, over 4 partitions; values are Avro strings (or bytes) in a registry's framing."""
    for i in ids:
        text = b"%d" % i
        yield Record(value=struct.pack(">bIb", 0, schema_id, len(text) * 2) + text, key=text, partition=i % 4)


def _until(ask: Callable[[], bool], what: str, seconds: float, run: Run) -> None:
    """As `wait_for`, but what `ask` raises is raised at once."""
    deadline = time.monotonic() + seconds
    while not ask():
        if time.monotonic() > deadline:
            run.abort()
            raise AssertionError(f"waited {seconds:g} s for {what}\n{run.tail()}")
        time.sleep(0.005)  # between two looks
