"""Steps between: decoding and encoding for streams that begin or end elsewhere, and work on the value
alone.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, TypeAlias, TypeVar  # noqa: UP035 - on Python 3.10 Bytewax takes the other for a class

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.dataflow import Stream, operator
from bytewax.inputs import AbortExecution
from bytewax.operators import KeyedStream

from .consumer.columns import from_messages
from .consumer.decoding import BatchDecoder
from .errors import EncodeError, FlowError, LateError
from .flow.argument_checks import check_consumed, check_message, checked, explaining, shown
from .flow.failures import code_place, failure, original_of
from .flow.per_thread import PerThread
from .flow.retry import retry_until_available
from .flow.split import Batch, Split, split
from .flow.topic import Topic
from .kafka.connection import Kafka
from .messages import TOMBSTONE, Failure, Message, RawMessage, Stage, Tombstone
from .metrics import filtered
from .producer.encoding import PartError, encoder
from .producer.validation import outgoing_headers
from .reporting.call_site import note_step
from .serde.base import Role

K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W")

Consumed: TypeAlias = "KafkaSourceMessage[bytes | None, bytes | None] | RawMessage"
Produced: TypeAlias = "KafkaSinkMessage[bytes | None, bytes | None]"


@checked
@operator
def map_value(
    step_id: str, up: Stream[Message[K, V]], f: Callable[[V], W | Tombstone | None]
) -> Split[Message[K, W]]:
    """Apply `f` to the value of every message; key, headers and provenance stay.

    A message for which `f` returns None is left out: nothing of it goes on, and it is done with, as with
    `op.filter` (counted in `kgen_filtered_messages_total`). Where `f` returns `TOMBSTONE` the message becomes
    a tombstone. One that was read as a tombstone (value None) passes by: `f` does not see it.

    What `f` raises goes to `errs`, with the message as it was read.
    """

    note_step(step_id)
    if not callable(f):
        raise FlowError(
            f"rt.map_value: f is {shown(f)}, not a function", hint="Pass a function of the value."
        )
    if inspect.iscoroutinefunction(f):
        raise FlowError(
            "rt.map_value: f is async, and nothing in a step awaits it", hint="Pass a function without async."
        )

    def mapped(messages: list[Message[K, V]]) -> list[Batch[Message[K, W]]]:
        batch: Batch[Message[K, W]] = Batch([], [])
        for message in messages:
            try:
                value = TOMBSTONE if message.value is None else f(message.value)
            except AbortExecution:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the user's code raises
                batch.errs.append(_process_failure(step_id, message, error, f))
            else:
                if value is TOMBSTONE:
                    batch.oks.append(message.tombstone())
                elif value is not None:
                    batch.oks.append(message.with_value(value))
        filtered(step_id, len(messages) - len(batch.oks) - len(batch.errs))
        return [batch]

    return split("split", op.flat_map_batch("map", up, explaining(step_id, mapped, check_message)))


@checked
@operator
def late(step_id: str, up: KeyedStream[tuple[int, Any]]) -> Stream[Failure]:
    """Failures of what came too late for its window: `up` is the `late` stream of a windowing step.

    A message is there as it was read; any other value as its `repr`. The key and the number of the window are
    attributes of the failure.
    """
    note_step(step_id)

    def failed(items: list[tuple[str, tuple[int, Any]]]) -> list[Failure]:
        return [_late_failure(step_id, key, window, value) for key, (window, value) in items]

    return op.flat_map_batch("late", up, failed)


@checked
@operator
def deserialize(
    step_id: str, up: Stream[Consumed], topic: Topic[K, V], kafka: Kafka | None = None
) -> Split[Message[K, V]]:
    """Decode messages that were read by something else: `KafkaSourceMessage` or `RawMessage`.

    `kafka` says which registry; the environment does where it is None. `errs` gets what can never be
    decoded. While the registry is unavailable and a schema is not known, the step waits.
    """
    note_step(step_id)
    settings = kafka or Kafka.from_env()
    decoder = PerThread(lambda: BatchDecoder(step_id, topic, settings))

    def decoded(messages: list[Consumed]) -> list[Batch[Message[K, V]]]:
        rows = from_messages(messages, topic.name)
        return [retry_until_available(step_id, lambda: decoder.get().decode(rows), messages=len(messages))]

    return split("split", op.flat_map_batch("decode", up, explaining(step_id, decoded, check_consumed)))


@checked
@operator
def serialize(
    step_id: str, up: Stream[Message[K, V]], topic: Topic[K, V], kafka: Kafka | None = None
) -> Split[Produced]:
    """Encode messages for something else to write: gives `KafkaSinkMessage`, for `kop.output` or `KafkaSink`.

    `kafka` says which registry; the environment does where it is None. `errs` gets what cannot be encoded.
    """
    note_step(step_id)
    settings = kafka or Kafka.from_env()
    encoders = PerThread(lambda: encoder(step_id, topic, settings))

    def encoded(messages: list[Message[K, V]]) -> list[Batch[Produced]]:
        encode = encoders.get()
        batch: Batch[Produced] = Batch([], [])
        for message in messages:
            try:
                key, value = encode(message)
                batch.oks.append(_sink_message(message, key, value, topic))
            except PartError as error:
                batch.errs.append(_serialize_failure(step_id, message, error.error, error.part))
            except EncodeError as error:  # of the headers
                batch.errs.append(_serialize_failure(step_id, message, error, None))
        return [batch]

    return split("split", op.flat_map_batch("encode", up, explaining(step_id, encoded, check_message)))


def _sink_message(
    message: Message[K, V], key: bytes | None, value: bytes | None, topic: Topic[K, V]
) -> Produced:
    return KafkaSinkMessage(
        key=key,
        value=value,
        topic=message.target_topic or topic.name,
        headers=outgoing_headers(message, topic, key, value),  # type: ignore[arg-type]  # null header values are fine
        partition=message.target_partition,
        timestamp=message.timestamp or 0,
    )


def _process_failure(
    step_id: str, message: Message[Any, Any], error: Exception, function: Callable[..., Any]
) -> Failure:
    return failure(
        error,
        original_of(message),
        step=step_id,
        stage=Stage.PROCESS,
        part="value",
        schema_id=message.value_schema_id,
        place=code_place(error, function),
    )


def _late_failure(step_id: str, key: str, window: int, value: Any) -> Failure:
    message = value if isinstance(value, Message) else Message(key, value)
    return failure(
        LateError(f"came after window {window} of {key!r} had closed"),
        original_of(message),
        step=step_id,
        stage=Stage.LATE,
        schema_id=message.value_schema_id,
        attributes={"key": key, "window": window},
    )


def _serialize_failure(
    step_id: str, message: Message[Any, Any], error: Exception, part: Role | None
) -> Failure:
    return failure(error, original_of(message), step=step_id, stage=Stage.SERIALIZE, part=part)
