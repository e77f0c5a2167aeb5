"""`rt.read`: the messages of a topic, typed, in a script or a notebook."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from ..consumer.bounds import Start, check_batch_size
from ..consumer.columns import Columns
from ..consumer.decoding import BatchDecoder, Undecodable
from ..errors import FlowError, KgenError, RegistryUnavailable
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Failure, Message
from ..reporting.shown_argument import shown
from .call_checks import check_topic_and_kafka, errors_at_users_line
from .topic_rows import TopicRows, Until

K = TypeVar("K")
V = TypeVar("V")

_STEP = "rt.read"


@errors_at_users_line
def read(
    topic: Topic[K, V],
    kafka: Kafka,
    *,
    start: Start = "earliest",
    stop: Until = "end",
    limit: int | None = None,
    partitions: Iterable[int] | None = None,
    timeout: timedelta | None = None,
    batch_size: int = 100,
    on_failure: Callable[[Failure], None] | None = None,
) -> Generator[Message[K, V], None, None]:
    """Read a topic without a dataflow: its messages one after another, those of a partition by offset.

    No consumer group is joined and nothing is committed; only committed transactions are read. The topic and
    the first offsets are looked up in the call, which waits ten seconds at most for the brokers.

    - `start`: `earliest`, `latest`, the first message at or after a time (an aware datetime, or milliseconds
    since the epoch), or `{partition: offset}`.
    - `stop`: `end` (as it is when reading begins), None (never: follow the topic), a time, or
    `{partition: offset}` to stop before. A time or an offset that is not there yet is waited for.
    - `timeout`: how long to wait for a message, at most, while `stop` is not reached; then `SourceError` is
    raised. None waits at the end of the topic without a bound, and logs a line that says for what.
    - `limit`: end after so many messages; failures do not count.
    - `partitions`: read these alone.
    - `batch_size`: how many messages are decoded together, at most.
    - `on_failure`: is called with each message that can never be decoded, in its place in the order. Without
    it that message's error is raised (`DecodeError`, `FramingError`, `UnknownSchema`, `ValidationError`),
    after all messages that come before it; its `where` has topic, partition and offset.

    Leaving the loop closes the consumer; `close()` does if the iterator is kept. An iterator is used by one
    thread at a time, and in the process that made it.

    Raises `FlowError` for invalid arguments, `ConfigError`, `SourceError` if the topic is absent or cannot be
    read, if no message came within `timeout`, or for a minute where messages must follow, and
    `RegistryUnavailable` if a schema is not known here and the registry does not answer.
    """
    check_topic_and_kafka(_STEP, topic, kafka)
    check_limit(limit)
    check_batch_size(batch_size)
    if on_failure is not None and not callable(on_failure):
        raise FlowError(f"{_STEP}: on_failure is {shown(on_failure)}, not a function")
    decoder = BatchDecoder(_STEP, topic, kafka)
    size = batch_size if not limit else min(batch_size, limit)
    rows = TopicRows(
        topic.name,
        kafka,
        start=start,
        stop=stop,
        partitions=partitions,
        batch_size=size,
        timeout=timeout,
    )
    messages = _messages(rows, decoder, limit, on_failure)
    next(messages)  # from here on closing it, or letting go of it, closes the consumer
    return messages


def _messages(
    rows: TopicRows,
    decoder: BatchDecoder[K, V],
    limit: int | None,
    on_failure: Callable[[Failure], None] | None,
) -> Generator[Message[K, V], None, None]:
    """The first one is for the function that makes it, to be inside of the `try`."""
    left = limit
    try:
        yield Message()
        if left == 0:
            return
        for each in rows.batches():
            batch = each if left is None or left >= len(each) else each.part(0, left)
            messages, undecodable = _decoded(decoder, batch)
            if not undecodable:
                yield from messages
            else:
                for index, message in enumerate(messages):
                    why = undecodable.get(index)
                    if why is None:
                        yield message
                    elif on_failure is None:
                        raise located(why, message)
                    else:
                        on_failure(decoder.failure(message, why))
            if left is not None:
                left -= len(messages) - len(undecodable)
                if left == 0:
                    return
    finally:
        rows.close()


def _decoded(
    decoder: BatchDecoder[K, V], rows: Columns
) -> tuple[list[Message[K, V]], dict[int, Undecodable]]:
    try:
        return decoder.decode_all(rows)
    except RegistryUnavailable as error:
        at = f"topic {rows.topics}, partition {rows.partitions}, from offset {rows.offsets[0]} on"
        error.where = f"{at}, {error.where}" if error.where else at
        raise


def located(why: Undecodable, message: Message[Any, Any]) -> KgenError:
    """The error of a message that cannot be decoded, with where that is."""
    error = copy.copy(why.error)  # the decoder may keep its own
    places = (
        f"topic {message.topic}",
        f"partition {message.partition}",
        f"offset {message.offset}",
        why.part,
        error.where,
    )
    error.where = ", ".join(place for place in places if place)
    return error


def check_limit(limit: object) -> None:
    """Raises `FlowError`."""
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
        raise FlowError(f"invalid limit={limit!r}", hint="Pass a number of messages, or None for all.")
