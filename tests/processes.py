"""Processes that tests start."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended(process: subprocess.Popen[str], deadline: float) -> Iterator[None]:
    """The process, whose stderr is a pipe, is gone after the block, or after so many seconds."""
    timer = threading.Timer(deadline, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
