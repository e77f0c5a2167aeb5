"""Several processes on this machine as one Bytewax cluster: started together, stopped together.

    RUNNING ──a signal, or a process is STOPPING──▶ STOPPING ──all are DRAINED──▶ LEAVING
    STOPPING, LEAVING ──a process is STUCK──▶ EXITING
    RUNNING, STOPPING, LEAVING, EXITING ──a process is CUT_OFF──▶ CUT_OFF

- RUNNING: nobody has asked the run to stop.
- STOPPING: all processes are asked to stop.
- LEAVING: all are asked to leave: one that leaves before the others takes their epoch along.
- EXITING: all are asked to exit without waiting for each other.
- CUT_OFF: a process failed because another one did, which is waited for to report why.

From each the run ends when all processes have ended, one has died, or a second signal came. The
messages are in `control_channel`.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from enum import Enum, auto
from types import FrameType, MappingProxyType
from typing import Any, Final, NamedTuple

from ..errors import ConfigError
from ..states import Moves, moved
from ..stop import STOP
from .arguments import is_port, next_address
from .control_channel import (
    ChannelClosedError,
    ClusterEnd,
    Command,
    Inheritance,
    ProcessReport,
    open_channel,
)
from .early_signals import handled, hold_back
from .error_report import CutOffError
from .log_format import write_line
from .shutdown import BROKEN_OFF, DONE, DRAIN_TIME, FAILED, INTERRUPTED, RESTART, waiting_for

_LOOK_EVERY: Final = 0.02
_PATIENCE: Final = 5.0
"""Seconds for the process that failed to report why, once another one was cut off by it."""
_EXIT_TIME: Final = 30.0
"""Seconds for a process to end, once it is asked to leave or to exit. It cannot if its code keeps the
interpreter's lock, in a regular expression for example, or if it was stopped (SIGSTOP).
"""
_PORT: Final = "BYTEWAX_DATAFLOW_API_PORT"
_USUAL_PORT: Final = 3030

log = logging.getLogger("kgen_runtime.run")


class ClusterState(Enum):
    """Of a local cluster, in the process that started it."""

    RUNNING = auto()
    STOPPING = auto()
    LEAVING = auto()
    EXITING = auto()
    CUT_OFF = auto()


_S = ClusterState
CLUSTER_MOVES: Final[Moves[ClusterState]] = MappingProxyType(
    {
        _S.RUNNING: frozenset({_S.STOPPING, _S.CUT_OFF}),
        _S.STOPPING: frozenset({_S.LEAVING, _S.EXITING, _S.CUT_OFF}),
        _S.LEAVING: frozenset({_S.EXITING, _S.CUT_OFF}),
        _S.EXITING: frozenset({_S.CUT_OFF}),
        _S.CUT_OFF: frozenset(),
    }
)
_COMMANDS: Final = MappingProxyType(
    {_S.STOPPING: Command.STOP, _S.LEAVING: Command.LEAVE, _S.EXITING: Command.EXIT}
)
"""What all processes are asked for when the cluster enters a state."""


class Member(NamedTuple):
    """A process of the cluster."""

    process: subprocess.Popen[bytes]
    control: ClusterEnd


def run_cluster(args: argparse.Namespace) -> int:
    """Run `args.processes` processes to their end; the exit code. One that dies takes all down.

    Raises `ConfigError` if there is no port for each, and `CutOffError` if none reports why it failed.
    """
    check_port(args.processes)
    addresses = ";".join(f"127.0.0.1:{port}" for port in _free_ports(args.processes))
    with _signals() as seen, ExitStack() as stack:
        members = []
        for index in range(args.processes):
            member = _started(args, index, addresses)
            stack.callback(_end, member)
            members.append(member)
        drain_time = args.epoch_interval + DRAIN_TIME if args.recovery is not None else None
        return ClusterWatch(members, seen, drain_time).run()


class ClusterWatch:
    """Looks after the processes.

    `drain_time`: after it a process that is asked to stop gives up; None where it takes the time it needs.
    """

    def __init__(
        self, members: Sequence[Member], signals: Sequence[int], drain_time: timedelta | None = None
    ) -> None:
        self.state = ClusterState.RUNNING
        self._drain_time = drain_time
        self._end_at: float | None = None
        self._members = members
        self._signals = signals
        self._asked = False
        self._drained: set[int] = set()
        self._cut_off: set[int] = set()
        self._cut_off_at: float | None = None
        self._errors: set[str] = set()

    def run(self) -> int:
        """Until all have ended, one has died, a second signal came, or those that are left do not end though
        they have to. Raises `CutOffError`.
        """
        while True:
            codes = [member.process.poll() for member in self._members]
            for index in range(len(self._members)):  # also what they sent before they ended
                self._read(index)
            for index, code in enumerate(codes):
                if code not in (None, DONE, BROKEN_OFF, RESTART) and index not in self._cut_off:
                    log.error("process %s ended with code %s; stopping all", index, code)
                    return FAILED
            if self.state is ClusterState.CUT_OFF:
                self._check_patience(codes)
            elif None not in codes:
                return _joint(codes)
            elif self._end_at is not None and time.monotonic() > self._end_at:
                for index in (index for index, code in enumerate(codes) if code is None):
                    log.warning("process %s does not end: killed; the next run repeats the last epoch", index)
                return _joint(codes)
            if len(self._signals) > 1:
                return INTERRUPTED
            if self._signals:
                self._stop(signal.Signals(self._signals[0]).name)
            time.sleep(_LOOK_EVERY)

    def _stop(self, signal_name: str) -> None:
        if not self._asked:
            self._asked = True
            epoch = None if self._drain_time is None else self._drain_time - DRAIN_TIME
            log.info("%s: stopping all processes; %s", signal_name, waiting_for(signal_name, epoch))
        self._enter(ClusterState.STOPPING)

    def _check_patience(self, codes: Sequence[int | None]) -> None:
        assert self._cut_off_at is not None
        if None not in codes or time.monotonic() > self._cut_off_at + _PATIENCE:
            raise CutOffError

    def _read(self, index: int) -> None:
        with suppress(ChannelClosedError):  # `poll` says how it ended
            for report, text in self._members[index].control.messages():
                self._on_report(index, report, text)

    def _on_report(self, index: int, report: ProcessReport, text: str) -> None:
        if report is ProcessReport.ERROR:
            self._show_once(text)
        elif report is ProcessReport.CUT_OFF:
            self._cut_off.add(index)
            self._cut_off_at = self._cut_off_at or time.monotonic()
            self._enter(ClusterState.CUT_OFF)
        elif report is ProcessReport.STOPPING:
            self._enter(ClusterState.STOPPING)
        elif report is ProcessReport.STUCK:
            self._enter(ClusterState.EXITING)
        elif report is ProcessReport.DRAINED:
            self._drained.add(index)
            if len(self._drained) == len(self._members):
                self._enter(ClusterState.LEAVING)

    def _enter(self, state: ClusterState) -> None:
        """Go on, unless another process or a signal has led as far already."""
        if state not in CLUSTER_MOVES[self.state]:
            return
        self.state = moved(CLUSTER_MOVES, self.state, state)
        self._end_at = self._limit(state)
        if state in _COMMANDS:
            for member in self._members:
                member.control.send(_COMMANDS[state])  # not to one that has just ended

    def _limit(self, state: ClusterState) -> float | None:
        """When those are killed that have not gone on from a state by themselves."""
        if state is ClusterState.STOPPING and self._drain_time is not None:
            return time.monotonic() + self._drain_time.total_seconds() + _EXIT_TIME
        return time.monotonic() + _EXIT_TIME if state in (_S.LEAVING, _S.EXITING) else None

    def _show_once(self, text: str) -> None:
        key, _, shown = text.partition("\n")
        if key not in self._errors:
            self._errors.add(key)
            write_line(shown)


def _joint(codes: Sequence[int | None]) -> int:
    """Of processes that have all ended as they were asked to."""
    return next((code for code in (BROKEN_OFF, RESTART) if code in codes), DONE)


def _started(args: argparse.Namespace, index: int, addresses: str) -> Member:
    """A process that answers also the signals that come before it has loaded what it needs for that."""
    control, inheritance = open_channel()
    command, env = _command(args, index, addresses, inheritance), _environment(index)
    hold_back(True)
    try:
        process = subprocess.Popen(  # noqa: S603
            command, env=env, stdin=subprocess.DEVNULL, **inheritance.options
        )
    finally:
        hold_back(False)
        inheritance.close()
    return Member(process, control)


def _command(args: argparse.Namespace, index: int, addresses: str, inheritance: Inheritance) -> list[str]:
    command: list[Any] = [sys.executable, "-m", "kgen_runtime.run", args.flow]
    command += ["--process-id", index, "--addresses", addresses, "--control", inheritance.argument]
    command += ["--processes", 1]
    command += ["--workers", args.workers, "--log-level", args.log_level]
    command += ["--log-format", args.log_format, *(["--quiet"] if args.quiet else [])]
    command += ["--epoch-interval", args.epoch_interval.total_seconds()]
    command += ["--backup-interval", args.backup_interval.total_seconds()]
    if args.recovery is not None:
        command += ["--recovery", args.recovery]
    if args.health is not None:
        command += ["--health", next_address(args.health, index)]
    return [str(part) for part in command]


def _environment(index: int) -> dict[str, str]:
    """This process's, with a port of its own for Bytewax's endpoint (of metrics, for example)."""
    return {**os.environ, _PORT: str(int(_given_port()) + index)}


def check_port(processes: int) -> None:
    """The port of Bytewax's endpoint, which a user may choose, is one, and there is one for each process.
    Raises `ConfigError`.
    """
    given = _given_port()
    if not is_port(given) or not is_port(str(int(given) + processes - 1)):
        raise ConfigError(
            f"{given!r} is not a port"
            + (f" that has {processes - 1} more after it" if processes > 1 else ""),
            where=_PORT,
            hint=f"Set it to a number from 1 to {65_536 - processes}, or leave it out for {_USUAL_PORT}.",
        )


def _given_port() -> str:
    return os.environ.get(_PORT) or str(_USUAL_PORT)


def _end(member: Member) -> None:
    member.process.kill()
    member.process.wait()
    member.control.close()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The SIGINT and SIGTERM that came so far."""
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in handled()}
    STOP.over()  # the processes run the flow, not this one
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
