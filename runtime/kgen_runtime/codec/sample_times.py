"""Moments and times of day for samples, the same for the same seed."""

from __future__ import annotations

import random
from datetime import datetime, time, timedelta, timezone

_AROUND = datetime(2026, 1, 15, 12, tzinfo=timezone.utc)
_SPREAD_MS = 30 * 24 * 3600 * 1000


def sample_moment(rng: random.Random) -> datetime:
    """An instant, in UTC, in whole milliseconds."""
    return _AROUND + timedelta(milliseconds=rng.randrange(-_SPREAD_MS, _SPREAD_MS))


def sample_time(rng: random.Random, step: int) -> time:
    """A time of day in whole steps of so many microseconds."""
    micros = rng.randrange(24 * 3600 * 1_000_000 // step) * step
    return (datetime.min + timedelta(microseconds=micros)).time()
