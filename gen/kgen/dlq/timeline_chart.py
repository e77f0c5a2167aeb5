"""The geometry of the chart of failures over time: widths in percent, heights in pixels, texts.

With widths in percent and no `viewBox` the bars fit any page, and the texts keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .timeline import STAGES, Bar, Histogram, shown_instant, shown_width

HEIGHT: Final = 220
"""Pixels of the bars' area."""
_GAP: Final = 0.18
"""Of a bar's width, between two."""
_SLIT: Final = 1.0
"""Pixels between the parts of a bar, if they are high enough for it."""
_DAY: Final = 86_400_000
_TICKS: Final = 5


@dataclass(frozen=True)
class Rect:
    """A part of a bar; `kind` is the name of its stage, one of `STAGES`."""

    kind: str
    x: str
    width: str
    y: str
    height: str


@dataclass(frozen=True)
class Column:
    """A bar with its parts, and the area that shows its title."""

    x: str
    width: str
    title: str
    parts: tuple[Rect, ...]


@dataclass(frozen=True)
class GridLine:
    """A line of the grid and its number."""

    y: str
    text: str


@dataclass(frozen=True)
class Tick:
    """A time on the axis. `narrow`: shown on small screens as well."""

    x: str
    text: str
    anchor: Literal["start", "middle", "end"]
    narrow: bool


@dataclass(frozen=True)
class Chart:
    """What the template draws. `unit` says how long a bar is, `stages` which have one, in their order."""

    columns: tuple[Column, ...]
    lines: tuple[GridLine, ...]
    ticks: tuple[Tick, ...]
    unit: str
    stages: tuple[str, ...]


def drawn(histogram: Histogram) -> Chart:
    """The chart of a histogram, which has bars."""
    bars = histogram.bars
    stages = tuple(stage for stage in STAGES if any(bar.counts.get(stage) for bar in bars))
    top = _rounded(max(bar.total for bar in bars))
    step = 100 / max(len(bars), 12)
    columns = tuple(_column(bar, number, step, top, stages, histogram) for number, bar in enumerate(bars))
    return Chart(
        columns, tuple(_lines(top)), tuple(_ticks(histogram, step)), shown_width(histogram.width), stages
    )


def time_form(histogram: Histogram) -> str:
    """How the starts of bars are written: as exact as the bars are."""
    if histogram.width >= _DAY:
        return "%Y-%m-%d"
    return "%Y-%m-%d %H:%M" if histogram.width >= 60_000 else "%Y-%m-%d %H:%M:%S"


def _column(
    bar: Bar, number: int, step: float, top: int, stages: Sequence[str], histogram: Histogram
) -> Column:
    x, width = f"{number * step:.3f}%", f"{step * (1 - _GAP):.3f}%"
    parts = []
    below = 0.0
    for stage in stages:
        count = bar.counts.get(stage, 0)
        if not count:
            continue
        height = count / top * HEIGHT
        slit = _SLIT if below and height > 3 * _SLIT else 0.0
        drawn_height = max(height - slit, 1.0)
        parts.append(
            Rect(stage, x, width, f"{HEIGHT - below - slit - drawn_height:.2f}", f"{drawn_height:.2f}")
        )
        below += height
    counted = ", ".join(f"{bar.counts[stage]:,} {stage}" for stage in stages if bar.counts.get(stage))
    title = f"{shown_instant(bar.start, form=time_form(histogram))} UTC: {counted or 'none'}"
    return Column(x, f"{step:.3f}%", title, tuple(parts))


def _rounded(most: int) -> int:
    """The number at the top: four equal whole steps above the highest bar."""
    step = max(most / 4, 1)
    size: int = 10 ** math.floor(math.log10(step))
    return 4 * next(n for n in (size, 2 * size, 5 * size, 10 * size) if n >= step)


def _lines(top: int) -> Iterator[GridLine]:
    for quarter in range(1, 5):
        number = top * quarter // 4
        yield GridLine(f"{HEIGHT - HEIGHT * quarter / 4:.0f}", f"{number:,}")


def _ticks(histogram: Histogram, step: float) -> Iterator[Tick]:
    bars = histogram.bars
    form = "%Y-%m-%d" if histogram.width >= _DAY else "%m-%d %H:%M"
    if histogram.width < 60_000:
        form = "%H:%M:%S"
    count = max(min(_TICKS, len(bars) // 8 + 1), 1)
    for number in range(count):
        at = number * (len(bars) - 1) // max(count - 1, 1)
        place = at * step if number == 0 else (at + (1 - _GAP) / 2) * step
        last = number == count - 1 and number > 0 and place > 90
        anchor: Literal["start", "middle", "end"] = "start" if number == 0 else "end" if last else "middle"
        x = f"{(at + 1 - _GAP) * step:.3f}%" if last else f"{place:.3f}%"
        yield Tick(x, shown_instant(bars[at].start, form=form), anchor, number in (0, count - 1))
