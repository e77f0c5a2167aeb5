"""`rt.Writer`: typed messages to a topic, from a script or a notebook."""

from __future__ import annotations

import copy
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Generic, TypeVar

from confluent_kafka import KafkaException

from ..errors import DeliveryError, EncodeError, FlowError, KgenError
from ..flow.topic import Topic
from ..kafka.connection import Kafka, NewTopic, TopicFound, new_topic
from ..messages import Message
from ..producer.broker_refusals import hint
from ..producer.outgoing import Outgoing
from ..producer.validation import check_message, outgoing_headers
from ..reporting.shown_argument import shown
from ..serde.base import Role
from .announced_wait import announced
from .call_checks import check_same_process, check_topic_and_kafka, errors_at_users_line
from .writer_deliveries import WriterDeliveries

K = TypeVar("K")
V = TypeVar("V")

_NAME = "rt.Writer"
_UNREACHABLE = "Are they right (KGEN_BROKERS), running, and reachable with these security settings?"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

log = logging.getLogger("kgen_runtime.standalone")


class Writer(Generic[K, V]):
    """Writes typed messages to one topic, without a dataflow. Use it in a `with` block, whose end waits until
    the broker has acknowledged all; `flush` does that in between.

    Delivery: at least once, in order of sending for each partition. The producer is idempotent, so retries
    duplicate nothing; after an error a message that is named as undelivered may have arrived all the same. A
    batch that the broker refuses is sent again message by message, out of order.

    `create`: if the topic is absent, it is created with so many partitions; `rt.NewTopic` has other settings.

    Threads may share a writer; a process that is forked needs its own. Raises `FlowError` for invalid
    arguments, `ConfigError`, and `DeliveryError` if the topic is absent or no broker answers.
    """

    @errors_at_users_line
    def __init__(self, topic: Topic[K, V], kafka: Kafka, *, create: int | NewTopic | None = None) -> None:
        check_topic_and_kafka(_NAME, topic, kafka)
        self.topic = topic
        self._lock = threading.RLock()
        self._owner = os.getpid()
        self._encode_key = topic.key.encoder(kafka.store, "key").encode
        self._encode_value = topic.value.encoder(kafka.store, "value").encode
        with announced(f"the Kafka brokers to answer (topic {topic.name})"):
            _ensure_topic(topic.name, kafka, new_topic(create))
            self._deliveries = WriterDeliveries(kafka, topic.name)
        self._closed = False
        self._forgotten = weakref.finalize(self, _finish_forgotten, self._deliveries, self._owner)

    @errors_at_users_line
    def send(
        self,
        value: V | None,
        key: K | None = None,
        headers: Mapping[str, bytes | str | None] | Iterable[tuple[str, bytes | str | None]] | None = None,
        timestamp: datetime | int | None = None,
        partition: int | None = None,
    ) -> None:
        """Encode a message and queue it; waits while the queue is full. A `value` of None writes a tombstone.

        `timestamp` is an aware datetime or milliseconds since the epoch, and now without it. `partition` is
        chosen by the key without it, as Java's client does.

        Raises `EncodeError` if key, value or headers do not fit, `OversizeError` or `RefusedError` if the
        topic does not take it, `UnknownSchema`, `RulesError` or `RegistryUnavailable` if its schema is not to
        be had: this message is not sent then, and the writer goes on. Raises `DeliveryError` if an earlier
        message did not arrive; this one is not sent then either.
        """
        check_same_process(_NAME, self._owner)
        with self._lock:
            if self._closed:
                raise FlowError(f"the {_NAME} of topic {self.topic.name} is closed")
            if self._deliveries.undelivered:
                self.flush()
            self._deliveries.send_one(self._outgoing(value, key, headers, timestamp, partition))

    @errors_at_users_line
    def flush(self) -> None:
        """Wait until the broker has acknowledged all that was sent; as long as it acknowledges some.

        Raises `DeliveryError` that names what did not arrive; its `undelivered` has all of these, as
        `RawMessage`s. If nothing is acknowledged for 65 s (5 s above `delivery.timeout.ms`, if that is set)
        the rest is given up, and is among them.
        """
        check_same_process(_NAME, self._owner)
        with self._lock:
            if not self._closed:
                self._finish()

    def _finish(self) -> None:
        count = self._deliveries.under_way
        if not count:
            return self._deliveries.finish()
        with announced(f"the Kafka brokers to acknowledge {count:,} message(s) (topic {self.topic.name})"):
            return self._deliveries.finish()

    def close(self) -> None:
        """`flush`, and nothing can be sent any more. May be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._forgotten.detach()
            if os.getpid() == self._owner:
                try:
                    self._finish()
                finally:
                    self._deliveries.release()

    def __enter__(self) -> Writer[K, V]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """What was sent is delivered also where the block fails; that error is the one that is raised."""
        try:
            self.close()
        except DeliveryError as own:
            if error is None:
                raise
            log.error("%s", own)

    def _outgoing(self, value: Any, key: Any, headers: Any, timestamp: Any, partition: Any) -> Outgoing:
        key_bytes = self._encoded("key", self._encode_key, key)
        value_bytes = self._encoded("value", self._encode_value, value)
        carried = None
        if headers:
            message: Message[Any, Any] = Message(headers=_pairs(headers))
            carried = outgoing_headers(message, self.topic, key_bytes, value_bytes)
        out = Outgoing(
            self.topic.name,
            value_bytes,
            key_bytes,
            -1 if partition is None else _partition(partition),
            0 if timestamp is None else _timestamp(timestamp),
            carried,
            False,
        )
        check_message(out)
        return out

    def _encoded(self, part: Role, encode: Callable[[Any], bytes | None], value: Any) -> bytes | None:
        try:
            return encode(value)
        except KgenError as error:
            found = copy.copy(error)
            cause: Exception | None = error.__cause__ if isinstance(error.__cause__, Exception) else None
        except Exception as error:  # noqa: BLE001 - any value may make any serde fail
            found, cause = EncodeError(f"{type(error).__name__}: {error}"), error
        places = f"topic {self.topic.name}", part, found.where
        found.where = ", ".join(place for place in places if place)
        raise found from cause


def find_target(name: str, kafka: Kafka, create: NewTopic | None, remedy: str) -> TopicFound | None:
    """The topic to write to; None if it is to be created. Raises `DeliveryError` if no broker answers, and if
    it is absent and is not to be created: `remedy` says how it would be.
    """
    where = f"topic {name}"
    try:
        found = kafka.find_topic(name)
    except KafkaException as error:
        what, advice = f"the topic cannot be found: {error.args[0].str()}", hint(error.args[0], _UNREACHABLE)
        raise DeliveryError(what, where=where, hint=advice) from error
    if found is not None or create is not None:
        return found
    near = kafka.similar_topics(name)
    advice = f"Is {' or '.join(near)} meant? " if near else ""
    raise DeliveryError("the topic is not on the broker", where=where, hint=f"{advice}{remedy}")


def _ensure_topic(name: str, kafka: Kafka, create: NewTopic | None) -> None:
    """Raises `DeliveryError` if it is absent and is not created."""
    remedy = f"{_NAME}(topic, kafka, create=1) creates it with one partition."
    if find_target(name, kafka, create, remedy) is not None or create is None:
        return
    try:
        kafka.create_topic(name, create)
    except KafkaException as error:
        what = f"the topic cannot be created: {error.args[0].str()}"
        advice = hint(error.args[0], _UNREACHABLE)
        raise DeliveryError(what, where=f"topic {name}", hint=advice) from error


def _pairs(headers: Any) -> tuple[tuple[str, Any], ...]:
    """Raises `EncodeError`."""
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers)
    for each in pairs:
        if not isinstance(each, tuple) or len(each) != 2:
            raise EncodeError(f"headers has {shown(each)}, not a pair of name and value")
    return pairs


def _partition(partition: object) -> int:
    """Raises `EncodeError`: librdkafka would take a negative one for a choice of its own."""
    if not isinstance(partition, int) or isinstance(partition, bool) or partition < 0:
        raise EncodeError(f"partition is {shown(partition)}, not the number of a partition")
    return partition


def _timestamp(time: object) -> int:
    """In milliseconds. Raises `EncodeError`."""
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise EncodeError(f"timestamp={time} has no time zone", hint="datetime(..., tzinfo=timezone.utc)")
        time = (time - _EPOCH) // timedelta(milliseconds=1)
    if not isinstance(time, int) or isinstance(time, bool) or time < 0:
        hint = "Pass an aware datetime from 1970 on, or milliseconds since then."
        raise EncodeError(f"timestamp is {shown(time)}, not a time", hint=hint)
    return time


def _finish_forgotten(deliveries: WriterDeliveries, owner: int) -> None:
    """A writer was left without `close`, or the interpreter ends: what was sent would be lost."""
    if os.getpid() != owner or not (deliveries.under_way or deliveries.undelivered):
        return
    log.warning("%s was not closed; use it in a with block", deliveries.step_id)
    try:
        deliveries.finish()
    except DeliveryError as error:
        log.error("%s", error)
