"""Ctrl-C: the first one ends the command in order, and while files are written it waits for a place where it
may act, so that what is reported is so.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

INTERRUPTED = 130
"""The exit code."""
_PATIENCE = 2.0  # seconds
_SOON = 0.05  # seconds: not in the hook, which would swallow it too


class CtrlC:
    """The handler of SIGINT for a whole process.

    The first Ctrl-C raises `KeyboardInterrupt`. Those that come while that is being handled are ignored: they
    would cut the cleaning up short and end in a traceback. One that comes two seconds later, or after the
    command, leaves the process at once.
    """

    def __init__(self) -> None:
        self._first: float | None = None
        self._ended = False

    def take(self) -> None:
        """Handle SIGINT from now on, unless it is ignored or not Python's."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self)
            sys.unraisablehook = self._again(sys.unraisablehook)
            # The interpreter's last steps would let the signal kill it.
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)

    def end(self) -> None:
        """Everything is done and written out."""
        self._ended = True

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler. Raises `KeyboardInterrupt`."""
        if self._ended:
            os._exit(INTERRUPTED)
        now = time.monotonic()
        if self._first is None:
            self._first = now
            raise KeyboardInterrupt
        if now > self._first + _PATIENCE:
            os._exit(INTERRUPTED)

    def _again(self, report: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """For what is raised where nothing can be, as in a finalizer: Ctrl-C acts at the next place."""

        def hook(unraisable: Any) -> None:
            if unraisable.exc_type is not KeyboardInterrupt:
                report(unraisable)
            elif not self._ended:
                self._first = None
                later = threading.Timer(_SOON, os.kill, (os.getpid(), signal.SIGINT))
                later.daemon = True
                later.start()

        return hook


@dataclass
class Held:
    """A Ctrl-C that waits, and what it does then."""

    act: Callable[[int, FrameType | None], Any]
    pressed: bool = False

    def check(self) -> None:
        """Let it act here. Raises `KeyboardInterrupt`."""
        if self.pressed:
            self.pressed = False
            self.act(signal.SIGINT, None)

    def press(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler."""
        self.pressed = True


@contextmanager
def held() -> Iterator[Held]:
    """Ctrl-C acts at `check`, else at the end of the block. Raises `KeyboardInterrupt`.

    Signals reach the main thread alone: in others, and if Ctrl-C is ignored anyway, nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    acts = before is signal.default_int_handler or isinstance(before, CtrlC)
    if not callable(before) or not acts or threading.current_thread() is not threading.main_thread():
        yield Held(signal.default_int_handler)
        return
    waiting = Held(before)
    signal.signal(signal.SIGINT, waiting.press)
    try:
        yield waiting
    finally:
        signal.signal(signal.SIGINT, before)
    waiting.check()
