"""Waiting for the registry inside a step."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from ..errors import RegistryUnavailable
from ..metrics import waiting
from ..reporting.progress import PROGRESS
from ..stop import STOP

R = TypeVar("R")

log = logging.getLogger("kgen_runtime.serde")

_LEAST, _MOST = 0.5, 30.0
_LOOK_EVERY: Final = 0.05


class Stuck:
    """What becomes of a step that would have to wait while the flow is asked to stop. The runner says it."""

    def __init__(self) -> None:
        self._act: Callable[[], None] | None = None

    def reset(self, act: Callable[[], None] | None = None) -> None:
        """`act` need not return: it may end the process. Without it the error comes out."""
        self._act = act

    def report(self) -> None:
        """Nothing can be done for the messages of this step any more."""
        if self._act is not None:
            self._act()


STUCK = Stuck()


def pause(seconds: float) -> None:
    """Sleep, but not beyond a wish to stop."""
    end = time.monotonic() + seconds
    while STOP.how is None and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK_EVERY))


def retry_until_available(
    step_id: str, call: Callable[[], R], sleep: Callable[[float], None] = pause, messages: int = 1
) -> R:
    """What `call` gives, tried again until the registry answers: nothing is wrong with the `messages` (how
    many) that wait meanwhile.

    Holds up the worker, and so the sources. If the flow is asked to stop it waits no longer: the epoch
    cannot be closed, so the runner leaves without it (`STUCK`); otherwise raises `RegistryUnavailable`.
    """
    try:
        return call()
    except RegistryUnavailable as error:
        unavailable = error
    with PROGRESS.waiting(f"the schema registry (step {step_id})"):
        wait = _LEAST
        while True:
            PROGRESS.retried(f"asking the schema registry (step {step_id})")
            if STOP.how is None:
                log.warning("%s waits for the registry: %s", step_id, unavailable.what)
                _sleep(step_id, sleep, wait, messages)
            if STOP.how is not None:
                STUCK.report()
                raise unavailable
            try:
                return call()
            except RegistryUnavailable as error:
                unavailable = error
            wait = min(wait * 2, _MOST)


def _sleep(step_id: str, sleep: Callable[[float], None], seconds: float, messages: int) -> None:
    waiting(step_id, messages)
    try:
        sleep(seconds)
    finally:
        waiting(step_id, -messages)
