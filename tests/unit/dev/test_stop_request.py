"""Requests to stop that handlers of signals make."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any

import pytest

from kgen.dev.stop_request import StopRequest


def test_it_stays_made() -> None:
    stop = StopRequest()
    assert not stop.wait(0)
    stop.set()
    assert stop.wait()
    assert stop.wait(0)


@pytest.mark.parametrize("delay", [0.0005 + n * 0.00005 for n in range(20)])
def test_a_signal_within_the_wait_ends_it(delay: float) -> None:
    """The handler runs in the thread that waits, between any two steps of it."""
    stop = StopRequest()

    def on_alarm(number: int, frame: FrameType | None) -> None:
        stop.set()

    before: Any = signal.signal(signal.SIGALRM, on_alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        end = time.monotonic() + 20
        while not stop.wait(0.00001):
            assert time.monotonic() < end
    finally:
        signal.signal(signal.SIGALRM, before)
