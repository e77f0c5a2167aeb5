"""The raw messages of a topic, from where reading begins to where it ends, in batches of one partition."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from .._librdkafka import run_apart
from ..consumer.bounds import (
    Bound,
    Start,
    Stop,
    check_start,
    check_stop,
    first_offset,
)
from ..consumer.broker_answers import partitions as partitions_of
from ..consumer.columns import Columns
from ..consumer.partition_reader import PartitionReader
from ..errors import FlowError, SourceError
from ..kafka.connection import Kafka
from ..reporting.shown_argument import shown
from .announced_wait import announced
from .call_checks import check_same_process

Until: TypeAlias = "Stop | None"
"""As `Stop`; None is `never`."""

_IDLE: Final = (0.001, 0.05)
"""Seconds between two looks when nothing has arrived: the first time, and at most. A message that comes ends
them.
"""
_PATIENCE: Final = 60.0
"""Seconds without a message or an end after which reading fails, if there must be some."""
_LONG: Final = 5.0
"""Seconds at its end after which a partition that is to be read further is worth a line in the log."""

log = logging.getLogger("kgen_runtime.standalone")


@dataclass
class _PartitionProgress:
    """How far a partition was read."""

    partition: int
    next: int
    bound: Bound
    began: bool = False
    """Messages of it were given."""


class TopicRows:
    """Reads one topic once, without a group; used by one thread at a time. `close` closes the consumer.

    Raises `FlowError` for invalid arguments, `ConfigError`, and `SourceError` if the topic is absent, or the
    broker does not answer within ten seconds or does not let it be read.
    """

    def __init__(
        self,
        topic: str,
        kafka: Kafka,
        *,
        start: Start = "earliest",
        stop: Until = "end",
        partitions: Iterable[int] | None = None,
        batch_size: int = 100,
        timeout: timedelta | None = None,
        function: str = "rt.read",
    ) -> None:
        chosen = _chosen(partitions)
        self._timeout = _seconds(timeout)
        if isinstance(start, str) and start not in ("earliest", "latest"):
            why = ": there is no consumer group here" if start == "stored" else ""
            raise FlowError(
                f"invalid start={start!r}{why}",
                hint="Use 'earliest', 'latest', a time (datetime, or milliseconds), or {partition: offset}.",
            )
        check_start(start, None)
        self._given_stop = stop
        stop = "never" if stop is None else stop
        check_stop(stop)
        if stop == "never" and kafka.ends:
            stop = "end"
        self.topic = topic
        self._start = start
        self._stop = stop
        self._function = function
        self._owner = os.getpid()
        self._reader = PartitionReader(kafka, topic, None, batch_size)
        self._left: list[_PartitionProgress] = []
        self._closed = False
        self._wait = 0.0
        with announced(f"the Kafka brokers to answer (topic {topic})"):
            # Apart: librdkafka's calls do not end for a Ctrl-C. The client is not to be closed under them.
            begun = run_apart(self._begin, chosen)
            try:
                begun.result()
            except BaseException:
                begun.add_done_callback(lambda _: self.close())
                raise

    def _begin(self, chosen: list[int] | None) -> None:
        consumer = self._reader.consumer
        there = partitions_of(consumer, self.topic)
        absent = sorted(set(chosen or ()) - set(there))
        if absent:
            raise FlowError(
                f"partition {absent[0]} is not on the broker",
                where=f"topic {self.topic}",
                hint=f"The topic has the partitions 0 to {there[-1]}." if there else None,
            )
        for partition in there if chosen is None else chosen:
            offset = first_offset(consumer, self.topic, partition, self._start)
            bound = Bound(self._stop, self.topic, partition, self._reader)
            self._left.append(_PartitionProgress(partition, offset, bound))
        for each in self._left:
            self._reader.assign(each.partition, each.next)

    def batches(self) -> Iterator[Columns]:
        """The messages, those of each partition by offset; partitions take turns. Raises `SourceError`."""
        quiet_since, said = time.monotonic(), False
        while self._left:
            check_same_process(self._function, self._owner)
            gave = False
            for each in tuple(self._left):
                rows = self._rows(each)
                if rows:
                    gave = True
                    yield rows
            if gave or not self._left:
                self._wait, quiet_since, said = 0.0, time.monotonic(), False
                continue
            silence = time.monotonic() - quiet_since
            if self._timeout is not None and silence > self._timeout:
                raise self._timeout_error(self._timeout)
            if self._stop != "never":
                if silence > _PATIENCE and not self._at_ends():
                    raise self._silent_error()
                if silence > _LONG and not said:
                    said = True
                    self._say_what_is_waited_for()
            self._wait = min(max(self._wait * 2, _IDLE[0]), _IDLE[1])
            self._reader.await_messages(self._wait)

    def close(self) -> None:
        """Close the consumer. May be called again, and in a process that was forked, where there is none."""
        if not self._closed:
            self._closed = True
            self._left.clear()
            if os.getpid() == self._owner:
                self._reader.close()

    def _rows(self, each: _PartitionProgress) -> Columns | None:
        """The next ones of a partition, if some are here; at its end it is read no more."""
        reader, partition = self._reader, each.partition
        if not each.began and reader.at_end(partition) and self._beyond_end(each):
            self._gap(each)
            return None
        if not each.bound.passed:
            # The last offsets may be no messages: markers of transactions, aborted and compacted ones.
            each.next = max(each.next, reader.end(partition))
        if each.bound.reached(each.next):
            reader.release(partition)
            self._left.remove(each)
            return None
        rows = reader.take(partition)
        if rows is None:
            # A broker that answers a position beyond its end with an error is not waited for; one that does
            # not is asked after some idleness: a follower may be behind for a moment.
            idle = self._wait >= _IDLE[1]
            if reader.lost(partition) is not None or (idle and self._beyond_end(each)):
                self._gap(each)
            return None
        rows = each.bound.cut(rows)
        if rows:
            each.next, each.began = rows.following, True
        return rows

    def _beyond_end(self, each: _PartitionProgress) -> bool:
        return 0 <= self._reader.high(each.partition) < each.next

    def _gap(self, each: _PartitionProgress) -> None:
        partition = each.partition
        low, high = self._reader.range(partition)
        if low <= each.next <= high:
            pass  # the broker has it after all, for example after a change of leader
        elif not each.began and self._start == "earliest":
            each.next = low  # retention has removed the first ones since the offset was looked up
        else:
            held = f"it has {low} to {high - 1}" if high > low else "it has none of this partition"
            raise SourceError(
                f"the next message, offset {each.next}, is not on the broker: {held}",
                where=f"topic {self.topic}, partition {partition}",
                hint="Removed by retention, or another topic? start='earliest' begins with what is there.",
            )
        self._reader.assign(partition, each.next)

    def _at_ends(self) -> bool:
        return all(self._reader.at_end(each.partition) for each in self._left)

    def _silent_error(self) -> SourceError:
        at = next(each for each in self._left if not self._reader.at_end(each.partition))
        return SourceError(
            f"no message came for {_PATIENCE:g} s, and offset {at.next} is to follow",
            where=f"topic {self.topic}, partition {at.partition}",
            hint="Are the brokers up? To go on later: start={partition: offset}.",
        )

    def _timeout_error(self, timeout: float) -> SourceError:
        at = self._left[0]
        hint = "Are the brokers up? Else pass a longer timeout=."
        if self._at_ends():
            hint = f"The topic ends ahead of offset {at.next}. stop='end' reads what is there."
        return SourceError(
            f"no message came within the timeout of {timeout:g} s, "
            f"and stop={self._given_stop!r} is not reached",
            where=f"topic {self.topic}, partition {at.partition}, offset {at.next}",
            hint=hint,
        )

    def _say_what_is_waited_for(self) -> None:
        at = self._left[0]
        what = "for the brokers, and offset" if not self._at_ends() else "at the end of the topic for offset"
        log.warning("topic %s, partition %s: waiting %s %s", self.topic, at.partition, what, at.next)


def _seconds(timeout: object) -> float | None:
    """Raises `FlowError`."""
    if timeout is None:
        return None
    if not isinstance(timeout, timedelta) or timeout <= timedelta(0):
        raise FlowError(
            f"invalid timeout={shown(timeout)}: expected a timedelta above zero",
            hint="timeout=timedelta(seconds=30), for example, or None to wait without a bound.",
        )
    return timeout.total_seconds()


def _chosen(partitions: object) -> list[int] | None:
    """Raises `FlowError`."""
    if partitions is None:
        return None
    hint = "Pass the numbers of partitions: partitions=[0, 3]."
    if isinstance(partitions, (str, bytes)) or not isinstance(partitions, Iterable):
        raise FlowError(f"invalid partitions={partitions!r}", hint=hint)
    chosen: list[int] = []
    for each in partitions:
        if not isinstance(each, int) or isinstance(each, bool) or each < 0:
            raise FlowError(f"partitions= has {each!r}, which is not the number of a partition", hint=hint)
        chosen.append(each)
    return sorted(set(chosen))
