"""Failures over time, counted by stage in memory that does not grow with their number."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from kgen_runtime.messages import Stage

OTHER: Final = "other"
"""What a letter without error headers, or with a stage that kgen does not know, is counted as."""
STAGES: Final = (*(stage.value for stage in Stage), OTHER)

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_WIDTHS: Final = (
    *(n * _SECOND for n in (1, 5, 15, 30)),
    *(n * _MINUTE for n in (1, 5, 15, 30)),
    *(n * _HOUR for n in (1, 3, 6, 12)),
    *(n * _DAY for n in (1, 7, 14, 28, 364, 3_640, 36_400)),
)
"""In ms; each is a multiple of the one before, so that counts can be added up."""
_LAST: Final = 32_503_680_000_000
"""The year 3000, in ms since the epoch: what claims to be later has no time."""
_MOST_COUNTS: Final = 20_000
_MOST_BARS: Final = 60
_MIDDLE: Final = 0.99
"""The share of the failures that is always shown."""
_WORTH: Final = 4
"""How many times as long the others must make the time shown, to be left out."""


@dataclass(frozen=True)
class Bar:
    """The failures from `start` (ms since the epoch) for the width of a bar, by stage."""

    start: int
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """Of all stages."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Histogram:
    """Bars in the order of time, without gaps, each `width` ms wide; empty if no failure has a time.

    `earlier` and `later` failures are so far from all others that they are not shown; `without` have no time
    that can be.
    """

    width: int
    bars: tuple[Bar, ...]
    earlier: int
    later: int
    without: int


class Timeline:
    """Counts failures by stage and time."""

    def __init__(self) -> None:
        self._width = 0  # an index into `_WIDTHS`
        self._counts: Counts[tuple[int, str]] = Counts()
        self._without: Counts[str] = Counts()

    def add(self, stage: str, time: int | None) -> None:
        """Count a failure; `time` is in ms since the epoch."""
        known = stage if stage in _KNOWN else OTHER
        if time is None or not 0 <= time < _LAST:
            self._without[known] += 1
            return
        self._counts[time // _WIDTHS[self._width], known] += 1
        if len(self._counts) > _MOST_COUNTS:
            self._coarsen()

    def by_stage(self) -> dict[str, int]:
        """How many failed at each stage, the most frequent first, whether they have a time or not."""
        found = Counts(self._without)
        for (_, stage), count in self._counts.items():
            found[stage] += count
        return dict(sorted(found.items(), key=lambda each: (-each[1], STAGES.index(each[0]))))

    def histogram(self) -> Histogram:
        """What is to be drawn: at most 60 bars, but for failures centuries apart."""
        without = sum(self._without.values())
        if not self._counts:
            return Histogram(_WIDTHS[0], (), 0, 0, without)
        kept = self._shown()
        first, last = min(kept)[0], max(kept)[0]
        earlier = sum(count for (at, _), count in self._counts.items() if at < first)
        later = sum(count for (at, _), count in self._counts.items() if at > last)
        fine = _WIDTHS[self._width]
        width = next(
            (each for each in _WIDTHS[self._width :] if _bars(first, last, fine, each) <= _MOST_BARS),
            _WIDTHS[-1],
        )
        found = [Counts[str]() for _ in range(_bars(first, last, fine, width))]
        start = first * fine // width
        for (at, stage), count in kept.items():
            found[at * fine // width - start][stage] += count
        bars = tuple(Bar((start + number) * width, counts) for number, counts in enumerate(found))
        return Histogram(width, bars, earlier, later, without)

    def _shown(self) -> dict[tuple[int, str], int]:
        """The counts without the few that would squeeze all others into a bar or two."""
        totals: Counts[int] = Counts()
        for (at, _), count in self._counts.items():
            totals[at] += count
        times = sorted(totals)
        margin = (1 - _MIDDLE) / 2 * sum(totals.values())
        low, high = _within(times, totals, margin), _within(times[::-1], totals, margin)
        low, high = low - (high - low), high + (high - low)  # those near it belong to it
        low, high = min(t for t in times if t >= low), max(t for t in times if t <= high)
        if (high - low + 1) * _WORTH > times[-1] - times[0] + 1:
            low, high = times[0], times[-1]
        return {key: count for key, count in self._counts.items() if low <= key[0] <= high}

    def _coarsen(self) -> None:
        while len(self._counts) > _MOST_COUNTS // 2 and self._width + 1 < len(_WIDTHS):
            factor = _WIDTHS[self._width + 1] // _WIDTHS[self._width]
            self._width += 1
            counts: Counts[tuple[int, str]] = Counts()
            for (at, stage), count in self._counts.items():
                counts[at // factor, stage] += count
            self._counts = counts


_KNOWN: Final = frozenset(STAGES)


def _bars(first: int, last: int, fine: int, width: int) -> int:
    return last * fine // width - first * fine // width + 1


def _within(times: list[int], totals: Mapping[int, int], margin: float) -> int:
    """The first of `times` that has more than `margin` failures up to it, itself among them."""
    passed = 0
    for time in times:
        passed += totals[time]
        if passed > margin:
            return time
    return times[-1]


def shown_width(width: int) -> str:
    """How long a bar is, for people."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (_SECOND, "second")):
        if width % unit == 0 and width >= unit:
            number = width // unit
            return name if number == 1 else f"{number:,} {name}s"
    return f"{width} ms"


def shown_instant(time: int, *, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time (ms since the epoch) for people, in UTC."""
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=time)).strftime(form)
