"""Which partitions may give messages now, so that those of a source advance together.

librdkafka hands over what it has fetched in large pieces of one partition after another. Taken in that order,
a backlog's event time would jump back with every piece, and windows would take most of it for late. So a
partition may lead the others by a bounded amount: of messages, or of time by the messages' timestamps. One
that is behind and has nothing here is waited for, for a bounded time: see `Patience`.
"""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Final, Literal, TypeAlias

from confluent_kafka import KafkaError

from ..errors import FlowError
from .columns import Columns

PATIENCE: Final = 5.0
"""Seconds to wait for messages that are on the broker, or for the first word of a partition."""

_ASKED_FOR_A_BATCH: Final = 16
"""How many partitions are asked, at most, for each batch that comes."""
_ROUND_BYTES: Final = 16 << 20
"""Of the messages that partitions give together in more than one batch, about."""
_PIECE: Final = 100
"""Messages that follow each other in an inbox are put together up to so many, as a batch has by default."""
_HINT: Final = "Use 'messages', 'timestamp', or rt.TimestampOrder(lead=..., wait=...)."


@dataclass(frozen=True)
class TimestampOrder:
    """Partitions advance together by the timestamps of their messages (Kafka's, in ms).

    - `lead`: how far a partition may be ahead of the others. Give windows at least that much to wait for
    late messages. A small one makes small batches where partitions have few messages in that time.
    - `wait`: how long a partition that has been read to its end holds the others up, once it is behind them,
    before it counts again with its next message (`max.task.idle.ms` of Kafka Streams).

    The partitions of all workers of a process are aligned with each other; other processes are not. Sources
    of a flow that are given the same object are aligned with each other too, as a join of a backlog needs.
    """

    lead: timedelta = timedelta(seconds=1)
    wait: timedelta = timedelta(seconds=1)
    _sources: AlignedSources = field(
        default_factory=lambda: AlignedSources(), init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for name in ("lead", "wait"):
            given = getattr(self, name)
            if not isinstance(given, timedelta) or given < timedelta(0):
                raise FlowError(
                    f"invalid {name}={given!r}: expected a timedelta that is not negative",
                    where="rt.TimestampOrder",
                )


Align: TypeAlias = Literal["messages", "timestamp"] | TimestampOrder
"""`messages`: the partitions of a worker advance by the same number of messages; none is more than a batch
ahead of another that has messages on the broker. `timestamp`: `TimestampOrder()`.
"""


class Inbox:
    """What has arrived for a partition and was not yet taken."""

    def __init__(self, partition: int, position: int) -> None:
        self.partition = partition
        self.key = str(partition)
        self.position = position  # the offset after the last that has arrived
        self.end = -1  # if nothing follows the last one here, as far as the broker says: the offset after it
        self.lost: KafkaError | None = None  # the position is not on the broker any more
        self.held = False  # it cannot go on for now
        self.full = False  # enough waits here: no more is fetched meanwhile
        self.progress = -math.inf  # a lower bound of how far its next message is, as its order measures it
        self.empty_since: float | None = None  # when that was noticed (`time.monotonic`)
        self._pieces: deque[Columns] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def ready(self) -> bool:
        """It has messages that may be taken."""
        return self._count > 0 and not self.held

    def timestamp(self, index: int) -> int | None:
        """Of a message that is here."""
        for piece in self._pieces:
            if index < len(piece):
                return piece.timestamps[index]
            index -= len(piece)
        raise IndexError(index)

    def timestamps(self) -> Iterator[int | None]:
        """Of all that are here."""
        return (timestamp for piece in self._pieces for timestamp in piece.timestamps)

    def put(self, rows: Columns) -> None:
        """These follow."""
        self.position = rows.following
        self.end = -1
        self.empty_since = None
        self._count += len(rows)
        if self._pieces and len(self._pieces[-1]) + len(rows) <= _PIECE:
            self._pieces[-1].extend(rows)
        else:
            self._pieces.append(rows)

    def take(self, count: int) -> Columns:
        """The first `count`, which are here."""
        self._count -= count
        taken = self._next(count)
        while len(taken) < count:
            taken.extend(self._next(count - len(taken)))
        return taken

    def _next(self, most: int) -> Columns:
        piece = self._pieces.popleft()
        if len(piece) > most:
            self._pieces.appendleft(piece.part(most, len(piece)))
            piece = piece.part(0, most)
        return piece


class Order(ABC):
    """Measures how far a partition is."""

    lead: float
    wait: float
    """Seconds to wait for a partition that has been read to its end."""

    @abstractmethod
    def progress(self, inbox: Inbox) -> float:
        """Of the next message; if none is here, at least how far it will be."""

    @abstractmethod
    def allowed(self, inbox: Inbox, limit: float, most: int) -> int:
        """How many of the inbox's next messages, and of `most`, are not beyond `limit`."""

    @abstractmethod
    def took(self, inbox: Inbox, rows: Columns) -> None:
        """These were taken."""

    @abstractmethod
    def join(self, inbox: Inbox, least: float) -> None:
        """It counts from now on; the others have come at least so far."""


class ByCount(Order):
    """By the number of messages taken: one that is not ahead may give a batch."""

    lead = 1.0
    wait = 0.0

    def progress(self, inbox: Inbox) -> float:
        """See the base."""
        return inbox.progress

    def allowed(self, inbox: Inbox, limit: float, most: int) -> int:
        """See the base."""
        return min(most, len(inbox)) if inbox.progress < limit else 0

    def took(self, inbox: Inbox, rows: Columns) -> None:
        """See the base."""
        inbox.progress += len(rows)

    def join(self, inbox: Inbox, least: float) -> None:
        """See the base. What it did not give while it had nothing is not made up for."""
        inbox.progress = max(inbox.progress, least)


class ByTimestamp(Order):
    """By timestamps, in ms. A message without one goes with the message before it."""

    def __init__(self, order: TimestampOrder) -> None:
        self.lead = order.lead / timedelta(milliseconds=1)
        self.wait = order.wait.total_seconds()

    def progress(self, inbox: Inbox) -> float:
        """See the base."""
        first = inbox.timestamp(0) if inbox.ready else None
        return inbox.progress if first is None else first

    def allowed(self, inbox: Inbox, limit: float, most: int) -> int:
        """See the base."""
        count = min(most, len(inbox))
        if limit == math.inf or (_in_time(inbox, 0, limit) and _in_time(inbox, count - 1, limit)):
            return count
        times = enumerate(islice(inbox.timestamps(), count))
        return next((index for index, time in times if time is not None and time > limit), count)

    def took(self, inbox: Inbox, rows: Columns) -> None:
        """See the base."""
        last = rows.timestamps[-1]
        if last is not None:
            inbox.progress = max(inbox.progress, last)

    def join(self, inbox: Inbox, least: float) -> None:
        """See the base: its messages have times of their own."""


def order_of(align: Align) -> Order:
    """How a source with these arguments measures."""
    if align == "messages":
        return ByCount()
    return ByTimestamp(align if isinstance(align, TimestampOrder) else TimestampOrder())


def check_align(align: object) -> None:
    """Raises `FlowError`."""
    if align not in ("messages", "timestamp") and not isinstance(align, TimestampOrder):
        raise FlowError(f"invalid align={align!r}", hint=_HINT)


class Workers:
    """How far the workers of this process are in a topic, or in several that are aligned with each other.
    They read in threads of their own; a worker counts once for each topic.

    `expected` partitions will be read, as far as that is known here: in a cluster others have some of them,
    so those that do not appear are waited for no longer than a partition at its end.
    """

    def __init__(self, expected: int, wait: float) -> None:
        self._lock = threading.Lock()
        self._far: dict[object, tuple[float, float]] = {}
        self._missing = expected
        self._wait = wait
        self._since: float | None = None
        self._begun = False

    @property
    def over(self) -> bool:
        """They have read what there was, or were stopped."""
        return self._begun and not self._far

    def expect(self, partitions: int) -> None:
        """So many more are to be read."""
        with self._lock:
            self._missing += partitions

    def begin(self, worker: object) -> None:
        """One more worker reads; it is to report soon how far it is."""
        with self._lock:
            self._begun = True
            self._far[worker] = (-math.inf, time.monotonic())

    def joined(self) -> None:
        """One more partition is being read."""
        with self._lock:
            self._missing -= 1

    @property
    def several(self) -> bool:
        """Others may wait for this worker."""
        return len(self._far) > 1

    def others(self, worker: object, least: float) -> float:
        """How far the others are at least, now that this one is so far. One that has not reported for a while
        is not waited for.
        """
        now = time.monotonic()
        with self._lock:
            self._far[worker] = (least, now)
            if self._missing > 0 and self._starting(now):
                return -math.inf
            known = [
                far for each, (far, at) in self._far.items() if each is not worker and now - at < PATIENCE
            ]
            return min(known, default=math.inf)

    def leave(self, worker: object) -> None:
        """It reads no more."""
        with self._lock:
            self._far.pop(worker, None)

    def _starting(self, now: float) -> bool:
        self._since = now if self._since is None else self._since
        return now - self._since < self._wait


class AlignedSources:
    """What the workers of sources share that advance together. In every run of the flow each worker lists
    the partitions of each source before it reads any.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: Workers | None = None
        self._listed: set[object] = set()

    def workers(self, source: object, partitions: int, wait: float) -> Workers:
        """Those of this run. `source` is to read so many partitions."""
        with self._lock:
            if self._workers is None or self._workers.over:
                self._workers, self._listed = Workers(0, wait), set()
            if source not in self._listed:
                self._listed.add(source)
                self._workers.expect(partitions)
            return self._workers


def workers_of(align: Align, source: object, partitions: int) -> Workers | None:
    """What the workers of this process share; None where they need not know of each other."""
    if align == "messages":
        return None
    order = align if isinstance(align, TimestampOrder) else TimestampOrder()
    return order._sources.workers(source, partitions, order.wait.total_seconds())


class Turns:
    """Says how many messages each partition of a worker may give now.

    `fill` fetches, without waiting, and says whether there may be more. `patience` says for how many seconds
    a partition without messages is to be waited for.

    Bytewax asks all partitions for a batch before it does anything with what they gave. A batch of each would
    be so many messages at once that garbage collection visits them: so together they give about one, or where
    asking itself costs more than that, one for some of them; the others wait for the next asking.
    """

    def __init__(
        self,
        order: Order,
        batch_size: int,
        workers: Workers | None,
        fill: Callable[[], bool],
        patience: Callable[[Inbox], float],
    ) -> None:
        self._order = order
        self._batch_size = batch_size
        self._workers = workers
        self._fill = fill
        self._patience = patience
        self._live: dict[int, Inbox] = {}  # those with messages, and those to wait for
        self._asked = ""  # who was asked last: Bytewax goes through them by the texts of their keys
        self._round = batch_size  # how many messages they give together when each is asked once
        self._left = batch_size  # of these
        self._bytes = 0  # of those that were given, if it may be more than a batch
        self.stalled = False
        """None gave anything when all were asked."""
        self._least = 0.0  # as of the last look at which any counted
        self._limit = -math.inf
        self._first: Inbox | None = None  # is behind all others, and may go on from there further than they
        self._limit_of_first = -math.inf
        self._missing = False  # a partition is waited for
        self._behind = False  # another worker is
        self._changed = True
        if workers is not None:
            workers.begin(self)

    def join(self, inbox: Inbox) -> None:
        """It is read from now on, or has messages again."""
        if inbox.partition not in self._live:
            self._live[inbox.partition] = inbox
            self._order.join(inbox, self._least)
            self._first, self._limit = None, -math.inf  # it may be behind
            self._changed = True

    def leave(self, inbox: Inbox) -> None:
        """It is read no more."""
        self._live.pop(inbox.partition, None)
        self._changed = True
        if self._workers is not None and not self._live:
            self._workers.leave(self)

    def later(self, inbox: Inbox) -> bool:
        """Others go first, and have messages to give. To be called once for each time that Bytewax asks for
        a batch.
        """
        if inbox.key <= self._asked:
            self.stalled = self._left == self._round
            self._left = self._round = self._batch_size * max(len(self._live) // _ASKED_FOR_A_BATCH, 1)
            self._bytes = 0
        self._asked = inbox.key
        return self._left <= 0 or self.outrun(inbox)

    def outrun(self, inbox: Inbox) -> bool:
        """It has messages, and the others, which have some as well, go first."""
        return inbox.ready and not self.allowed(inbox) and not self._missing and not self._behind

    def counts(self, inbox: Inbox) -> bool:
        """The others wait for it."""
        return inbox.partition in self._live

    def allowed(self, inbox: Inbox) -> int:
        """How many of its messages it may give; it has some."""
        count = self._allowed(inbox)
        if not count and (self._changed or self._missing or self._behind):
            self._look()
            count = self._allowed(inbox)
        return count

    def _allowed(self, inbox: Inbox) -> int:
        limit = self._limit_of_first if inbox is self._first else self._limit
        return self._order.allowed(inbox, limit, self._batch_size)

    def took(self, inbox: Inbox, rows: Columns) -> None:
        """These were given."""
        self._order.took(inbox, rows)
        self._left -= len(rows)
        if self._round > self._batch_size:
            self._bytes += sum(map(len, filter(None, rows.values)))
            if self._bytes > _ROUND_BYTES:
                self._left = 0
        if inbox is self._first:
            self._changed = True

    def idle(self) -> None:
        """There was nothing to give: others may wait for this worker."""
        if self._workers is not None and self._workers.several:
            self._look()

    def _look(self) -> None:
        missing = [inbox for inbox in self._live.values() if not inbox.ready]
        while missing and self._fill():
            missing = [inbox for inbox in missing if not inbox.ready]
        self._missing = bool(missing) and self._wait_for(missing)
        first, least, second = None, math.inf, math.inf
        for inbox in self._live.values():
            progress = self._order.progress(inbox)
            if progress <= least:  # the last of several: until it goes on, nothing changes for the others
                first, least, second = inbox, progress, least
            elif progress < second:
                second = progress
        self._set_limits(first, least, second)

    def _set_limits(self, first: Inbox | None, least: float, second: float) -> None:
        if math.isfinite(least):
            self._least = least
        others = math.inf if self._workers is None else self._workers.others(self, least)
        self._behind = others < least
        if self._workers is not None and self._workers.several:
            second = min(second, least)  # another may begin to count at any time
        self._first = first
        self._limit = min(least, others) + self._order.lead
        self._limit_of_first = min(second, others) + self._order.lead
        self._changed = False

    def _wait_for(self, missing: Iterable[Inbox]) -> bool:
        """Whether any is still to be waited for; the others do not count until they have messages."""
        now, waiting = time.monotonic(), False
        for inbox in missing:
            if inbox.ready:
                continue
            if inbox.empty_since is None:
                inbox.empty_since = now
            if now - inbox.empty_since < self._patience(inbox):
                waiting = True
            else:
                self._live.pop(inbox.partition, None)
        return waiting


def _in_time(inbox: Inbox, index: int, limit: float) -> bool:
    timestamp = inbox.timestamp(index)
    return timestamp is None or timestamp <= limit
