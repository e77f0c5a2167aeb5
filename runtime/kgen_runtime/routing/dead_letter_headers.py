"""The headers of dead letters, in the forms that tools know: kgen's own, Kafka Connect's (KIP-298), Kafka
Streams' (KIP-1034) and Spring Kafka's.

A form of another system has each header that the system itself always writes, of the type that it has there;
docs/reference/dead-letters.md has the tables and their sources. `letter_headers` reads them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from ..messages import Failure, Headers, RawMessage, Stage
from .parked_keys import PARKED_BY

Profile: TypeAlias = Callable[[Failure, RawMessage], Headers]

_DESERIALIZATION: Final = frozenset(
    {Stage.FRAMING, Stage.UNKNOWN_SCHEMA, Stage.UNEXPECTED_TYPE, Stage.DECODE, Stage.VALIDATE}
)
_UNKNOWN: Final = -1
_INT, _LONG = struct.Struct(">i"), struct.Struct(">q")


def kgen(failure: Failure, raw: RawMessage) -> Headers:
    """`__kgen.error.*`: UTF-8, numbers as decimal text."""
    return _known(
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
            PARKED_BY: failure.attributes.get(PARKED_BY),
            "traceback": failure.traceback,
        },
    )


def connect(failure: Failure, raw: RawMessage) -> Headers:
    """As the sink connectors of Kafka Connect write them: UTF-8, numbers as decimal text, -1 for one that is
    not known.
    """
    return _all(
        "__connect.errors.",
        {
            "topic": raw.topic,
            "partition": _or_unknown(raw.partition),
            "offset": _or_unknown(raw.offset),
            "connector.name": _flow(failure),
            "task.id": "0",
            "stage": _connect_stage(failure),
            "class.name": failure.step,
            "exception.class.name": failure.error_class,
            "exception.message": failure.message,
            "exception.stacktrace": _stacktrace(failure),
        },
    )


def streams(failure: Failure, raw: RawMessage) -> Headers:
    """As Kafka Streams writes them: UTF-8, numbers as decimal text, -1 for one that is not known; the topic
    of a record that was made in the flow is null.
    """
    return _all(
        "__streams.errors.",
        {
            "exception": failure.error_class,
            "message": failure.message,
            "stacktrace": _stacktrace(failure),
            "topic": raw.topic or None,
            "partition": _or_unknown(raw.partition),
            "offset": _or_unknown(raw.offset),
        },
    )


def spring(failure: Failure, raw: RawMessage) -> Headers:
    """As Spring Kafka's DeadLetterPublishingRecoverer writes them: texts in UTF-8, numbers in big-endian
    binary. Of a record that was made in the flow, which Spring has not, the headers of the original are left
    out.
    """
    key = "key-" if failure.part == "key" and failure.stage in _DESERIALIZATION else ""
    why = {
        f"{key}exception-fqcn": failure.error_class,
        "exception-cause-fqcn": failure.cause_class or failure.error_class,
        f"{key}exception-message": failure.message,
        f"{key}exception-stacktrace": _stacktrace(failure),
    }
    if not raw.topic:
        return _all("kafka_dlt-", why)
    known = raw.timestamp is not None
    return (
        *_all("kafka_dlt-", {**why, "original-topic": raw.topic}),
        ("kafka_dlt-original-partition", _INT.pack(_UNKNOWN if raw.partition is None else raw.partition)),
        ("kafka_dlt-original-offset", _LONG.pack(_UNKNOWN if raw.offset is None else raw.offset)),
        ("kafka_dlt-original-timestamp", _LONG.pack(_UNKNOWN if raw.timestamp is None else raw.timestamp)),
        # What TimestampType prints; a consumer has not kept which of the two kinds it was.
        ("kafka_dlt-original-timestamp-type", b"CreateTime" if known else b"NoTimestampType"),
        *_all("kafka_dlt-", {"original-consumer-group": _flow(failure)}),
    )


PROFILES: Final[dict[str, Profile]] = {"kgen": kgen, "connect": connect, "streams": streams, "spring": spring}
PREFIXES: Final[dict[str, str]] = {
    "kgen": "__kgen.error.",
    "connect": "__connect.errors.",
    "streams": "__streams.errors.",
    "spring": "kafka_dlt-",
}
"""What the names of a profile's headers begin with."""


def _known(prefix: str, values: Mapping[str, str | int | None]) -> Headers:
    """What is known."""
    return _all(prefix, {name: str(value) for name, value in values.items() if value not in (None, "")})


def _all(prefix: str, values: Mapping[str, str | None]) -> Headers:
    return tuple(
        (prefix + name, None if value is None else value.encode(errors="backslashreplace"))
        for name, value in values.items()
    )


def _or_unknown(number: int | None) -> str:
    return str(_UNKNOWN if number is None else number)


def _stacktrace(failure: Failure) -> str:
    """kgen's own errors have none; Java's begins with class and message."""
    return failure.traceback or f"{failure.error_class}: {failure.message}\n"


def _flow(failure: Failure) -> str:
    return failure.step.partition(".")[0]


def _connect_stage(failure: Failure) -> str:
    if failure.stage in _DESERIALIZATION:
        return "KEY_CONVERTER" if failure.part == "key" else "VALUE_CONVERTER"
    return (
        "TASK_PUT" if failure.stage in (Stage.SERIALIZE, Stage.PRODUCE, Stage.OVERSIZE) else "TRANSFORMATION"
    )
