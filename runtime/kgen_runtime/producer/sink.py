"""Writing typed messages to Kafka."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar, get_args

from bytewax.dataflow import Stream, operator
from confluent_kafka import KafkaException

from ..errors import FlowError, OversizeError, RefusedError
from ..flow.argument_checks import check_message, checked
from ..flow.failure_ports import carry_failures
from ..flow.failures import failure, original_of
from ..flow.topic import Topic
from ..kafka.connection import Kafka, NewTopic, new_topic
from ..messages import Failure, Message, Stage
from ..reporting.call_site import note_step
from ..serde.primitive import NoneSerde
from .delivery import deliver
from .eligibility import check_sink
from .encoding import PartError, encoder
from .outgoing import Outgoing
from .sender import Delivery, DeliverySpec, Place, place_of
from .validation import outgoing_headers

K = TypeVar("K")
V = TypeVar("V")

_DELIVERIES: Final = "Use 'at-least-once' or 'exactly-once'."


@checked
@operator
def sink(
    step_id: str,
    up: Stream[Message[K, V]],
    topic: Topic[K, V],
    kafka: Kafka,
    *,
    delivery: Literal["at-least-once", "exactly-once"] = "at-least-once",
    create: int | NewTopic | None = None,
) -> Stream[Failure]:
    """Write messages to a topic. Gives the stream of those that failed for good.

    Key, value, headers and timestamp are written (but a header that names a schema only with the bytes that
    it is of); a message with `target_topic` or `target_partition` goes there instead. A message that cannot
    be encoded or is too large goes to the errs. While the broker is unavailable the flow waits; when it has
    acknowledged nothing for 60 s (`delivery.timeout.ms`, if that is set) the flow fails with `DeliveryError`
    and nothing of the epoch committed. Without recovery, everything is delivered when the flow ends.

    `delivery`:
    - `at-least-once`: the producer is idempotent; an epoch is committed only when the broker has
    acknowledged all its messages. After a failure the messages of an epoch come again. One that the broker
    refuses for itself goes to the errs.
    - `exactly-once`: for readers at `read_committed`, every input's outputs are there once, whatever crashed,
    was started twice or rescaled. Outputs appear when their epoch ends. It holds for flows whose outputs
    depend on single inputs: `rt.source`, stateless and deterministic steps that keep the messages'
    provenance, this sink, on the same brokers. How far each source partition has come is kept on the broker,
    as offsets of the consumer group `kgen.<flow>.<step>.deliver.<topic>`, inside the transactions: what it
    has passed is never written again, also where the recovery folder is lost or there is none. (To write
    again on purpose, delete that group once no run of the flow is left: it also names who may write.) The
    broker keeps such offsets for `offsets.retention.minutes`, 7 days, after they were last written, which a
    running flow does every hour: one that is down for longer may repeat its last epoch, and without a
    recovery folder everything.
    `transaction.timeout.ms` (60 s) has to be well above the epoch interval. A worker has one producer for all
    its source partitions, and claims each of them before it writes its first output: a run that only seemed
    dead is fenced. A message that the broker refuses for another reason than its size stops the flow. Sizes
    are counted before compression.
    Dead letters do the same (`rt.DeadLetter`).

    `create`: if the topic is absent when the flow starts, it is created with so many partitions, and the
    broker's replication and settings; `rt.NewTopic` has others. A topic that is there stays as it is. Without
    it a topic that is absent is an error.

    Raises `FlowError` for another `delivery`, and for a flow of which that cannot be held.
    """
    note_step(step_id)
    if delivery not in get_args(Delivery):
        raise FlowError(f"invalid delivery={delivery!r}", where=step_id, hint=_DELIVERIES)
    if delivery == "exactly-once":
        check_sink(step_id, up.stream_id, up.flow(), kafka)

    def encode() -> Callable[[Message[K, V]], Outgoing]:
        return _outgoing(step_id, topic, kafka)

    def refused(message: Message[K, V], error: Exception) -> Failure:
        return _refused(step_id, message, error)

    def place(message: Message[K, V]) -> Place | None:
        try:
            return place_of(message)
        except AttributeError:
            check_message(message, step_id)
            raise

    def check_schemas() -> None:
        topic.key.check_writable(kafka.store)
        topic.value.check_writable(kafka.store)

    spec = DeliverySpec(
        kafka,
        encode,
        refused,
        delivery=delivery,
        topic=topic.name,
        place=place,
        create=new_topic(create),
        check_schemas=check_schemas,
        keyless=isinstance(topic.key, NoneSerde),
    )
    return deliver("deliver", up, spec)


def _outgoing(step_id: str, topic: Topic[K, V], kafka: Kafka) -> Callable[[Message[K, V]], Outgoing]:
    encode = encoder(step_id, topic, kafka)
    name, new = topic.name, tuple.__new__

    def outgoing(message: Message[K, V]) -> Outgoing:
        key, value = encode(message)
        target, partition = message.target_topic, message.target_partition
        headers = outgoing_headers(message, topic, key, value) if message.headers else None
        where = -1 if partition is None else partition
        chosen = target is not None or partition is not None
        # Not by its name: that costs half as much as all the rest.
        return new(Outgoing, (target or name, value, key, where, message.timestamp or 0, headers, chosen))

    return outgoing


def _refused(step_id: str, message: Message[Any, Any], error: Exception) -> Failure:
    check_message(message, step_id)
    part = None
    stage = Stage.SERIALIZE
    if isinstance(error, PartError):
        part, error = error.part, error.error
    elif isinstance(error, OversizeError):
        stage = Stage.OVERSIZE
    elif isinstance(error, (RefusedError, KafkaException)):
        stage = Stage.PRODUCE
    return failure(
        error,
        original_of(message),
        step=step_id,
        stage=stage,
        part=part,
        key_schema_id=message.key_schema_id,
        value_schema_id=message.value_schema_id,
    )


carry_failures(sink, port="down")
