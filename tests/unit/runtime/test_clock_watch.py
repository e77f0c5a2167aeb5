"""A clock that is set back is told from one that runs."""

from __future__ import annotations

from kgen_runtime.runner.clock_watch import Drift


def test_only_going_back_counts() -> None:
    times = {"wall": 1_000.0, "steady": 5.0}
    drift = Drift(lambda: times["wall"], lambda: times["steady"])
    times.update(wall=1_010.0, steady=15.0)
    assert drift.back() == 0
    times.update(wall=5_000.0, steady=16.0)  # set forward: idle sources wake early
    assert drift.back() == 0
    times.update(wall=1_401.0, steady=17.0)
    assert drift.back() == 3_600
    assert drift.back() == 0
