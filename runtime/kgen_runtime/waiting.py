"""Waiting for the registry inside a step, and one of something for each worker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from .errors import RegistryUnavailable
from .metrics import waiting
from .stopping import STOP

R = TypeVar("R")

log = logging.getLogger("kgen_runtime.serde")

_LEAST, _MOST = 0.5, 30.0


def patiently(
    step_id: str, call: Callable[[], R], sleep: Callable[[float], None] = time.sleep, messages: int = 1
) -> R:
    """What `call` gives, tried again until the registry answers: nothing is wrong with the `messages` (how
    many) that wait meanwhile.

    Holds up the worker, and so the sources. Raises `RegistryUnavailable` only where the flow is asked to
    stop.
    """
    wait = _LEAST
    while True:
        try:
            return call()
        except RegistryUnavailable as error:
            if STOP.how is not None:
                raise
            log.warning("%s waits for the registry: %s", step_id, error.what)
        waiting(step_id, messages)
        try:
            sleep(wait)
        finally:
            waiting(step_id, -messages)
        wait = min(wait * 2, _MOST)


class PerThread(Generic[R]):
    """One of something for each worker: Bytewax runs a worker in a thread of its own."""

    def __init__(self, make: Callable[[], R]) -> None:
        self._make = make
        self._made: dict[int, R] = {}

    def get(self) -> R:
        """This thread's."""
        thread = threading.get_ident()
        if thread not in self._made:
            self._made[thread] = self._make()
        return self._made[thread]
