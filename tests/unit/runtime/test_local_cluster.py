"""What a local cluster makes of what its processes report, and of how they end."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

import pytest

from kgen_runtime.errors import ConfigError
from kgen_runtime.runner import local_cluster, log_format
from kgen_runtime.runner.control_channel import (
    MOST,
    ChannelClosedError,
    Command,
    ProcessReport,
    inherited,
    open_channel,
)
from kgen_runtime.runner.error_report import CutOffError, report_error
from kgen_runtime.runner.local_cluster import ClusterState, ClusterWatch, Member
from kgen_runtime.runner.shutdown import DONE, FAILED, INTERRUPTED, RESTART


class Child:
    """As a process that ends with these codes, one a look."""

    def __init__(self, *codes: int | None) -> None:
        self._codes = list(codes)

    def poll(self) -> int | None:
        return self._codes.pop(0) if len(self._codes) > 1 else self._codes[0]


class Cluster:
    """Of such processes, with channels; `ends` are theirs."""

    def __init__(self, children: Sequence[Child], drain_time: timedelta | None = None) -> None:
        self.ends, self.members = [], []
        self.signals: list[int] = []
        for child in children:
            ours, inheritance = open_channel()
            self.ends.append(inherited(str(os.dup(int(inheritance.argument)))))
            inheritance.close()
            self.members.append(Member(cast(Any, child), ours))
        self.watch = ClusterWatch(self.members, self.signals, drain_time)

    def send(self, index: int, *reports: ProcessReport) -> None:
        for report in reports:
            assert self.ends[index].send(report)

    def commands(self, index: int) -> list[Command]:
        """What a process was asked for in all. Nothing can be afterwards."""
        self.members[index].control.close()
        found = []
        with suppress(ChannelClosedError):
            for command, _ in self.ends[index].messages():
                found.append(command)
        return found

    def close(self) -> None:
        for member, end in zip(self.members, self.ends):
            member.control.close()
            end.close()


NewCluster = Callable[..., Cluster]


@pytest.fixture
def new_cluster() -> Iterator[NewCluster]:
    made: list[Cluster] = []

    def make(*children: Child, drain_time: timedelta | None = None) -> Cluster:
        made.append(Cluster(children, drain_time))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.mark.parametrize("by", ["a signal", "a process"])
def test_all_are_asked_to_stop_and_to_leave_once_all_have_drained(new_cluster: NewCluster, by: str) -> None:
    cluster = new_cluster(Child(None, None, DONE), Child(None, None, DONE))
    if by == "a signal":
        cluster.signals.append(signal.SIGTERM)
    for index in range(2):
        cluster.send(index, ProcessReport.STOPPING, ProcessReport.DRAINED)
    assert cluster.watch.run() == DONE
    assert cluster.watch.state is ClusterState.LEAVING
    assert [cluster.commands(index) for index in range(2)] == [[Command.STOP, Command.LEAVE]] * 2


def test_none_is_asked_to_leave_before_the_last_has_drained(new_cluster: NewCluster) -> None:
    cluster = new_cluster(Child(None, None, DONE), Child(None, None, DONE))
    cluster.send(0, ProcessReport.STOPPING, ProcessReport.DRAINED)
    cluster.send(1, ProcessReport.STOPPING)
    assert cluster.watch.run() == DONE
    assert [cluster.commands(index) for index in range(2)] == [[Command.STOP]] * 2


@pytest.mark.parametrize("drained", [False, True])
def test_all_are_asked_to_exit_if_one_is_stuck(new_cluster: NewCluster, drained: bool) -> None:
    cluster = new_cluster(Child(None, None, DONE), Child(None, None, RESTART))
    cluster.send(0, ProcessReport.STOPPING, *([ProcessReport.DRAINED] if drained else []))
    cluster.send(
        1, ProcessReport.STOPPING, *([ProcessReport.DRAINED] if drained else []), ProcessReport.STUCK
    )
    assert cluster.watch.run() == RESTART
    assert cluster.watch.state is ClusterState.EXITING
    leave = [Command.LEAVE] if drained else []
    assert [cluster.commands(index) for index in range(2)] == [[Command.STOP, *leave, Command.EXIT]] * 2


def test_after_one_was_stuck_none_is_asked_to_leave(new_cluster: NewCluster) -> None:
    cluster = new_cluster(Child(None, None, DONE))
    cluster.send(0, ProcessReport.STOPPING, ProcessReport.STUCK, ProcessReport.DRAINED)
    assert cluster.watch.run() == DONE
    assert cluster.commands(0) == [Command.STOP, Command.EXIT]


@pytest.mark.parametrize("code", [DONE, RESTART])
@pytest.mark.parametrize("reports", [["DRAINED"], ["STUCK"], ["DRAINED", "STUCK"]])
def test_one_that_does_not_end_is_not_waited_for(
    new_cluster: NewCluster,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    reports: list[str],
    code: int,
) -> None:
    """Its step kept the interpreter's lock, or it was stopped: the cluster never ended."""
    monkeypatch.setattr(local_cluster, "_EXIT_TIME", 0.0)
    cluster = new_cluster(Child(None), Child(code))
    for index in range(2):
        cluster.send(index, ProcessReport.STOPPING)
    for name in reports:
        for index in range(2):
            cluster.send(index, ProcessReport[name])
    assert cluster.watch.run() == code
    assert "process 0 does not end: killed" in caplog.text
    assert "process 1" not in caplog.text


def test_all_that_do_not_even_report_are_not_waited_for(
    new_cluster: NewCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(local_cluster, "_EXIT_TIME", 0.0)
    cluster = new_cluster(Child(None), Child(None), drain_time=timedelta(0))
    cluster.signals.append(signal.SIGTERM)
    assert cluster.watch.run() == DONE
    assert caplog.text.count("does not end: killed") == 2


def test_a_stop_without_recovery_takes_its_time(
    new_cluster: NewCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is written first, as long as the broker allows."""
    monkeypatch.setattr(local_cluster, "_EXIT_TIME", -1.0)
    cluster = new_cluster(Child(*[None] * 5, DONE))
    cluster.signals.append(signal.SIGTERM)
    assert cluster.watch.run() == DONE
    assert cluster.members[0].process.poll() == DONE


def test_a_second_signal_interrupts(new_cluster: NewCluster) -> None:
    cluster = new_cluster(Child(None), Child(None))
    cluster.signals += [signal.SIGINT, signal.SIGTERM]
    assert cluster.watch.run() == INTERRUPTED


def test_what_one_sent_before_it_ended_counts(new_cluster: NewCluster) -> None:
    cluster = new_cluster(Child(DONE), Child(None, DONE))
    cluster.send(0, ProcessReport.STOPPING)
    cluster.ends[0].close()
    assert cluster.watch.run() == DONE
    assert cluster.commands(1) == [Command.STOP]


def test_the_process_that_failed_is_waited_for(
    new_cluster: NewCluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = new_cluster(Child(None, FAILED), Child(None, None, None, FAILED))
    cluster.send(0, ProcessReport.CUT_OFF)
    assert cluster.watch.run() == FAILED
    assert "process 1 ended with code 2" in caplog.text
    assert "process 0" not in caplog.text


def test_a_process_that_was_killed_is_named(
    new_cluster: NewCluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = new_cluster(Child(None, None, -9), Child(None, FAILED))
    cluster.send(1, ProcessReport.CUT_OFF)
    assert cluster.watch.run() == FAILED
    assert "process 0 ended with code -9" in caplog.text


@pytest.mark.parametrize("other", ["cut off", DONE, None])
def test_that_no_process_says_why_is_reported(
    new_cluster: NewCluster, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgen_runtime.runner.local_cluster._PATIENCE", 0.1)
    cluster = new_cluster(Child(None, FAILED), Child(None, FAILED if other == "cut off" else other))
    for index in range(2 if other == "cut off" else 1):
        cluster.send(index, ProcessReport.CUT_OFF)
    with pytest.raises(CutOffError):
        cluster.watch.run()


def errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("error: ")]


def test_an_error_that_every_process_meets_is_reported_once(
    new_cluster: NewCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = new_cluster(Child(None, DONE), Child(None, DONE), Child(None, DONE))
    for end, name in zip(cluster.ends, ("orders", "orders", "payments")):
        report_error(ConfigError(f"no schema for {name}", hint="Pull it."), end)
    assert capsys.readouterr().err == ""
    assert cluster.watch.run() == DONE
    reported = errors(capsys.readouterr().err)
    assert reported == ["error: no schema for orders", "error: no schema for payments"]


def test_an_error_in_json_that_every_process_meets_is_reported_once(
    new_cluster: NewCluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its lines say of which process they are, and when they were written."""
    cluster = new_cluster(Child(None, DONE), Child(None, DONE))
    monkeypatch.setattr(log_format._Form, "json", True)
    for process, end in enumerate(cluster.ends):
        monkeypatch.setattr(log_format._Form, "process", process)
        report_error(ConfigError("no schema for orders", hint="Pull it."), end)
    assert cluster.watch.run() == DONE
    (line,) = capsys.readouterr().err.splitlines()
    error = json.loads(line)
    assert (error["process"], error["what"]) == (0, "no schema for orders")


@pytest.mark.parametrize("why", ["gone", "long"])
def test_an_error_that_the_cluster_cannot_take_is_reported_by_the_process(
    new_cluster: NewCluster, capsys: pytest.CaptureFixture[str], why: str
) -> None:
    cluster = new_cluster(Child(None))
    if why == "gone":
        cluster.members[0].control.close()
    name = "orders" * (MOST if why == "long" else 1)
    report_error(ConfigError(f"no schema for {name}", hint="Pull it."), cluster.ends[0])
    assert len(errors(capsys.readouterr().err)) == 1


@pytest.mark.parametrize(
    ("drain_time", "says"), [(None, "is written"), (timedelta(seconds=40), "an epoch, 10 s")]
)
def test_a_signal_is_answered_once_with_what_is_waited_for(
    drain_time: timedelta | None, says: str, caplog: pytest.LogCaptureFixture, new_cluster: NewCluster
) -> None:
    children = [Child(None, None, None, DONE), Child(None, None, None, DONE)]
    cluster = new_cluster(*children, drain_time=drain_time)
    cluster.signals.append(signal.SIGINT)
    with caplog.at_level("INFO"):
        assert cluster.watch.run() == DONE
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("SIGINT: stopping all processes; waiting until what was read ")
    assert says in line
    assert "a second SIGINT ends it at once" in line
