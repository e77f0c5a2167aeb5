"""Signals, and how this process leaves a run: the main thread's side of `stop`."""

from __future__ import annotations

import _thread
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, NoReturn

from ..flow.retry import STUCK
from ..reporting.progress import PROGRESS
from ..stop import STOP, How
from .early_signals import SIGNALS, hold_back

DONE, FAILED, RESTART, INTERRUPTED = 0, 2, 75, 130
"""Exit codes."""
CUT_OFF: Final = 69
"""How a process of a cluster notifies the one that started it that another one failed."""


class Command(Enum):
    """What a process of a cluster is asked for by the one that started it, as it stands on stdin."""

    STOP = b"s"
    """Read no more."""
    LEAVE = b"l"
    """All have drained: end."""
    EXIT = b"x"
    """One hangs: end without waiting for it."""


_PATIENCE: Final = timedelta(seconds=30)
_BUILD_TIME: Final = timedelta(seconds=5)
_FLUSH: Final = timedelta(seconds=1)
_DEAF: Final = 0.5

log = logging.getLogger("kgen_runtime.run")


class DrainedExit(BaseException):
    """Raised in the main thread, out of Bytewax's run: everything that was read is durable, the rest is not
    needed.
    """


_begun = threading.Event()


@contextmanager
def handle_signals_before_run() -> Iterator[None]:
    """While entered, SIGINT and SIGTERM end the process well: nothing was read yet. Once the run has begun
    other handlers are there; after it they do nothing, for its exit code is about to be given.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        if not _begun.is_set():
            _leave_unbegun()

    _begun.clear()
    before = {number: signal.signal(number, leave) for number in SIGNALS}
    hold_back(False)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def begin() -> None:
    """The run has handlers of its own from now on."""
    _begun.set()


class ShutdownController:
    """While entered: the first SIGINT or SIGTERM asks the sources to stop, the second one ends the process
    (130).

    `drain`: there is recovery, so stop without an end of input (see `stop`). `control`: the folder
    through which the process that started this one (`cluster`) is notified; it speaks on stdin. `linger`:
    how long to stay for the others if nothing reports when they are ready, too.
    """

    def __init__(self, *, drain: bool, epoch: timedelta, control: Path | None, process: int | None) -> None:
        self._drain = drain
        self._epoch = epoch
        self._control = control
        self._process = process
        self._left = False
        self._exiting = threading.Lock()  # held once this process has given up
        self._handlers: dict[int, Any] = {}
        self._signals = SignalPipe()

    def __enter__(self) -> ShutdownController:
        way: How = "drain" if self._drain else "end"
        STOP.reset(way, self._on_request, self._on_drained, self._on_nobody, held=True)
        STUCK.reset(self._on_stuck)
        for number in SIGNALS:
            self._handlers[number] = signal.signal(number, self._on_signal)
        begin()
        self._signals.open()
        if self._control is not None:
            threading.Thread(target=self._follow_commands, name="kgen-control", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = False  # a late wish to leave must not hit what comes after the run
        STOP.release()
        STUCK.reset()
        self._signals.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._left:
            raise DrainedExit
        if STOP.how is not None:
            os._exit(INTERRUPTED)  # a worker may be waiting for a broker; nothing that is durable is harmed
        log.info("%s: stopping", signal.Signals(number).name)
        STOP.request()

    def _on_request(self) -> None:
        self._report("stopping")
        if self._drain:
            _later(self._epoch + _PATIENCE, self._give_up)

    def _on_drained(self) -> None:
        if self._control is not None:
            self._report("drained")
        elif self._process is not None:
            # Part of a cluster that something else runs: the first to leave takes the epoch of the others
            # along.
            _later(self._epoch, self._leave)
        else:
            self._leave()

    def _on_nobody(self) -> None:
        """No partition is being read here."""
        if not STOP.listed:
            # Nothing was read yet, or the flow has no source of kgen's. Bytewax, asked to leave while it
            # still builds the flow, would abort; so end like any program that is asked to.
            if self._control is None:
                _leave_unbegun()
            self._go_together()  # others of the cluster may have begun
        elif self._drain:
            _later(_BUILD_TIME, self._if_nobody)

    def _if_nobody(self) -> None:
        if not STOP.joined:  # fewer partitions than workers
            self._on_drained()

    def _on_stuck(self) -> None:
        """A step of this worker would wait for the registry. It goes no further: what it returned or raised
        would be taken for an error.
        """
        if self._drain:
            self._exit_undrained(
                "the open epoch cannot be made durable without the registry; the next run repeats it"
            )
        else:
            self._exit_undrained(
                "what waits for the registry is not written, and no recovery folder keeps its place"
            )
        while True:
            time.sleep(_PATIENCE.total_seconds())

    def _give_up(self) -> None:
        if not self._left:
            self._exit_undrained("not everything was durable in time; the next run repeats the last epoch")

    def _exit_undrained(self, why: str) -> None:
        """Leave from any thread, whatever the workers do: one that hangs would be waited for."""
        if not self._exiting.acquire(blocking=False):
            return
        log.warning("%s", why)
        if self._control is not None:
            self._go_together()
        elif self._process is not None:
            _later(self._epoch, _exit)
        elif not self._drain:
            _later(_FLUSH, _exit)  # what other workers have given to the producer is on its way
        else:
            _exit()

    def _go_together(self) -> None:
        """Have all processes asked to exit: those who see a peer disappear fail."""
        self._report("stuck")
        _later(_BUILD_TIME, _exit)

    def _leave(self) -> None:
        self._left = True
        _later(_BUILD_TIME, self._exit_if_left)
        _thread.interrupt_main(signal.SIGINT)  # the handler then raises in the main thread

    def _exit_if_left(self) -> None:
        if self._left:  # a step keeps its worker, for which Bytewax waits
            _exit()

    def _report(self, what: str) -> None:
        if self._control is not None:
            (self._control / f"{self._process}.{what}").touch()

    def _follow_commands(self) -> None:
        """Commands on stdin. Its end means that their sender is gone."""
        while sent := os.read(0, 1):
            command = Command(sent)
            if command is Command.STOP:
                STOP.request()
            elif command is Command.LEAVE:
                self._leave()
            else:
                self._exit_together()
        os._exit(INTERRUPTED)

    def _exit_together(self) -> None:
        # The ones that hang go last: unlike the others they do not notice who is gone.
        if self._exiting.locked():
            _later(_FLUSH, _exit)
        else:
            _exit()


class SignalPipe:
    """Ends a run that has not begun and is asked to: until all processes of a cluster are there, Bytewax
    keeps the main thread, in which Python runs the handlers of signals.
    """

    def __init__(self) -> None:
        self._write = -1
        self._before = -1

    def open(self) -> None:
        """Signals are noticed from now on, also where no handler runs."""
        read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        threading.Thread(target=_read_signals, args=(read,), name="kgen-signals", daemon=True).start()

    def close(self) -> None:
        """No more."""
        signal.set_wakeup_fd(self._before)
        os.close(self._write)  # so the thread ends


def _read_signals(read: int) -> None:
    with open(read, "rb", buffering=0) as signals:
        while number := signals.read(1):
            time.sleep(_DEAF)
            if number[0] in SIGNALS and STOP.how is None and not STOP.listed:
                _leave_unbegun()


def _leave_unbegun() -> NoReturn:
    log.info("stopped before anything was read from Kafka")
    _exit()


def _exit() -> NoReturn:
    PROGRESS.finish()
    logging.shutdown()
    os._exit(RESTART if STOP.restart else DONE)


def _later(delay: timedelta, act: Any) -> None:
    timer = threading.Timer(delay.total_seconds(), act)
    timer.daemon = True
    timer.start()
