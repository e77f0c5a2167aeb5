"""What a contestant is to do, and what it notes. Imports the standard library alone, as peers have to."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

JOB = "KGEN_BENCH_JOB"

GROUP_SETTINGS = {"session.timeout.ms": 4_000, "heartbeat.interval.ms": 1_000}
"""The broker of `kgen dev` lets a group wait half of its session timeout before it gets its partitions: with
librdkafka's own 45 s that would be 23 s of a run.
"""

Task: TypeAlias = Literal["typed", "produce", "count", "latency", "start"]
"""From a topic to typed objects; the same, changed and written to another; a count for each key, with state
that outlives the process; how old a message is when the program has it; and how soon it has the first.
"""


@dataclass(frozen=True)
class Job:
    """One run of a contestant. It has the topic to itself, under a group that nobody has used."""

    task: Task
    brokers: str
    registry: str
    topic: str
    out: str
    total: int
    group: str
    folder: str
    """For what it keeps."""
    notes: str
    """The file for its `Notes`."""

    def environment(self) -> dict[str, str]:
        """What tells a program of it."""
        return {JOB: json.dumps(asdict(self))}

    @staticmethod
    def given() -> Job:
        """The one in the environment."""
        return Job(**json.loads(os.environ[JOB]))


def most_memory() -> int:
    """Bytes of resident memory of this process at most; 0 if unknown. `getrusage` has the parent's in it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


@dataclass
class Notes:
    """What a contestant saw. Times are nanoseconds of the machine's monotonic clock."""

    count: int = 0
    first: int = 0
    """When it had the first message, or batch of messages."""
    first_count: int = 0
    """How many that was."""
    last: int = 0
    memory: int = 0
    """Bytes of resident memory, at most."""
    ages: list[int] = field(default_factory=list)
    """Of each message when the program had it, if it was to measure that."""

    @staticmethod
    def read(path: Path) -> Notes:
        """Those that were written to a file."""
        return Notes(**json.loads(path.read_text()))


class Probe:
    """Called by a contestant with what it has; leaves the process with the last message."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._notes = Notes()

    def one(self, order: Any) -> None:
        """A message. Its `count` is when it was sent, if ages are measured."""
        now = time.monotonic_ns()
        if self._job.task == "latency":
            self._notes.ages.append(now - order.count)
        self._took(1, now)

    def many(self, orders: list[Any]) -> None:
        """A batch of messages."""
        now = time.monotonic_ns()
        if self._job.task == "latency":
            self._notes.ages += [now - order.count for order in orders]
        self._took(len(orders), now)

    def _took(self, count: int, now: int) -> None:
        notes = self._notes
        if not notes.count:
            notes.first, notes.first_count = now, count
            Path(self._job.notes).with_suffix(".begun").touch()
        notes.count += count
        notes.last = now
        if notes.count >= self._job.total:
            notes.memory = most_memory()
            path = Path(self._job.notes)
            part = path.with_suffix(".part")
            part.write_text(json.dumps(asdict(notes)))
            part.rename(path)
            if self._job.task != "produce":  # there the messages are to be on the broker first
                os._exit(0)
