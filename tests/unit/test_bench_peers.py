"""The contests of `make bench-peers`: their statistics, and what is kept of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.bench import harness
from tests.bench.__main__ import main as bench
from tests.bench.machine import machine
from tests.bench.peers import publish
from tests.bench.peers.__main__ import in_turns, settled_ages
from tests.bench.peers.__main__ import main as peers
from tests.bench.peers.chart import chart
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


@pytest.mark.parametrize(("seconds", "rounds"), [(0.01, 15), (0.5, 4), (100.0, 3)])
def test_a_contest_that_takes_long_has_fewer_rounds(
    monkeypatch: pytest.MonkeyPatch, seconds: float, rounds: int
) -> None:
    now, calls = [0.0], []

    def work() -> float:
        now[0] += seconds / 2
        calls.append(1)
        return 1.0

    monkeypatch.setattr("tests.bench.harness.time.monotonic", lambda: now[0])
    (result,) = harness.contest("task", ("kgen", work), {"other": (work, 1.0)})
    assert (len(calls), result.ratio) == (2 * (rounds + 1), 1.0)  # one to warm up


def test_the_ratio_is_of_medians_and_says_how_many_times_as_good_kgen_is():
    rates, times = contest(), contest(more_is_better=False)
    assert [rates.ratio(each) for each in rates.found] == [1.0, pytest.approx(200 / 45), None]
    assert times.ratio(times.found[1]) == pytest.approx(45 / 200)


def test_the_table_has_median_span_ratio_and_memory_and_says_who_stepped_aside():
    _, kgen, other, gone = contest().table().splitlines()
    assert kgen.split() == ["kgen", "200", "100", "to", "300", "3", "MiB"]
    assert other.split() == ["other", "45", "40", "to", "50", "kgen", "4.44x", "1", "MiB"]
    assert gone.split() == ["gone", "stepped", "aside:", "exit", "1:", "no", "such", "module"]


def test_a_contest_on_another_broker_says_so():
    elsewhere = Contest("latency", "ms", [], broker="Apache Kafka 4")
    assert elsewhere.table() == "latency, on Apache Kafka 4 (ms)"
    kept = kept_contests()
    kept["contests"]["latency-1000-p50"]["place"] = elsewhere.place
    assert "**Milliseconds from sent to there, on Apache Kafka 4: less is better**" in publish.section(kept)
    assert "**Messages a second: more is better**" in publish.section(kept)


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


def test_results_of_a_bench_are_kept_with_machine_versions_date_and_the_span_of_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results.json"
    monkeypatch.setattr(harness, "RESULTS", path)
    path.write_text("[]")  # as earlier versions wrote it
    times = iter([9.0, 9.0, 1.0, 4.0, 2.0, 4.0, 2.0, 12.0])
    calls = (lambda: next(times), {"peer": (lambda: next(times), 2.5)})
    assert not harness.report(harness.contest("decode", ("kgen", calls[0]), calls[1], rounds=3))
    assert harness.report([harness.Result("memory", "the last", "the second", 1.0, 0.9)])
    kept = json.loads(path.read_text())
    assert set(kept["machine"]) == {"system", "cpu", "cores", "python"}
    assert {"kgen-streams", "bytewax", "confluent-kafka"} <= set(kept["versions"])
    assert [(each["ratio"], each["least"], each["most"]) for each in kept["results"]] == [
        (2, 2, 6),
        (1, None, None),
    ]
    assert all(each["date"].startswith("20") for each in kept["results"])
    assert "2.00x (2.00 to 6.00)" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]


def test_results_that_cannot_be_kept_are_printed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "file" / "results.json")
    assert harness.report([harness.Result("memory", "the last", "the second", 1.0, 0.9)])
    out, err = capsys.readouterr()
    assert "the last" in out
    assert "not kept in" in err


def test_wrong_arguments_are_refused_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(["codec", "nothing"]) == 2
    assert "error: no bench 'nothing'\n  hint: there are " in capsys.readouterr().err
    for words in (["--only", "nobody"], ["--rounds", "0"]):
        monkeypatch.setattr(sys, "argv", ["peers", *words])
        with pytest.raises(SystemExit, match="2"):
            peers()


def test_a_bench_that_is_interrupted_ends_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise KeyboardInterrupt

    assert harness.interruptible(main) == 130
    assert capsys.readouterr().err == "stopped\n"


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


def kept_contests() -> dict[str, Any]:
    names = [name for _, columns in publish.TABLES for name in columns]
    lesser = ("latency", "start", "imports")
    contests = {
        name: {"title": name, **contest(more_is_better=not name.startswith(lesser)).as_json()}
        for name in names
    }
    return {"machine": machine(), "versions": {"kgen-streams": "1", "a<b": "2"}, "contests": contests}


def test_the_chart_has_a_bar_for_each_that_ran_in_proportion_and_colours_for_dark_pages():
    found = [Measured("kgen", [400.0]), Measured("a <b>", [100.0]), Measured("gone", failed="exit 1")]
    drawn = chart({"typed": {"title": "typed & fast", **Contest("", "messages/s", found).as_json()}})
    root = ElementTree.fromstring(drawn)
    svg = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.get("width", "0")) for bar in root.iter(f"{svg}rect")]
    assert len(widths) == 2
    assert widths[0] == 4 * widths[1]
    texts = [text.text for text in root.iter(f"{svg}text")]
    assert texts == ["typed & fast (messages a second)", "kgen", "400", "a <b>", "100"]
    assert "prefers-color-scheme: dark" in drawn


def test_the_page_gets_every_table_between_its_marks_and_says_who_is_ahead():
    kept = kept_contests()
    page = publish.placed(f"before\n{publish.BEGIN}\nold\n{publish.END}\nafter\n", publish.section(kept))
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "old" not in page
    assert "| kgen | 200 (100 to 300) | 200 (100 to 300) | 200 (100 to 300) |" in page
    assert "| gone | did not finish | did not finish | did not finish |" in page
    assert "| **kgen beside the best of the others** | 4.44x | 4.44x | 4.44x |" in page
    ahead = [line for line in page.splitlines() if "times as good as kgen" in line]
    assert "- start: other, 4.44 times as good as kgen" in ahead  # it takes 45 s, kgen 200 s
    assert len(ahead) == 6  # four of latency, the start, the imports
    assert publish.placed(page, publish.section(kept)) == page


def test_a_page_without_marks_is_left_alone():
    with pytest.raises(ValueError, match="marks"):
        publish.placed("text", "table")


@pytest.mark.parametrize("page", [publish.PAGE, publish.README])
def test_the_pages_have_the_marks(page: Path):
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    assert publish.BEGIN in text.partition(publish.END)[0]


def test_what_keeps_state_is_asked_for_by_the_count_alone():
    kgen = CONTESTANTS[0]
    assert kgen.arguments("count", "/f")[-2:] == ["--recovery", "/f/recovery"]
    assert "--recovery" not in kgen.arguments("typed", "/f")


def test_each_gets_so_many_messages_that_they_come_in_several_batches():
    fast, slow = Contestant("fast", (), "", slow=False), Contestant("slow", (), "")
    assert (fast.share(400, 200, 64), slow.share(400, 200, 64)) == (400, 200)
    assert Contestant("kop", (), "", batch=100).share(400, 200, 64) == 19_200


def test_messages_that_all_come_in_one_batch_give_no_rate():
    with pytest.raises(RunFailed, match="one batch"):
        _ = Ran(Notes(count=5, first=7, first_count=5), spawned=0, ended=7).rate
