"""Signals, and how this process leaves a run: the main thread's side of `stopping`."""

from __future__ import annotations

import _thread
import logging
import os
import signal
import threading
from datetime import timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final

from .stopping import STOP, How

INTERRUPTED: Final = 130
_PATIENCE: Final = timedelta(seconds=30)
_BUILD_TIME: Final = timedelta(seconds=5)

log = logging.getLogger("kgen_runtime.run")


class Left(BaseException):
    """Raised in the main thread, out of Bytewax's run: everything that was read is durable, the rest is not
    needed.
    """


class Leaver:
    """While entered: the first SIGINT or SIGTERM asks the sources to stop, the second one ends the process
    (130).

    `drain`: there is recovery, so stop without an end of input (see `stopping`). `control`: the folder
    through which the process that started this one (`cluster`) hears of it; it speaks on stdin. `linger`:
    how long to stay for the others where nobody tells when they are ready, too.
    """

    def __init__(self, *, drain: bool, epoch: timedelta, control: Path | None, process: int | None) -> None:
        self._drain = drain
        self._epoch = epoch
        self._control = control
        self._process = process
        self._left = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Leaver:
        way: How = "drain" if self._drain else "end"
        STOP.reset(way, self._on_request, self._on_drained, self._on_nobody)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._on_signal)
        if self._control is not None:
            threading.Thread(target=self._obey, name="kgen-control", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = False  # a late wish to leave must not hit what comes after the run
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._left:
            raise Left
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
            # Part of a cluster that something else runs: whoever leaves first takes the epoch of the others
            # along.
            _later(self._epoch, self._leave)
        else:
            self._leave()

    def _on_nobody(self) -> None:
        """No partition is being read here."""
        if not STOP.listed:
            # Nothing was read yet, or the flow has no source of kgen's. Bytewax, asked to leave while it
            # still builds the flow, would abort; so end like any program that is told to.
            log.info("stopped before anything was read from Kafka")
            os._exit(0)
        if self._drain:
            _later(_BUILD_TIME, self._if_nobody)

    def _if_nobody(self) -> None:
        if not STOP.joined:  # fewer partitions than workers
            self._on_drained()

    def _give_up(self) -> None:
        if not self._left:
            log.warning("not everything could be made durable in time; the next run repeats the last epoch")
            self._leave()

    def _leave(self) -> None:
        self._left = True
        _thread.interrupt_main(signal.SIGINT)  # the handler then raises in the main thread

    def _report(self, what: str) -> None:
        if self._control is not None:
            (self._control / f"{self._process}.{what}").touch()

    def _obey(self) -> None:
        """Commands on stdin, a letter each. Its end means that whoever gave them is gone."""
        while command := os.read(0, 1):
            if command == b"s":
                STOP.request()
            elif command == b"l":
                self._leave()
        os._exit(INTERRUPTED)


def _later(delay: timedelta, act: Any) -> None:
    timer = threading.Timer(delay.total_seconds(), act)
    timer.daemon = True
    timer.start()
