"""What the headers of a dead letter say, of any system that writes them: the reading side of
`dead_letter_headers`.

Read are kgen's own headers, those of Kafka Connect (KIP-298), Kafka Streams (KIP-1034) and Spring Kafka, and
those of Confluent's data contracts (`__rule.*`). Where a header is there twice the last one counts, as for
those systems' own readers. docs/reference/dead-letters.md has the tables and their sources.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from ..messages import Headers, Stage

_Get: TypeAlias = Callable[[str], "bytes | None"]
"""A header's value by its name, the last of each."""

KGEN: Final = "__kgen.error."
CONNECT: Final = "__connect.errors."
STREAMS: Final = "__streams.errors."
SPRING: Final = "kafka_dlt-"
CONFLUENT: Final = "__rule."
REPLAY_COUNT: Final = "__kgen.replay.count"
"""Decimal text: how often the letter was replayed."""
REPLAY_HISTORY: Final = "__kgen.replay.history"
"""A `fingerprint@ms` for each round, `,` between."""

MAX_TEXT: Final = 65_536
"""Characters of a text from a header, which anyone may have written."""

_PROFILES: Final = {
    KGEN: "kgen",
    CONNECT: "connect",
    STREAMS: "streams",
    SPRING: "spring",
    CONFLUENT: "confluent",
}
_PREFIXES: Final = tuple(_PROFILES)
_DIGITS: Final = 20
"""One more than a number of 64 bits has."""
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}\Z")
_JAVA_FRAME: Final = re.compile(r"^[ \t]+at ([^\s(]+)\(", re.MULTILINE)
_PYTHON_FRAME: Final = re.compile(r'\n  File "[^"\n]*", line \d+, in (\S+)')
_FILE: Final = '\n  File "'
_CAUSED_BY: Final = "\nCaused by: "
_LONGEST: Final = 1_000
"""Characters of a text that take part in a fingerprint."""
_CHANCE: Final = re.compile(r"[0-9a-fA-F]{8,}|\d+|'[^'\n]*'|\"[^\"\n]*\"")
"""What differs between messages of one kind: numbers, ids, quoted values."""

_CONNECT_STAGES: Final = {
    "KEY_CONVERTER": (Stage.DECODE, "key"),
    "VALUE_CONVERTER": (Stage.DECODE, "value"),
    "HEADER_CONVERTER": (Stage.DECODE, None),
    "TRANSFORMATION": (Stage.PROCESS, None),
    "TASK_PUT": (Stage.PRODUCE, None),
    "TASK_POLL": (Stage.PROCESS, None),
    "KAFKA_PRODUCE": (Stage.PRODUCE, None),
    "KAFKA_CONSUME": (Stage.PROCESS, None),
}


@dataclass(slots=True, kw_only=True)  # not frozen: that takes as long as all the rest, of a million letters
class Letter:
    """What a dead letter's headers say; treat it as immutable. Texts that are not known are empty, numbers
    None.

    `profile` is `kgen`, `connect`, `streams`, `spring` or `confluent`; None if it has no error headers.
    `stage` is one of kgen's stages, or what a later kgen wrote. `topic`, `partition` and `offset` say where
    the original was read, `timestamp` (ms, UTC) is the original's. `fingerprint` is kgen's own if it wrote
    one, else computed of stage, class, rule and code place: stable over runs.
    """

    profile: str | None = None
    stage: str = ""
    error_class: str = ""
    cause_class: str = ""
    message: str = ""
    fingerprint: str = ""
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None
    flow: str = ""
    step: str = ""
    part: str | None = None
    schema_id: int | None = None
    key_schema_id: int | None = None
    value_schema_id: int | None = None
    path: str = ""
    position: int | None = None
    place: str = ""
    traceback: str = ""
    first_seen: int | None = None
    attempts: int | None = None
    replays: int = 0


def read_letter(headers: Headers, timestamp: int | None) -> Letter:
    """What the headers of a letter say; the timestamp is the letter's own. Never raises: a header that is
    broken counts as absent.
    """
    get = dict(headers).get
    profile = profile_of(headers)
    replays = _count(get(REPLAY_COUNT)) or 0
    if profile == "kgen":
        return _of_kgen(get, replays, timestamp)
    if profile == "connect":
        return _of_connect(get, replays, timestamp)
    if profile == "streams":
        return _of_streams(get, replays, timestamp)
    if profile == "spring":
        return _of_spring(get, replays, timestamp)
    if profile == "confluent":
        return _of_confluent(get, replays, timestamp)
    return Letter(fingerprint=_computed("", "", ""), timestamp=timestamp, replays=replays)


def profile_of(headers: Headers) -> str | None:
    """Whose error headers came last: a letter that failed again elsewhere has several kinds."""
    for name, _ in reversed(headers):
        if name.startswith(_PREFIXES):
            return next(profile for prefix, profile in _PROFILES.items() if name.startswith(prefix))
    return None


def original_headers(headers: Headers) -> Headers:
    """Without the error headers of every profile. Those of replays are kept."""
    return tuple(header for header in headers if not header[0].startswith(_PREFIXES))


def _text(value: bytes | None) -> str:
    """Empty if it is absent; what is not UTF-8 in escapes."""
    if not value:
        return ""
    if len(value) <= MAX_TEXT:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return value[: 4 * MAX_TEXT].decode(errors="backslashreplace")[:MAX_TEXT]  # at most four bytes each


def _count(value: bytes | None) -> int | None:
    """Of decimal text; less than 0 is how Java writes that it does not know."""
    return int(value) if value is not None and len(value) < _DIGITS and value.isdigit() else None


def _binary(value: bytes | None, form: str) -> int | None:
    """Of a big-endian number; of one that is negative as `_count`."""
    if value is None or len(value) != struct.calcsize(form):
        return None
    (number,) = struct.unpack(form, value)
    return int(number) if number >= 0 else None


def _of_kgen(get: _Get, replays: int, timestamp: int | None) -> Letter:
    stage, error_class = _text(get("__kgen.error.stage")), _text(get("__kgen.error.class"))
    step, trace = _text(get("__kgen.error.step")), _text(get("__kgen.error.traceback"))
    message, fingerprint = _text(get("__kgen.error.message")), _text(get("__kgen.error.fingerprint"))
    if not _FINGERPRINT.match(fingerprint):
        fingerprint = _computed(stage, error_class, _code_place(trace) or message)
    original = _count(get("__kgen.error.timestamp"))
    return Letter(
        profile="kgen",
        stage=stage,
        error_class=error_class,
        cause_class=_text(get("__kgen.error.cause-class")) or error_class,
        message=message,
        fingerprint=fingerprint,
        topic=_text(get("__kgen.error.topic")) or None,
        partition=_count(get("__kgen.error.partition")),
        offset=_count(get("__kgen.error.offset")),
        timestamp=timestamp if original is None else original,
        flow=_text(get("__kgen.error.flow")),
        step=step,
        part=_text(get("__kgen.error.part")) or None,
        schema_id=_count(get("__kgen.error.schema-id")),
        key_schema_id=_count(get("__kgen.error.key-schema-id")),
        value_schema_id=_count(get("__kgen.error.value-schema-id")),
        path=_text(get("__kgen.error.path")),
        position=_count(get("__kgen.error.position")),
        place=_text(get("__kgen.error.place")),
        traceback=trace,
        first_seen=_count(get("__kgen.error.first-seen")),
        attempts=_count(get("__kgen.error.attempts")),
        replays=replays,
    )


def _of_connect(get: _Get, replays: int, timestamp: int | None) -> Letter:
    written = _text(get("__connect.errors.stage"))
    stage, part = _CONNECT_STAGES.get(written, (Stage.PROCESS, None))
    trace = _text(get("__connect.errors.exception.stacktrace"))
    error_class, message = (
        _text(get("__connect.errors.exception.class.name")),
        _text(get("__connect.errors.exception.message")),
    )
    return Letter(
        profile="connect",
        stage=stage.value,
        error_class=error_class,
        cause_class=_cause_class(trace) or error_class,
        message=message,
        fingerprint=_computed(written, error_class, _code_place(trace) or message),
        topic=_text(get("__connect.errors.topic")) or None,
        partition=_count(get("__connect.errors.partition")),
        offset=_count(get("__connect.errors.offset")),
        timestamp=timestamp,  # Connect keeps the original's
        flow=_text(get("__connect.errors.connector.name")),
        step=_text(get("__connect.errors.class.name")),
        part=part,
        traceback=trace,
        replays=replays,
    )


def _of_streams(get: _Get, replays: int, timestamp: int | None) -> Letter:
    error_class, message = _text(get("__streams.errors.exception")), _text(get("__streams.errors.message"))
    trace = _text(get("__streams.errors.stacktrace"))
    cause = _cause_class(trace) or error_class
    stage = _stage_by_class(error_class, cause)
    return Letter(
        profile="streams",
        stage=stage,
        error_class=error_class,
        cause_class=cause,
        message=message,
        fingerprint=_computed(stage, error_class, _code_place(trace) or message),
        topic=_text(get("__streams.errors.topic")) or None,
        partition=_count(get("__streams.errors.partition")),
        offset=_count(get("__streams.errors.offset")),
        timestamp=timestamp,  # as Connect
        traceback=trace,
        replays=replays,
    )


def _of_spring(get: _Get, replays: int, timestamp: int | None) -> Letter:
    part = None
    key = ""
    if _text(get("kafka_dlt-key-exception-fqcn")):
        part, key = "key", "key-"
    error_class, message = (
        _text(get(f"kafka_dlt-{key}exception-fqcn")),
        _text(get(f"kafka_dlt-{key}exception-message")),
    )
    trace = _text(get(f"kafka_dlt-{key}exception-stacktrace"))
    cause = _text(get("kafka_dlt-exception-cause-fqcn")) or error_class
    original = _binary(get("kafka_dlt-original-timestamp"), ">q")
    stage = Stage.DECODE.value if part else _stage_by_class(error_class, cause)
    return Letter(
        profile="spring",
        stage=stage,
        error_class=error_class,
        cause_class=cause,
        message=message,
        fingerprint=_computed(stage, cause, _code_place(trace) or message),
        topic=_text(get("kafka_dlt-original-topic")) or None,
        partition=_binary(get("kafka_dlt-original-partition"), ">i"),
        offset=_binary(get("kafka_dlt-original-offset"), ">q"),
        timestamp=original,
        flow=_text(get("kafka_dlt-original-consumer-group")),
        part=part,
        traceback=trace,
        # Spring gives the letter the time at which it is written; kgen keeps the original's.
        first_seen=None if timestamp == original else timestamp,
        replays=replays,
    )


def _of_confluent(get: _Get, replays: int, timestamp: int | None) -> Letter:
    rule, mode, subject = _text(get("__rule.name")), _text(get("__rule.mode")), _text(get("__rule.subject"))
    message = _text(get("__rule.exception"))
    stage = Stage.SERIALIZE if mode == "WRITE" else Stage.VALIDATE
    return Letter(
        profile="confluent",
        stage=stage.value,
        error_class="RuleException" if message else "",
        cause_class="RuleException" if message else "",
        message=message,
        fingerprint=_computed(mode, subject, rule or message),
        topic=_text(get("__rule.topic")) or None,
        flow=subject,
        step=rule,
        part="key" if subject.endswith("-key") else "value" if subject.endswith("-value") else None,
        first_seen=timestamp,  # of the letter: the original's is not in it
        replays=replays,
    )


def _computed(stage: str, error_class: str, place: str) -> str:
    """As `flow.failures.fingerprint`, where none was written."""
    return _hashed(stage[:_LONGEST], error_class[:_LONGEST], place[:_LONGEST])


@lru_cache(1_000)
def _hashed(stage: str, error_class: str, place: str) -> str:
    text = "\0".join((stage, error_class, _CHANCE.sub("#", place)))
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:16]


def _code_place(trace: str) -> str:
    """The function that raised, without a line number, which moves with every release: of Java the first
    frame of the last cause, of Python the last frame.
    """
    python = _PYTHON_FRAME.match(trace, trace.rfind(_FILE)) if _FILE in trace else None
    if python is not None:
        return python[1]
    java = _JAVA_FRAME.search(trace, max(trace.rfind(_CAUSED_BY), 0))
    return "" if java is None else java[1]


def _cause_class(trace: str) -> str:
    """The class of the last `Caused by:` of a Java stack trace."""
    at = trace.rfind(_CAUSED_BY)
    if at < 0:
        return ""
    line = trace[at + len(_CAUSED_BY) :].partition("\n")[0]
    return line.partition(":")[0].strip()


def _stage_by_class(error_class: str, cause: str) -> str:
    """Streams and Spring write no stage: as far as the names of their exceptions say it."""
    for name in (error_class, cause):
        if "Deserialization" in name or name == "org.apache.kafka.common.errors.SerializationException":
            return Stage.DECODE.value
        if name.endswith("RecordTooLargeException"):
            return Stage.OVERSIZE.value
    return Stage.PROCESS.value
