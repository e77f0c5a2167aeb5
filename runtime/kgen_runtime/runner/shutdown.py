"""How this process leaves a run: its signals, what the process that started it wants, and the time it takes.

The states are those of `stop`; here is what this process does in them.

- UNBEGUN: exits at once; of a local cluster, when all are asked to, or after 5 s.
- UNREAD: counts as drained unless a partition is read here within 5 s.
- UNREAD, DRAINING, DRAINED: gives up an epoch and 30 s after the request.
- DRAINED: leaves; of a cluster, when all have drained: of a local one, when the process that started it says
  so; of one that something else runs, when process 0 does (`peer_watch`), or after an epoch, for not all need
  have been asked.
- LEAVING: `DrainedExit` is raised in the main thread; exits after 5 s if a step keeps its worker.
- UNDRAINED: exits, at once or when the others of the cluster know.
"""

from __future__ import annotations

import _thread
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType, TracebackType
from typing import Any, Final, NoReturn

from ..reporting.progress import PROGRESS
from ..stop import STOP, ShutdownState
from .control_channel import ChannelClosedError, Command, ControlChannelError, ProcessEnd, ProcessReport
from .early_signals import SIGNALS, handled, hold_back

DONE, FAILED, BROKEN_OFF, RESTART, INTERRUPTED = 0, 2, 65, 75, 130
"""Exit codes."""

DRAIN_TIME: Final = timedelta(seconds=30)
"""And an epoch: after that a stop gives up."""
_BUILD_TIME: Final = timedelta(seconds=5)
_FLUSH: Final = timedelta(seconds=1)
_DEAF: Final = 0.5

log = logging.getLogger("kgen_runtime.run")


class DrainedExit(BaseException):
    """Raised in the main thread, out of Bytewax's run: everything that was read is durable, the rest is not
    needed.
    """


class LoadShutdown:
    """While a flow is loaded: nothing was read yet."""

    def requested(self, state: ShutdownState) -> None:
        """Exit."""
        _exit_unbegun()

    def drained(self) -> None:
        """Not before the run."""

    def leave(self) -> None:
        """Not before the run."""

    def stuck(self) -> None:
        """Not before the run."""


@contextmanager
def handle_signals_before_run() -> Iterator[None]:
    """While entered, SIGINT, unless it is ignored, and SIGTERM end the process well: nothing was read yet.
    Once the run has begun other handlers are there; after it they do nothing, for its exit code is about to
    be given.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        if STOP.state is ShutdownState.LOADING:
            STOP.request()

    STOP.load(LoadShutdown())
    before = {number: signal.signal(number, leave) for number in handled()}
    hold_back(False)
    try:
        yield
    finally:
        STOP.over()
        for number, handler in before.items():
            signal.signal(number, handler)


class ProcessShutdown:
    """While entered, the run goes on: the first SIGINT or SIGTERM asks the sources to stop, the second one
    ends the process (130).

    `drain`: there is recovery, so stop without an end of input (see `stop`). `control`: the channel to the
    process that started this one as part of a local cluster; `process`: its number in any cluster.
    """

    def __init__(
        self, *, drain: bool, epoch: timedelta, control: ProcessEnd | None, process: int | None
    ) -> None:
        self._drain = drain
        self._epoch = epoch
        self._control = control
        self._process = process
        self._handlers: dict[int, Any] = {}
        self._interrupted = False
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # `put` may be called in a handler
        self._wakeup = SignalPipe()
        self._timers: list[threading.Timer] = []

    def __enter__(self) -> ProcessShutdown:
        for number in handled():
            self._handlers[number] = signal.signal(number, self._on_signal)
        STOP.begin("drain" if self._drain else "end", self)
        self._wakeup.open()
        _start_thread("kgen-shutdown", self._follow_signals)
        if self._control is not None:
            _start_thread("kgen-control", self._follow_commands, self._control)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        STOP.over()
        for timer in self._timers:
            timer.cancel()
        self._wakeup.close()
        self._signals.put(0)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if STOP.state is ShutdownState.LEAVING:
            raise DrainedExit
        if STOP.state is ShutdownState.OVER:
            return
        if self._interrupted:
            os._exit(INTERRUPTED)  # a worker may be waiting for a broker; nothing that is durable is harmed
        self._interrupted = True
        self._signals.put(number)

    def _follow_signals(self) -> None:
        while number := self._signals.get():
            if not STOP.requested:
                name = signal.Signals(number).name
                log.info("%s: stopping; %s", name, waiting_for(name, self._epoch if self._drain else None))
            STOP.request()

    def _follow_commands(self, control: ProcessEnd) -> None:
        try:
            while True:
                for command, _ in control.messages():
                    self._obey(command)
        except ChannelClosedError:
            os._exit(INTERRUPTED)
        except ControlChannelError as error:
            log.error("%s", error)
            os._exit(FAILED)

    def _obey(self, command: Command) -> None:
        if command is Command.STOP:
            STOP.request()
        elif command is Command.LEAVE:
            self._leave()
        elif STOP.state is ShutdownState.UNDRAINED:
            # Those that hang go last: unlike the others they do not notice who is gone.
            self._later(_FLUSH, self._exit)
        else:
            self._exit()

    def requested(self, state: ShutdownState) -> None:
        """Report it, and see that it comes to an end."""
        self._report(ProcessReport.STOPPING)
        if state is ShutdownState.UNBEGUN:
            if self._control is None:
                _exit_unbegun()
            else:
                self._exit_together()  # others of the cluster may have begun
        elif state is not ShutdownState.ENDING:
            self._later(self._epoch + DRAIN_TIME, self._run_out_of_time)
            if state is ShutdownState.UNREAD:
                self._later(_BUILD_TIME, self._count_as_drained)

    def drained(self) -> None:
        """Leave, or wait for the others."""
        if self._control is not None:
            self._report(ProcessReport.DRAINED)
        elif self._process is not None:
            self._later(self._epoch, self._leave)
        else:
            self._leave()

    def leave(self) -> None:
        """Now."""
        self._leave()

    def stuck(self) -> None:
        """Exit. The step goes no further: what it returned or raised would be taken for an error."""
        if self._drain:
            self._give_up(
                "the open epoch cannot be made durable without the registry; the next run repeats it"
            )
        else:
            self._give_up(
                "what waits for the registry is not written, and no recovery folder keeps its place"
            )
        while True:
            time.sleep(DRAIN_TIME.total_seconds())

    def _count_as_drained(self) -> None:
        if STOP.advance(ShutdownState.DRAINED, ShutdownState.UNREAD):  # fewer partitions than workers
            self.drained()

    def _run_out_of_time(self) -> None:
        self._give_up(
            "not everything was durable in time; the next run repeats the last epoch",
            *(ShutdownState.UNREAD, ShutdownState.DRAINING, ShutdownState.DRAINED),
        )

    def _give_up(self, why: str, *after: ShutdownState) -> None:
        """Leave from any thread, whatever the workers do: one that hangs would be waited for."""
        if not STOP.advance(ShutdownState.UNDRAINED, *after):
            return
        log.warning("%s", why)
        if self._control is not None:
            self._exit_together()
        elif self._process is not None:
            self._later(self._epoch, self._exit)
        elif not self._drain:
            self._later(_FLUSH, self._exit)  # what other workers have given to the producer is on its way
        else:
            self._exit()

    def _exit_together(self) -> None:
        """Have all processes asked to exit: those who see a peer disappear fail."""
        self._report(ProcessReport.STUCK)
        self._later(_BUILD_TIME, self._exit)

    def _leave(self) -> None:
        if STOP.advance(ShutdownState.LEAVING):
            self._later(_BUILD_TIME, self._exit)  # a step may keep its worker, for which Bytewax waits
            self._interrupted = False  # the next signal is our own: its handler raises in the main thread
            _thread.interrupt_main(signal.SIGTERM)  # SIGINT may be ignored

    def _exit(self) -> None:
        if STOP.advance(ShutdownState.EXITING):
            _exit()

    def _report(self, report: ProcessReport) -> None:
        if self._control is not None:
            self._control.send(report)

    def _later(self, delay: timedelta, act: Callable[[], None]) -> None:
        timer = threading.Timer(delay.total_seconds(), act)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()


class SignalPipe:
    """Notices signals where no handler runs: until all processes of a cluster are there, Bytewax keeps the
    main thread, in which Python runs them.
    """

    def __init__(self) -> None:
        self._write = -1
        self._before = -1
        self._closed = threading.Event()

    def open(self) -> None:
        """From now on."""
        read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        _start_thread("kgen-signals", self._follow, read)

    def close(self) -> None:
        """No more: what comes next is another run's."""
        self._closed.set()
        signal.set_wakeup_fd(self._before)
        os.close(self._write)  # so the thread ends

    def _follow(self, read: int) -> None:
        with open(read, "rb", buffering=0) as signals:
            while number := signals.read(1):
                if self._closed.wait(_DEAF):
                    return
                if number[0] in SIGNALS and STOP.state is ShutdownState.STARTING:
                    STOP.request()


def waiting_for(signal_name: str, epoch: timedelta | None) -> str:
    """What a stop waits for, and what a second signal does. `epoch`: its interval; None without recovery."""
    if epoch is None:
        return (
            f"waiting until what was read is written; a second {signal_name} ends it at once, and what waits "
            "then is not written"
        )
    return (
        f"waiting until what was read is durable: an epoch, {epoch.total_seconds():g} s, and at most "
        f"{DRAIN_TIME.total_seconds():g} s more; a second {signal_name} ends it at once, and the next run "
        "repeats the last epoch"
    )


def exit_code() -> int:
    """Of a run that has ended as it was asked to."""
    if STOP.failure is not None:
        return BROKEN_OFF
    return RESTART if STOP.restart else DONE


def _start_thread(name: str, act: Callable[..., None], *args: object) -> None:
    threading.Thread(target=act, args=args, name=name, daemon=True).start()


def _exit_unbegun() -> NoReturn:
    STOP.advance(ShutdownState.EXITING)
    log.info("stopped before anything was read from Kafka")
    _exit()


def _exit() -> NoReturn:
    PROGRESS.finish()
    if STOP.failure is not None:
        log.error("%s", STOP.failure)
    logging.shutdown()
    os._exit(exit_code())
