"""What a run is doing, noted as it happens: what the runner's report (`run_report`) is made of.

Nothing is noted per message: counts come from `metrics`, and from steps that see failures, by batch. Nothing
is noted at all unless a report wants it, so `python -m bytewax.run` and `testing.run` pay nothing.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ..messages import Failure

MOST_GROUPS: Final = 1_000
"""Fingerprints depend on schema ids, which come from messages: past so many, the others count as one."""
RECOVERED: Final = "recovered"
OTHERS: Final = "others"


@dataclass(frozen=True)
class PartitionReading:
    """Where the reading of a partition begins, and why there: `recovered`, or what `start=` says."""

    step: str
    topic: str
    partition: int
    offset: int
    why: str
    until: str


@dataclass
class FailureGroup:
    """Failures of one fingerprint that one policy has seen; `sample` is the first of them, without the bytes
    of its message: a thousand of them may be of 10 MB each.
    """

    policy: str
    fingerprint: str
    sample: Failure
    target: str
    count: int = 0


@dataclass(frozen=True)
class Wait:
    """For whom something waits, and since when (`time.monotonic`, `time.time`)."""

    whom: str
    began: float
    since: float


class RunProgress:
    """One per process (`PROGRESS`). Steps of all workers write it, the report's thread reads it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may come while the main thread holds it
        self.news = threading.Event()
        self.wanted = False
        self.moved: dict[int, float] = {}
        self.begin(None)
        self.wanted = False

    def begin(self, finish: Callable[[], None] | None) -> None:
        """Note what happens from now on. `finish`, if there is a report, is called once, when the process
        is left in any way.
        """
        with self._lock:
            self.wanted = True
            self.moved.clear()
            self.last_epoch: float | None = None
            self.readings: list[PartitionReading] = []
            self.groups: dict[tuple[str, str], FailureGroup] = {}
            self.retries: Counter[str] = Counter()
            self.late = 0
            self.passed: Counter[bool] = Counter()
            self._waits: dict[Hashable, Wait] = {}
            self._finish = finish

    @property
    def reported(self) -> bool:
        """Whether a report has what is noted."""
        return self._finish is not None

    def finish(self) -> None:
        """The run is over, or the process is about to be left."""
        with self._lock:
            finish, self._finish = self._finish, None
            self.wanted = False
        if finish is not None:
            finish()

    def reading(self, reading: PartitionReading) -> None:
        """A partition is about to be read."""
        if self.wanted:
            self.readings.append(reading)
            self.news.set()

    def handled(self, policy: str, failures: Sequence[Failure], target: str = "") -> None:
        """A policy has seen these failures; `target` is the topic they were written to."""
        if not self.wanted:
            return
        with self._lock:
            for failure in failures:
                self._group(policy, failure, target).count += 1
        self.news.set()

    def move(self, worker: int) -> None:
        """A worker has come back to its source (`time.monotonic` in `moved`, by its thread)."""
        self.moved[worker] = time.monotonic()

    def rest(self, worker: int) -> None:
        """It reads nothing any more."""
        self.moved.pop(worker, None)

    def epoch_ended(self) -> None:
        """As a source sees it (`time.time` in `last_epoch`)."""
        self.last_epoch = time.time()

    def retried(self, what: str, times: int = 1) -> None:
        """Something was tried again."""
        if self.wanted:
            with self._lock:
                self.retries[what] += times
            self.news.set()

    def passed_over(self, *, letter: bool) -> None:
        """An output, maybe a dead letter, is not written: an earlier run has written it."""
        if self.wanted:
            with self._lock:
                self.passed[letter] += 1

    def came_late(self, messages: int) -> None:
        """So many items were too late for their window."""
        if self.wanted:
            with self._lock:
                self.late += messages

    @contextmanager
    def waiting(self, whom: str) -> Iterator[None]:
        """While entered, this thread waits for somebody."""
        key = (threading.get_ident(), whom)
        self.wait(key, whom)
        try:
            yield
        finally:
            self.go_on(key)

    def wait(self, key: Hashable, whom: str) -> None:
        """Something waits from now on; said before, it has waited since then."""
        if self.wanted:
            with self._lock:
                self._waits.setdefault(key, Wait(whom, time.monotonic(), time.time()))

    def go_on(self, key: Hashable) -> None:
        """It waits no longer. May be said when it did not."""
        if key in self._waits:  # seldom; asked for every batch
            with self._lock:
                self._waits.pop(key, None)

    def waits(self) -> list[Wait]:
        """The open ones; of several for the same, the oldest."""
        with self._lock:
            found = sorted(self._waits.values(), key=lambda wait: wait.began)
        return list({wait.whom: wait for wait in reversed(found)}.values())[::-1]

    def counts(self, policy: str) -> list[FailureGroup]:
        """What this policy has seen, the most frequent first."""
        with self._lock:
            groups = [group for group in self.groups.values() if group.policy == policy]
        return sorted(groups, key=lambda group: -group.count)

    def _group(self, policy: str, failure: Failure, target: str) -> FailureGroup:
        fingerprint = failure.fingerprint
        group = self.groups.get((policy, fingerprint))
        if group is None and len(self.groups) >= MOST_GROUPS:
            fingerprint = OTHERS
            group = self.groups.get((policy, fingerprint))
        if group is None:
            group = self.groups[policy, fingerprint] = FailureGroup(
                policy, fingerprint, failure.without_payload(), target
            )
        return group


PROGRESS: Final = RunProgress()
