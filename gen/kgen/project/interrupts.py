"""Ctrl-C while files are written: it waits for a place where it may act, so that what is reported is so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Held:
    """A Ctrl-C that waits."""

    pressed: bool = False

    def check(self) -> None:
        """Let it act here. Raises `KeyboardInterrupt`."""
        if self.pressed:
            self.pressed = False
            raise KeyboardInterrupt

    def press(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler."""
        self.pressed = True


@contextmanager
def held() -> Iterator[Held]:
    """Ctrl-C acts at `check`, else at the end of the block. Raises `KeyboardInterrupt`.

    Signals reach the main thread alone: in others, and if Ctrl-C is ignored anyway, nothing changes.
    """
    waiting = Held()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield waiting
        return
    signal.signal(signal.SIGINT, waiting.press)
    try:
        yield waiting
    finally:
        signal.signal(signal.SIGINT, before)
    waiting.check()
