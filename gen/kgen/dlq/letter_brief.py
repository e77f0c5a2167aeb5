"""The few things about a dead letter that a replay needs, read as fast as can be."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

from kgen_runtime.messages import Headers
from kgen_runtime.routing.letter_headers import KGEN, REPLAY_COUNT, read_letter

from .letter_filter import time_of

_FINGERPRINT_FORM: Final = re.compile(rb"[0-9a-f]{16}\Z")
_MOST_KINDS: Final = 200_000
_TEXT: Final = 300
"""Bytes of a stage or topic that is kept."""
_LONGEST: Final = 19
"""Digits of the numbers that are read here."""
_FINGERPRINT, _STAGE, _CLASS, _TOPIC = f"{KGEN}fingerprint", f"{KGEN}stage", f"{KGEN}class", f"{KGEN}topic"
_PARTITION, _TIMESTAMP, _FIRST_SEEN = f"{KGEN}partition", f"{KGEN}timestamp", f"{KGEN}first-seen"


_Kind: TypeAlias = "tuple[bytes | None, bytes | None, bytes | None, bytes | None, bytes | None]"
"""Fingerprint, stage, class, topic and partition, as headers have them."""


class LetterBrief(NamedTuple):
    """As in `Letter`; `time` is that of the failure (`time_of`)."""

    fingerprint: str
    stage: str
    error_class: str
    topic: str | None
    partition: int | None
    timestamp: int | None
    replays: int
    time: int | None


class BriefReader:
    """Reads what is needed of letters, one after the other."""

    def __init__(self) -> None:
        self._kinds: dict[_Kind, tuple[str, str, str, str, int | None]] = {}

    def read(self, headers: Headers, timestamp: int | None) -> LetterBrief:
        """The same as of `read_letter`: kgen's own headers, if they are the last ones and all as kgen writes
        them, are looked up without reading the rest.
        """
        if headers and headers[-1][0].startswith(KGEN):
            found = dict(headers)
            get = found.get
            kind = get(_FINGERPRINT), get(_STAGE), get(_CLASS), get(_TOPIC), get(_PARTITION)
            known = self._kinds.get(kind) or self._kind(kind)
            original, seen, count = get(_TIMESTAMP), get(_FIRST_SEEN), get(REPLAY_COUNT)
            if (
                known is not None
                and (original is None or (original.isdigit() and len(original) < _LONGEST))
                and (seen is None or (seen.isdigit() and len(seen) < _LONGEST))
                and (count is None or (count.isdigit() and len(count) < _LONGEST))
            ):
                return LetterBrief(
                    *known,
                    timestamp if original is None else int(original),
                    0 if count is None else int(count),
                    timestamp if seen is None else int(seen),
                )
        letter = read_letter(headers, timestamp)
        return LetterBrief(
            letter.fingerprint,
            letter.stage,
            letter.error_class,
            letter.topic,
            letter.partition,
            letter.timestamp,
            letter.replays,
            time_of(letter, timestamp),
        )

    def _kind(self, kind: _Kind) -> tuple[str, str, str, str, int | None] | None:
        """What many letters share; None if it is not as kgen writes it."""
        fingerprint, stage, error_class, topic, partition = kind
        if not (fingerprint and stage and topic and _FINGERPRINT_FORM.match(fingerprint)):
            return None
        if partition is not None and not (partition.isdigit() and len(partition) < _LONGEST):
            return None
        if max(len(stage), len(topic), len(error_class or b"")) > _TEXT:
            return None
        number = None if partition is None else int(partition)
        found = fingerprint.decode(), _text(stage), _text(error_class or b""), _text(topic), number
        if len(self._kinds) < _MOST_KINDS:
            self._kinds[kind] = found
        return found


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
