"""The few things about a dead letter that a replay needs, read as fast as can be."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from kgen_runtime.messages import Headers
from kgen_runtime.routing.letter_headers import KGEN, REPLAY_COUNT, read_letter

from .letter_filter import time_of

_FINGERPRINT_FORM: Final = re.compile(rb"[0-9a-f]{16}\Z")
_MOST_TEXTS: Final = 10_000
_LONGEST: Final = 19
"""Digits of the numbers that are read here."""
_FINGERPRINT, _STAGE, _TOPIC = f"{KGEN}fingerprint", f"{KGEN}stage", f"{KGEN}topic"
_PARTITION, _TIMESTAMP, _FIRST_SEEN = f"{KGEN}partition", f"{KGEN}timestamp", f"{KGEN}first-seen"


class LetterBrief(NamedTuple):
    """As in `Letter`; `time` is that of the failure (`time_of`)."""

    fingerprint: str
    stage: str
    topic: str | None
    partition: int | None
    timestamp: int | None
    replays: int
    time: int | None


class BriefReader:
    """Reads what is needed of letters, one after the other."""

    def __init__(self) -> None:
        self._texts: dict[bytes, str] = {}

    def read(self, key: bytes | None, headers: Headers, timestamp: int | None) -> LetterBrief:
        """The same as of `read_letter`: kgen's own headers, if they are the last ones and all as kgen writes
        them, are looked up without reading the rest.
        """
        if headers and headers[-1][0].startswith(KGEN):
            found = dict(headers)
            fingerprint, stage, topic = found.get(_FINGERPRINT), found.get(_STAGE), found.get(_TOPIC)
            if fingerprint and stage and topic and _FINGERPRINT_FORM.match(fingerprint):
                numbers = (found.get(_PARTITION), found.get(_TIMESTAMP), found.get(_FIRST_SEEN))
                count = found.get(REPLAY_COUNT)
                if all(map(_is_number, numbers)) and _is_number(count):
                    partition, original, seen = (None if n is None else int(n) for n in numbers)
                    return LetterBrief(
                        self._text(fingerprint),
                        self._text(stage),
                        self._text(topic),
                        partition,
                        timestamp if original is None else original,
                        0 if count is None else int(count),
                        timestamp if seen is None else seen,
                    )
        letter = read_letter(key, None, headers, timestamp)
        return LetterBrief(
            letter.fingerprint,
            letter.stage,
            letter.topic,
            letter.partition,
            letter.timestamp,
            letter.replays,
            time_of(letter, timestamp),
        )

    def _text(self, data: bytes) -> str:
        known = self._texts.get(data)
        if known is None:
            known = data.decode(errors="backslashreplace")
            if len(self._texts) < _MOST_TEXTS and len(data) <= 300:
                self._texts[data] = known
        return known


def _is_number(value: bytes | None) -> bool:
    return value is None or (value.isdigit() and len(value) < _LONGEST)
