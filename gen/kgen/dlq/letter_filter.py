"""Which dead letters a command is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from kgen_runtime.routing.letter_headers import Letter

from ..errors import ConfigError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGE: Final = re.compile(r"(\d{1,9})([smhd])(?: ago)?")
_HEX: Final = "0x"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """What a letter must have; what is empty or None asks for nothing.

    `fingerprints` are whole or their first digits, `stages` names of stages, `classes` those of the classes
    that were raised, whole or what follows the last point; of all three, those with `!` before them are left
    out. `since` and `until` are ms since the epoch, compared with `time_of`, `until` being the
    first that is too late; `keys` are the bytes of keys.
    """

    fingerprints: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    keys: tuple[bytes, ...] = ()

    @property
    def empty(self) -> bool:
        """It fits every letter."""
        return self == LetterFilter()

    def fits(self, letter: Letter, key: bytes | None, time: int | None) -> bool:
        """Whether a letter with this key and time has all that is asked for."""
        return self.fits_kind(letter.fingerprint, letter.stage, letter.error_class) and self.fits_message(
            key, time
        )

    def fits_kind(self, fingerprint: str, stage: str, error_class: str) -> bool:
        """The part of `fits` that is the same for all letters of a fingerprint, stage and class."""
        return (
            _named(fingerprint, self.fingerprints, prefix=True)
            and _named(stage, self.stages)
            and _of_class(error_class, self.classes)
        )

    def fits_message(self, key: bytes | None, time: int | None) -> bool:
        """The rest of `fits`. A letter without a time is not of any time."""
        if self.keys and key not in self.keys:
            return False
        if self.since is None and self.until is None:
            return True
        if time is None:
            return False
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)

    def as_json(self) -> dict[str, Any]:
        """What is asked for, as JSON; the same filter has always the same."""
        found: dict[str, Any] = {}
        if self.fingerprints:
            found["fingerprint"] = sorted(set(self.fingerprints))
        if self.stages:
            found["stage"] = sorted(set(self.stages))
        if self.classes:
            found["class"] = sorted(set(self.classes))
        if self.since is not None:
            found["since"] = self.since
        if self.until is not None:
            found["until"] = self.until
        if self.keys:
            found["key"] = sorted({key.hex() for key in self.keys})
        return found


def filter_of_json(found: Any) -> LetterFilter:
    """The filter that `as_json` gave. Raises `ValueError` for anything else."""
    try:
        known = LetterFilter(
            fingerprints=tuple(map(str, found.get("fingerprint", ()))),
            stages=tuple(map(str, found.get("stage", ()))),
            classes=tuple(map(str, found.get("class", ()))),
            since=None if found.get("since") is None else int(found["since"]),
            until=None if found.get("until") is None else int(found["until"]),
            keys=tuple(bytes.fromhex(key) for key in found.get("key", ())),
        )
    except (AttributeError, TypeError) as error:
        raise ValueError("not a filter") from error
    if known.as_json() != found:
        raise ValueError("not a filter")  # of a newer kgen, with more in it
    return known


def time_of(letter: Letter, timestamp: int | None) -> int | None:
    """When a letter first failed, where its headers say that, else its timestamp; in ms since the epoch."""
    return timestamp if letter.first_seen is None else letter.first_seen


def key_of(text: str) -> bytes:
    """The bytes of a key as the command line gives it: text as UTF-8, or `0x` and hexadecimal digits. Raises
    `ConfigError`.
    """
    if not text.startswith(_HEX):
        return text.encode(errors="surrogateescape")
    try:
        return bytes.fromhex(text[len(_HEX) :])
    except ValueError:
        hint = "--key 0x000000002a, for example; any other text is taken as UTF-8"
        raise ConfigError(f"not hexadecimal digits: {text[:80]!r}", where="--key", hint=hint) from None


def millis_of(text: str, option: str, now: datetime | None = None) -> int:
    """A time as the command line gives it, in ms since the epoch: ISO 8601 (UTC unless it says otherwise), or
    an age such as `30m`, `2h ago` or `7d`. Raises `ConfigError`.
    """
    age = _AGE.fullmatch(text)
    try:
        if age is not None:
            time = (now or datetime.now(timezone.utc)) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        else:
            # Python 3.10 does not read the Z.
            time = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
    except (ValueError, OverflowError):
        hint = f"{option} 2026-01-31T12:00:00Z, or an age: {option} 2h"
        raise ConfigError(f"not a time: {text[:80]!r}", where=option, hint=hint) from None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def _named(name: str, wanted: tuple[str, ...], *, prefix: bool = False) -> bool:
    if not wanted:
        return True
    kept = tuple(each for each in wanted if each[:1] != "!")
    out = tuple(each[1:] for each in wanted if each[:1] == "!")
    if prefix:
        return (not kept or name.startswith(kept)) and not (out and name.startswith(out))
    return (not kept or name in kept) and name not in out


def _of_class(name: str, wanted: tuple[str, ...]) -> bool:
    if not wanted:
        return True
    names = {name, name.rpartition(".")[2]}
    kept = [each for each in wanted if each[:1] != "!"]
    return (not kept or not names.isdisjoint(kept)) and not any(
        each[:1] == "!" and each[1:] in names for each in wanted
    )
