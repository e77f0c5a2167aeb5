"""A wait that may take long says what it waits for: scripts have no report that would."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SILENCE: Final = 2.0
"""Seconds for which nothing is said."""

log = logging.getLogger("kgen_runtime.standalone")


@contextmanager
def announced(whom: str) -> Iterator[None]:
    """While entered, this thread waits for somebody; a warning is logged once that has taken a while."""
    timer = threading.Timer(_SILENCE, log.warning, ("waiting for %s", whom))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
