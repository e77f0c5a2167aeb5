"""Waiting inside a step for the registry, or for a broker that the user's code writes to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from ..errors import RegistryUnavailable
from ..metrics import waiting
from ..reporting.progress import PROGRESS
from ..stop import STOP
from .failures import is_transient, root_cause

R = TypeVar("R")

log = logging.getLogger("kgen_runtime.serde")

_LEAST, _MOST = 0.5, 30.0
_LOOK_EVERY: Final = 0.05
_LONG: Final = {"registry": "schema registry", "broker": "Kafka brokers"}


def pause(seconds: float) -> None:
    """Sleep, but not beyond a wish to stop."""
    end = time.monotonic() + seconds
    while not STOP.requested and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK_EVERY))


def retry_until_available(
    step_id: str, call: Callable[[], R], sleep: Callable[[float], None] = pause, messages: int = 1
) -> R:
    """What `call` gives, tried again until the registry answers: nothing is wrong with the `messages` (how
    many) that wait meanwhile. So it does with a `DeliveryError` of the user's code: see `is_transient`.

    Holds up the worker, and so the sources. If the flow is asked to stop it waits no longer: the epoch
    cannot be closed, so the runner leaves without it; where there is none, raises the error.
    """
    try:
        return call()
    except Exception as error:
        if not is_transient(error):
            raise
        unavailable = error
    causes = (unavailable, root_cause(unavailable))
    whom = "registry" if any(isinstance(each, RegistryUnavailable) for each in causes) else "broker"
    with PROGRESS.waiting(f"the {_LONG[whom]} (step {step_id})"):
        wait = _LEAST
        while True:
            PROGRESS.retried(f"asking the {_LONG[whom]} (step {step_id})")
            if not STOP.requested:
                log.warning(
                    "%s waits for the %s: %s", step_id, whom, getattr(unavailable, "what", unavailable)
                )
                _sleep(step_id, sleep, wait, messages)
            if STOP.requested:
                STOP.stuck()
                raise unavailable
            try:
                return call()
            except Exception as error:
                if not is_transient(error):
                    raise
                unavailable = error
            wait = min(wait * 2, _MOST)


def _sleep(step_id: str, sleep: Callable[[float], None], seconds: float, messages: int) -> None:
    waiting(step_id, messages)
    try:
        sleep(seconds)
    finally:
        waiting(step_id, -messages)
