"""Several processes on this machine as one Bytewax cluster: started together, stopped together."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from ..errors import ConfigError
from .arguments import is_port
from .early_signals import SIGNALS, hold_back
from .error_report import CutOffError
from .shutdown import CUT_OFF, DONE, FAILED, INTERRUPTED, RESTART, Command, begin

_LOOK_EVERY: Final = 0.02
_PATIENCE: Final = 5.0
"""Seconds for the process that failed to report why, once another one was cut off by it."""
_PORT: Final = "BYTEWAX_DATAFLOW_API_PORT"
_USUAL_PORT: Final = 3030

log = logging.getLogger("kgen_runtime.run")


def run_cluster(args: argparse.Namespace) -> int:
    """Run `args.processes` processes to their end; the exit code. One that dies takes all down.

    Raises `ConfigError` if there is no port for each, and `CutOffError` if none reports why it failed.
    """
    check_port(args.processes)
    addresses = ";".join(f"127.0.0.1:{port}" for port in _free_ports(args.processes))
    with _signals() as seen, tempfile.TemporaryDirectory(prefix="kgen-run-") as folder, ExitStack() as stack:
        control = Path(folder)
        children = []
        for index in range(args.processes):
            command, env = _command(args, index, addresses, control), _environment(index)
            child = _started(command, env)
            stack.callback(_end, child)
            children.append(child)
        return ClusterWatch(children, control, seen).run()


class ClusterWatch:
    """Looks after the processes."""

    def __init__(
        self, children: list[subprocess.Popen[bytes]], control: Path, signals: Sequence[int]
    ) -> None:
        self._children = children
        self._control = control
        self._signals = signals
        self._sent: set[Command] = set()
        self._cut_off_at: float | None = None

    def run(self) -> int:
        """Until all have ended, one has died, or a second signal came. Raises `CutOffError`."""
        while True:
            codes = [child.poll() for child in self._children]
            for index, code in enumerate(codes):
                if code not in (None, DONE, RESTART, CUT_OFF):
                    log.error("process %s ended with code %s; stopping all", index, code)
                    return FAILED
            if CUT_OFF in codes:
                self._wait_for_the_cause(codes)
            elif None not in codes:
                return RESTART if RESTART in codes else DONE
            if len(self._signals) > 1:
                return INTERRUPTED
            self._pass_on()
            time.sleep(_LOOK_EVERY)

    def _wait_for_the_cause(self, codes: Sequence[int | None]) -> None:
        self._cut_off_at = self._cut_off_at or time.monotonic()
        if None not in codes or time.monotonic() > self._cut_off_at + _PATIENCE:
            raise CutOffError

    def _pass_on(self) -> None:
        if self._signals or any(self._control.glob("*.stopping")):
            self._send(Command.STOP)
        if any(self._control.glob("*.stuck")):
            self._send(Command.EXIT)
        # Only when all are ready: one that leaves before takes the epoch of the others along.
        if len(list(self._control.glob("*.drained"))) == len(self._children):
            self._send(Command.LEAVE)

    def _send(self, command: Command) -> None:
        if command in self._sent:
            return
        self._sent.add(command)
        for child in self._children:
            assert child.stdin is not None
            try:
                child.stdin.write(command.value)
                child.stdin.flush()
            except OSError:
                continue  # it has just ended


def _started(command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A process that answers also the signals that come before it has loaded what it needs for that."""
    hold_back(True)
    try:
        return subprocess.Popen(command, env=env, stdin=subprocess.PIPE)  # noqa: S603
    finally:
        hold_back(False)


def _command(args: argparse.Namespace, index: int, addresses: str, control: Path) -> list[str]:
    command: list[Any] = [sys.executable, "-m", "kgen_runtime.run", args.flow]
    command += ["--process-id", index, "--addresses", addresses, "--control", control, "--processes", 1]
    command += ["--workers", args.workers, "--log-level", args.log_level]
    command += ["--log-format", args.log_format, *(["--quiet"] if args.quiet else [])]
    command += ["--epoch-interval", args.epoch_interval.total_seconds()]
    command += ["--backup-interval", args.backup_interval.total_seconds()]
    if args.recovery is not None:
        command += ["--recovery", args.recovery]
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


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    if child.stdin is not None:
        child.stdin.close()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The SIGINT and SIGTERM that came so far."""
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in SIGNALS}
    begin()
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
