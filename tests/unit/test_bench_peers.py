"""The contests of `make bench-peers`: their statistics, and what is kept of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.bench.peers.__main__ import in_turns, settled_ages
from tests.bench.peers.contestants_list import CONTESTANTS, Contestant
from tests.bench.peers.job import Notes
from tests.bench.peers.results import Contest, Measured, keep
from tests.bench.peers.stage import Ran, RunFailed


def contest(*, more_is_better: bool = True) -> Contest:
    found = [
        Measured("kgen", [300.0, 100.0, 200.0], [2 << 20, 4 << 20, 3 << 20]),
        Measured("other", [50.0, 40.0], [1 << 20]),
        Measured("gone", failed="exit 1: no such module"),
    ]
    return Contest("typed", "messages/s", found, more_is_better)


def test_the_ratio_is_of_medians_and_says_how_many_times_as_good_kgen_is():
    rates, times = contest(), contest(more_is_better=False)
    assert [rates.ratio(each) for each in rates.found] == [1.0, pytest.approx(200 / 45), None]
    assert times.ratio(times.found[1]) == pytest.approx(45 / 200)


def test_the_table_has_median_span_ratio_and_memory_and_says_who_stepped_aside():
    _, kgen, other, gone = contest().table().splitlines()
    assert kgen.split() == ["kgen", "200", "100", "to", "300", "3", "MiB"]
    assert other.split() == ["other", "45", "40", "to", "50", "kgen", "4.44x", "1", "MiB"]
    assert gone.split() == ["gone", "stepped", "aside:", "exit", "1:", "no", "such", "module"]


def test_results_are_kept_beside_those_of_other_tasks(tmp_path: Path):
    path = tmp_path / "peers.json"
    keep({"typed": contest()}, path)
    keep({"count": contest()}, path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert sorted(kept["contests"]) == ["count", "typed"]
    assert set(kept["machine"]) == {"system", "cpu", "cores", "python"}
    (kgen, other, gone) = kept["contests"]["typed"]["contestants"]
    assert (kgen["median"], other["kgen_ratio"], gone["failed"]) == (
        200,
        pytest.approx(200 / 45),
        "exit 1: no such module",
    )


def test_contestants_take_turns_and_one_that_fails_sits_out_the_rest():
    calls = []

    def run(who: Contestant) -> tuple[float, int]:
        calls.append(who.name)
        if who is CONTESTANTS[1]:
            raise RunFailed("exit 1")
        return float(len(calls)), 7

    first, second = in_turns(list(CONTESTANTS[:2]), 2, run)
    assert calls == [CONTESTANTS[0].name, CONTESTANTS[1].name, CONTESTANTS[0].name]
    assert (first.values, first.memory, second.values, second.failed) == ([1.0, 3.0], [7, 7], [], "exit 1")


def test_a_rate_leaves_out_the_first_batch_and_ages_leave_out_the_first_half():
    notes = Notes(count=110, first=2_000_000_000, first_count=10, last=0, ages=[90, 80, 3, 1])
    ran = Ran(notes, spawned=1_000_000_000, ended=4_000_000_000)
    assert (ran.rate, ran.start, settled_ages(ran)) == (50.0, 1.0, [1, 3])


def test_a_contestant_that_is_not_installed_says_why():
    there = Contestant("x", (sys.executable,), "json")
    assert there.missing() == ""
    assert "nowhere_at_all" in Contestant("x", (sys.executable,), "nowhere_at_all").missing()
    assert "/no/python" in Contestant("x", ("/no/python",), "json").missing()
