"""Dead letters counted by fingerprint: what `kgen dlq list` shows.

Nothing is kept of a letter but what its group has, so memory grows with the fingerprints alone, and those are
bounded too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from kgen_runtime.messages import Headers
from kgen_runtime.reporting.printable import bounded
from kgen_runtime.routing.letter_headers import KGEN, Letter, read_letter

from .letter_filter import LetterFilter, time_of
from .letters import timestamp_of

MOST_GROUPS: Final = 100_000
"""Fingerprints with a group of their own; letters of others are counted together."""
_TEXT: Final = 300
"""Characters kept of each text of a group."""
_FINGERPRINT, _STAGE, _CLASS = f"{KGEN}fingerprint", f"{KGEN}stage", f"{KGEN}class"
_FIRST_SEEN = f"{KGEN}first-seen"
_MOST_KINDS: Final = 2 * MOST_GROUPS

_Kind: TypeAlias = "tuple[bytes | None, bytes | None, bytes | None]"
"""The fingerprint, the stage, and the class if that is asked for, as headers have them."""


@dataclass(slots=True)
class LetterGroup:
    """The letters of one fingerprint: how many, the times of the first and last failure (ms since the epoch,
    None if none has a time), where one of them is (partition and offset of the dead-letter topic), and what
    that one says.
    """

    fingerprint: str
    stage: str
    error_class: str
    message: str
    schema_id: int | None
    profile: str | None
    topic: str | None
    step: str
    place: str
    path: str
    sample: tuple[int, int]
    count: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, time: int | None) -> None:
        """Count a letter that failed at a time."""
        self.count += 1
        if time is not None:
            if self.first is None or time < self.first:
                self.first = time
            if self.last is None or time > self.last:
                self.last = time


class LetterGroups:
    """Counts letters by fingerprint. `on_letter` gets the stage and time of each that fits."""

    def __init__(
        self,
        wanted: LetterFilter,
        most: int = MOST_GROUPS,
        on_letter: Callable[[str, int | None], None] | None = None,
    ) -> None:
        self.read = 0
        """Letters that were looked at."""
        self.rest = 0
        """Letters that fit and are in no group, because there were too many of those."""
        self._wanted = wanted
        self._most = most
        self._on_letter = on_letter
        self._groups: dict[str, LetterGroup] = {}
        self._kinds: dict[_Kind, LetterGroup | None] = {}  # None: left out by the filter

    @property
    def fitting(self) -> int:
        """Letters that fit the filter."""
        return sum(group.count for group in self._groups.values()) + self.rest

    def groups(self) -> list[LetterGroup]:
        """The groups, the largest first."""
        return sorted(self._groups.values(), key=lambda group: (-group.count, group.fingerprint))

    def add(self, messages: Sequence[Any]) -> None:
        """Count a batch of what a consumer read."""
        self.read += len(messages)
        kinds, wanted, on_letter = self._kinds, self._wanted, self._on_letter
        of_any_message = wanted.since is None and wanted.until is None and not wanted.keys
        for message in messages:
            try:
                headers = message.headers()
            except UnicodeDecodeError:
                headers = None
            # kgen's own headers, if they are the last ones, say in two of them which group it is: the rest
            # of them is read of the first letter of a group alone.
            if not headers or not headers[-1][0].startswith(KGEN):
                self._add_any(message, tuple(headers or ()))
                continue
            found = dict(headers)
            error_class = found.get(_CLASS) if wanted.classes else None
            kind = found.get(_FINGERPRINT), found.get(_STAGE), error_class
            group = kinds.get(kind, _NOT_SEEN)
            if group is _NOT_SEEN:
                self._add_first(kind, message, tuple(headers))
            elif group is not None:
                seen = found.get(_FIRST_SEEN)
                if seen is not None and len(seen) < 19 and seen.isdigit():
                    time: int | None = int(seen)
                else:
                    time = timestamp_of(message)
                if of_any_message or wanted.fits_message(message.key(), time):
                    group.add(time)
                    if on_letter is not None:
                        on_letter(group.stage, time)

    def _add_first(self, kind: _Kind, message: Any, headers: Headers) -> None:
        """Count a letter whose headers begin a kind, and remember the group of that."""
        letter, group = self._add_any(message, headers)
        own = (
            letter.fingerprint.encode(),
            letter.stage.encode(),
            letter.error_class.encode() if self._wanted.classes else None,
        )
        if kind != own or len(self._kinds) >= _MOST_KINDS:
            return  # the fingerprint is not one of kgen's, and was computed of more than these headers
        if not self._wanted.fits_kind(letter.fingerprint, letter.stage, letter.error_class):
            self._kinds[kind] = None
        elif group is not None:
            self._kinds[kind] = group

    def _add_any(self, message: Any, headers: Headers) -> tuple[Letter, LetterGroup | None]:
        """The letter, and the group that it is counted in, if there is one."""
        key, timestamp = message.key(), timestamp_of(message)
        letter = read_letter(headers, timestamp)
        time = time_of(letter, timestamp)
        if not self._wanted.fits(letter, key, time):
            return letter, None
        if self._on_letter is not None:
            self._on_letter(letter.stage, time)
        group = self._groups.get(letter.fingerprint)
        if group is None:
            if len(self._groups) >= self._most:
                self.rest += 1
                return letter, None
            group = _group_of(letter, (message.partition(), message.offset()))
            self._groups[letter.fingerprint] = group
        group.add(time)
        return letter, group


_NOT_SEEN: Final = LetterGroup("", "", "", "", None, None, None, "", "", "", (0, 0))


def _group_of(letter: Letter, sample: tuple[int, int]) -> LetterGroup:
    return LetterGroup(
        fingerprint=letter.fingerprint,
        stage=bounded(letter.stage, _TEXT),
        error_class=bounded(letter.error_class, _TEXT),
        message=bounded(letter.message, _TEXT),
        schema_id=letter.schema_id,
        profile=letter.profile,
        topic=None if letter.topic is None else bounded(letter.topic, _TEXT),
        step=bounded(letter.step, _TEXT),
        place=bounded(letter.place, _TEXT),
        path=bounded(letter.path, _TEXT),
        sample=sample,
    )
