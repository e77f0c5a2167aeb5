"""How a run is doing, for those who supervise it: what `health_endpoint` answers.

A process is alive as long as each worker that reads comes back to its source within `STALLED` seconds, or
something is waited for. It is ready once its run has begun, every partition that it reads was answered for by
the brokers, and nothing has been waited for longer than a moment.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, Final

from ..consumer.kafka_partition import KafkaPartition
from ..metrics import figures
from ..reporting.printable import bounded, escaped
from ..reporting.progress import PROGRESS
from ..stop import STOP, ShutdownState

STALLED: Final = 300.0
"""Seconds in which a worker has not come back to its source, and nothing says why: a step hangs."""
_MOMENT: Final = 2.0
"""Seconds of a wait that is usual: the deliveries of each epoch are waited for, for example."""
_MOST_SHOWN: Final = 20
_MOST_TEXT: Final = 200


@dataclass(frozen=True)
class Health:
    """As of one moment. `lag` is in messages by topic, of the partitions that this process reads;
    `last_epoch` is when an epoch last ended, in UTC, None before the first one.
    """

    alive: bool
    started: bool
    reading: bool
    ready: bool
    lag: dict[str, int]
    last_epoch: datetime | None
    waits_for: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The body of an answer."""
        epoch = self.last_epoch and self.last_epoch.isoformat(timespec="milliseconds")
        return {**self.__dict__, "last_epoch": epoch, "waits_for": list(self.waits_for)}


class RunHealth:
    """While entered, what happens in this process is noted. `phase` is what comes before the run."""

    def __init__(self) -> None:
        self.phase: str | None = "the flow to be loaded"
        self._reads = False
        self._unassigned_since: float | None = None

    def __enter__(self) -> RunHealth:
        PROGRESS.begin(None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        PROGRESS.finish()

    def checking(self) -> None:
        """The flow is loaded; brokers and registry are asked about it."""
        self.phase = "the checks before the start, which ask the brokers and the registry"

    def running(self, *, reads: bool) -> None:
        """The run begins; `reads` says whether it has a source of kgen's, which notes how far it is."""
        self.phase, self._reads = None, reads

    def now(self) -> Health:
        """As of now. Asks no broker."""
        waits = PROGRESS.waits()
        moment = time.monotonic() - _MOMENT
        started = self.phase is None and (STOP.listed or not self._reads)
        partitions = _partitions()
        unanswered = [it.place for it in partitions if not it.answered]
        reading = started and not unanswered and self._assigned()
        held_up = any(wait.began <= moment for wait in waits) or STOP.requested
        epoch = PROGRESS.last_epoch
        return Health(
            alive=bool(waits) or not self._stalled(),
            started=started,
            reading=reading,
            ready=reading and not held_up,
            lag=figures().lag,
            last_epoch=None if epoch is None else datetime.fromtimestamp(epoch, timezone.utc),
            waits_for=tuple(self._waits_for([wait.whom for wait in waits], started, reading, unanswered)),
        )

    def _waits_for(
        self, known: list[str], started: bool, reading: bool, unanswered: list[str]
    ) -> Iterator[str]:
        if STOP.requested:
            known.insert(0, "the end of the run, which was asked to stop")
        elif self.phase is not None:
            known.append(self.phase)
        elif not started and not known:
            known.append("the other processes, or the first answer of the brokers")
        elif not reading:
            known += [f"the first answer of the brokers ({place})" for place in unanswered]
        for whom in known[:_MOST_SHOWN]:
            yield bounded(escaped(whom), _MOST_TEXT)
        if len(known) > _MOST_SHOWN:
            yield f"and {len(known) - _MOST_SHOWN} more"

    def _assigned(self) -> bool:
        """Whether partitions were given to this process, or others have them all, which nothing reports: then
        none comes in a moment.
        """
        if STOP.state is not ShutdownState.BUILDING:
            return True
        now = time.monotonic()
        self._unassigned_since = self._unassigned_since or now
        return now - self._unassigned_since >= _MOMENT

    def _stalled(self) -> bool:
        since = time.monotonic() - STALLED
        return self.phase is None and any(moved < since for moved in list(PROGRESS.moved.values()))


def _partitions() -> list[KafkaPartition[Any, Any]]:
    return [it for it in STOP.partitions() if isinstance(it, KafkaPartition)]
