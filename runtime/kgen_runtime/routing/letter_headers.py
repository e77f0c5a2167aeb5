"""What the headers of a dead letter say, of any system that writes them: the reading side of
`dead_letter_headers`.

Read are kgen's own headers, those of Kafka Connect (KIP-298), Kafka Streams (KIP-1034) and Spring Kafka, and
those of Confluent's data contracts (`__rule.*`). Where a header is there twice the last one counts, as for
those systems' own readers. docs/dead-letters.md has the tables and their sources.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..messages import Headers, Stage

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
_NUMBER: Final = re.compile(rb"-?[0-9]{1,19}\Z")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}\Z")
_JAVA_FRAME: Final = re.compile(r"^[ \t]+at ([^\s(]+)\(", re.MULTILINE)
_PYTHON_FRAME: Final = re.compile(r'^  File "[^"\n]*", line \d+, in (\S+)', re.MULTILINE)
_CAUSED_BY: Final = "\nCaused by: "
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a dead letter's headers say. Texts that are not known are empty, numbers None.

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


def read_letter(key: bytes | None, value: bytes | None, headers: Headers, timestamp: int | None) -> Letter:
    """What the headers of a letter say; key, value and timestamp are the letter's own. Never raises: a
    header that is broken counts as absent.
    """
    found = _Values(headers)
    profile = profile_of(headers)
    replays = max(found.number(REPLAY_COUNT) or 0, 0)
    if profile == "kgen":
        return _of_kgen(found, replays, timestamp)
    if profile == "connect":
        return _of_connect(found, replays, timestamp)
    if profile == "streams":
        return _of_streams(found, replays, timestamp)
    if profile == "spring":
        return _of_spring(found, replays, timestamp)
    if profile == "confluent":
        return _of_confluent(found, replays, timestamp)
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


class _Values:
    """Headers by name, the last of each."""

    __slots__ = ("_values",)

    def __init__(self, headers: Headers) -> None:
        self._values: Mapping[str, bytes | None] = dict(headers)

    def text(self, name: str) -> str:
        """Empty if it is absent; what is not UTF-8 in escapes."""
        value = self._values.get(name)
        if not value:
            return ""
        if len(value) > 4 * MAX_TEXT:  # at most four bytes a character
            value = value[: 4 * MAX_TEXT]
        return value.decode(errors="backslashreplace")[:MAX_TEXT]

    def number(self, name: str) -> int | None:
        """Of decimal text."""
        value = self._values.get(name)
        return int(value) if value and _NUMBER.match(value) else None

    def count(self, name: str) -> int | None:
        """Of decimal text; less than 0 is how Java writes that it does not know."""
        number = self.number(name)
        return None if number is None or number < 0 else number

    def binary(self, name: str, form: str) -> int | None:
        """Of a big-endian number, None if it is negative too."""
        value = self._values.get(name)
        if value is None or len(value) != struct.calcsize(form):
            return None
        (number,) = struct.unpack(form, value)
        return int(number) if number >= 0 else None


def _of_kgen(found: _Values, replays: int, timestamp: int | None) -> Letter:
    text, count = found.text, found.count
    stage, error_class = text("__kgen.error.stage"), text("__kgen.error.class")
    step, trace = text("__kgen.error.step"), text("__kgen.error.traceback")
    message, fingerprint = text("__kgen.error.message"), text("__kgen.error.fingerprint")
    if not _FINGERPRINT.match(fingerprint):
        fingerprint = _computed(stage, error_class, _code_place(trace) or message)
    original = count("__kgen.error.timestamp")
    return Letter(
        profile="kgen",
        stage=stage,
        error_class=error_class,
        cause_class=text("__kgen.error.cause-class") or error_class,
        message=message,
        fingerprint=fingerprint,
        topic=text("__kgen.error.topic") or None,
        partition=count("__kgen.error.partition"),
        offset=count("__kgen.error.offset"),
        timestamp=timestamp if original is None else original,
        flow=text("__kgen.error.flow"),
        step=step,
        part=text("__kgen.error.part") or None,
        schema_id=count("__kgen.error.schema-id"),
        key_schema_id=count("__kgen.error.key-schema-id"),
        value_schema_id=count("__kgen.error.value-schema-id"),
        path=text("__kgen.error.path"),
        position=count("__kgen.error.position"),
        place=text("__kgen.error.place"),
        traceback=trace,
        first_seen=count("__kgen.error.first-seen"),
        attempts=count("__kgen.error.attempts"),
        replays=replays,
    )


def _of_connect(found: _Values, replays: int, timestamp: int | None) -> Letter:
    text, count = found.text, found.count
    written = text("__connect.errors.stage")
    stage, part = _CONNECT_STAGES.get(written, (Stage.PROCESS, None))
    trace = text("__connect.errors.exception.stacktrace")
    error_class, message = (
        text("__connect.errors.exception.class.name"),
        text("__connect.errors.exception.message"),
    )
    return Letter(
        profile="connect",
        stage=stage.value,
        error_class=error_class,
        cause_class=_cause_class(trace) or error_class,
        message=message,
        fingerprint=_computed(written, error_class, _code_place(trace) or message),
        topic=text("__connect.errors.topic") or None,
        partition=count("__connect.errors.partition"),
        offset=count("__connect.errors.offset"),
        timestamp=timestamp,  # Connect keeps the original's
        flow=text("__connect.errors.connector.name"),
        step=text("__connect.errors.class.name"),
        part=part,
        traceback=trace,
        replays=replays,
    )


def _of_streams(found: _Values, replays: int, timestamp: int | None) -> Letter:
    text, count = found.text, found.count
    error_class, message = text("__streams.errors.exception"), text("__streams.errors.message")
    trace = text("__streams.errors.stacktrace")
    cause = _cause_class(trace) or error_class
    stage = _stage_by_class(error_class, cause)
    return Letter(
        profile="streams",
        stage=stage,
        error_class=error_class,
        cause_class=cause,
        message=message,
        fingerprint=_computed(stage, error_class, _code_place(trace) or message),
        topic=text("__streams.errors.topic") or None,
        partition=count("__streams.errors.partition"),
        offset=count("__streams.errors.offset"),
        timestamp=timestamp,  # as Connect
        traceback=trace,
        replays=replays,
    )


def _of_spring(found: _Values, replays: int, timestamp: int | None) -> Letter:
    text = found.text
    part = None
    key = ""
    if text("kafka_dlt-key-exception-fqcn"):
        part, key = "key", "key-"
    error_class, message = (
        text(f"kafka_dlt-{key}exception-fqcn"),
        text(f"kafka_dlt-{key}exception-message"),
    )
    trace = text(f"kafka_dlt-{key}exception-stacktrace")
    cause = text("kafka_dlt-exception-cause-fqcn") or error_class
    original = found.binary("kafka_dlt-original-timestamp", ">q")
    stage = Stage.DECODE.value if part else _stage_by_class(error_class, cause)
    return Letter(
        profile="spring",
        stage=stage,
        error_class=error_class,
        cause_class=cause,
        message=message,
        fingerprint=_computed(stage, cause, _code_place(trace) or message),
        topic=text("kafka_dlt-original-topic") or None,
        partition=found.binary("kafka_dlt-original-partition", ">i"),
        offset=found.binary("kafka_dlt-original-offset", ">q"),
        timestamp=original,
        flow=text("kafka_dlt-original-consumer-group"),
        part=part,
        traceback=trace,
        # Spring gives the letter the time at which it is written; kgen keeps the original's.
        first_seen=None if timestamp == original else timestamp,
        replays=replays,
    )


def _of_confluent(found: _Values, replays: int, timestamp: int | None) -> Letter:
    text = found.text
    rule, mode, subject = text("__rule.name"), text("__rule.mode"), text("__rule.subject")
    message = text("__rule.exception")
    stage = Stage.SERIALIZE if mode == "WRITE" else Stage.VALIDATE
    return Letter(
        profile="confluent",
        stage=stage.value,
        error_class="RuleException" if message else "",
        cause_class="RuleException" if message else "",
        message=message,
        fingerprint=_computed(mode, subject, rule or message),
        topic=text("__rule.topic") or None,
        flow=subject,
        step=rule,
        part="key" if subject.endswith("-key") else "value" if subject.endswith("-value") else None,
        first_seen=timestamp,  # of the letter: the original's is not in it
        replays=replays,
    )


def _computed(stage: str, error_class: str, place: str) -> str:
    """As `flow.failures.fingerprint`, where none was written."""
    text = "\0".join((stage, error_class, _CHANCE.sub("#", place[:1_000])))
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:16]


def _code_place(trace: str) -> str:
    """The function that raised, without a line number, which moves with every release: of Java the first
    frame of the last cause, of Python the last frame.
    """
    java = _JAVA_FRAME.search(trace, max(trace.rfind(_CAUSED_BY), 0))
    if java is not None:
        return java[1]
    python = _PYTHON_FRAME.findall(trace)
    return python[-1] if python else ""


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
