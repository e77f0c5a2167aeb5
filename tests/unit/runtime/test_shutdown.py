"""What a process does in each state of its shutdown: alone, in a local cluster, in one that others run."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from kgen_runtime.runner import shutdown
from kgen_runtime.runner.control_channel import (
    ClusterEnd,
    Command,
    ProcessReport,
    inherited,
    open_channel,
)
from kgen_runtime.runner.early_signals import SIGNALS
from kgen_runtime.runner.shutdown import DrainedExit, LoadShutdown, ProcessShutdown
from kgen_runtime.stop import STOP, ShutdownState

EPOCH = timedelta(seconds=10)
BUILD, FLUSH = timedelta(seconds=5), timedelta(seconds=1)
OUT_OF_TIME = EPOCH + timedelta(seconds=30)


class Process:
    """A run whose timers are fired by the test, and whose exits are noted."""

    def __init__(self, where: str, drain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        self.timers: list[tuple[timedelta, Callable[[], None]]] = []
        self.exits = 0
        self.interrupts = 0
        self.cluster: ClusterEnd | None = None
        control = None
        if where == "cluster":
            self.cluster, inheritance = open_channel()
            control = inherited(str(os.dup(int(inheritance.argument))))
            inheritance.close()
        monkeypatch.setattr(ProcessShutdown, "_later", lambda _, *timer: self.timers.append(timer))
        monkeypatch.setattr(shutdown, "_exit", self._exit)
        monkeypatch.setattr("_thread.interrupt_main", self._interrupt)
        self.control = control
        self.shutdown = ProcessShutdown(
            drain=drain, epoch=EPOCH, control=control, process=None if where == "alone" else 0
        )

    def _exit(self) -> None:
        self.exits += 1

    def _interrupt(self, number: int) -> None:
        self.interrupts += 1

    @property
    def delays(self) -> list[timedelta]:
        return [delay for delay, _ in self.timers]

    def fire(self, delay: timedelta) -> None:
        """The timer with this delay, which there has to be."""
        (act,) = [act for each, act in self.timers if each == delay]
        self.timers = [timer for timer in self.timers if timer[0] != delay]
        act()

    def reports(self) -> list[ProcessReport]:
        """Since the last time."""
        assert self.cluster is not None
        return [report for report, _ in self.cluster.messages()]

    def command(self, command: Command) -> None:
        self.shutdown._obey(command)

    def read_a_partition(self) -> None:
        STOP.list()
        STOP.join("a")


NewProcess = Callable[..., Process]


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[NewProcess]:
    made: list[Process] = []

    def make(where: str = "alone", *, drain: bool = True) -> Process:
        STOP.load(LoadShutdown())
        process = Process(where, drain, monkeypatch)
        STOP.begin("drain" if drain else "end", process.shutdown)
        made.append(process)
        return process

    yield make
    STOP.over()
    for process in made:
        for end in (process.cluster, process.control):
            if end is not None:
                end.close()


def in_state(state: ShutdownState) -> bool:
    return STOP.state is state


def test_alone_it_leaves_once_drained(new_process: NewProcess) -> None:
    process = new_process()
    process.read_a_partition()
    STOP.request()
    assert process.delays == [OUT_OF_TIME]
    assert not process.interrupts
    STOP.leave("a")
    assert process.interrupts == 1
    assert in_state(ShutdownState.LEAVING)
    process.fire(BUILD)  # a step keeps its worker
    assert process.exits == 1


def test_in_a_cluster_that_others_run_it_leaves_after_an_epoch(new_process: NewProcess) -> None:
    process = new_process("others")
    process.read_a_partition()
    STOP.request()
    STOP.leave("a")
    assert not process.interrupts
    process.fire(EPOCH)
    assert process.interrupts == 1


def test_in_a_local_cluster_it_leaves_when_it_is_asked_to(new_process: NewProcess) -> None:
    process = new_process("cluster")
    process.read_a_partition()
    process.command(Command.STOP)
    assert process.reports() == [ProcessReport.STOPPING]
    STOP.leave("a")
    assert process.reports() == [ProcessReport.DRAINED]
    assert not process.interrupts
    process.command(Command.LEAVE)
    assert process.interrupts == 1


def test_it_is_not_taken_out_of_a_run_that_has_not_drained(new_process: NewProcess) -> None:
    process = new_process("cluster")
    process.read_a_partition()
    process.command(Command.STOP)
    process.command(Command.LEAVE)
    assert not process.interrupts
    assert in_state(ShutdownState.DRAINING)


def test_a_process_that_reads_no_partition_counts_as_drained(new_process: NewProcess) -> None:
    process = new_process("cluster")
    STOP.list()
    process.command(Command.STOP)
    assert process.reports() == [ProcessReport.STOPPING]
    process.fire(BUILD)
    assert process.reports() == [ProcessReport.DRAINED]


def test_a_partition_that_is_built_late_is_waited_for(new_process: NewProcess) -> None:
    process = new_process("cluster")
    STOP.list()
    process.command(Command.STOP)
    STOP.join("a")
    process.fire(BUILD)
    assert process.reports() == [ProcessReport.STOPPING]
    STOP.leave("a")
    assert process.reports() == [ProcessReport.DRAINED]


@pytest.mark.parametrize("where", ["alone", "others"])
@pytest.mark.parametrize("drain", [False, True])
def test_before_anything_was_read_it_exits(
    new_process: NewProcess, where: str, drain: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    process = new_process(where, drain=drain)
    STOP.request()
    assert (process.exits, process.delays) == (1, [])
    assert "stopped before anything was read" in caplog.text


@pytest.mark.parametrize("by", [Command.EXIT, BUILD])
def test_before_anything_was_read_it_exits_with_all_of_a_local_cluster(
    new_process: NewProcess, by: Any
) -> None:
    process = new_process("cluster")
    process.command(Command.STOP)
    assert process.reports() == [ProcessReport.STOPPING, ProcessReport.STUCK]
    assert not process.exits
    process.command(by) if by is Command.EXIT else process.fire(by)
    assert process.exits == 1


@pytest.mark.parametrize(
    ("where", "drain", "delay"),
    [
        *(("alone", True, None), ("alone", False, FLUSH), ("others", True, EPOCH), ("others", False, EPOCH)),
        *(("cluster", True, BUILD), ("cluster", False, BUILD)),
    ],
)
def test_a_step_that_is_stuck_ends_the_process(
    new_process: NewProcess,
    where: str,
    drain: bool,
    delay: timedelta | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = new_process(where, drain=drain)
    process.read_a_partition()
    STOP.request()
    process.timers.clear()
    for _ in range(2):  # of two workers
        threading.Thread(target=STOP.stuck, daemon=True).start()
    wait_until(lambda: process.exits or process.timers)
    if delay is not None:
        assert not process.exits
        process.fire(delay)
    assert process.exits == 1
    why = "cannot be made durable without the registry" if drain else "is not written"
    assert [why in record.getMessage() for record in caplog.records] == [True]
    if where == "cluster":
        assert process.reports() == [ProcessReport.STOPPING, ProcessReport.STUCK]


def wait_until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("drained", [False, True])
def test_a_drain_that_takes_too_long_is_given_up(
    new_process: NewProcess, drained: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Also of a process that waits for the others, though it has drained itself."""
    process = new_process("cluster")
    process.read_a_partition()
    process.command(Command.STOP)
    if drained:
        STOP.leave("a")
    process.fire(OUT_OF_TIME)
    assert "not everything was durable in time" in caplog.text
    assert process.reports()[-1] is ProcessReport.STUCK
    process.command(Command.EXIT)
    assert not process.exits
    process.fire(FLUSH)  # those that hang go last
    assert process.exits == 1
    process.fire(BUILD)
    assert process.exits == 1


def test_a_run_that_leaves_is_not_given_up(new_process: NewProcess, caplog: pytest.LogCaptureFixture) -> None:
    process = new_process()
    process.read_a_partition()
    STOP.request()
    STOP.leave("a")
    process.fire(OUT_OF_TIME)
    assert in_state(ShutdownState.LEAVING)
    assert not caplog.records


def test_a_process_that_drains_exits_at_once_if_another_hangs(new_process: NewProcess) -> None:
    process = new_process("cluster")
    process.read_a_partition()
    process.command(Command.STOP)
    process.command(Command.EXIT)
    assert process.exits == 1


@pytest.mark.parametrize("command", Command)
def test_a_run_that_is_over_is_not_cut_short(new_process: NewProcess, command: Command) -> None:
    """It may be reporting why it failed."""
    process = new_process("cluster")
    process.read_a_partition()
    process.command(Command.STOP)
    STOP.over()
    process.command(command)
    process.fire(OUT_OF_TIME)
    assert (process.exits, process.interrupts) == (0, 0)


@pytest.mark.parametrize("numbers", [[signal.SIGTERM, signal.SIGINT], [signal.SIGINT, signal.SIGINT]])
def test_the_first_signal_stops_and_the_second_interrupts(
    monkeypatch: pytest.MonkeyPatch, numbers: Sequence[int]
) -> None:
    class Exited(BaseException):
        """Instead of the end of the process."""

    def leave(code: int) -> None:
        raise Exited(code)

    before = [signal.getsignal(number) for number in SIGNALS]
    STOP.load(LoadShutdown())
    process = Process("alone", True, monkeypatch)
    monkeypatch.setattr(os, "_exit", leave)
    with process.shutdown:
        process.read_a_partition()
        signal.raise_signal(numbers[0])
        wait_until(lambda: STOP.requested)
        with pytest.raises(Exited) as caught:
            signal.raise_signal(numbers[1])
    assert caught.value.args == (shutdown.INTERRUPTED,)
    assert in_state(ShutdownState.OVER)
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("asked", [False, True])
def test_leaving_raises_in_the_main_thread(monkeypatch: pytest.MonkeyPatch, asked: bool) -> None:
    """With a signal of its own, which is never taken for a second one."""
    STOP.load(LoadShutdown())
    process = Process("alone", True, monkeypatch)
    monkeypatch.setattr("_thread.interrupt_main", signal.raise_signal)

    def leave() -> None:
        with process.shutdown:
            process.read_a_partition()
            if asked:
                signal.raise_signal(signal.SIGTERM)
                wait_until(lambda: STOP.requested)
            else:
                STOP.request()
            STOP.leave("a")

    with pytest.raises(DrainedExit):
        leave()


def test_a_signal_is_noticed_while_the_main_thread_runs_no_handlers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutdown, "_DEAF", 0.0)
    STOP.load(LoadShutdown())
    process = Process("alone", True, monkeypatch)
    with process.shutdown:
        os.write(process.shutdown._wakeup._write, bytes([signal.SIGTERM]))
        wait_until(lambda: process.exits)


def test_commands_come_from_the_channel_and_its_end_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", exits.append)
    STOP.load(LoadShutdown())
    process = Process("cluster", True, monkeypatch)
    assert process.cluster is not None
    assert process.control is not None
    with process.shutdown:
        process.read_a_partition()
        process.cluster.send(Command.STOP)
        wait_until(lambda: STOP.requested)
        process.cluster.close()
        wait_until(lambda: exits)
    assert exits == [shutdown.INTERRUPTED]
    process.control.close()


def test_a_command_that_is_unknown_is_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", exits.append)
    STOP.load(LoadShutdown())
    process = Process("cluster", True, monkeypatch)
    assert process.cluster is not None
    assert process.control is not None
    with process.shutdown:
        process.cluster._end.sendall(b"?\0\0\0\0")
        wait_until(lambda: exits)
    assert exits == [shutdown.FAILED]
    assert "unknown" in caplog.text
    process.cluster.close()
    process.control.close()
