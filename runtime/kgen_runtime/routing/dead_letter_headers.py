"""The headers of dead letters, in the forms that tools know.

Kafka Connect: `__connect.errors.*` (KIP-298). Kafka Streams: `__streams.errors.*` (KIP-1034). Spring Kafka:
`kafka_dlt-*`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from ..messages import Failure, Headers, RawMessage, Stage

Profile: TypeAlias = Callable[[Failure, RawMessage], Headers]


def kgen(failure: Failure, raw: RawMessage) -> Headers:
    """`__kgen.error.*`: UTF-8, numbers as decimal text."""
    return _text(
        "__kgen.error.",
        {
            "stage": failure.stage.value,
            "class": failure.error_class,
            "message": failure.message,
            "fingerprint": failure.fingerprint,
            "flow": _flow(failure),
            "step": failure.step,
            "part": failure.part,
            "schema-id": failure.schema_id,
            "topic": raw.topic,
            "partition": raw.partition,
            "offset": raw.offset,
            "timestamp": raw.timestamp,
            "key-schema-id": failure.key_schema_id,
            "value-schema-id": failure.value_schema_id,
            "path": failure.path,
            "position": failure.position,
            "place": failure.place,
            "cause-class": failure.cause_class if failure.cause_class != failure.error_class else None,
            "first-seen": failure.first_seen or None,
            "attempts": failure.attempts,
            "traceback": failure.traceback,
        },
    )


def connect(failure: Failure, raw: RawMessage) -> Headers:
    """As Kafka Connect's sink connectors write them."""
    return _text(
        "__connect.errors.",
        {
            "topic": raw.topic,
            "partition": raw.partition,
            "offset": raw.offset,
            "connector.name": _flow(failure),
            "task.id": 0,
            "stage": _connect_stage(failure),
            "class.name": failure.step,
            "exception.class.name": failure.error_class,
            "exception.message": failure.message,
            "exception.stacktrace": failure.traceback,
        },
    )


def streams(failure: Failure, raw: RawMessage) -> Headers:
    """As Kafka Streams writes them."""
    return _text(
        "__streams.errors.",
        {
            "exception": failure.error_class,
            "message": failure.message,
            "stacktrace": failure.traceback,
            "topic": raw.topic,
            "partition": raw.partition,
            "offset": raw.offset,
        },
    )


def spring(failure: Failure, raw: RawMessage) -> Headers:
    """As Spring Kafka's DeadLetterPublishingRecoverer writes them: some numbers in binary."""
    key = "key-" if failure.part == "key" else ""
    texts = {
        "original-topic": raw.topic,
        "original-consumer-group": _flow(failure),
        "original-timestamp-type": "CREATE_TIME" if raw.timestamp is not None else None,
        f"{key}exception-fqcn": failure.error_class,
        f"{key}exception-message": failure.message,
        f"{key}exception-stacktrace": failure.traceback,
    }
    numbers = (
        ("original-partition", ">i", raw.partition),
        ("original-offset", ">q", raw.offset),
        ("original-timestamp", ">q", raw.timestamp),
    )
    binary = tuple(
        (f"kafka_dlt-{name}", struct.pack(form, number))
        for name, form, number in numbers
        if number is not None
    )
    return _text("kafka_dlt-", texts) + binary


PROFILES: Final[dict[str, Profile]] = {"kgen": kgen, "connect": connect, "streams": streams, "spring": spring}
PREFIXES: Final = ("__kgen.error.", "__connect.errors.", "__streams.errors.", "kafka_dlt-")


def _text(prefix: str, values: Mapping[str, str | int | None]) -> Headers:
    return tuple(
        (prefix + name, str(value).encode(errors="backslashreplace"))
        for name, value in values.items()
        if value not in (None, "")
    )


def _flow(failure: Failure) -> str:
    return failure.step.partition(".")[0]


def _connect_stage(failure: Failure) -> str:
    if failure.stage in (Stage.FRAMING, Stage.UNKNOWN_SCHEMA, Stage.DECODE, Stage.VALIDATE):
        return "KEY_CONVERTER" if failure.part == "key" else "VALUE_CONVERTER"
    return (
        "TASK_PUT" if failure.stage in (Stage.SERIALIZE, Stage.PRODUCE, Stage.OVERSIZE) else "TRANSFORMATION"
    )
