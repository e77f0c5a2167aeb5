"""What the runner says on stderr while a flow runs: real runs, read line by line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.processes import ended

DEADLINE = 120.0

FLOWS = """
    import logging
    import os
    import time
    from datetime import datetime, timedelta, timezone

    import bytewax.operators as op
    import bytewax.operators.windowing as win
    from bytewax.dataflow import Dataflow

    import kgen_runtime as rt
    from kgen_runtime import testing

    ORDERS = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
    OUT = rt.Topic("out", key=rt.StringSerde(), value=rt.StringSerde())
    EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def price(value):
        if value.startswith("bad"):
            raise ValueError("no price\\x1b[31m\\nin it")
        if value == "slow":
            time.sleep(0.002)
        return None if value == "skip" else value

    def build(policy, values, kafka=None, **more):
        kafka = kafka or memory(values)
        flow = Dataflow("flow")
        read = rt.source("in", flow, ORDERS, kafka, **more)
        priced = rt.map_value("price", read.oks, price)
        errs = rt.sink("out", priced.oks, OUT, kafka)
        rt.route("errs", read.errs, priced.errs, errs, policy=policy(kafka))
        return rt.check(flow)

    def memory(values, ends=True):
        raw = [
            rt.RawMessage(key=b"k", value=v, topic="orders", partition=i % 2, timestamp=i)
            for i, v in enumerate(values)
        ]
        kafka = testing.Memory({ORDERS: raw})
        kafka.ends = ends
        return kafka

    def letters(kafka):
        return rt.DeadLetter("orders.dlq", kafka)

    def all_bad():
        return build(letters, [b"bad1", b"bad2", b"\\xff"])

    def dropping():
        return build(lambda kafka: rt.Drop(), [b"bad1", b"fine", b"skip"])

    def large():
        kafka = memory([b"fine", b"x" * 3_000, b"bad"]).with_config({"message.max.bytes": 2_000})
        return build(letters, [], kafka)

    def exactly_large():
        kafka = memory([b"fine", b"x" * 3_000, b"bad"]).with_config({"message.max.bytes": 2_000})
        flow = Dataflow("flow")
        read = rt.source("in", flow, ORDERS, kafka)
        priced = rt.map_value("price", read.oks, price)
        errs = rt.sink("out", priced.oks, OUT, kafka, delivery="exactly-once")
        rt.route("errs", read.errs, priced.errs, errs, policy=rt.Drop())
        return rt.check(flow)

    def written_before():
        kafka = memory([b"fine", b"bad", b"skip", b"good"])

        def copying():
            flow = Dataflow("flow")
            read = rt.source("in", flow, ORDERS, kafka)
            priced = rt.map_value("price", read.oks, price)
            errs = rt.sink("out", priced.oks, OUT, kafka, delivery="exactly-once")
            rt.route("errs", read.errs, priced.errs, errs, policy=letters(kafka))
            return rt.check(flow)

        testing.run(copying())
        return copying()

    def chatty():
        log = logging.getLogger("shop")
        log.warning("mine", extra={"fields": "shop", "event": "sold"})
        log.warning("mine", extra={"fields": {"version": 99}})
        return build(lambda kafka: rt.Drop(), [b"fine"])

    def crashing():
        return build(lambda kafka: rt.Crash(), [b"bad"])

    def endless():
        return build(letters, [], memory([b"fine", b"bad"], ends=False))

    def slow():
        return build(letters, [b"slow"] * 60_000, batch_size=10)

    def nobody():
        return build(letters, [], rt.Kafka(os.environ["NOBODY"]))

    def windows():
        kafka = memory([b"fine"] * 3)
        flow = Dataflow("flow")
        read = rt.source("in", flow, ORDERS, kafka)
        rt.route("errs", read.errs, policy=rt.Drop())
        keyed = op.key_on("key", read.oks, lambda m: "k")
        at = iter([50, 0, 1])
        clock = win.EventClock(lambda m: EPOCH + timedelta(hours=next(at)), timedelta(0))
        windower = win.TumblingWindower(length=timedelta(minutes=1), align_to=EPOCH)
        counts = win.collect_window("count", keyed, clock, windower)
        op.inspect("show", counts.down, lambda step, item: None)
        rt.route("late", rt.late("too_late", counts.late), policy=rt.Drop())
        return rt.check(flow)
"""


class Run:
    """A run of the runner whose stderr is read line by line, never for longer than `DEADLINE`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, what: str) -> str:
        """The first line, from now on, that has this text."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            if what in line:
                return self.lines[-1]
        raise AssertionError("\n".join([f"no line with {what!r}:", *self.lines]))

    def rest(self) -> str:
        """All that was said, once it has ended."""
        assert self.process.stderr is not None
        self.lines += self.process.stderr.read().splitlines()
        self.process.wait()
        return "\n".join(self.lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows.py").write_text(textwrap.dedent(FLOWS))
    return tmp_path


@contextmanager
def started(
    folder: Path, flow: str, *args: str, module: str = "kgen_runtime.run", **env: str
) -> Iterator[Run]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, f"flows:{flow}", *args],
        cwd=folder,
        env={**os.environ, **env},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with ended(process, DEADLINE):
        yield Run(process)


def said(folder: Path, flow: str, *args: str, **more: str) -> str:
    with started(folder, flow, *args, **more) as run:
        return run.rest()


def events(text: str) -> dict[str, dict[str, Any]]:
    """The last of each kind; every line is JSON."""
    return {line["event"]: line for line in map(json.loads, text.splitlines())}


def line_of(folder: Path, text: str) -> str:
    lines = (folder / "flows.py").read_text().splitlines()
    return f"flows.py:{1 + next(i for i, line in enumerate(lines) if text in line)}"


def test_a_flow_whose_every_message_becomes_a_dead_letter_says_so(folder: Path) -> None:
    text = said(folder, "all_bad")
    assert "1 worker, codec " in text
    assert "no recovery; writes orders.dlq, out" in text
    reading = f"reading orders (step flow.in, {line_of(folder, 'rt.source(')}): 0 from 0 (earliest) until end"
    assert reading in text
    assert "dead letters: 3 so far to orders.dlq (3 new): 2 " in text
    assert f" process at {line_of(folder, 'raise ValueError')} (flow.price): ValueError: no price" in text
    assert f" decode at {line_of(folder, 'rt.source(')} (flow.in): DecodeError" in text
    assert (
        "totals: read 3, written 0, dead-lettered 3, dropped 0, logged 0, late 0, filtered 0, retries 0"
        in text
    )


def test_what_comes_from_messages_cannot_break_or_colour_a_line(folder: Path) -> None:
    text = said(folder, "all_bad")
    assert r"no price\x1b[31m\nin it" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(("flow", "became"), [("large", "dead_lettered"), ("exactly_large", "dropped")])
def test_what_is_too_large_is_not_taken_from_what_was_written(folder: Path, flow: str, became: str) -> None:
    end = events(said(folder, flow, "--log-format", "json"))["end"]
    assert (end["read"], end["written"], end[became]) == (3, 1, 2)


def test_what_an_earlier_run_has_written_is_not_counted_as_written_by_this_one(folder: Path) -> None:
    totals = events(said(folder, "written_before", "--log-format", "json"))["end"]
    assert (totals["read"], totals["filtered"], totals["written_before"]) == (4, 1, 3)
    assert (totals["written"], totals["dead_lettered"]) == (0, 0)


def test_json_lines_of_other_loggers_are_logged_as_such(folder: Path) -> None:
    lines = [json.loads(line) for line in said(folder, "chatty", "--log-format", "json").splitlines()]
    mine = [line for line in lines if line["message"] == "mine"]
    assert [(line["event"], line["version"], line["logger"]) for line in mine] == [("log", 1, "shop")] * 2


def test_json_lines_have_the_parts(folder: Path) -> None:
    found = events(said(folder, "dropping", "--log-format", "json"))
    assert found["start"]["workers"] == 1
    assert found["start"]["codec"] in ("native", "python")
    assert found["start"]["writes"] == ["out"]
    assert found["reading"]["topic"] == "orders"
    assert {each["partition"] for each in found["reading"]["partitions"]} <= {0, 1}
    (group,) = found["failures"]["groups"]
    assert found["failures"]["policy"] == "drop"
    assert found["failures"]["level"] == "warning"
    assert (group["count"], group["stage"], group["error"]) == (1, "process", "ValueError")
    assert group["place"] == line_of(folder, "raise ValueError")
    assert len(group["fingerprint"]) == 16
    end = found["end"]
    assert (end["read"], end["written"], end["dropped"], end["filtered"]) == (3, 1, 1, 1)
    assert end["topics"] == {"orders": 3}
    assert all(line["version"] == 1 and "time" in line for line in found.values())


def test_quiet_runs_report_nothing(folder: Path) -> None:
    assert said(folder, "all_bad", "--quiet") == ""


def test_the_environment_may_ask_for_json_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGEN_LOG_FORMAT", "json")
    lines = [json.loads(line) for line in said(folder, "dropping").splitlines()]
    assert {line["flow"] for line in lines} == {"flows:dropping"}
    assert said(folder, "dropping", "--log-format", "text").count("{") == 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_crash_names_the_line_of_the_users_code_and_has_its_traceback(folder: Path, form: str) -> None:
    with started(folder, "crashing", "--log-format", form) as run:
        text = run.rest()
        assert run.process.returncode == 2
    line = line_of(folder, "raise ValueError")
    if form == "json":
        error = events(text)["error"]
        assert error["where"].startswith(f"{line}, step flow.price, topic orders")
        assert "in price" in error["traceback"]
        assert "ValueError: no price" in error["what"]
        return
    assert f"  at {line}, step flow.price, topic orders, partition 0, offset 0\n" in text
    assert "in price\n    raise ValueError" in text
    assert "bytewax" not in text.partition("Traceback")[2]


def test_a_run_from_a_recovery_folder_says_where_it_goes_on(folder: Path) -> None:
    assert "until end" in said(folder, "all_bad", "-r", "kept")
    text = said(folder, "all_bad", "-r", "kept")
    assert "recovery kept, epochs of 10 s" in text
    assert "0 from 2 (recovered) until end, 1 from 1 (recovered) until end" in text
    assert "totals: read 0," in text


def test_a_run_that_waits_for_new_messages_says_so_and_gives_totals_when_it_is_stopped(folder: Path) -> None:
    with started(folder, "endless") as run:
        run.until("until never")
        run.until("dead letters: 1 so far")
        run.until("orders: caught up, 2 messages read so far; waiting for new ones")
        run.process.send_signal(signal.SIGTERM)
        run.until("totals: read 2, written 1, dead-lettered 1,")
        run.rest()
        assert run.process.returncode == 0


def test_a_run_that_leaves_with_its_epoch_durable_gives_totals(folder: Path) -> None:
    with started(folder, "endless", "-r", "kept", "-s", "0.2") as run:
        run.until("caught up")
        run.process.send_signal(signal.SIGTERM)
        assert "totals: read 2, written 1, dead-lettered 1," in run.rest()


def test_progress_has_rate_and_lag(folder: Path) -> None:
    with started(folder, "slow", "--log-format", "json") as run:
        progress = json.loads(run.until('"event": "progress"'))
    assert 1_000 < progress["lag"] < 60_000
    assert progress["rate"] > 0
    assert progress["topic"] == "orders"


def test_what_is_waited_for_is_said(folder: Path) -> None:
    with started(folder, "nobody", NOBODY="127.0.0.1:1") as run:
        assert "since" in run.until("waiting for the Kafka brokers to answer (topic orders)")
        assert "error: no Kafka broker answers" in run.rest()


def test_late_messages_of_windows_are_counted(folder: Path) -> None:
    assert "late 2," in said(folder, "windows")


def test_each_line_of_a_cluster_names_its_process(folder: Path) -> None:
    text = said(folder, "all_bad", "--processes", "2")
    for process in (0, 1):
        assert f"[{process}] " in text
    totals = [line for line in text.splitlines() if "totals:" in line]
    assert sorted(line[:4] for line in totals) == ["[0] ", "[1] "]
    lettered = [int(line.partition("dead-lettered ")[2].partition(",")[0]) for line in totals]
    assert sum(lettered) == 3
    assert "2 workers" not in text
    found = said(folder, "all_bad", "--processes", "2", "--log-format", "json").splitlines()
    assert {json.loads(line)["process"] for line in found if line.startswith("{")} == {0, 1}


def test_a_cluster_that_waits_for_its_other_processes_says_so(folder: Path) -> None:
    with started(folder, "all_bad", "-i", "0", "-a", "127.0.0.1:7;127.0.0.1:9") as run:
        run.until("waiting for process 1 at 127.0.0.1:9 since")


def test_bytewaxs_own_runner_reports_nothing(folder: Path) -> None:
    text = said(folder, "all_bad", module="bytewax.run")
    assert "kgen_runtime.report" not in text
    assert "totals" not in text
