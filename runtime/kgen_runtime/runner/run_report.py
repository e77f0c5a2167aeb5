"""The runner's report on stderr: what is read from where, failures, progress, waits, and totals at the end.

A thread looks at the counters now and then; the steps of the flow do nothing for it. Lines that come again
do so less and less often.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final

from ..flow.failures import shown_class
from ..metrics import Figures, figures
from ..reporting.call_site import failed_line, step_line
from ..reporting.printable import bounded, escaped
from ..reporting.progress import PROGRESS, FailureGroup, PartitionReading, Wait
from ..stop import STOP
from .log_format import REPORTED

_LOOK_EVERY: Final = 0.5
_LEAST: Final = 0.1
"""Seconds between two looks, if there are news."""
_AGAIN: Final = (10.0, 60.0)
"""Seconds until a line comes again: the first time, and at most."""
_SILENCE: Final = 2.0
"""Seconds of a wait before it is reported."""
_BEHIND, _CAUGHT_UP = 1_000, 100
"""A topic with so many messages left is behind; with no more than this it has caught up."""
_MOST_SHOWN: Final = 8
_MOST_TEXT: Final = 200
_NAMES: Final = {"dead_letter": "dead letters", "drop": "dropped", "log": "failures logged"}
_OTHER_PROCESSES: Final = "the other processes of the cluster"

log = logging.getLogger("kgen_runtime.report")


@dataclass(frozen=True)
class About:
    """What is known of a run before it begins. `writes` are the topics of its sinks and dead letters."""

    flow: str
    workers: int
    processes: int
    codec: str
    recovery: str | None
    epoch: float
    writes: Sequence[str]
    connects: bool
    """It waits for other processes before anything is read."""


class Pace:
    """How often a line may come: at once, then after a time that doubles."""

    def __init__(self, first: float = 0.0, most: float = _AGAIN[1]) -> None:
        self._pause, self._most = _AGAIN[0], most
        self._next = time.monotonic() + first

    def due(self) -> bool:
        """Whether it is time; then the next time is later."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._pause
        self._pause = min(2 * self._pause, self._most)
        return True


class RunReport:
    """While entered, the run of this process is reported."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._before = figures()
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._look_again_and_again, name="kgen-report", daemon=True)
        self._reported = 0  # readings
        self._failures: dict[str, tuple[Pace, int]] = {}
        self._retries: tuple[Pace, int] = Pace(), 0
        self._waits: dict[str, tuple[Pace, Wait]] = {}
        self._topics: dict[str, TopicProgress] = {}
        self._still = Still()

    def __enter__(self) -> RunReport:
        PROGRESS.begin(self._end)
        if self._about.connects:
            PROGRESS.wait(_OTHER_PROCESSES, _OTHER_PROCESSES)
        self._say_start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        PROGRESS.news.set()
        self._thread.join()
        PROGRESS.finish()

    def _look_again_and_again(self) -> None:
        while not self._stop.wait(_LEAST):
            PROGRESS.news.wait(_LOOK_EVERY)
            PROGRESS.news.clear()
            with self._lock:
                self._look()

    def _look(self) -> None:
        if STOP.listed:
            PROGRESS.go_on(_OTHER_PROCESSES)
        self._say_readings()
        self._say_failures()
        self._say_retries()
        self._say_waits()
        counted = figures().since(self._before)
        for name in sorted({reading.topic for reading in PROGRESS.readings}):
            self._topics.setdefault(name, TopicProgress(name)).look(counted)
        self._still.look(counted, waiting=bool(PROGRESS.waits()))

    def _end(self) -> None:
        with self._lock:
            self._say_readings()
            self._say_failures(last=True)
            self._say_retries(last=True)
            self._say_totals(figures().since(self._before))

    def _say_start(self) -> None:
        about = self._about
        among = f" in each of {about.processes} processes" if about.processes > 1 else ""
        recovery = (
            f"recovery {about.recovery}, epochs of {about.epoch:g} s" if about.recovery else "no recovery"
        )
        _say(
            "start",
            f"{about.flow}: {_count(about.workers, 'worker')}{among}, "
            f"codec {about.codec}, {recovery}; writes {', '.join(about.writes) or 'to no topic'}",
            flow=about.flow,
            workers=about.workers,
            processes=about.processes,
            codec=about.codec,
            recovery=about.recovery,
            writes=list(about.writes),
        )

    def _say_readings(self) -> None:
        found = PROGRESS.readings[self._reported :]
        self._reported += len(found)
        sources: dict[tuple[str, str], list[PartitionReading]] = defaultdict(list)
        for reading in found:
            sources[reading.step, reading.topic].append(reading)
        for (step, topic), readings in sources.items():
            _say_reading(step, topic, sorted(readings, key=lambda reading: reading.partition))

    def _say_failures(self, *, last: bool = False) -> None:
        for policy, name in _NAMES.items():
            groups = PROGRESS.counts(policy)
            total = sum(group.count for group in groups)
            pace, said = self._failures.setdefault(policy, (Pace(), 0))
            if total > said and (last or pace.due()):
                self._failures[policy] = pace, total
                _say_groups(policy, name, groups, total, total - said)

    def _say_retries(self, *, last: bool = False) -> None:
        pace, said = self._retries
        counts = Counter(PROGRESS.retries)
        total = sum(counts.values())
        if total > said and (last or pace.due()):
            self._retries = pace, total
            each = "; ".join(f"{count} {what}" for what, count in counts.most_common(_MOST_SHOWN))
            _say("retries", f"retries: {total} so far: {each}", logging.WARNING, total=total, by=dict(counts))

    def _say_waits(self) -> None:
        now, open_ = time.monotonic(), {wait.whom: wait for wait in PROGRESS.waits()}
        for whom, wait in open_.items():
            pace, known = self._waits.get(whom, (None, wait))
            if now - wait.began >= _SILENCE and (pace is None or wait is not known):
                pace = Pace()
            if pace is not None:
                self._waits[whom] = pace, wait
                if pace.due():
                    _say_wait(wait, now - wait.began)
        for whom in self._waits.keys() - open_.keys():
            wait = self._waits.pop(whom)[1]
            seconds = round(now - wait.began, 1)
            _say("waited", f"no longer waiting for {whom} ({seconds:g} s)", whom=whom, seconds=seconds)

    def _say_totals(self, counted: Figures) -> None:
        letters, dropped, logged = (
            sum(group.count for group in PROGRESS.counts(name)) for name in ("dead_letter", "drop", "log")
        )
        letters -= PROGRESS.passed[True]
        totals = {
            "read": counted.read.total(),
            "written": max(counted.written - letters, 0),
            "dead_lettered": letters,
            "dropped": dropped,
            "logged": logged,
            "late": PROGRESS.late,
            "filtered": counted.filtered,
            "retries": sum(PROGRESS.retries.values()),
            "written_before": PROGRESS.passed.total(),
        }
        seconds = round(time.monotonic() - self._began, 1)
        text = ", ".join(f"{name.replace('_', '-')} {number}" for name, number in totals.items())
        _say("end", f"totals: {text} ({seconds:g} s)", **totals, topics=dict(counted.read), seconds=seconds)


class TopicProgress:
    """How one topic is catching up."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._behind: bool | None = None
        self._pace = Pace(first=_SILENCE, most=_AGAIN[0])
        self._last = time.monotonic(), 0

    def look(self, counted: Figures) -> None:
        """Report, if it is time."""
        lag, read = counted.lag.get(self._name), counted.read[self._name]
        if lag is None:
            return
        if lag <= _CAUGHT_UP and (self._behind or (self._behind is None and lag == 0)):
            self._behind = False
            text = f"{self._name}: caught up, {read} messages read so far; waiting for new ones"
            _say("caught-up", text, topic=self._name, lag=lag, read=read)
        elif lag >= _BEHIND or self._behind is None:
            self._behind = True
        if self._behind and self._pace.due():
            self._say_progress(lag, read)

    def _say_progress(self, lag: int, read: int) -> None:
        (at, before), now = self._last, time.monotonic()
        self._last = now, read
        rate = (read - before) / max(now - at, 1e-3)
        about = f", about {lag / rate:.0f} s at this rate" if rate > 0 else ""
        text = f"{self._name}: {rate:.0f} messages/s, {lag} behind{about}"
        _say("progress", text, topic=self._name, lag=lag, read=read, rate=round(rate, 1))


class Still:
    """Nothing is read though there are messages, and nobody says why: a step may hang."""

    def __init__(self) -> None:
        self._read = -1
        self._since = time.time()
        self._pace = Pace(first=_AGAIN[0])

    def look(self, counted: Figures, *, waiting: bool) -> None:
        """Report, if it is time."""
        read, lag = counted.read.total(), sum(counted.lag.values())
        if read != self._read or waiting or not lag:
            self._read, self._since, self._pace = read, time.time(), Pace(first=_AGAIN[0])
        elif self._pace.due():
            text = f"nothing was read since {_clock(self._since)}, {lag} messages are left: does a step hang?"
            _say("still", text, logging.WARNING, since=self._since, lag=lag)


def _say(event: str, text: str, level: int = logging.INFO, **fields: Any) -> None:
    log.log(level, "%s", text, extra={REPORTED: (event, fields)})


def _say_reading(step: str, topic: str, readings: Sequence[PartitionReading]) -> None:
    line = step_line(step)
    each = [f"{r.partition} from {r.offset} ({r.why}) until {r.until}" for r in readings]
    more = f" and {len(each) - _MOST_SHOWN} more partitions" if len(each) > _MOST_SHOWN else ""
    _say(
        "reading",
        f"reading {topic} (step {step}{line and f', {line}'}): {', '.join(each[:_MOST_SHOWN])}{more}",
        topic=topic,
        step=step,
        line=line,
        partitions=[
            {"partition": r.partition, "offset": r.offset, "why": r.why, "until": r.until} for r in readings
        ],
    )


def _say_groups(policy: str, name: str, groups: Sequence[FailureGroup], total: int, new: int) -> None:
    shown = [_described(group) for group in groups[:_MOST_SHOWN]]
    each = "; ".join(
        f"{it['count']} {it['fingerprint']} {it['stage']} at {it['place']} ({it['step']}): "
        f"{shown_class(it['error'])}: "
        f"{it['message']}"
        for it in shown
    )
    targets = sorted({group.target for group in groups if group.target})
    to = f" to {', '.join(targets)}" if targets else ""
    more = f"; and {len(groups) - len(shown)} more kinds" if len(groups) > len(shown) else ""
    text = f"{name}: {total} so far{to} ({new} new): {each}{more}"
    fields = {"policy": policy, "total": total, "new": new, "topics": targets, "groups": shown}
    _say("failures", text, logging.WARNING, **fields)


def _described(group: FailureGroup) -> dict[str, Any]:
    failure = group.sample
    return {
        "count": group.count,
        "fingerprint": group.fingerprint,
        "stage": failure.stage.value,
        "place": failed_line(failure.traceback) or step_line(failure.step) or "an unknown line",
        "step": failure.step,
        "error": failure.error_class,
        "message": _one_line(failure.message),
    }


def _say_wait(wait: Wait, seconds: float) -> None:
    seconds = round(seconds, 1)
    text = f"waiting for {wait.whom} since {_clock(wait.since)} ({seconds:.0f} s)"
    _say("waiting", text, logging.WARNING, whom=wait.whom, since=wait.since, seconds=seconds)


def _one_line(text: str) -> str:
    """What a message's content may have brought into an error's text cannot break or colour the line."""
    return bounded(escaped(text), _MOST_TEXT)


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
