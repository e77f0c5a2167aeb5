"""Sends letters and notes how far it has come in one transaction: after a kill both are there, or neither.

One transactional id for each dead-letter topic, target and name: a second replay fences the first, which then
sends nothing more.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from typing import Any, Final, NamedTuple, NoReturn

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from kgen_runtime._librdkafka import ask_for_token, open_transactions_error, run_apart
from kgen_runtime.errors import DeliveryError
from kgen_runtime.kafka.broker_calls import retry_while_retriable, seconds_left
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.producer.broker_refusals import DENIED, PURGED, hint
from kgen_runtime.producer.outgoing import Outgoing
from kgen_runtime.producer.producer_options import open_producer
from kgen_runtime.producer.record_size import record_size

from .letter_filter import LetterFilter

PREFIX: Final = "kgen.replay/"
"""Of transactional ids and of groups: a contract with earlier replays, and with rights that users give."""
ORIGINAL: Final = "*"
"""Stands for the original topics; not a character of a topic's name."""
_NOTHING: Final = '{"v":1}'
"""Metadata that notes nothing: see `replay_positions`."""
_BATCH: Final = 500_000
_SECONDS: Final = 60.0
"""For each call, and for a transaction (`transaction.timeout.ms`)."""
_ABORT: Final = 5.0
_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_TXN_STATE,  # the other one has ended it
    }
)
_MOST_MESSAGE: Final = 100_000_000


def replay_id(topic: str, target: str | None, name: str) -> str:
    """The transactional id and the group of replays of a topic to a target (None: the original topics)."""
    return f"{PREFIX}{topic}/{target or ORIGINAL}/{name}"


class CommittedPositions(NamedTuple):
    """What was committed of replays, by partition: offset and metadata. `by_filter`: the broker keeps no
    metadata, so that each filter has a group of its own, and does not know what others have sent.
    """

    positions: dict[int, tuple[int, str]]
    by_filter: bool = False


def committed_positions(
    kafka: Kafka, group: str, topic: str, partitions: Sequence[int], wanted: LetterFilter
) -> CommittedPositions:
    """What a replay with a filter would go on from, those of transactions under way not among them. Raises
    `DeliveryError`.
    """
    found = _asked(kafka, group, topic, partitions)
    if wanted.empty or _keeps_metadata(found):
        return CommittedPositions(found)
    return _by_filter(found, _asked(kafka, filter_group(group, wanted), topic, partitions))


def filter_group(group: str, wanted: LetterFilter) -> str:
    """The group of a filter, where the broker keeps no metadata."""
    text = json.dumps(wanted.as_json(), sort_keys=True)
    return f"{group}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _keeps_metadata(found: Mapping[int, tuple[int, str]]) -> bool:
    return any(metadata for _, metadata in found.values())


def _by_filter(
    found: Mapping[int, tuple[int, str]], own: Mapping[int, tuple[int, str]]
) -> CommittedPositions:
    both = {number: (max(offset, own[number][0]), "") for number, (offset, _) in found.items()}
    return CommittedPositions(both, by_filter=True)


def _asked(kafka: Kafka, group: str, topic: str, partitions: Sequence[int]) -> dict[int, tuple[int, str]]:
    consumer = kafka.consumer(_group_options(group))
    try:
        return _committed(consumer, group, topic, partitions)
    finally:
        consumer.close()


def _group_options(group: str) -> dict[str, Any]:
    # At read_committed the answer waits for transactions that are being ended.
    return {"group.id": group, "enable.auto.commit": False, "isolation.level": "read_committed"}


class ReplayTransaction:
    """The transactions of one replay, one after the other. To be used in a `with` block, which aborts what is
    open and closes all.

    Raises `DeliveryError` for what the broker refuses, also from every method.
    """

    def __init__(self, kafka: Kafka, topic: str, target: str | None, name: str) -> None:
        self.group = replay_id(topic, target, name)
        self._kafka = kafka
        self._topic = topic
        self._where = f"replay of {topic} to {target or 'the original topics'}"
        self._failed: tuple[KafkaError, str] | None = None
        self._fatal: KafkaError | None = None
        self._open = False
        self._in_batches: dict[str, int] = {}
        options = {
            "transactional.id": self.group,
            "transaction.timeout.ms": int(_SECONDS * 1000),
            "delivery.timeout.ms": int(_SECONDS * 1000),
            "batch.size": _BATCH,
            "linger.ms": 20,
            "queue.buffering.max.messages": 200_000,
        }
        sized = (
            kafka
            if "message.max.bytes" in kafka.config
            else kafka.with_config({"message.max.bytes": _MOST_MESSAGE})
        )
        self._producer: Producer = open_producer(sized, options, self._on_error)
        self._consumer: Consumer = kafka.consumer(_group_options(self.group))

    def __enter__(self) -> ReplayTransaction:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            wait([run_apart(self._abort)], _ABORT + 1)
        self._consumer.close()

    def take_over(self, partitions: Sequence[int], wanted: LetterFilter) -> CommittedPositions:
        """Fence any other replay of this id, and return what was committed, as `committed_positions`.

        A first commit, which moves nothing, shows whether the user has all rights, and whether the broker
        keeps metadata.
        """
        ask_for_token(self._producer)
        self._call(lambda left: self._producer.init_transactions(left))
        found = _committed(self._consumer, self.group, self._topic, partitions)
        number, (offset, metadata) = next(iter(found.items()))
        self.commit([TopicPartition(self._topic, number, max(offset, 0), metadata or _NOTHING)])
        if wanted.empty:
            return CommittedPositions(found)
        if _keeps_metadata(_committed(self._consumer, self.group, self._topic, [number])):
            return CommittedPositions(found)
        own = filter_group(self.group, wanted)
        self._consumer.close()
        self._consumer = self._kafka.consumer(_group_options(own))
        return _by_filter(found, _committed(self._consumer, own, self._topic, partitions))

    def send(self, out: Outgoing, limit: int) -> None:
        """Queue a message, in the transaction that is open or a new one; `limit` is the largest batch that
        its topic takes.
        """
        if not self._open:
            self._begin()
        if limit < _BATCH:
            # librdkafka fills a batch up to batch.size, whatever the topic takes.
            size = record_size(out)
            if self._in_batches.get(out.topic, 0) + size > limit:
                self._flush()
            self._in_batches[out.topic] = self._in_batches.get(out.topic, 0) + size
        while True:
            try:
                self._producer.produce(
                    out.topic,
                    out.value,
                    out.key,
                    out.partition,
                    self._delivered,
                    None,
                    out.timestamp,
                    out.headers,
                )
            except BufferError:
                self._poll(0.1)
                self._check()
            except KafkaException as error:
                self._fail(error.args[0], out.topic)
            else:
                break

    def poll(self) -> None:
        """Notice what was refused."""
        self._poll()
        self._check()

    def commit(self, markers: list[TopicPartition]) -> None:
        """Commit what was sent, and the positions."""
        if not self._open:
            self._begin()
        self._flush()
        group: Any = self._consumer.consumer_group_metadata()
        self._call(lambda left: self._producer.send_offsets_to_transaction(markers, group, left))
        self._call(lambda left: self._producer.commit_transaction(left))
        self._open = False

    def _begin(self) -> None:
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            self._fail(error.args[0])
        self._open = True

    def _flush(self) -> None:
        deadline = time.monotonic() + _SECONDS
        while self._flushing():
            self._check()
            if time.monotonic() > deadline:
                raise DeliveryError(
                    f"the broker acknowledged nothing for {_SECONDS:g} s", where=self._where, hint=_AGAIN
                )
        self._check()
        self._in_batches.clear()

    def _poll(self, seconds: float = 0) -> None:
        try:
            self._producer.poll(seconds)
        except KafkaException as error:  # of a fatal error, which ends the producer
            self._fatal = self._fatal or error.args[0]

    def _flushing(self) -> bool:
        """Whether some are not acknowledged yet."""
        try:
            return self._producer.flush(1.0) > 0
        except KafkaException as error:
            self._fatal = self._fatal or error.args[0]
            return False

    def _call(self, call: Any) -> None:
        """A call that may hang (see `run_apart`) for `_SECONDS` at most."""
        deadline = time.monotonic() + _SECONDS
        done = run_apart(retry_while_retriable, call, deadline)
        while not wait([done], 0.5).done:
            self._poll()
            if time.monotonic() > deadline + _ABORT:
                raise DeliveryError(
                    f"the broker did not answer within {_SECONDS:g} s", where=self._where, hint=_AGAIN
                )
        error = done.exception()
        if isinstance(error, KafkaException):
            self._check()
            self._fail(error.args[0])
        if error is not None:
            raise error

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is not None and (self._failed is None or self._failed[0].code() in PURGED):
            self._failed = error, message.topic()

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal() and self._fatal is None:
            self._fatal = error

    def _check(self) -> None:
        if self._failed is not None:
            self._fail(*self._failed)
        if self._fatal is not None:
            self._fail(self._fatal)

    def _fail(self, error: KafkaError, topic: str = "") -> NoReturn:
        self._poll()  # of the first of several errors, which says most
        cause = error
        if self._fatal is not None:
            cause = self._fatal
        elif self._open and error.code() in PURGED | {KafkaError._STATE, KafkaError._FATAL}:
            cause = open_transactions_error(self._producer) or error
        where = f"{self._where}, topic {topic}" if topic else self._where
        if cause.code() in _FENCED:
            raise DeliveryError(
                "another replay of this topic to this target has taken over", where=where, hint=_TAKEN
            )
        if cause.code() in DENIED:
            raise DeliveryError(f"the broker refuses it: {cause.str()}", where=where, hint=_RIGHTS)
        raise DeliveryError(f"the letters were not sent: {cause.str()}", where=where, hint=hint(cause))

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(_ABORT)
        except KafkaException:
            return  # it times out, or the next replay aborts it


_AGAIN: Final = "Nothing after the last commit was sent: run the same command again to go on."
_TAKEN: Final = (
    "What this one has committed stays sent, and the other goes on after it. Run one at a time; "
    "--name NAME counts apart."
)
_RIGHTS: Final = (
    f"A replay needs READ on the dead-letter topic and on groups {PREFIX}*, WRITE on the topics it sends to, "
    f"and WRITE on transactional ids {PREFIX}*."
)


def _committed(
    consumer: Consumer, group: str, topic: str, partitions: Sequence[int]
) -> dict[int, tuple[int, str]]:
    deadline = time.monotonic() + _SECONDS
    asked = [TopicPartition(topic, partition) for partition in partitions]
    while True:
        try:
            found = consumer.committed(asked, timeout=min(5.0, seconds_left(deadline)))
            break
        except KafkaException as error:
            event = consumer.poll(0)  # `committed` only times out then; the reason is reported once, here
            denied = None if event is None else event.error()
            reason = denied if denied is not None and denied.code() in DENIED else error.args[0]
            if reason.code() != KafkaError._TIMED_OUT or time.monotonic() > deadline:
                raise DeliveryError(
                    f"the broker does not say what was replayed: {reason.str()}",
                    where=f"group {group}",
                    hint=_RIGHTS if reason.code() in DENIED else _AGAIN,
                ) from None
    for each in found:
        if each.error is not None:
            raise DeliveryError(
                f"the broker does not say what was replayed: {each.error.str()}",
                where=f"group {group}",
                hint=_RIGHTS,
            )
    return {each.partition: (each.offset, each.metadata or "") for each in found}
