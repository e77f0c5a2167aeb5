"""Failures counted over time, against counting them one by one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen.dlq import timeline
from kgen.dlq.timeline import OTHER, STAGES, Timeline, shown_instant, shown_width
from kgen.dlq.timeline_chart import HEIGHT, drawn

NOW = 1_795_000_000_000
TIMES = st.one_of(
    st.none(),
    st.integers(NOW, NOW + 10_000_000),
    st.integers(0, 32_503_679_999_999),
    st.integers(-(2**63), 2**63 - 1),
)
FAILURES = st.lists(st.tuples(st.sampled_from([*STAGES, "", "</svg>"]), TIMES), max_size=200)


def counted(failures: list[tuple[str, int | None]]) -> Timeline:
    found = Timeline()
    for stage, time in failures:
        found.add(stage, time)
    return found


def usable(time: int | None) -> bool:
    return time is not None and 0 <= time < 32_503_680_000_000


@given(FAILURES)
def test_every_failure_is_in_one_bar_or_named_as_in_none(failures: list[tuple[str, int | None]]) -> None:
    found = counted(failures)
    histogram = found.histogram()
    inside = Counter[tuple[int, str]]()
    earlier = later = without = 0
    end = histogram.bars[-1].start + histogram.width if histogram.bars else 0
    for stage, time in failures:
        if not usable(time):
            without += 1
        elif time < histogram.bars[0].start:  # type: ignore[operator]
            earlier += 1
        elif time >= end:  # type: ignore[operator]
            later += 1
        else:
            inside[time // histogram.width, stage if stage in STAGES else OTHER] += 1  # type: ignore[operator]
    assert (histogram.earlier, histogram.later, histogram.without) == (earlier, later, without)
    assert {
        (bar.start // histogram.width, stage): count
        for bar in histogram.bars
        for stage, count in bar.counts.items()
        if count
    } == inside
    assert earlier + later <= max(len(failures) * 0.01, 0)
    totals = Counter(stage if stage in STAGES else OTHER for stage, _ in failures)
    assert found.by_stage() == totals
    assert list(found.by_stage().values()) == sorted(totals.values(), reverse=True)


@given(FAILURES)
def test_bars_have_no_gaps_and_there_are_few(failures: list[tuple[str, int | None]]) -> None:
    histogram = counted(failures).histogram()
    starts = [bar.start for bar in histogram.bars]
    assert starts == [starts[0] + n * histogram.width for n in range(len(starts))] if starts else True
    assert len(starts) <= 60


@given(FAILURES)
def test_parts_of_bars_stay_within_the_picture(failures: list[tuple[str, int | None]]) -> None:
    histogram = counted(failures).histogram()
    if not histogram.bars:
        return
    chart = drawn(histogram)
    for column, bar in zip(chart.columns, histogram.bars, strict=True):
        assert len(column.parts) == sum(1 for count in bar.counts.values() if count)
        for part in column.parts:
            assert part.kind in STAGES
            assert 0 <= float(part.x.rstrip("%")) < 100
            assert float(part.x.rstrip("%")) + float(part.width.rstrip("%")) <= 100.01
            assert -1 <= float(part.y) <= HEIGHT
            assert 0 < float(part.height) <= HEIGHT
    assert all(float(line.y) >= 0 for line in chart.lines)
    texts = [line.text for line in chart.lines]
    assert len(set(texts)) == 4


def test_memory_does_not_grow_with_the_time_that_failures_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "_MOST_COUNTS", 100)
    found = Timeline()
    for n in range(5_000):
        found.add("decode", NOW + n * 7_777_777)
        assert len(found._counts) <= 100
    histogram = found.histogram()
    assert sum(bar.total for bar in histogram.bars) == 5_000
    assert 15 < len(histogram.bars) <= 60


def test_one_failure_far_from_all_others_does_not_squeeze_them() -> None:
    times = [NOW + n * 60_000 for n in range(600)]
    found = counted([("decode", time) for time in [86_400_000, *times, NOW * 10]])
    histogram = found.histogram()
    assert (histogram.earlier, histogram.later) == (1, 1)
    assert len(histogram.bars) > 30
    few = counted([("decode", NOW), ("decode", NOW + 86_400_000)]).histogram()
    assert (few.earlier, few.later, len(few.bars) > 1) == (0, 0, True)


@pytest.mark.parametrize(
    ("width", "text"),
    [(1_000, "second"), (300_000, "5 minutes"), (3_600_000, "hour"), (604_800_000, "7 days")],
)
def test_a_width_for_people(width: int, text: str) -> None:
    assert shown_width(width) == text


def test_an_instant_for_people() -> None:
    assert shown_instant(NOW) == "2026-11-18 11:06:40"
