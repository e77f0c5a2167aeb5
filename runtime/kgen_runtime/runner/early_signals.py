"""Signals while the runner loads.

Python imports the whole package before `python -m kgen_runtime.run` begins. For most of a second SIGINT and
SIGTERM would end it like any program; so they wait for `shutdown`, which answers them.
"""

from __future__ import annotations

import signal
import sys
from typing import Final

from ..reporting import std_streams

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def handled() -> tuple[signal.Signals, ...]:
    """The signals that stop a run: not SIGINT if it was ignored when this process began.

    A shell without job control starts `cmd &` so, since Ctrl-C at its terminal is for what runs in the
    foreground. Called in the main thread, before a handler of ours is there.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return tuple(number for number in SIGNALS if number is not signal.SIGINT or not ignored)


def hold_back(held: bool) -> None:
    """Have them wait, also in processes that are started meanwhile, or let them come."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK if held else signal.SIG_UNBLOCK, SIGNALS)


def begin() -> None:
    """The runner is about to be loaded."""
    hold_back(True)
    std_streams.prepare()  # what is opened while it loads may not take their numbers


# As Python looks for the module to run, `-m` stands where its path will be.
if sys.argv[:1] == ["-m"] and "kgen_runtime.run" in sys.orig_argv:
    begin()
