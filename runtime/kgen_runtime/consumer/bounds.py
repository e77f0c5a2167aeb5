"""Where reading a partition begins and where it ends."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Literal, TypeAlias, TypeGuard, get_args

from confluent_kafka import Consumer, KafkaException, TopicPartition

from ..errors import FlowError, SourceError
from .broker_answers import asked, watermarks
from .columns import Columns
from .partition_reader import MOST_AT_ONCE, PartitionReader

Start: TypeAlias = Literal["earliest", "latest", "stored"] | datetime | int | Mapping[int, int]
"""`earliest`, `latest` (as of the first start with this recovery folder), `stored` (what the consumer group
has committed, else earliest), or the first message at or after a time that has passed: an aware datetime, or
milliseconds since the epoch. If no message is that late, it begins with what comes from the first start
on. Or the offset to begin at, by partition.
"""

Stop: TypeAlias = Literal["never", "end"] | datetime | int | Mapping[int, int]
"""`never`, `end` (as of this start), a time (messages before it; an aware datetime, or milliseconds since the
epoch), or the offset to stop before, by partition.

For readers of committed transactions a partition ends where the first open one begins, as Kafka itself says
(`endOffsets` at `read_committed`): `end` is there, and a time or an offset after it is waited for until the
transaction has ended.
"""

OnGap: TypeAlias = Literal["fail", "earliest", "latest"]
OnNewPartitions: TypeAlias = Literal["fail", "stop"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST_TIME: Final = 100_000_000_000
"""Milliseconds: in 1973. A smaller number is an offset or seconds, taken for a time by mistake."""
_OFFSETS: Final = "{partition: offset}"
_START_WORDS: Final = ("earliest", "latest", "stored")


def check_start(start: object, group_id: str | None) -> None:
    """Raises `FlowError` if it is invalid."""
    hint = f"Use {_listed(_START_WORDS)}, a time (datetime, or milliseconds), or {_OFFSETS}."
    if isinstance(start, str):
        if start not in _START_WORDS:
            raise FlowError(f"invalid start={start!r}", hint=hint)
    elif isinstance(start, Mapping):
        _check_offsets("start", start, hint)
    elif _check_time("start", start, hint) > _now():
        raise FlowError(
            f"start={start} is in the future",
            hint="Messages before it would be read as well: start the flow when it has passed.",
        )
    if start == "stored" and group_id is None:
        raise FlowError("start='stored' needs a group", hint="Pass group_id=... with the group's name.")


def check_stop(stop: object) -> None:
    """Raises `FlowError` if it is invalid."""
    hint = f"Use 'never', 'end', a time (datetime, or milliseconds), or {_OFFSETS}."
    if isinstance(stop, str):
        if stop not in ("never", "end"):
            raise FlowError(f"invalid stop={stop!r}", hint=hint)
    elif isinstance(stop, Mapping):
        _check_offsets("stop", stop, hint)
    else:
        _check_time("stop", stop, hint)


def check_batch_size(batch_size: object) -> None:
    """Raises `FlowError` for what is not a number of messages."""
    if not _is_count(batch_size) or not 1 <= batch_size <= MOST_AT_ONCE:
        raise FlowError(
            f"batch_size={batch_size!r} must be a whole number from 1 to {MOST_AT_ONCE:,}",
            hint="100 is usual.",
        )


def check_group(group_id: object) -> None:
    """Raises `FlowError` for what is not a valid group name."""
    if group_id is not None and not (isinstance(group_id, str) and group_id):
        raise FlowError(
            f"group_id={group_id!r} is not a valid group name", hint="Pass its name, or leave it out."
        )


def check_word(name: str, given: object, known: object) -> None:
    """Raises `FlowError` if `given` is none of the words of the `Literal` type `known`."""
    if given not in get_args(known):
        raise FlowError(f"invalid {name}={given!r}", hint=f"Use {_listed(get_args(known))}.")


def first_offset(consumer: Consumer, topic: str, partition: int, start: Start) -> int:
    """The exact offset to begin at. Raises `SourceError` if the broker does not say."""
    if start == "earliest":
        return watermarks(consumer, topic, partition)[0]
    if start == "latest":
        return watermarks(consumer, topic, partition)[1]
    if isinstance(start, Mapping):
        return _offset_of("start", start, topic, partition)

    def find(seconds: float) -> int:
        if start == "stored":
            [found] = consumer.committed([TopicPartition(topic, partition)], timeout=seconds)
        else:
            wanted = TopicPartition(topic, partition, _millis(start))
            [found] = consumer.offsets_for_times([wanted], timeout=seconds)
        if found.error is not None:
            raise KafkaException(found.error)
        offset: int = found.offset
        return offset

    offset = asked(find, topic, partition)
    if offset >= 0:
        return offset
    # Nothing committed yet: all of it. No message that late: what comes from now on.
    return watermarks(consumer, topic, partition)[0 if start == "stored" else 1]


def start_name(start: Start) -> str:
    """What distinguishes one start from another."""
    if isinstance(start, Mapping):
        return str(sorted(start.items()))
    return start if isinstance(start, str) else str(_millis(start))


def start_text(start: Start) -> str:
    """What a report says of it."""
    if isinstance(start, Mapping):
        return "start="
    return start if isinstance(start, str) else _time_text(_millis(start))


def stop_text(stop: Stop, partition: int) -> str:
    """What a report says of where this partition ends."""
    if isinstance(stop, Mapping):
        return f"offset {stop.get(partition, '?')}"
    return stop if isinstance(stop, str) else _time_text(_millis(stop))


def _time_text(milliseconds: int) -> str:
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat()


class Bound:
    """Decides where one partition ends."""

    def __init__(self, stop: Stop, topic: str, partition: int, reader: PartitionReader) -> None:
        self._reader = reader
        self._partition = partition
        self._to_end = stop == "end"
        self._until = _millis(stop) if isinstance(stop, (datetime, int)) else None
        self._limit: int | None = None
        self.passed = False  # messages after the end have come
        if isinstance(stop, Mapping):
            self._limit = _offset_of("stop", stop, topic, partition)

    def cut(self, rows: Columns) -> Columns:
        """Those that come before the end."""
        if self._to_end and self._limit is None:
            # As of the first fetch, which says it better than asking beforehand: some brokers list an older
            # end.
            self._limit = self._reader.high(self._partition)
        kept = len(rows)
        if self._until is not None:
            kept = _before(rows.timestamps, self._until)
        elif self._limit is not None:
            kept = bisect_left(rows.offsets, self._limit)  # type: ignore[type-var]  # a consumer's have one
        self.passed = kept < len(rows)
        return rows.part(0, kept) if self.passed else rows

    def reached(self, position: int) -> bool:
        """Nothing is left before the end, when all before `position` has been given on. At the end of the
        partition `position` is past what is not a message (markers of transactions, compacted ones).
        """
        if self.passed or (self._limit is not None and position >= self._limit):
            return True
        if not self._reader.at_end(self._partition):
            return False
        if self._until is not None and self._limit is None and _now() >= self._until:
            # What open transactions still hide may be from before that time.
            self._limit = self._reader.high(self._partition)
            return position >= self._limit
        return self._to_end


def _offset_of(name: str, offsets: Mapping[int, int], topic: str, partition: int) -> int:
    if partition not in offsets:
        raise SourceError(
            f"{name}= names no offset for a partition of the topic",
            where=f"topic {topic}, partition {partition}",
            hint=f"Add {{{partition}: <offset>}}"
            + ("; 0 reads nothing of it." if name == "stop" else "; 0 begins with its first message."),
        )
    return offsets[partition]


def _before(timestamps: Sequence[int | None], until: int) -> int:
    late = (
        index for index, timestamp in enumerate(timestamps) if timestamp is not None and timestamp >= until
    )
    return next(late, len(timestamps))


def _millis(time: datetime | int | str) -> int:
    return (time - _EPOCH) // timedelta(milliseconds=1) if isinstance(time, datetime) else int(time)


def _now() -> int:
    return _millis(datetime.now(timezone.utc))


def _check_time(name: str, time: object, hint: str) -> int:
    """In milliseconds."""
    if isinstance(time, datetime) and time.tzinfo is None:
        raise FlowError(f"{name}={time} has no time zone", hint="datetime(..., tzinfo=timezone.utc)")
    if not isinstance(time, datetime) and not _is_count(time):
        raise FlowError(f"invalid {name}={time!r}", hint=hint)
    milliseconds = _millis(time)
    if milliseconds < 0:
        raise FlowError(f"{name}={time} is before 1970", hint=hint)
    if not isinstance(time, datetime) and milliseconds < _FIRST_TIME:
        raise FlowError(
            f"{name}={time} would be a time in milliseconds, {_time_text(milliseconds)}",
            hint=f"{name}={{0: {time}}} is offset {time} of partition 0; a time is an aware datetime.",
        )
    return milliseconds


def _check_offsets(name: str, offsets: Mapping[Any, Any], hint: str) -> None:
    if not all(_is_count(number) for item in offsets.items() for number in item):
        raise FlowError(f"invalid {name}={offsets!r}: expected {_OFFSETS}, non-negative integers", hint=hint)


def _is_count(given: object) -> TypeGuard[int]:
    return isinstance(given, int) and not isinstance(given, bool) and given >= 0


def _listed(words: Sequence[str]) -> str:
    return ", ".join(repr(word) for word in words)
